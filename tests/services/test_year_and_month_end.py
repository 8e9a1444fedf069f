"""The turn of the year and of the month, while a batch is between its numbers and its signatures.

Whatever was signed keeps the number that it carries; whatever is signed carries a number of the year (and the month,
where the number says it) of its date; and no register has a gap.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from svc.errors import AppError, ServiceUnavailable
from svc.models import Batch, Decree, Position, Register, RegisterEntry
from svc.seed.walk import DEMO_PASSPHRASE, PTSP_CAST
from svc.services import audit, decree_page, numbering, redating, routing
from svc.services.audit_log import AuditActor
from svc.services.batches import drafting, freezing, retrying, review, signing, signing_chunk, work
from svc.services.batches.drafting import NewRow
from svc.services.files import put_pdfs
from svc.services.numbering import NumberInUse
from svc.services.signing_keys import StepUp
from tests.support import batches as b
from tests.support.acts import text_of
from tests.support.clock import FrozenClock
from tests.support.statements import counted
from tests.support.world import World

# Two minutes before midnight in Makassar.
NEW_YEARS_EVE = datetime(2026, 12, 31, 15, 58, tzinfo=UTC)
END_OF_NOVEMBER = datetime(2026, 11, 30, 15, 58, tzinfo=UTC)
LICENSER = "kadis"


def entries(world: World) -> list[tuple[int, str, str]]:
    """Year, number and state of every entry, in the order in which they were taken."""
    with world.deps.db.read_session() as session:
        rows = session.execute(
            select(Register.year, RegisterEntry.formatted, RegisterEntry.state)
            .join(Register, Register.id == RegisterEntry.register_id).order_by(RegisterEntry.id))
        return [(row[0], row[1], row[2]) for row in rows]


def rise_number(seq: int, year: int) -> str:
    return f"800.1.11.13/{seq}/BKD/{year}"


def licence_number(seq: int, month: str, year: int) -> str:
    return f"500.16.7.2/{seq}/PTSP/{month}/{year}"


def printed(world: World, batch_id: str, username: str) -> list[str]:
    """All text of the present documents of a batch."""
    return [text_of(decree_page.load_pdf(world.deps, world.actor(username), one.public_id).data)
            for one in b.decrees_of(world, batch_id)]


def ensure_agreed(world: World, batch_id: str, numbers: list[str], dates: list[str], username: str = b.CLERK) -> None:
    """All are issued, and database, register and document say the same."""
    decrees = b.decrees_of(world, batch_id)
    assert [one.status for one in decrees] == ["issued"] * len(numbers)
    assert [one.number for one in decrees] == numbers
    used = {formatted for _, formatted, state in entries(world) if state == "used"}
    assert set(numbers) <= used
    for text, number, date in zip(printed(world, batch_id, username), numbers, dates, strict=True):
        assert number in text
        assert date in text
    assert audit.verify(world.deps).is_intact


def licences(world: World, count: int) -> str:
    """A batch of licences, whose numbers say the month, ready for the signer."""
    deps, clerk = world.deps, world.actor(PTSP_CAST.drafter_username)
    batch_id = drafting.create(deps, clerk, "surat-izin", "Izin contoh")
    drafting.put_rows(deps, clerk, batch_id, 1, [
        NewRow(number, deepcopy(dict(world.example("surat-izin")))) for number in range(2, count + 2)])
    work.drain(deps, batch_id)
    drafting.submit(deps, clerk, batch_id, b.batch_row(world, batch_id).lock_version)
    work.drain(deps, batch_id)
    while (position := waits_for(world, batch_id)) is not None:
        b.approve(world, batch_id, PTSP_CAST.by_position[position])
    return batch_id


def waits_for(world: World, batch_id: str) -> str | None:
    """Code of the position whose paraf it waits for."""
    batch = b.batch_row(world, batch_id)
    if batch.status != "in_review" or batch.assignee_id is None:
        return None
    with world.deps.db.read_session() as session:
        return session.get_one(Position, batch.assignee_id).code


def authorise_licences(world: World, batch_id: str) -> None:
    world.give_certificates(LICENSER)
    actor = world.actor(LICENSER)
    shown = signing.prepare(world.deps, actor, batch_id)
    signing.authorise(world.deps, actor, batch_id, shown.lock_version, shown.list_sha256, StepUp(DEMO_PASSPHRASE))


def refresh(world: World, batch_id: str, username: str = b.SIGNER) -> bool:
    """The signer opens his page, and waits until it shows the list."""
    began = signing.refresh(world.deps, world.actor(username), batch_id)
    work.drain(world.deps, batch_id)
    return began


def break_layout(monkeypatch: pytest.MonkeyPatch, is_broken: Callable[[int, list[int]], bool]) -> None:
    """Documents whose decree id and the ids beside it say so cannot be laid out, until ``monkeypatch`` is undone."""
    make = freezing._make

    def failing(deps: object, flow: object, leased: object, now: object) -> object:
        if is_broken(flow.decree.id, [one.decree.id for one in leased.flows]):  # type: ignore[attr-defined]
            raise ServiceUnavailable
        return make(deps, flow, leased, now)  # type: ignore[arg-type]

    monkeypatch.setattr(freezing, "_make", failing)


def test_what_was_signed_last_year_keeps_its_number_and_the_rest_begins_anew(
        world: World, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing_chunk, "ROWS", 2)
    clock.at = NEW_YEARS_EVE
    batch_id = b.ready(world, 4)
    b.authorise(world, batch_id)
    work.run_chunk(world.deps, batch_id)
    signed = b.decrees_of(world, batch_id)[:2]
    clock.advance(minutes=4)
    work.drain(world.deps, batch_id)
    assert b.batch_row(world, batch_id).stop_code == "date_changed"
    assert refresh(world, batch_id)
    assert [(one.number, one.signed_sha256) for one in b.decrees_of(world, batch_id)[:2]] == [
        (one.number, one.signed_sha256) for one in signed]
    b.authorise(world, batch_id)
    work.drain(world.deps, batch_id)
    ensure_agreed(world, batch_id,
                  [rise_number(1, 2026), rise_number(2, 2026), rise_number(1, 2027), rise_number(2, 2027)],
                  ["31 Desember 2026"] * 2 + ["1 Januari 2027"] * 2)
    assert entries(world) == [
        (2026, rise_number(1, 2026), "used"), (2026, rise_number(2, 2026), "used"),
        (2026, rise_number(3, 2026), "void"), (2026, rise_number(4, 2026), "void"),
        (2027, rise_number(1, 2027), "used"), (2027, rise_number(2, 2027), "used")]


def test_what_was_signed_last_month_keeps_the_month_in_its_number(
        world: World, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing_chunk, "ROWS", 2)
    clock.at = END_OF_NOVEMBER
    batch_id = licences(world, 4)
    authorise_licences(world, batch_id)
    work.run_chunk(world.deps, batch_id)
    clock.advance(minutes=4)
    work.drain(world.deps, batch_id)
    assert refresh(world, batch_id, LICENSER)
    authorise_licences(world, batch_id)
    work.drain(world.deps, batch_id)
    numbers = [licence_number(1, "XI", 2026), licence_number(2, "XI", 2026),
               licence_number(3, "XII", 2026), licence_number(4, "XII", 2026)]
    ensure_agreed(world, batch_id, numbers, ["30 November 2026"] * 2 + ["1 Desember 2026"] * 2,
                  PTSP_CAST.drafter_username)
    assert entries(world) == [(2026, number, "used") for number in numbers]


def begin_layout(world: World, batch_id: str) -> None:
    """The last paraf: numbers are taken, nothing is laid out yet."""
    review.approve(world.deps, world.actor(b.PARAFS[-1]), batch_id, b.batch_row(world, batch_id).lock_version)
    while b.batch_row(world, batch_id).work != "freeze":
        assert work.run_chunk(world.deps, batch_id)


def almost_ready(world: World, count: int) -> str:
    """All initialled but for the last paraf."""
    batch_id = b.submitted(world, count)
    for username in b.PARAFS[:-1]:
        b.approve(world, batch_id, username)
    return batch_id


def test_numbers_taken_before_midnight_are_not_printed_under_the_new_year(world: World, clock: FrozenClock) -> None:
    clock.at = NEW_YEARS_EVE
    batch_id = almost_ready(world, 3)
    begin_layout(world, batch_id)
    clock.advance(minutes=4)
    work.drain(world.deps, batch_id)
    assert b.batch_row(world, batch_id).status == "ready_to_sign"
    assert not refresh(world, batch_id)
    b.authorise(world, batch_id)
    work.drain(world.deps, batch_id)
    ensure_agreed(world, batch_id, [rise_number(seq, 2027) for seq in (1, 2, 3)], ["1 Januari 2027"] * 3)
    assert [(year, state) for year, _, state in entries(world)] == [(2026, "void")] * 3 + [(2027, "used")] * 3


def test_a_layout_that_the_new_year_overtakes_is_done_again_in_row_order(
        world: World, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freezing, "ROWS", 2)
    clock.at = NEW_YEARS_EVE
    batch_id = almost_ready(world, 5)
    begin_layout(world, batch_id)
    work.run_chunk(world.deps, batch_id)  # two are laid out on New Year's Eve
    clock.advance(minutes=4)
    work.drain(world.deps, batch_id)
    assert [one.number for one in b.decrees_of(world, batch_id)] == [rise_number(seq, 2027) for seq in range(1, 6)]
    assert not refresh(world, batch_id)  # the page shows them at once
    b.authorise(world, batch_id)
    work.drain(world.deps, batch_id)
    ensure_agreed(world, batch_id, [rise_number(seq, 2027) for seq in range(1, 6)], ["1 Januari 2027"] * 5)


def test_a_worker_at_it_over_midnight_records_nothing_under_a_number_that_is_void(
        world: World, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freezing, "ROWS", 2)
    clock.at = NEW_YEARS_EVE
    batch_id = almost_ready(world, 4)
    begin_layout(world, batch_id)
    overtaken = []

    def slow(*arguments: object) -> None:
        """Another worker comes by after midnight, before this one records what it laid out before."""
        put_pdfs(*arguments)  # type: ignore[arg-type]
        if not overtaken:
            overtaken.append(True)
            clock.advance(minutes=4)
            work.drain(world.deps, batch_id)

    monkeypatch.setattr(freezing, "put_pdfs", slow)
    work.run_chunk(world.deps, batch_id)
    assert overtaken
    work.drain(world.deps, batch_id)
    b.authorise(world, batch_id)
    work.drain(world.deps, batch_id)
    ensure_agreed(world, batch_id, [rise_number(seq, 2027) for seq in range(1, 5)], ["1 Januari 2027"] * 4)


def test_rows_done_again_after_the_new_year_get_numbers_of_it_with_all_the_others(
        world: World, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> None:
    clock.at = NEW_YEARS_EVE
    batch_id = almost_ready(world, 3)
    with monkeypatch.context() as patch:
        break_layout(patch, lambda decree_id, beside: decree_id == min(beside))
        b.approve(world, batch_id, b.PARAFS[-1])
    assert [row.state for row in b.rows_of(world, batch_id)] == ["failed", "live", "live"]
    clock.advance(minutes=20)
    version = b.batch_row(world, batch_id).lock_version
    assert retrying.retry(world.deps, world.actor(b.CLERK), batch_id, version) == 1
    work.drain(world.deps, batch_id)
    refresh(world, batch_id)
    b.authorise(world, batch_id)
    work.drain(world.deps, batch_id)
    ensure_agreed(world, batch_id, [rise_number(seq, 2027) for seq in (1, 2, 3)], ["1 Januari 2027"] * 3)
    assert [(year, state) for year, _, state in entries(world)] == [(2026, "void")] * 3 + [(2027, "used")] * 3


def test_a_failed_row_keeps_its_place_when_the_others_are_numbered_anew(
        world: World, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> None:
    clock.at = NEW_YEARS_EVE
    batch_id = almost_ready(world, 3)
    with monkeypatch.context() as patch:
        break_layout(patch, lambda decree_id, beside: len(beside) == 3 and decree_id == sorted(beside)[1])
        b.approve(world, batch_id, b.PARAFS[-1])
    clock.advance(minutes=20)
    assert refresh(world, batch_id)
    assert [one.number for one in b.decrees_of(world, batch_id)] == [rise_number(1, 2027), None, rise_number(3, 2027)]
    retrying.retry(world.deps, world.actor(b.CLERK), batch_id, b.batch_row(world, batch_id).lock_version)
    work.drain(world.deps, batch_id)
    b.authorise(world, batch_id)
    work.drain(world.deps, batch_id)
    ensure_agreed(world, batch_id, [rise_number(seq, 2027) for seq in (1, 2, 3)], ["1 Januari 2027"] * 3)


def test_the_month_in_a_number_is_that_of_the_date_beside_it(
        world: World, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> None:
    clock.at = END_OF_NOVEMBER
    with monkeypatch.context() as patch:
        break_layout(patch, lambda _decree_id, _beside: True)
        batch_id = licences(world, 3)
    clock.advance(minutes=20)
    clerk = PTSP_CAST.drafter_username
    retrying.retry(world.deps, world.actor(clerk), batch_id, b.batch_row(world, batch_id).lock_version)
    work.drain(world.deps, batch_id)
    assert not refresh(world, batch_id, LICENSER)
    authorise_licences(world, batch_id)
    work.drain(world.deps, batch_id)
    numbers = [licence_number(seq, "XII", 2026) for seq in (1, 2, 3)]
    ensure_agreed(world, batch_id, numbers, ["1 Desember 2026"] * 3, clerk)
    assert entries(world) == [(2026, number, "used") for number in numbers]


@pytest.mark.parametrize("at", ["number", "entry"])
def test_a_list_whose_numbers_are_not_those_of_the_register_is_laid_out_anew(world: World, at: str) -> None:
    batch_id = b.ready(world, 2)
    decree = b.decrees_of(world, batch_id)[0]
    with world.deps.db.unit_of_work() as session:
        if at == "number":
            session.get_one(Decree, decree.id).number = rise_number(9, 2026)
        else:
            session.scalars(select(RegisterEntry).where(RegisterEntry.decree_id == decree.id)).one().formatted = "9"
    actor = world.actor(b.SIGNER)
    world.give_certificates(b.SIGNER)
    shown = signing.prepare(world.deps, actor, batch_id)
    with pytest.raises(AppError):
        signing.authorise(world.deps, actor, batch_id, shown.lock_version, shown.list_sha256, StepUp(DEMO_PASSPHRASE))
    assert refresh(world, batch_id)


@pytest.mark.parametrize("status", ["signed", "issued"])
def test_nothing_takes_its_number_from_a_signed_decree(world: World, clock: FrozenClock, status: str) -> None:
    decree_id, deps = world.walk(status), world.deps
    before = entries(world)
    clock.at = datetime(2027, 1, 4, 1, 0, tzinfo=UTC)
    kind = deps.kinds.get("kgb")

    def act(how: Callable[..., object]) -> None:
        with pytest.raises(NumberInUse), deps.db.unit_of_work() as session:
            how(session, session.scalars(select(Decree).where(Decree.public_id == decree_id)).one())

    act(lambda session, decree: numbering.void_number(session, decree, "Salah", AuditActor.system(), clock.now()))
    act(lambda session, decree: numbering.take_number(session, deps, decree, kind, clock.now()))
    act(lambda session, decree: numbering.take_numbers(session, deps, [decree], kind, clock.now()))
    assert entries(world) == before
    assert world.view(decree_id).number == rise_number(1, 2026)


def test_a_decree_that_came_back_over_new_year_goes_out_under_a_number_of_its_date(
        world: World, clock: FrozenClock) -> None:
    clock.at = NEW_YEARS_EVE
    decree_id = world.walk("ready_to_sign")
    routing.withdraw(world.deps, world.actor(b.CLERK), decree_id, world.view(decree_id).lock_version, "Keliru")
    routing.submit(world.deps, world.actor(b.CLERK), decree_id, world.view(decree_id).lock_version)
    for username in b.PARAFS[:-1]:
        world.approve(decree_id, username)
    clock.advance(minutes=4)
    world.approve(decree_id, b.PARAFS[-1])
    task = world.view(decree_id).open_task
    assert task is not None
    assert not redating.ensure_dated_today(world.deps, task.task_id)
    world.sign(decree_id)
    text = text_of(decree_page.load_pdf(world.deps, world.actor(b.CLERK), decree_id).data)
    assert rise_number(1, 2027) in text
    assert "1 Januari 2027" in text
    assert [(year, state) for year, _, state in entries(world)] == [(2026, "void"), (2027, "used")]


def test_numbering_anew_asks_the_database_no_more_for_many_rows_than_for_few(world: World, clock: FrozenClock) -> None:
    """It is one transaction, for its numbers stand side by side; so that it is short, it sends a few statements."""
    sent = []
    for rows in (3, 9):
        clock.at = NEW_YEARS_EVE.replace(minute=rows)
        batch_id = b.ready(world, rows)
        clock.at = NEW_YEARS_EVE.replace(year=2027, month=1, day=1 + rows)
        with world.deps.db.unit_of_work() as session, counted(world.deps.db) as statements:
            batch = session.scalars(select(Batch).where(Batch.public_id == batch_id)).one()
            assert freezing.take_numbers(session, world.deps, batch, clock.now()) == rows
        sent.append(len(statements))
    assert sent[1] == sent[0]
