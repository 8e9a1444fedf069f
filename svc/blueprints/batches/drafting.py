"""A batch before it goes out: mending rows, taking them out, submitting, discarding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as WerkzeugResponse

from svc.blueprints.batches.root import (
    UNPROCESSABLE,
    Page,
    address_of,
    bp,
    faulty_rows,
    kind_of,
    row_number,
    show_page,
)
from svc.blueprints.batches.sheets import XLSX
from svc.blueprints.batches.words import field_titles, title_at
from svc.blueprints.downloads import name_file
from svc.error_pages import translate
from svc.errors import InvalidInput, NotFound, RouteUnusable
from svc.kind_fields import values_at
from svc.kinds import Kind
from svc.schema_form import build_form, labels_of, parse_form, placed_errors
from svc.security import current_actor, deps, form_version, requires
from svc.services.batches import drafting, page
from svc.services.batches.model import MOST_ROWS, StaleRow
from svc.sheet_columns import columns_of
from svc.sheets_write import FaultyRow, faulty_rows_xlsx


@bp.get("/batches/<batch_id>/rows/<row_no>/edit")
@requires("decree.draft")
def edit_row(batch_id: str, row_no: str) -> str:
    """One row in the form of its kind."""
    found = page.load_row(deps(), current_actor(), batch_id, row_number(row_no))
    if not found.batch.actions.edit:
        raise NotFound
    return _row_form(found)


@bp.post("/batches/<batch_id>/rows/<row_no>/edit")
@requires("decree.draft")
def save_row(batch_id: str, row_no: str) -> WerkzeugResponse | Page:
    """Keep what was typed, right or not, and say which; then go on to the next faulty row when asked to.

    When the row was changed elsewhere meanwhile, what was typed is shown beside what stands there now.
    """
    view, number = page.load_batch(deps(), current_actor(), batch_id), row_number(row_no)
    data = parse_form(kind_of(view).schema, request.form.items(multi=True))
    email = request.form.get("email", "")
    try:
        is_right = drafting.set_row(deps(), current_actor(), batch_id, number, _seen_mark(), data, email)
    except StaleRow as error:
        return _row_form(page.load_row(deps(), current_actor(), batch_id, number), data, email), error.status
    if not is_right:
        return _row_form(page.load_row(deps(), current_actor(), batch_id, number)), UNPROCESSABLE
    flash(_("Baris %(n)s sudah benar.", n=row_no), "success")
    following = faulty_rows(batch_id, 1) if request.form.get("then") == "next" else ()
    if following:
        return redirect(url_for("batches.edit_row", batch_id=batch_id, row_no=following[0].row_no))
    return redirect(address_of(batch_id))


@bp.post("/batches/<batch_id>/rows/<row_no>/drop")
@requires("decree.draft")
def drop_row(batch_id: str, row_no: str) -> WerkzeugResponse:
    """Take one row out."""
    drafting.drop_row(deps(), current_actor(), batch_id, row_number(row_no), _seen_mark())
    flash(_("Baris %(n)s dihapus.", n=row_no), "success")
    return redirect(address_of(batch_id))


@bp.post("/batches/<batch_id>/drop-faulty")
@requires("decree.draft")
def drop_faulty(batch_id: str) -> WerkzeugResponse:
    """Take every faulty row out."""
    count = drafting.drop_faulty(deps(), current_actor(), batch_id, form_version())
    flash(ngettext("%(n)s baris bermasalah dihapus.", "%(n)s baris bermasalah dihapus.", count, n=count), "success")
    return redirect(address_of(batch_id))


@bp.get("/batches/<batch_id>/faulty.xlsx")
@requires("decree.draft")
def faulty_sheet(batch_id: str) -> Response:
    """The faulty rows as a sheet, with what is wrong in its first column."""
    view = page.load_batch(deps(), current_actor(), batch_id)
    kind = kind_of(view)
    titles = field_titles(kind)
    rows = [FaultyRow(item.line_no, data,
                      tuple(_line(title_at(titles, one.path), one.said(_)) for one in item.problems), email)
            for item, data, email in page.load_faulty_data(deps(), current_actor(), batch_id, MOST_ROWS)]
    if not rows:
        raise NotFound
    response = Response(faulty_rows_xlsx(kind, rows), mimetype=XLSX)
    name_file(response, "attachment", f"{view.title} - {_('bermasalah')}.xlsx".replace("/", "-"))
    return response


@bp.post("/batches/<batch_id>/submit")
@requires("decree.draft")
def submit(batch_id: str) -> WerkzeugResponse | Page:
    """Send the batch on its route."""
    try:
        count = drafting.submit(deps(), current_actor(), batch_id, form_version(),
                                auto_issue=request.form.get("auto_issue") == "true")
    except (InvalidInput, RouteUnusable) as error:
        return show_page(batch_id, error=translate(error)), error.status
    flash(ngettext(
        "%(n)s naskah diajukan; sedang disusun.",
        "%(n)s naskah diajukan; sedang disusun.", count, n=count), "success")
    return redirect(address_of(batch_id))


@bp.post("/batches/<batch_id>/discard")
@requires("decree.draft")
def discard(batch_id: str) -> WerkzeugResponse:
    """Throw a draft batch away, with a reason."""
    drafting.discard(deps(), current_actor(), batch_id, form_version(), request.form.get("reason", ""))
    flash(_("Kelompok dibuang."), "success")
    return redirect(url_for("batches.index"))


def _seen_mark() -> str:
    return request.form.get("seen_mark", "")


def _row_form(found: page.RowPage, typed: Mapping[str, Any] | None = None, email: str = "") -> str:
    """The row as it stands, or what was ``typed`` over what stands there now."""
    item, kind = found.row, kind_of(found.batch)
    errors = {f"data.{one.path}": one.said(_) for one in reversed(item.problems) if _is_of_kind(one.path)}
    others = [one.said(_) for one in item.problems if not one.path]
    changed = [] if typed is None else _differences(kind, found, typed, email)
    shown = dict(found.data if typed is None else typed)
    errors = placed_errors(build_form(kind.schema, shown, errors, say=_), errors)
    fields = build_form(kind.schema, shown, errors, say=_)
    return render_template(
        "batches/row_form.html", batch=found.batch, row=item, kind=kind, fields=fields, errors=errors, others=others,
        labels=labels_of(fields), email=found.email if typed is None else email, changed=changed,
        is_stale=typed is not None,
        email_error=next((one.said(_) for one in item.problems if one.path.startswith("@")), ""),
        left=found.batch.counts.get("invalid", 0))


def _differences(kind: Kind, found: page.RowPage, typed: Mapping[str, Any], email: str) -> list[str]:
    """What stands in a row now where it is not what was typed, with its title."""
    told = []
    ours = deps().kinds.complete_data(kind, dict(typed))
    for column in columns_of(kind):
        paths = (column.path, f"{column.path}[]")
        now, mine = ([str(value) for path in paths for value in values_at(data, path)] for data in (found.data, ours))
        if now != mine:
            told.append(_line(_(column.title), "; ".join(now) or _("(kosong)")))
    return told + ([_line(_("Alamat surel"), found.email or _("(kosong)"))] if found.email != email.strip() else [])


def _is_of_kind(path: str) -> bool:
    """Whether it is a field of the decree: neither the row as a whole nor what is only the sheet's."""
    return bool(path) and not path.startswith("@")


def _line(title: str, text: str) -> str:
    return f"{title}: {text}" if title else text
