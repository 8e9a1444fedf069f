"""A decree about many people: its list from a sheet, and once it is signed its excerpts and copies."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as WerkzeugResponse

from svc.blueprints.batches.root import INLINE_ROWS
from svc.blueprints.batches.sheets import XLSX
from svc.blueprints.downloads import name_file
from svc.error_pages import translated_fields
from svc.errors import InvalidInput, NotFound
from svc.limits import limited
from svc.security import current_actor, deps, form_version, requires
from svc.services import table_sheet
from svc.services.batches import collective, work
from svc.services.drafting import find_kind
from svc.services.table_sheet import TableFault, TableRefused
from svc.sheets_write import template_csv, template_xlsx

bp = Blueprint("collective", __name__)
_UNPROCESSABLE = 422
_SHOWN_FAULTS = 50


@bp.post("/decrees/<decree_id>/excerpts")
@requires("decree.draft")
@limited("10 per minute")
def excerpts(decree_id: str) -> WerkzeugResponse:
    """Draft an excerpt for everybody in the list who has none."""
    made = collective.make_excerpts(deps(), current_actor(), decree_id)
    if made.count <= INLINE_ROWS:
        work.drain(deps(), made.batch_id)
    flash(ngettext(
        "%(n)s petikan disusun dalam satu kelompok. Periksa, lalu ajukan.",
        "%(n)s petikan disusun dalam satu kelompok. Periksa, lalu ajukan.", made.count, n=made.count), "success")
    if made.left_out:
        flash(ngettext(
            "%(n)s orang dilewati karena petikannya sudah ada.",
            "%(n)s orang dilewati karena petikannya sudah ada.", made.left_out, n=made.left_out), "info")
    return redirect(url_for("batches.show", batch_id=made.batch_id))


@bp.post("/decrees/<decree_id>/copies")
@requires("decree.draft")
@limited("10 per minute")
def copy(decree_id: str) -> WerkzeugResponse:
    """Draft a copy of the whole."""
    copy_id = collective.make_copy(deps(), current_actor(), decree_id)
    flash(_("Salinan disusun sebagai konsep. Periksa, lalu ajukan."), "success")
    return redirect(url_for("decrees.show", decree_id=copy_id))


@bp.get("/decrees/<decree_id>/table")
@requires("decree.draft")
def table(decree_id: str) -> str:
    """Form for a sheet that fills a draft's list."""
    return _table_page(decree_id, {}, ())


@bp.post("/decrees/<decree_id>/table")
@requires("decree.draft")
@limited("30 per minute")
def fill_table(decree_id: str) -> WerkzeugResponse | tuple[str, int]:
    """Put the rows of a CSV or XLSX file in the place of the list."""
    try:
        done = table_sheet.fill_table(deps(), current_actor(), decree_id, form_version(), _uploaded())
    except TableRefused as error:
        return _table_page(decree_id, {}, error.faults), _UNPROCESSABLE
    except InvalidInput as error:
        return _table_page(decree_id, translated_fields(error), ()), _UNPROCESSABLE
    flash(ngettext(
        "Daftar kini memuat %(n)s orang.",
        "Daftar kini memuat %(n)s orang.", done.rows, n=done.rows), "success")
    if done.left_out:
        flash(_("Kolom ini tidak dimasukkan: %(names)s.", names=", ".join(done.left_out)), "warning")
    if done.sheets_left_out:
        flash(_("Hanya lembar “%(sheet)s” yang dibaca; lembar lain dilewati: %(names)s.", sheet=done.sheet,
                names=", ".join(done.sheets_left_out)), "warning")
    return redirect(url_for("decrees.edit", decree_id=decree_id))


@bp.get("/decrees/table-template/<kind_id>.<form>")
@requires("decree.draft")
def template(kind_id: str, form: str) -> Response:
    """A sheet of a kind's list to fill in, as csv or xlsx."""
    try:
        kind = find_kind(deps(), kind_id)
    except InvalidInput as error:  # here it stands in the address, not in a field
        raise NotFound from error
    if not kind.table or form not in {"csv", "xlsx"}:
        raise NotFound
    member = table_sheet.member_kind(kind)
    response = (Response(template_csv(member), mimetype="text/csv; charset=utf-8") if form == "csv"
                else Response(template_xlsx(member), mimetype=XLSX))
    name_file(response, "attachment", f"{kind.id}-{kind.table}.{form}")
    return response


def _table_page(decree_id: str, errors: dict[str, str], faults: tuple[TableFault, ...]) -> str:
    view = table_sheet.load_draft(deps(), current_actor(), decree_id)
    kind = deps().kinds.get(view.kind)
    lines = [(fault.line_no, _(fault.title) if fault.title else "", fault.error.said(_))
             for fault in faults[:_SHOWN_FAULTS]]
    return render_template("decrees/table.html", decree=view, kind=kind, errors=errors, faults=lines,
                           count=len(faults), rows=len(view.data.get(kind.table, ())))


def _uploaded() -> bytes:
    file = request.files.get("file")
    if file is None or not file.filename:
        raise InvalidInput(fields={"file": "Pilih berkas CSV atau XLSX terlebih dahulu."})
    return file.stream.read(deps().settings.max_upload_bytes + 1)
