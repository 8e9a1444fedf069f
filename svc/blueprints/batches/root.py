"""The blueprint that the pages of batches hang on, and what they share."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response, render_template, request, url_for
from flask_babel import gettext as _

from svc.blueprints.batches.words import event_titles, failure_words, problem_lines, row_failures
from svc.errors import NotFound
from svc.frame import TimelineStep
from svc.kinds import Kind
from svc.security import current_actor, deps
from svc.services.batches import lists, page
from svc.services.batches.page import PAGE_SIZE, BatchView, Event, RowFilter, RowItem, Speed

bp = Blueprint("batches", __name__)
UNPROCESSABLE = 422
INLINE_ROWS = 300  # so few are checked within the request, so that their outcome is there at once
Page = tuple[str, int]
_STATES = ("invalid", "ready", "unchecked", "live", "failed", "excluded")


def kind_of(view: BatchView) -> Kind:
    """The kind of all its decrees."""
    return deps().kinds.get(view.kind)


def mark_of(view: BatchView | Speed) -> str:
    """How a batch stands, in one word: a page that shows another one is out of date."""
    paused = view.paused if isinstance(view, Speed) else view.paused_at is not None
    work = view.progress.work
    return f"{view.status}.{work}.{int(paused)}.{view.stop_code}"


def show_page(batch_id: str, errors: Mapping[str, str] | None = None, error: str = "") -> str:
    """The page of a batch: a draft with its rows, or one on its way. ``errors`` are those of the last form."""
    wanted = request.args.get("state", "")
    state = wanted if wanted in _STATES else ""
    text = request.args.get("q", "").strip()[:200]
    after, before = _number("after"), _number("before")
    view, rows = page.load_with_rows(
        deps(), current_actor(), batch_id, RowFilter(state, text, 0 if before else after, before), PAGE_SIZE + 1)
    has_more = len(rows) > PAGE_SIZE
    shown = rows[-PAGE_SIZE:] if before else rows[:PAGE_SIZE]
    has_prev, has_next = (has_more, True) if before else (after > 0, has_more)
    template = "batches/draft.html" if view.status == "draft" else "batches/show.html"
    return render_template(
        template, batch=view, kind=kind_of(view), rows=shown, state=state, text=text, mark=mark_of(view),
        has_next=bool(shown) and has_next, has_prev=bool(shown) and has_prev,
        problems=problem_lines(kind_of(view), shown), failures=row_failures(shown), event_titles=event_titles(),
        also_in=lists.also_in(deps(), current_actor(), view, shown),
        errors=errors or {}, error=error, pending=pending_sheet(view), returned=_last_return(view), steps=_steps(view),
        stop_words=failure_words(view.stop_code) if view.stop_code else "")


def pending_sheet(view: BatchView) -> Mapping[str, str]:
    """The sheet that was uploaded last and whose columns were not told yet; empty if there is none."""
    for event in view.events:  # newest first
        if event.type == "rows_put":
            return {}
        if event.type == "sheet_uploaded" and view.status == "draft":
            return {"sha256": str(event.payload.get("sha256", "")), "name": str(event.payload.get("source", ""))}
    return {}


def _last_return(view: BatchView) -> Event | None:
    """The return that the drafter still has to answer."""
    if view.status != "draft":
        return None
    last = next((one for one in view.events if one.type in {"batch_given_back", "batch_submitted"}), None)
    return last if last is not None and last.type == "batch_given_back" else None


def faulty_rows(batch_id: str, most: int) -> tuple[RowItem, ...]:
    """The rows with something wrong, in their order."""
    return page.load_rows(deps(), current_actor(), batch_id, state="invalid", most=most)


def row_number(text: str) -> int:
    """The number of a row in an address. :raises NotFound: it is none"""
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise NotFound
    return int(text)


def reload_page() -> Response:
    """For htmx: load the whole page anew."""
    return Response(status=200, headers={"HX-Refresh": "true"})


def address_of(batch_id: str) -> str:
    """The batch's own page."""
    return url_for("batches.show", batch_id=batch_id)


def _steps(view: BatchView) -> tuple[TimelineStep, ...]:
    states = {"next": "upcoming"}
    return tuple(TimelineStep(_(step.title), states.get(step.state, step.state), step.who or step.position_title,
                              step.position_title if step.who else "", step.at,
                              view.due_at if step.state == "current" else None, "", "", mine=False)
                 for step in view.steps)


def _number(name: str) -> int:
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0
