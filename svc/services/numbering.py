"""Number registers: book × agency × year, gap-free, void numbers kept with their reason.

A number is taken inside the caller's transaction, which holds the register's row from then on: a roll-back gives
the number back, a commit makes it the decree's for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, String, cast, insert, literal, or_, select, update
from sqlalchemy.orm import Session

from svc import failpoints
from svc.actors import Actor
from svc.deps import Deps
from svc.errors import InvalidInput
from svc.kinds import Kind, format_number, number_frame, read_seq
from svc.models import Decree, Register, RegisterEntry, Unit
from svc.services.access import visible_condition
from svc.services.audit_log import AuditActor, record_decree
from svc.services.gathering import gathering
from svc.services.upsert import insert_missing

PAGE_SIZE = 100
YEAR_CHANGED = "Tahun berganti sebelum naskah ditandatangani."
_SAYS_MONTH = "{month_roman}"
_SIGNED = frozenset({"signing", "signed", "issued"})
# Longer texts of digits are nobody's row, and too long for the database's integers.
_LONGEST_KEY = 15
_LONGEST_SEQ = 9


class NumberTaken(InvalidInput):
    """The number book has given this number to another decree."""

    code = "number_taken"

    def __init__(self) -> None:
        super().__init__(fields={"number": "Nomor ini sudah dipakai dalam buku register."})


class NumberInUse(RuntimeError):
    """A signed document carries this number for ever: a fault of the program wanted to change it."""


@dataclass(frozen=True)
class Book:
    """A register as one chooses it."""

    key: str
    label: str


@dataclass(frozen=True)
class BookEntry:
    seq: int
    formatted: str
    subject: str
    decree_id: str
    state: str
    void_reason: str | None
    taken_at: datetime


@dataclass(frozen=True)
class BookPage:
    key: str
    items: tuple[BookEntry, ...]
    next_cursor: str
    prev_cursor: str


def local_day(deps: Deps, now: datetime) -> date:
    """The day in the province's zone."""
    return now.astimezone(deps.settings.tzinfo).date()


def take_number(session: Session, deps: Deps, decree: Decree, kind: Kind, now: datetime) -> RegisterEntry:
    """The decree's number of this year: the one it holds, or the next of its register.

    A number of an earlier year is voided, since the printed date must be of the year that the number says; where
    the format says the month, a number held since another month is written anew under its place in the register.
    :raises NumberInUse: the decree is signed, or being signed
    """
    today = local_day(deps, now)
    held = live_entry(session, decree)
    _ensure_unsigned(decree, held)
    if held is not None:
        if _year_of(session, held) == today.year:
            if _SAYS_MONTH in kind.number_format:
                held.formatted = _write(_code_of(session, decree.agency_id), kind, held.seq, today)
            return held
        void_number(session, decree, YEAR_CHANGED, AuditActor.system(), now)
    register = _lock_register(session, kind.register, decree.agency_id, today.year)
    seq = _next_free(session, register)
    entry = RegisterEntry(register_id=register.id, seq=seq, decree_id=decree.id, state="held", taken_at=now,
                          formatted=_write(_code_of(session, decree.agency_id), kind, seq, today))
    register.next_seq = seq + 1
    session.add(entry)
    session.flush()
    failpoints.reach("numbers.taken")
    return entry


def take_numbers(session: Session, deps: Deps, decrees: Sequence[Decree], kind: Kind, now: datetime) -> set[int]:
    """Numbers of this year for decrees of one agency, contiguous and in their order, all or none.

    Those that hold numbers of this year keep them (written anew where the format says the month). When any holds a
    number of an earlier year, or none at all, that one becomes void and all such take new ones, side by side.
    Returns the ids of those whose number is another now.
    :raises NumberInUse: one of them is signed, or being signed
    """
    today = local_day(deps, now)
    held = {row.decree_id: row for row in session.scalars(select(RegisterEntry).where(
        RegisterEntry.decree_id.in_([one.id for one in decrees]), RegisterEntry.state != "void"))}
    years = {row.id: row.year for row in session.scalars(
        select(Register).where(Register.id.in_({entry.register_id for entry in held.values()})))}
    code, wanting, changed = _code_of(session, decrees[0].agency_id) if decrees else "", [], set()
    with gathering(session):
        for decree in decrees:
            entry = held.get(decree.id)
            _ensure_unsigned(decree, entry)
            if entry is not None and years[entry.register_id] == today.year:
                written = _write(code, kind, entry.seq, today)
                if _SAYS_MONTH in kind.number_format and written != entry.formatted:
                    entry.formatted = written
                    changed.add(decree.id)
                continue
            if entry is not None:
                decree.lock_version += 1  # a void number is news to everybody who saw the page
                _void(session, decree, entry, YEAR_CHANGED, AuditActor.system(), now)
            wanting.append(decree)
    if not wanting:
        return changed
    register = _lock_register(session, kind.register, wanting[0].agency_id, today.year)
    first = _next_free(session, register, len(wanting))
    if first == register.next_seq:  # else numbers before a paper one stay free for single decrees
        register.next_seq = first + len(wanting)
    rows = [{"register_id": register.id, "seq": seq, "decree_id": decree.id, "state": "held", "taken_at": now,
             "formatted": _write(code, kind, seq, today)} for seq, decree in enumerate(wanting, start=first)]
    session.execute(insert(RegisterEntry), rows)
    failpoints.reach("numbers.taken")
    return changed | {decree.id for decree in wanting}


def enter_paper_number(session: Session, decree: Decree, kind: Kind, now: datetime) -> None:
    """Enter a typed number of the book's own form as used, so that the book never gives it out again.

    A number of another form belongs to another book and is left alone.
    :raises NumberTaken: the book has given it to another decree already
    """
    if decree.number is None or decree.issued_on is None:
        return
    seq = read_seq(kind.number_format, decree.number, unit_code=_code_of(session, decree.agency_id),
                   issued_on=decree.issued_on)
    if seq is None:
        return
    register = _lock_register(session, kind.register, decree.agency_id, decree.issued_on.year)
    if session.scalar(select(RegisterEntry.id).where(
            RegisterEntry.register_id == register.id, RegisterEntry.seq == seq)) is not None:
        raise NumberTaken
    session.add(RegisterEntry(register_id=register.id, seq=seq, decree_id=decree.id, state="used", taken_at=now,
                              formatted=decree.number))
    session.flush()


def says_another_day(session: Session, kind: Kind, agency_id: int, today: date) -> ColumnElement[bool]:
    """Condition over entries joined with their registers: the number is of another year than that day, or says
    another month where the format says months. A document dated that day must not carry it."""
    of_another_year = Register.year != today.year
    if _SAYS_MONTH not in kind.number_format:
        return of_another_year
    before, after = number_frame(kind.number_format, unit_code=_code_of(session, agency_id), issued_on=today)
    return or_(of_another_year,
               RegisterEntry.formatted != literal(before) + cast(RegisterEntry.seq, String) + literal(after))


def _next_free(session: Session, register: Register, count: int = 1) -> int:
    """The next number that no paper decree of this book carries, nor the ``count`` - 1 after it."""
    taken = sorted(session.scalars(select(RegisterEntry.seq).where(
        RegisterEntry.register_id == register.id, RegisterEntry.seq >= register.next_seq)))
    first = register.next_seq
    for seq in taken:
        if seq - first >= count:
            break
        first = max(first, seq + 1)
    return first


def live_entry(session: Session, decree: Decree) -> RegisterEntry | None:
    """The number that the decree holds or used; ``None`` when it has none."""
    return session.scalars(
        select(RegisterEntry).where(RegisterEntry.decree_id == decree.id,
                                    RegisterEntry.state != "void")).one_or_none()


def mark_used(session: Session, decree_ids: Sequence[int]) -> None:
    """The decrees were signed: their numbers are used."""
    session.execute(
        update(RegisterEntry).where(RegisterEntry.decree_id.in_(decree_ids), RegisterEntry.state == "held")
        .values(state="used"))


def void_number(session: Session, decree: Decree, reason: str, actor: AuditActor, now: datetime) -> None:
    """Keep the decree's number as void, with its reason; nothing when it has none.

    :raises NumberInUse: the decree is signed, or being signed
    """
    entry = live_entry(session, decree)
    if entry is None:
        return
    _ensure_unsigned(decree, entry)
    _void(session, decree, entry, reason, actor, now)
    session.flush()


def _void(session: Session, decree: Decree, entry: RegisterEntry, reason: str, actor: AuditActor,
          now: datetime) -> None:
    entry.state, entry.void_reason, entry.voided_at = "void", reason[:500], now
    decree.number = None
    record_decree(session, decree, "number_voided", actor, now,
                  {"number": entry.formatted, "reason": entry.void_reason, "lock_version": decree.lock_version})


def list_books(deps: Deps, actor: Actor) -> tuple[Book, ...]:
    """The registers of the actor's agencies (all for those who see all), newest year first."""
    titles = {kind.register: kind.title for kind in reversed(deps.kinds.all())}  # the first of those that share one
    with deps.db.read_session() as session:
        statement = (
            select(Register.id, Register.book, Register.year, Unit.name).join(Unit, Unit.id == Register.unit_id)
            .order_by(Register.year.desc(), Register.book, Unit.name))
        if not actor.roles & {"bureau", "admin"}:
            statement = statement.where(Register.unit_id.in_(actor.agency_ids))
        return tuple(Book(str(row.id), f"{titles.get(row.book, row.book)} · {row.name} · {row.year}")
                     for row in session.execute(statement))


def register_book(deps: Deps, actor: Actor, book_key: str, cursor: str = "") -> BookPage:
    """A page of a register by falling number; subjects of secret decrees stay hidden."""
    if not _is_key(book_key):
        return BookPage("", (), "", "")
    below = int(cursor) if _is_key(cursor) and len(cursor) <= _LONGEST_SEQ else None
    with deps.db.read_session() as session:
        shown = visible_condition(actor).label("shown")
        statement = (
            select(RegisterEntry, Decree.subject, Decree.public_id, shown, Register.next_seq)
            .join(Decree, Decree.id == RegisterEntry.decree_id)
            .join(Register, Register.id == RegisterEntry.register_id)
            .where(RegisterEntry.register_id == int(book_key)))
        if not actor.roles & {"bureau", "admin"}:
            statement = statement.where(Register.unit_id.in_(actor.agency_ids))
        if below is not None:
            statement = statement.where(RegisterEntry.seq < below)
        rows = list(session.execute(statement.order_by(RegisterEntry.seq.desc()).limit(PAGE_SIZE + 1)))
    items = tuple(_entry(row) for row in rows[:PAGE_SIZE])
    following = str(items[-1].seq) if len(rows) > PAGE_SIZE else ""
    is_first = not items or items[0].seq >= rows[0].next_seq - 1
    return BookPage(book_key, items, following, "" if is_first else str(items[0].seq + PAGE_SIZE + 1))


def _entry(row: Any) -> BookEntry:
    entry: RegisterEntry = row[0]
    subject = row[1] if row[3] else "(rahasia)"
    return BookEntry(entry.seq, entry.formatted, subject, row[2], entry.state, entry.void_reason, entry.taken_at)


def _is_key(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _LONGEST_KEY


def _ensure_unsigned(decree: Decree, entry: RegisterEntry | None) -> None:
    if decree.status in _SIGNED or (entry is not None and entry.state == "used"):
        raise NumberInUse(f"decree {decree.public_id} is {decree.status}")


def _write(unit_code: str, kind: Kind, seq: int, today: date) -> str:
    return format_number(kind.number_format, seq=seq, unit_code=unit_code, issued_on=today)


def _code_of(session: Session, agency_id: int) -> str:
    agency = session.get_one(Unit, agency_id)
    return agency.letter_code or agency.code


def _year_of(session: Session, entry: RegisterEntry) -> int:
    return session.get_one(Register, entry.register_id).year


def _lock_register(session: Session, book: str, unit_id: int, year: int) -> Register:
    """The register's row, made when missing (race-free), locked until the transaction ends."""
    insert_missing(session, Register, ("book", "unit_id", "year"),
                   {"book": book, "unit_id": unit_id, "year": year, "next_seq": 1})
    return session.scalars(
        select(Register).where(Register.book == book, Register.unit_id == unit_id, Register.year == year)
        .with_for_update().execution_options(populate_existing=True)).one()
