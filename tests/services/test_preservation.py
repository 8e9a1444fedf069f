"""Signed decrees are raised to the wanted level by the worker, kept there for years, and never lost on the way."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from sqlalchemy import select

from certs.ca import create_development_pki
from certs.errors import DocumentUnsignable, TimestampUnavailable
from certs.renewal import renew
from certs.tsa import TimeStampAuthority
from certs.validation import validate_pdf
from svc.deps import Deps
from svc.health import check
from svc.models import Decree, Notice, Preservation, Signature, StoredFile
from svc.services import audit, preservation, trust, verification
from svc.services.files import read_file
from svc.services.preservation_state import PATIENCE, Standing, retry, rows_of
from svc.worker import run_once
from tests.support.clock import FrozenClock
from tests.support.stores import FaultyStore
from tests.support.world import World


class DownTsa:
    """A time-stamp authority that does not answer."""

    def respond(self, request_der: bytes, now: object) -> bytes:
        raise TimestampUnavailable("down")


def row_of(deps: Deps, decree_id: str) -> Preservation:
    with deps.db.read_session() as session:
        return session.scalars(select(Preservation).join(Decree, Decree.id == Preservation.decree_id)
                               .where(Decree.public_id == decree_id)).one()


def best_file(deps: Deps, decree_id: str) -> bytes:
    row = row_of(deps, decree_id)
    return read_file(deps, row.object_key, row.sha256)


def signed_files(deps: Deps, decree_id: str) -> list[bytes]:
    with deps.db.read_session() as session:
        rows = session.scalars(
            select(StoredFile).join(Decree, Decree.id == StoredFile.decree_id)
            .where(Decree.public_id == decree_id, StoredFile.purpose == "signed").order_by(StoredFile.id)).all()
    return [read_file(deps, row.object_key, row.sha256) for row in rows]


def test_a_signed_decree_reaches_the_wanted_level_and_both_files_verify(world: World, clock: FrozenClock) -> None:
    decree_id = world.walk("signed")
    assert row_of(world.deps, decree_id).state == "waiting"
    clock.advance(seconds=1)
    assert preservation.preserve_due(world.deps).augmented == 1
    first, second = signed_files(world.deps, decree_id)
    assert second.startswith(first)
    report = validate_pdf(second, trust.trust_store(world.deps), clock.now())
    assert (report.passed, report.explained, report.signatures[0].level) == (True, True, "B-LTA")
    view = world.view(decree_id)
    assert [one.level for one in view.signatures] == ["B-LTA"]
    code = view.verify_code
    for pdf in (first, second):  # the one that was mailed earlier is as much ours
        verdict = verification.of_upload(world.deps, pdf)
        assert verdict.registry == "identical"
        assert verdict.registered is not None
        assert verdict.registered.code == code
    row = row_of(world.deps, decree_id)
    assert (row.state, row.level, row.last_error) == ("held", "B-LTA", None)
    assert preservation.preserve_due(world.deps) == preservation.PreservationReport()
    assert audit.verify(world.deps).findings == ()


def test_an_archive_time_stamp_is_renewed_before_its_certificate_ends(world: World, clock: FrozenClock) -> None:
    decree_id = world.walk("signed")
    clock.advance(seconds=1)
    preservation.preserve_due(world.deps)
    end = row_of(world.deps, decree_id).provable_until
    assert end is not None
    clock.at = end - timedelta(days=60)
    report = preservation.preserve_due(world.deps)
    assert report.augmented == 1
    assert len(signed_files(world.deps, decree_id)) == 3
    proven = validate_pdf(best_file(world.deps, decree_id), trust.trust_store(world.deps), clock.now())
    assert (proven.passed, len(proven.timestamps)) == (True, 2)


def test_a_tsa_that_is_down_is_a_state_and_is_tried_again(world: World, clock: FrozenClock) -> None:
    decree_id = world.walk("signed")
    broken = replace(world.deps, tsa=DownTsa())
    clock.advance(seconds=1)
    assert preservation.preserve_due(broken).waiting == 1
    row = row_of(world.deps, decree_id)
    assert (row.state, row.last_error, row.level) == ("waiting", "timestamp_unavailable", "B-T")
    assert preservation.preserve_due(world.deps) == preservation.PreservationReport()  # not before the pause is over
    clock.advance(minutes=1)
    assert preservation.preserve_due(world.deps).augmented == 1
    assert row_of(world.deps, decree_id).last_error is None


def test_a_store_that_fails_leaves_the_old_file_in_force(world: World, clock: FrozenClock) -> None:
    decree_id = world.walk("signed")
    before = best_file(world.deps, decree_id)
    clock.advance(seconds=1)
    broken = replace(world.deps, store=FaultyStore(world.deps.store, "/signed/"))
    assert preservation.preserve_due(broken).waiting == 1
    assert best_file(world.deps, decree_id) == before
    with world.deps.db.read_session() as session:
        assert session.scalars(select(Decree.signed_sha256).where(Decree.public_id == decree_id)).one() == \
            row_of(world.deps, decree_id).sha256


def test_a_crash_between_object_and_row_is_made_good(world: World, clock: FrozenClock,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    decree_id = world.walk("signed")
    clock.advance(seconds=1)
    with monkeypatch.context() as patch:
        patch.setattr(preservation, "_record", _crash)
        with pytest.raises(KeyboardInterrupt):
            preservation.preserve_due(world.deps)
    assert row_of(world.deps, decree_id).level == "B-T"
    assert preservation.preserve_due(world.deps) == preservation.PreservationReport()  # the lease of the dead
    clock.advance(minutes=11)
    assert preservation.preserve_due(world.deps).augmented == 1


def _crash(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(("level", "reached"), [("B-B", "B-B"), ("B-T", "B-T"), ("B-LT", "B-LT"), ("B-LTA", "B-LTA")])
def test_the_settings_choose_the_level(world: World, clock: FrozenClock, level: str, reached: str) -> None:
    settings = world.deps.settings.model_copy(update={"signature_level": level})
    chosen = World(replace(world.deps, settings=settings), world.organisation)
    decree_id = chosen.walk("signed")
    clock.advance(seconds=1)
    preservation.preserve_due(chosen.deps)
    with world.deps.db.read_session() as session:
        assert session.scalars(select(Signature.level)).one() == reached
    report = validate_pdf(best_file(world.deps, decree_id), trust.trust_store(world.deps), clock.now())
    assert (report.passed, report.signatures[0].level) == (True, reached)


def test_several_processes_side_by_side_raise_each_document_once(world: World, clock: FrozenClock) -> None:
    decrees = [world.walk("signed") for _ in range(4)]
    clock.advance(seconds=1)
    with ThreadPoolExecutor(3) as pool:
        reports = list(pool.map(lambda _: preservation.preserve_due(world.deps), range(3)))
    assert sum(one.augmented for one in reports) == len(decrees)
    assert [len(signed_files(world.deps, decree)) for decree in decrees] == [2] * len(decrees)
    assert audit.verify(world.deps).findings == ()


def foreign_tsa(clock: FrozenClock) -> TimeStampAuthority:
    """One whose root nobody has confirmed here."""
    pki = create_development_pki("Otoritas Lain", clock.now() - timedelta(hours=1))
    return TimeStampAuthority(pki.tsa.certificate, pki.tsa.key, (pki.root.certificate,))


def test_a_stamp_that_is_not_trusted_here_delays_and_the_good_authority_mends_it(
    world: World, clock: FrozenClock
) -> None:
    decree_id = world.walk("signed")
    clock.advance(seconds=1)
    strange = replace(world.deps, tsa=foreign_tsa(clock))
    assert preservation.preserve_due(strange).waiting == 1
    row = row_of(world.deps, decree_id)
    assert (row.state, row.level) == ("waiting", "B-T")
    assert world.view(decree_id).preservation == Standing("B-T", "waiting", None, row.last_error or "")
    clock.advance(minutes=1)
    assert preservation.preserve_due(world.deps).augmented == 1


def test_what_waits_for_long_is_told_once_and_seen_and_tried_again_on_demand(world: World, clock: FrozenClock) -> None:
    first, second = world.walk("signed"), world.walk("signed")
    broken = replace(world.deps, tsa=DownTsa())
    for _ in range(PATIENCE):
        clock.advance(hours=7)
        assert preservation.preserve_due(broken).waiting == 2
    seen = check(world.deps)
    assert not seen.preservation.is_ok
    assert seen.preservation.detail.startswith("0 documents are stuck, 2 wait for long, 2 in all")
    with world.deps.db.read_session() as session:
        told = session.scalars(select(Notice).where(Notice.message.contains("Pelestarian"))).all()
    assert [one.person_id for one in told] == [world.actor("admin").person_id]
    assert len(retry(world.deps, [first])) == 1
    assert preservation.preserve_due(world.deps).augmented == 1
    assert (row_of(world.deps, first).state, row_of(world.deps, second).state) == ("held", "waiting")
    assert len(retry(world.deps)) == 1
    assert preservation.preserve_due(world.deps).augmented == 1
    assert check(world.deps).preservation.is_ok
    assert audit.verify(world.deps).findings == ()


def test_health_says_how_many_documents_still_wait(world: World, clock: FrozenClock) -> None:
    assert check(world.deps).preservation.detail == "0 documents are stuck, 0 wait: each is as the settings want"
    world.walk("signed")
    world.walk("signed")
    clock.advance(seconds=1)
    assert preservation.preserve_due(replace(world.deps, tsa=DownTsa())).waiting == 2
    seen = check(world.deps).preservation
    assert (seen.is_ok, seen.detail.startswith("0 documents are stuck, 2 wait for")) == (True, True)
    clock.advance(minutes=1)
    assert preservation.preserve_due(world.deps).augmented == 2
    assert "0 wait" in check(world.deps).preservation.detail


def test_what_is_stuck_is_told_and_is_no_outage_and_can_be_retried(
    world: World, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    decree_id = world.walk("signed")
    clock.advance(seconds=1)

    def unreadable(*_: object) -> None:
        raise DocumentUnsignable("a signature has no time stamp")

    with monkeypatch.context() as patch:
        patch.setattr(preservation, "augment", unreadable)
        assert preservation.preserve_due(world.deps).stuck == 1
    run_once(world.deps)
    seen = check(world.deps)
    assert (seen.preservation.is_ok, seen.is_healthy) == (False, True)
    kept = world.view(decree_id).preservation
    assert kept is not None
    assert (kept.state, kept.why) == ("stuck", "a signature has no time stamp")
    with world.deps.db.read_session() as session:
        assert session.scalars(select(Notice.decree_id).where(Notice.message.contains("Pelestarian"))).one()
    assert len(retry(world.deps, [decree_id])) == 1
    assert preservation.preserve_due(world.deps).augmented == 1


def test_a_document_that_fails_unforeseen_stops_no_other(
    world: World, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = world.walk("signed"), world.walk("signed")
    clock.advance(seconds=1)
    key = row_of(world.deps, bad).object_key

    def breaks(deps: Deps, object_key: str, sha256: str) -> bytes:
        if object_key == key:
            raise RuntimeError("nobody foresaw this")
        return read_file(deps, object_key, sha256)

    with monkeypatch.context() as patch:
        patch.setattr(preservation, "read_file", breaks)
        assert preservation.preserve_due(world.deps) == preservation.PreservationReport(augmented=1, waiting=1)
    row = row_of(world.deps, bad)
    assert (row.state, row.last_error, row.attempts) == ("waiting", "fault", 1)
    assert row_of(world.deps, good).state == "held"
    clock.advance(minutes=1)
    assert preservation.preserve_due(world.deps).augmented == 1


def test_a_long_list_does_not_keep_a_process_from_its_other_work(world: World, clock: FrozenClock) -> None:
    world.walk("signed")
    clock.advance(seconds=1)
    assert preservation.preserve_due(world.deps, seconds=0).looked_at == 0
    assert preservation.preserve_due(world.deps).looked_at == 1


def with_ends(world: World, ends: str) -> Deps:
    return replace(world.deps, settings=world.deps.settings.model_copy(update={"algorithm_ends": ends}))


def digests(pdf: bytes) -> list[str]:
    """What the archive time stamps were made with, the oldest first."""
    return [str(one.external_md_algorithm) for one in PdfFileReader(BytesIO(pdf)).embedded_timestamp_signatures]


def test_an_archive_time_stamp_is_renewed_with_a_better_digest_before_its_own_ends(
    world: World, clock: FrozenClock
) -> None:
    decree_id = world.walk("signed")
    clock.advance(seconds=1)
    preservation.preserve_due(world.deps)
    day = (clock.now() + timedelta(days=365)).date()
    deps = with_ends(world, f"sha256={day}")  # years before the certificate ends, and set after the stamp was made
    clock.advance(days=45)
    assert preservation.preserve_due(deps) == preservation.PreservationReport(held=1)
    end = row_of(deps, decree_id).provable_until
    assert end is not None
    assert end.date() == day
    clock.at = end - timedelta(days=91)
    assert preservation.preserve_due(deps).augmented == 0
    clock.at = end - timedelta(days=89)
    assert preservation.preserve_due(deps).augmented == 1
    assert digests(best_file(deps, decree_id)) == ["sha256", "sha384"]
    renewed = row_of(deps, decree_id).provable_until
    assert renewed is not None
    assert renewed > end
    clock.at = end + timedelta(days=30)
    assert validate_pdf(best_file(deps, decree_id), trust.trust_store(deps), clock.now()).passed
    first = signed_files(deps, decree_id)[1]
    assert validate_pdf(first, trust.trust_store(deps), clock.now()).sub_indication == \
        "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"


def test_an_authority_whose_key_s_size_ends_is_waited_for_and_given_no_stamp_after_stamp(
    world: World, clock: FrozenClock
) -> None:
    decree_id = world.walk("signed")
    clock.advance(seconds=1)
    preservation.preserve_due(world.deps)
    day = (clock.now() + timedelta(days=365)).date()
    deps = with_ends(world, f"rsa2048={day}")
    clock.advance(days=300)
    assert preservation.preserve_due(deps) == preservation.PreservationReport(waiting=1)
    row = row_of(deps, decree_id)
    assert (row.state, row.last_error, len(signed_files(deps, decree_id))) == ("waiting", "algorithm_ended", 2)
    assert row.provable_until is not None
    assert row.provable_until.date() == day
    with deps.db.read_session() as session:
        told = session.scalars(select(Notice.message).where(Notice.message.contains("ukuran kunci"))).all()
    assert told
    clock.advance(hours=23)
    assert preservation.preserve_due(deps).looked_at == 0
    longer = renew(deps.pki.development, ("tsa",), clock.now(), ends=deps.settings.ends)
    unit = TimeStampAuthority(longer.tsa.certificate, longer.tsa.key, (longer.root.certificate,))
    better = replace(deps, tsa=unit, pki=replace(deps.pki, development=longer))
    clock.advance(hours=2)
    assert preservation.preserve_due(better).augmented == 1
    row = row_of(better, decree_id)
    assert (row.state, row.last_error, len(signed_files(deps, decree_id))) == ("held", None, 3)
    clock.at += timedelta(days=365)
    assert validate_pdf(best_file(better, decree_id), trust.trust_store(better), clock.now()).passed


def test_an_operator_has_stamps_added_although_the_last_ones_last(world: World, clock: FrozenClock) -> None:
    named, other = world.walk("signed"), world.walk("signed")
    clock.advance(seconds=1)
    preservation.preserve_due(world.deps)
    clock.advance(days=1)
    (row_id,) = rows_of(world.deps, [named, "unknown"])
    assert preservation.renew_now(world.deps, row_id) == "augmented"
    assert [len(signed_files(world.deps, one)) for one in (named, other)] == [3, 2]
    assert [preservation.renew_now(world.deps, one) for one in rows_of(world.deps)] == \
        ["augmented"] * 2
    assert audit.verify(world.deps).findings == ()
    down = replace(world.deps, tsa=DownTsa())
    assert preservation.renew_now(down, row_id) == "waiting"
