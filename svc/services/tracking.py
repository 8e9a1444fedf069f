"""The tracking list: search, filters, order, pages and export over the decrees one may see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session, aliased

from svc.actors import Actor
from svc.deps import Deps
from svc.models import Decree, Person, Position, Task, Unit
from svc.services.access import visible_condition
from svc.services.paging import Cursor, Page, decode_cursor
from svc.services.signature_blocks import count_blocks
from svc.services.unknown_outcomes import outcome_is_unknown

PAGE_SIZE = 50
EXPORT_LIMIT = 10_000
_MAX_WORDS = 6
STATUSES = ("draft", "in_review", "ready_to_sign", "signing", "signed", "issued", "rejected", "discarded")

Order = Literal["newest", "oldest", "due", "signed"]


@dataclass(frozen=True)
class TrackingFilter:
    """What to show. Empty means no restriction; days are inclusive, in the province's zone."""

    text: str = ""
    status: str = ""
    kind: str = ""
    unit_code: str = ""
    mine: bool = False
    overdue: bool = False
    medium: str = ""
    created_from: date | None = None
    created_to: date | None = None
    signed_from: date | None = None
    signed_to: date | None = None
    order: Order = "newest"


@dataclass(frozen=True)
class TrackingItem:
    decree_id: str
    kind: str
    subject: str
    number: str | None
    status: str
    legal_status: str
    medium: str
    unit_name: str
    drafter_name: str
    version_no: int
    created_at: datetime
    signed_at: datetime | None
    waits_for: str | None
    due_at: datetime | None
    signatures_given: int
    signatures_needed: int  # 0 before the document is frozen
    is_outcome_unknown: bool  # an act of signing on it ended, and nobody knows whether it made a signature

    @property
    def standing(self) -> str:
        """The status, or ``outcome_unknown`` instead of one that would say that it is being signed."""
        return "outcome_unknown" if self.is_outcome_unknown else self.status


@dataclass(frozen=True)
class UnitChoice:
    code: str
    name: str
    depth: int


def load_page(deps: Deps, actor: Actor, wanted: TrackingFilter, cursor: str = "") -> Page[TrackingItem]:
    """One page in at most three statements."""
    with deps.db.read_session() as session:
        return _page(session, _filtered(deps, actor, wanted), wanted.order, decode_cursor(cursor))


def export_rows(deps: Deps, actor: Actor, wanted: TrackingFilter) -> Iterator[TrackingItem]:
    """Up to 10,000 rows of the same list, for the CSV file."""
    with deps.db.read_session() as session:
        statement = _filtered(deps, actor, wanted)
        order = _KEYS[wanted.order].clauses(backward=False)
        rows = session.execute(statement.order_by(*order).limit(EXPORT_LIMIT).execution_options(yield_per=500))
        for row in rows:
            yield TrackingItem(*row[1:])


def unit_choices(deps: Deps) -> tuple[UnitChoice, ...]:
    """The units as an indented list, parents before their children."""
    with deps.db.read_session() as session:
        units = list(session.scalars(select(Unit).where(Unit.is_active).order_by(Unit.name)))
    children: dict[int | None, list[Unit]] = {}
    for unit in units:
        children.setdefault(unit.parent_id, []).append(unit)

    def walk(parent: int | None, depth: int) -> Iterator[UnitChoice]:
        for unit in children.get(parent, ()):
            yield UnitChoice(unit.code, unit.name, depth)
            yield from walk(unit.id, depth + 1)

    return tuple(walk(None, 0))


def quick_search(deps: Deps, actor: Actor, text: str) -> tuple[TrackingItem, ...]:
    """The newest eight hits for the search box in the top bar."""
    if not text.strip():
        return ()
    with deps.db.read_session() as session:
        statement = _filtered(deps, actor, TrackingFilter(text=text))
        rows = session.execute(statement.order_by(*_KEYS["newest"].clauses(backward=False)).limit(8))
        return tuple(TrackingItem(*row[1:]) for row in rows)


def _page(session: Session, statement: Select[*tuple[Any, ...]], order: Order,
          cursor: Cursor | None) -> Page[TrackingItem]:
    backward = cursor is not None and cursor.is_backward
    key = _KEYS[order]
    if cursor is not None:
        statement = statement.where(key.beyond(cursor, backward=backward))
    rows = list(session.execute(statement.order_by(*key.clauses(backward=backward)).limit(PAGE_SIZE + 1)))
    has_more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
    if backward:
        rows.reverse()
    has_next = backward or has_more
    has_prev = cursor is not None and (not backward or has_more)
    last = Cursor(getattr(rows[-1], key.name), rows[-1].id) if rows else None
    first = Cursor(getattr(rows[0], key.name), rows[0].id) if rows else None
    return Page(
        items=tuple(TrackingItem(*row[1:]) for row in rows),
        next_cursor=last.encode() if last and has_next else "",
        prev_cursor=replace(first, is_backward=True).encode() if first and has_prev else "")


@dataclass(frozen=True)
class _Key:
    """What a list is ordered by: an instant, then the id. Rows without the instant are not in the list."""

    name: str
    column: Any
    is_falling: bool

    def clauses(self, *, backward: bool) -> tuple[Any, Any]:
        if self.is_falling != backward:
            return self.column.desc(), Decree.id.desc()
        return self.column.asc(), Decree.id.asc()

    def beyond(self, cursor: Cursor, *, backward: bool) -> ColumnElement[bool]:
        """The rows behind the cursor, or before it when going back."""
        same = self.column == cursor.at
        if self.is_falling != backward:
            return or_(self.column < cursor.at, and_(same, Decree.id < cursor.row_id))
        return or_(self.column > cursor.at, and_(same, Decree.id > cursor.row_id))


_OPEN_TASK = aliased(Task)
_KEYS: dict[Order, _Key] = {
    "newest": _Key("created_at", Decree.created_at, is_falling=True),
    "oldest": _Key("created_at", Decree.created_at, is_falling=False),
    "due": _Key("due_at", _OPEN_TASK.due_at, is_falling=False),
    "signed": _Key("signed_at", Decree.signed_at, is_falling=True),
}
ORDERS: tuple[Order, ...] = ("newest", "oldest", "due", "signed")


def _filtered(deps: Deps, actor: Actor, wanted: TrackingFilter) -> Select[*tuple[Any, ...]]:
    statement = (
        select(Decree.id, Decree.public_id, Decree.kind, Decree.subject, Decree.number, Decree.status,
               Decree.legal_status, Decree.medium, Unit.name, Person.name, Decree.version_no,
               Decree.created_at, Decree.signed_at, Position.title, _OPEN_TASK.due_at,
               count_blocks(Decree.id, signed=True), count_blocks(Decree.id, signed=False), outcome_is_unknown())
        .join(Unit, Unit.id == Decree.unit_id)
        .join(Person, Person.id == Decree.drafter_id)
        .outerjoin(_OPEN_TASK, and_(_OPEN_TASK.decree_id == Decree.id, _OPEN_TASK.status == "open"))
        .outerjoin(Position, Position.id == _OPEN_TASK.assignee_id)
        .where(visible_condition(actor), *_conditions(deps, actor, wanted)))
    if wanted.order in {"due", "signed"}:
        statement = statement.where(_KEYS[wanted.order].column.is_not(None))
    if wanted.overdue:
        statement = statement.where(_OPEN_TASK.due_at < deps.clock.now())
    if wanted.unit_code:
        statement = statement.where(Decree.unit_id.in_(_unit_and_below(wanted.unit_code)))
    return statement


def _unit_and_below(code: str) -> Select[tuple[int]]:
    """The unit's id and those of all units below it, as a recursive query."""
    tree = select(Unit.id).where(Unit.code == code).cte("below", recursive=True)
    tree = tree.union(select(Unit.id).join(tree, Unit.parent_id == tree.c.id))
    return select(tree.c.id)


def _conditions(deps: Deps, actor: Actor, wanted: TrackingFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.status in STATUSES:
        yield Decree.status == wanted.status
    elif not wanted.status:
        yield Decree.status != "discarded"
    if wanted.kind:
        yield Decree.kind == wanted.kind
    if wanted.medium:
        yield Decree.medium == wanted.medium
    if wanted.mine:
        yield Decree.drafter_id == actor.person_id
    for word in wanted.text.lower().split()[:_MAX_WORDS]:
        yield Decree.search_text.contains(word, autoescape=True)
    yield from _days(deps, Decree.created_at, wanted.created_from, wanted.created_to)
    yield from _days(deps, Decree.signed_at, wanted.signed_from, wanted.signed_to)


def _days(deps: Deps, column: Any, first: date | None, last: date | None) -> Iterator[ColumnElement[bool]]:
    zone = deps.settings.tzinfo
    if first is not None:
        yield column >= datetime.combine(first, time.min, zone).astimezone(UTC)
    if last is not None:
        yield column < datetime.combine(last + timedelta(days=1), time.min, zone).astimezone(UTC)
