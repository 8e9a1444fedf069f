"""The oracle can fail: a sound service is damaged in every way that it is there to notice."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from certs.trust import TrustStore
from tests.chaos.conftest import Finished
from tests.chaos.oracle import Finding, Folder, gather, judge, strict


@dataclass(frozen=True)
class Copy:
    """A sound service of one's own, to be damaged."""

    folder: Path
    trust: TrustStore
    now: datetime

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder / 'paraf.db'}"


@pytest.fixture
def sound(finished: Finished, tmp_path: Path) -> Copy:
    shutil.copytree(finished.folder, tmp_path / "copy", copy_function=shutil.copy2)
    return Copy(tmp_path / "copy", finished.trust, finished.now)


def found(copy: Copy) -> list[Finding]:
    return judge(gather(copy.url, Folder(copy.folder / "store")), strict(copy.trust, copy.now))


def change(copy: Copy, statement: str, **values: object) -> None:
    engine = create_engine(copy.url)
    with engine.begin() as connection:
        assert connection.execute(text(statement), values).rowcount > 0, statement
    engine.dispose()


def signed_files(copy: Copy) -> list[Path]:
    return sorted((copy.folder / "store").rglob("signed/*.pdf"))


def test_a_sound_service_has_no_findings(sound: Copy) -> None:
    assert found(sound) == []


TABLES = {
    "number_missing": "UPDATE register_entry SET seq = seq + 10 WHERE id = (SELECT max(id) FROM register_entry)",
    "number_twice": "UPDATE register_entry SET formatted = (SELECT min(formatted) FROM register_entry)",
    "number_state": "UPDATE register_entry SET state = 'held' WHERE decree_id = (SELECT min(id) FROM decree)",
    "number_dated": "UPDATE register SET year = year - 1",
    "date_printed": "UPDATE decree SET issued_on = '2020-02-29'",
    "stuck_attempt": "UPDATE signing_attempt SET state = 'claimed' WHERE id = (SELECT min(id) FROM signing_attempt)",
    "stuck_row": "UPDATE batch_row SET pending = TRUE WHERE row_no = 2",
    "stuck_batch": "UPDATE batch SET work = 'sign'",
    "stuck_decree": "UPDATE decree SET status = 'signing' WHERE id = (SELECT min(id) FROM decree)",
    "stuck_message": "UPDATE outbox_message SET state = 'dead' WHERE id = (SELECT min(id) FROM outbox_message)",
    "stuck_preservation": "UPDATE preservation SET state = 'stuck' WHERE id = (SELECT min(id) FROM preservation)",
    "closed_unfinished": "UPDATE batch SET stop_code = 'authorisation_over'",
    "closed_in_flight": "UPDATE batch_row SET lease = 'x' WHERE row_no = 2",
    "closed_unsigned": "UPDATE decree SET status = 'ready_to_sign' WHERE id = (SELECT min(id) FROM decree)",
    "signed_not_issued": "UPDATE decree SET status = 'signed' WHERE id = (SELECT min(id) FROM decree)",
    "excluded_bound": "UPDATE batch_row SET state = 'excluded' WHERE row_no = 2",
    "row_undecided": "UPDATE batch_row SET state = 'failed' WHERE row_no = 2",
    "signature_unshown": "UPDATE decree SET status = 'ready_to_sign' WHERE id = (SELECT min(id) FROM decree)",
    "signature_count": "DELETE FROM signature WHERE id = (SELECT min(id) FROM signature)",
    "signed_missing": "UPDATE decree SET signed_sha256 = substr(signed_sha256, 2)",
    "signed_not_frozen": "UPDATE signing_attempt SET sha256 = (SELECT max(sha256) FROM signing_attempt) "
                         "WHERE sha256 = (SELECT min(sha256) FROM signing_attempt)",
    "chain_broken": "UPDATE audit_event SET actor_name = 'Orang Lain' WHERE id = (SELECT max(id) FROM audit_event)",
    "chain_cut": "DELETE FROM audit_event WHERE id = (SELECT max(id) FROM audit_event WHERE decree_id IS NOT NULL)",
    "task_open": "UPDATE task SET status = 'open' WHERE id = (SELECT max(id) FROM task)",
    "paraf_twice": "UPDATE paraf SET step_id = 'sama'",
}


@pytest.mark.parametrize("kind", TABLES)
def test_what_is_wrong_in_the_tables_is_named(sound: Copy, kind: str) -> None:
    change(sound, TABLES[kind])
    assert kind in {one.kind for one in found(sound)}


def test_a_number_that_only_the_tables_know_is_named(sound: Copy) -> None:
    change(sound, "UPDATE decree SET number = '1/X' WHERE id = (SELECT min(id) FROM decree)")
    change(sound, "UPDATE register_entry SET formatted = '1/X' WHERE decree_id = (SELECT min(id) FROM decree)")
    assert "number_printed" in {one.kind for one in found(sound)}


def test_a_used_number_of_what_nobody_signed_is_named(sound: Copy) -> None:
    change(sound, "UPDATE decree SET status = 'draft' WHERE id = (SELECT min(id) FROM decree)")
    assert "number_state" in {one.kind for one in found(sound)}


def _delete(path: Path) -> None:
    path.unlink()


def _tear(path: Path) -> None:
    _replace(path, path.read_bytes()[:-100])


def _replace(path: Path, data: bytes) -> None:
    path.chmod(0o600)
    path.write_bytes(data)


def _rename(path: Path) -> None:
    path.rename(path.with_name("salinan.pdf"))


def _sign_again(path: Path) -> None:
    """Other bytes under their own name, of which no row knows."""
    data = path.read_bytes()[:-1] + b" "
    path.with_name(f"{hashlib.sha256(data).hexdigest()}.pdf").write_bytes(data)


@pytest.mark.parametrize(("kind", "damage"), [
    ("file_missing", _delete), ("file_torn", _tear), ("file_misnamed", _rename), ("signed_twice", _sign_again)])
def test_what_is_wrong_with_a_file_is_named(sound: Copy, kind: str, damage: Callable[[Path], None]) -> None:
    damage(signed_files(sound)[0])
    assert kind in {one.kind for one in found(sound)}


def test_signed_bytes_that_do_not_verify_are_named_though_every_row_agrees(sound: Copy) -> None:
    path = signed_files(sound)[0]
    data = bytearray(path.read_bytes())
    at = data.rindex(b"/Reason")
    data[at + 10] ^= 1  # within what the signature covers
    old, new = path.stem, hashlib.sha256(data).hexdigest()
    other = path.with_name(f"{new}.pdf")
    other.write_bytes(data)
    path.unlink()
    change(sound, "UPDATE stored_file SET sha256 = :new, object_key = replace(object_key, :old, :new) "
                  "WHERE sha256 = :old", old=old, new=new)
    change(sound, "UPDATE decree SET signed_sha256 = :new WHERE signed_sha256 = :old", old=old, new=new)
    change(sound, "UPDATE signature SET signed_sha256 = :new WHERE signed_sha256 = :old", old=old, new=new)
    assert "signed_invalid" in {one.kind for one in found(sound)}


