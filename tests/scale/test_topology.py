"""All of ``compose.yaml`` under load: 2,000 decrees from a sheet to the signed receipt, and a worker that is killed."""

from __future__ import annotations

import csv
import hashlib
import io
import random
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from svc.models import Batch, Decree
from svc.seed.walk import DEMO_PASSPHRASE
from svc.services import trust
from tests.chaos.oracle import gather, judge, strict
from tests.oracles.judges import ask_pdfsig
from tests.scale.topology import BATCH_HOSTS, Topology, topology
from tests.support import batches as b
from tests.support.acts import text_of
from tests.support.processes import wait_until
from tests.support.s3 import ServerMissing
from tests.support.stores import Bucket
from tests.support.web_person import WebPerson

pytestmark = [pytest.mark.postgres, pytest.mark.redis, pytest.mark.s3, pytest.mark.poppler, pytest.mark.timeout(1500)]
ROWS, SAMPLES = 2000, 20
_WORK_SECONDS = 600.0
_AT_ONE_TIME = 32  # documents that one process has in hand
_MOST_ACTS = 5


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Topology]:
    if shutil.which("pdfsig") is None:
        pytest.skip("pdfsig is missing (Debian: poppler-utils)")
    try:
        with topology(tmp_path) as running:
            yield running
    except ServerMissing as error:
        pytest.skip(f"missing: {error}")


def test_two_thousand_decrees_are_issued_although_a_worker_is_killed(whole: Topology, tmp_path: Path) -> None:
    clerk, signer = whole.visitor(b.CLERK), whole.visitor(b.SIGNER)
    batch_id = submitted(whole, clerk)
    for username in b.PARAFS:
        press(whole.visitor(username), batch_id, "approve")
        wait_for_work(whole, batch_id)

    authorise(signer, batch_id, ROWS)
    wait_until(lambda: signed(whole, batch_id) >= ROWS // 10, _WORK_SECONDS, whole.service.logs)
    next(one for one in whole.service.running if one.name == BATCH_HOSTS[-1]).kill()
    assert signed(whole, batch_id) < ROWS

    # What the others could take is signed; what the dead one was at is nobody's for two minutes. Meanwhile:
    wait_until(lambda: signed(whole, batch_id) >= ROWS - _AT_ONE_TIME or not work_of(whole, batch_id), _WORK_SECONDS,
               whole.service.logs)
    deps = whole.world.deps
    verdict = strict(trust.trust_store(deps), deps.clock.now() + timedelta(hours=1))
    early = bundle(clerk, batch_id, tmp_path / "early.zip")
    assert {name for name, data in early.items() if name.endswith(".pdf") and not verdict(data).passed} == set()
    handed_out = hashes_of(early)
    del early
    wait_for_work(whole, batch_id)
    finish(whole, clerk, signer, batch_id)

    assert "2.000 dari 2.000 naskah ditandatangani" in signer.get(f"/batches/{batch_id}/progress").text
    late = bundle(clerk, batch_id, tmp_path / "late.zip")
    ensure_bundle_is_whole(late, handed_out)
    ensure_others_believe_samples(late, tmp_path)
    wait_until(lambda: "Tanda terima (PDF)" in clerk.get(f"/batches/{batch_id}").text, _WORK_SECONDS,
               whole.service.logs)
    receipt = clerk.get(f"/batches/{batch_id}/receipt.pdf").data
    assert verdict(receipt).signatures
    assert f"Ditandatangani {ROWS}" in text_of(receipt)
    assert judge(gather(whole.database_url, Bucket(deps.store, ("decrees/",))), verdict) == []


def submitted(whole: Topology, clerk: WebPerson) -> str:
    """A batch made of an uploaded sheet, waiting for its first paraf."""
    batch_id = clerk.post("/batches/new", kind="kgb", title="KGB serentak").path.rsplit("/", 1)[-1]
    asked = clerk.upload(f"/batches/{batch_id}/sheet", "kgb.csv", b.sheet_of(whole.world, ROWS))
    clerk.send(asked.path, asked.form(asked.path) | {"rows": "all"})
    wait_for_work(whole, batch_id)
    press(clerk, batch_id, "submit")
    wait_for_work(whole, batch_id)
    return batch_id


def press(person: WebPerson, batch_id: str, act: str) -> None:
    """A button of the batch's page."""
    action = f"/batches/{batch_id}/{act}"
    person.send(action, person.get(f"/batches/{batch_id}").form(action))


def authorise(signer: WebPerson, batch_id: str, count: int) -> None:
    """The signer's act over what is left."""
    action = f"/batches/{batch_id}/sign"
    form = signer.get(action).form(action)
    answer = signer.send(action, form | {"passphrase": DEMO_PASSPHRASE})
    assert f"Otorisasi diterima untuk {count} naskah." in answer.text


def finish(whole: Topology, clerk: WebPerson, signer: WebPerson, batch_id: str) -> None:
    """What people do about the rows that the dead worker left: nothing is signed twice under one authorisation, so
    those that may have been are laid out again and take a second one. The same when the first one ran out."""
    for _ in range(_MOST_ACTS):
        left = ROWS - signed(whole, batch_id)
        if not left:
            return
        if b.batch_row(whole.world, batch_id).status == "finished":
            assert f"{left} gagal" in clerk.get(f"/batches/{batch_id}/progress").text
            press(clerk, batch_id, "retry")
            wait_for_work(whole, batch_id)
        authorise(signer, batch_id, ROWS - signed(whole, batch_id))
        wait_for_work(whole, batch_id)
    raise AssertionError(f"not all is signed\n{whole.service.logs()}")


def work_of(whole: Topology, batch_id: str) -> str:
    """What workers are to do now; nothing when they are done, or stopped."""
    row = b.batch_row(whole.world, batch_id)
    return "" if row.stop_code else row.work


def wait_for_work(whole: Topology, batch_id: str) -> None:
    wait_until(lambda: not work_of(whole, batch_id), _WORK_SECONDS,
               lambda: f"{work_of(whole, batch_id)} is not done\n{whole.service.logs()}")


def signed(whole: Topology, batch_id: str) -> int:
    with whole.world.deps.db.read_session() as session:
        return session.scalar(
            select(func.count()).select_from(Decree).join(Batch, Batch.id == Decree.batch_id)
            .where(Batch.public_id == batch_id, Decree.status.in_(("signed", "issued")))) or 0


def bundle(person: WebPerson, batch_id: str, target: Path) -> dict[str, bytes]:
    """The files of the archive that a person downloads."""
    target.write_bytes(person.get(f"/batches/{batch_id}/naskah.zip").data)
    with zipfile.ZipFile(target) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def hashes_of(files: Mapping[str, bytes]) -> dict[str, str]:
    """SHA-256 of each document."""
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items() if name.endswith(".pdf")}


def ensure_bundle_is_whole(late: Mapping[str, bytes], handed_out: Mapping[str, str]) -> None:
    """Every row has a file of its own with the next number; and what was handed out before is the same still."""
    hashes = hashes_of(late)
    assert len(hashes) == ROWS
    assert hashes.items() >= handed_out.items()
    listed = list(csv.DictReader(io.StringIO(late["daftar.csv"].decode("utf-8-sig"))))
    assert [int(row["baris"]) for row in listed] == list(range(1, ROWS + 1))
    assert {row["hasil"] for row in listed} == {"ditandatangani dan terbit"}
    taken = [int(re.findall(r"/(\d+)/", row["nomor"])[0]) for row in listed]
    assert taken == list(range(taken[0], taken[0] + ROWS))
    assert len({row["nama"] for row in listed}) == ROWS
    assert sorted(hashes.values()) == sorted(row["sha256"] for row in listed)
    assert len(set(hashes.values())) == ROWS


def ensure_others_believe_samples(files: Mapping[str, bytes], folder: Path) -> None:
    for name in random.Random(ROWS).sample(sorted(name for name in files if name.endswith(".pdf")), SAMPLES):
        place = folder / name
        place.write_bytes(files[name])
        (found,) = ask_pdfsig(place)
        assert (found.is_valid, found.covers_file) == (True, True), name
