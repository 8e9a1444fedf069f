"""Each way to tamper with the audit trail is really done, by SQL behind the service's back, and found."""

# ruff: noqa: S608 - the statements are a tamperer's, made of the test's own values
from __future__ import annotations

import json
import shutil
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from svc.adapters.keystore import load_or_create_pki
from svc.deps import Deps
from svc.errors import InvalidInput
from svc.models import AuditEvent
from svc.services import accounts, audit, checkpoints, issuance, legal, pki_renewal
from svc.services.audit_log import event_hash
from tests.support.acts import task_of
from tests.support.clock import FrozenClock
from tests.support.world import World


def run_sql(deps: Deps, *statements: str) -> None:
    """As somebody with the database's password would."""
    with deps.db.engine.connect() as connection:
        raw = connection.connection.cursor()
        if deps.db.is_sqlite:
            raw.execute("PRAGMA foreign_keys=OFF")
        else:
            raw.execute("SET session_replication_role = replica")
        for statement in statements:
            raw.execute(statement)
        connection.connection.commit()
        raw.execute("PRAGMA foreign_keys=ON" if deps.db.is_sqlite else "SET session_replication_role = DEFAULT")
        connection.connection.commit()


def kinds(deps: Deps) -> set[str]:
    return {finding.kind for finding in audit.verify(deps).findings}


@pytest.fixture
def trail(world: World) -> tuple[World, str]:
    """A decree with a few events, fixed by a checkpoint, and one more event after it."""
    decree_id = world.walk("in_review")
    world.approve(decree_id, "kasubbid")
    audit.write_checkpoint(world.deps, "hour")
    world.approve(decree_id, "kabid")
    return world, f"decree:{decree_id}"


def test_an_untouched_trail_is_intact(trail: tuple[World, str]) -> None:
    world, _ = trail
    report = audit.verify(world.deps)
    assert (report.findings, report.is_intact, report.checkpoints) == ((), True, 1)
    assert report.events > 5
    assert report.streams >= 1


@pytest.mark.parametrize("change", [
    "payload = '{\"reason\": \"lain\"}'", "actor_name = 'Orang Lain'", "type = 'signed'",
    "at = '2020-01-01 00:00:00+00:00'", "actor_capacity = NULL", "actor_id = NULL",
])
def test_an_edited_event_is_found(trail: tuple[World, str], change: str) -> None:
    world, stream = trail
    change = change.replace("+00:00", "") if world.deps.db.is_sqlite else change
    run_sql(world.deps, f"UPDATE audit_event SET {change} WHERE stream = '{stream}' AND seq = 2")
    assert audit.verify(world.deps).findings[0].kind == "altered_event"


def test_a_deleted_event_is_found(trail: tuple[World, str]) -> None:
    world, stream = trail
    run_sql(world.deps, f"DELETE FROM audit_event WHERE stream = '{stream}' AND seq = 3")
    assert "missing_event" in kinds(world.deps)


def test_two_events_in_another_order_are_found(trail: tuple[World, str]) -> None:
    world, stream = trail
    run_sql(world.deps, f"UPDATE audit_event SET seq = 900 WHERE stream = '{stream}' AND seq = 2",
            f"UPDATE audit_event SET seq = 2 WHERE stream = '{stream}' AND seq = 3",
            f"UPDATE audit_event SET seq = 3 WHERE stream = '{stream}' AND seq = 900")
    assert {"broken_link", "altered_event"} <= kinds(world.deps)


def test_a_cut_tail_is_found_by_the_head_on_the_row(trail: tuple[World, str]) -> None:
    world, stream = trail
    run_sql(world.deps, f"DELETE FROM audit_event WHERE stream = '{stream}' AND seq > 4")
    assert "cut_tail" in kinds(world.deps)


def cut_with_head(deps: Deps, stream: str, keep: int) -> None:
    public_id = stream.removeprefix("decree:")
    run_sql(deps, f"DELETE FROM audit_event WHERE stream = '{stream}' AND seq > {keep}",
            f"UPDATE decree SET audit_seq = {keep}, audit_head = (SELECT hash FROM audit_event WHERE "
            f"stream = '{stream}' AND seq = {keep}) WHERE public_id = '{public_id}'")


def test_a_cut_tail_whose_head_was_moved_along_is_found_by_the_checkpoint(trail: tuple[World, str]) -> None:
    world, stream = trail
    cut_with_head(world.deps, stream, 3)
    (finding,) = audit.verify(world.deps).findings
    assert (finding.kind, finding.stream) == ("cut_tail", stream)
    assert "checkpoint hour 2026-11-24 01:00" in finding.detail


def rewrite(deps: Deps, stream: str) -> None:
    """A whole history written anew with right hashes, head included."""
    with deps.db.unit_of_work() as session:
        previous = None
        events = session.query(AuditEvent).filter_by(stream=stream).order_by(AuditEvent.seq).all()
        for event in events:
            event.actor_name, event.prev_hash = "Orang Lain", previous
            previous = event.hash = event_hash(event)
        session.execute(text("UPDATE decree SET audit_head = :head WHERE public_id = :id"),
                        {"head": previous, "id": stream.removeprefix("decree:")})


def test_a_rewritten_history_is_found_also_after_later_checkpoints(trail: tuple[World, str],
                                                                   clock: FrozenClock) -> None:
    world, stream = trail
    rewrite(world.deps, stream)
    clock.advance(hours=1)
    audit.write_checkpoint(world.deps, "hour")
    assert kinds(world.deps) == {"rewritten"}


def vanish(deps: Deps, stream: str) -> None:
    public_id = stream.removeprefix("decree:")
    of_decree = f"decree_id = (SELECT id FROM decree WHERE public_id = '{public_id}')"
    run_sql(deps, f"DELETE FROM audit_event WHERE stream = '{stream}'", f"DELETE FROM task WHERE {of_decree}",
            f"DELETE FROM decree_version WHERE {of_decree}", f"DELETE FROM decree WHERE public_id = '{public_id}'")


def test_a_vanished_decree_is_found(trail: tuple[World, str]) -> None:
    world, stream = trail
    vanish(world.deps, stream)
    assert [(one.kind, one.stream) for one in audit.verify(world.deps).findings] == [("vanished", stream)]


def test_a_decree_without_its_chain_is_found(trail: tuple[World, str]) -> None:
    world, stream = trail
    run_sql(world.deps, f"DELETE FROM audit_event WHERE stream = '{stream}'",
            f"UPDATE decree SET audit_seq = 0, audit_head = NULL WHERE public_id = '{stream.removeprefix('decree:')}'")
    assert "cut_tail" in kinds(world.deps)


def test_a_deleted_decree_whose_events_stay_is_found(trail: tuple[World, str]) -> None:
    world, stream = trail
    run_sql(world.deps, f"DELETE FROM decree WHERE public_id = '{stream.removeprefix('decree:')}'")
    assert "vanished" in kinds(world.deps)


@pytest.mark.parametrize("other", ["(SELECT max(id) FROM decree)", "NULL"])
def test_an_event_linked_to_another_decree_is_found(trail: tuple[World, str], other: str) -> None:
    world, stream = trail
    world.walk("draft")
    run_sql(world.deps, f"UPDATE audit_event SET decree_id = {other} WHERE stream = '{stream}' AND seq = 3")
    assert [(one.kind, one.stream, one.detail[:7]) for one in audit.verify(world.deps).findings] == [
        ("foreign_event", stream, "from #3")]


def test_an_account_event_linked_to_a_decree_is_found(trail: tuple[World, str]) -> None:
    world, _ = trail
    accounts.end_all_sessions(world.deps, world.actor("analis"))
    run_sql(world.deps, "UPDATE audit_event SET decree_id = (SELECT max(id) FROM decree) WHERE stream = 'accounts'")
    assert kinds(world.deps) == {"foreign_event"}


@pytest.fixture
def issued(world: World) -> tuple[World, str]:
    """A decree through its whole life."""
    world.give_certificates("kepala")
    decree_id = world.walk("ready_to_sign")
    world.sign(decree_id)
    task_id, version = task_of(world, decree_id)
    issuance.distribute(world.deps, world.actor("analis"), task_id, version)
    legal.set_status(world.deps, world.actor("kepala"), decree_id, "revoked", "Keliru golongan")
    return world, f"decree:{decree_id}"


@pytest.mark.parametrize("change", [
    "number = '800.1.11.13/999/BKD/2026'", "number = NULL", f"signed_sha256 = '{'0' * 64}'",
    "legal_status = 'in_force'", "status = 'signed'", "status = 'rejected'",
])
def test_a_row_that_says_something_else_than_its_events_is_found(issued: tuple[World, str], change: str) -> None:
    world, stream = issued
    assert audit.verify(world.deps).is_intact
    run_sql(world.deps, f"UPDATE decree SET {change} WHERE public_id = '{stream.removeprefix('decree:')}'")
    (finding,) = audit.verify(world.deps).findings
    assert (finding.kind, finding.stream) == ("row_differs", stream)
    assert finding.detail.startswith(change.split(maxsplit=1)[0])


# ---- checkpoints


def document_path(deps: Deps) -> Path:
    (path,) = (deps.settings.var_dir / "store" / "audit").rglob("*.jsonl")
    path.chmod(0o600)
    return path


def test_an_altered_document_is_found(trail: tuple[World, str]) -> None:
    world, _ = trail
    path = document_path(world.deps)
    path.write_bytes(path.read_bytes().replace(b'"decree:', b'"decrees:', 1))
    assert kinds(world.deps) == {"checkpoint_altered"}


def test_a_document_altered_together_with_its_hash_is_found_by_its_signature(trail: tuple[World, str]) -> None:
    import hashlib

    world, stream = trail
    path = document_path(world.deps)
    lines = [line for line in path.read_text().splitlines() if stream not in line]
    lines[0] = json.dumps({**json.loads(lines[0]), "heads": len(lines) - 1})
    path.write_text("\n".join(lines) + "\n")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    run_sql(world.deps, f"UPDATE audit_checkpoint SET sha256 = '{digest}', heads = {len(lines) - 1}")
    assert "checkpoint_altered" in kinds(world.deps)


def test_a_checkpoint_dated_back_is_found(trail: tuple[World, str]) -> None:
    world, _ = trail
    earlier = "2026-11-23 01:00:00.000000" + ("" if world.deps.db.is_sqlite else "+00:00")
    run_sql(world.deps, f"UPDATE audit_checkpoint SET at = '{earlier}'")
    assert kinds(world.deps) == {"checkpoint_altered"}


def test_another_signature_is_found(trail: tuple[World, str]) -> None:
    from certs.signer import LocalSigner
    from certs.statement import sign_detached, stamp

    world, _ = trail
    deps = world.deps
    forged = sign_detached(document_path(deps).read_bytes(), LocalSigner(
        deps.pki.ocsp.certificate, deps.pki.ocsp.key, ()))
    with deps.db.unit_of_work() as session:
        session.execute(text("UPDATE audit_checkpoint SET signature = :s, token = :t"),
                        {"s": forged, "t": stamp(forged, deps.tsa, deps.clock.now())})
    assert kinds(deps) == {"checkpoint_altered"}


def test_a_removed_checkpoint_is_found_by_its_successor_or_by_the_store(trail: tuple[World, str],
                                                                       clock: FrozenClock) -> None:
    world, _ = trail
    run_sql(world.deps, "DELETE FROM audit_checkpoint")
    assert kinds(world.deps) == {"checkpoint_missing"}
    clock.advance(hours=1)
    audit.write_checkpoint(world.deps, "hour")
    assert "checkpoint_missing" in kinds(world.deps)


def test_a_checkpoint_out_of_the_middle_is_found(trail: tuple[World, str], clock: FrozenClock) -> None:
    world, _ = trail
    for _hour in range(2):
        clock.advance(hours=1)
        audit.write_checkpoint(world.deps, "hour")
    run_sql(world.deps, "DELETE FROM audit_checkpoint WHERE id = 2")
    assert kinds(world.deps) == {"checkpoint_missing"}


def test_a_later_document_holds_what_changed_and_a_day_all_of_its_day(trail: tuple[World, str],
                                                                     clock: FrozenClock) -> None:
    world, stream = trail
    clock.advance(hours=2)
    audit.write_checkpoint(world.deps, "hour")
    clock.advance(hours=2)
    other = world.walk("draft")
    audit.write_checkpoint(world.deps, "hour")
    audit.write_checkpoint(world.deps, "day")
    documents = {}
    for path in sorted((world.deps.settings.var_dir / "store" / "audit").rglob("*.jsonl")):
        document = checkpoints.parse_document(path.read_bytes())
        documents[document.kind, document.at] = {head.stream for head in document.heads}
    hours = [streams for (kind, _), streams in sorted(documents.items()) if kind == "hour"]
    days = [streams for (kind, _), streams in documents.items() if kind == "day"]
    assert stream in hours[0]
    assert stream in hours[1]  # it went on after the first
    assert stream not in hours[2]
    assert f"decree:{other}" in hours[2]
    assert {stream, f"decree:{other}"} <= days[0]
    assert audit.verify(world.deps).is_intact


def test_checkpoints_written_at_once_each_name_another_before_them(trail: tuple[World, str]) -> None:
    deps, at_once = trail[0].deps, 4
    barrier = threading.Barrier(at_once)

    def write(kind: str) -> int:
        barrier.wait(20)
        return audit.write_checkpoint(deps, kind)

    with ThreadPoolExecutor(at_once) as pool:
        assert len(set(pool.map(write, ["hour", "day"] * (at_once // 2)))) == at_once
    assert audit.verify(deps).findings == ()


def test_checkpoints_have_two_kinds(world: World) -> None:
    with pytest.raises(InvalidInput):
        audit.write_checkpoint(world.deps, "week")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_verifies_the_stored_signature(trail: tuple[World, str], tmp_path: Path) -> None:
    world, _ = trail
    document = document_path(world.deps)
    root = tmp_path / "root.pem"
    root.write_bytes(world.deps.pki.root_pem)
    said = subprocess.run(
        ["openssl", "cms", "-verify", "-inform", "DER", "-in", str(document.with_suffix(".p7s")), "-binary",
         "-content", str(document), "-CAfile", str(root), "-purpose", "any", "-no_check_time", "-out", "/dev/null"],
        capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr


def test_the_export_can_be_checked_by_anybody(trail: tuple[World, str]) -> None:
    import hashlib

    world, stream = trail
    lines = [json.loads(line) for line in audit.export(world.deps, stream)]
    previous = None
    for line in lines:
        said = {key: value for key, value in line.items() if key != "hash"}
        body = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert hashlib.sha256(body.encode()).hexdigest() == line["hash"]
        assert line["prev"] == previous
        previous = line["hash"]
    assert len(list(audit.export(world.deps))) == audit.verify(world.deps).events


def test_checkpoints_from_before_a_renewal_of_keys_stay_proven(trail: tuple[World, str]) -> None:
    deps = trail[0].deps
    units = pki_renewal.renew(deps, is_forced=True)
    assert [unit.role for unit in units if not unit.is_renewed] == ["authority"]
    renewed = replace(deps, pki=load_or_create_pki(deps.settings, deps.server_key, deps.clock.now()))
    assert renewed.pki.tsa.certificate != deps.pki.tsa.certificate
    audit.write_checkpoint(renewed, "hour")
    assert audit.verify(renewed).is_intact
