"""A new batch, and the sheet that fills it: template, upload, which column is what."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as WerkzeugResponse

from svc.blueprints.batches.root import INLINE_ROWS, UNPROCESSABLE, Page, address_of, bp, show_page
from svc.blueprints.downloads import name_file
from svc.error_pages import translate, translated_fields
from svc.errors import InvalidInput, NotFound
from svc.kinds import Kind
from svc.limits import limited
from svc.security import current_actor, deps, form_version, requires
from svc.services.batches import drafting, uploads, work
from svc.services.drafting import find_kind
from svc.sheets_write import template_csv, template_xlsx

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@bp.get("/batches/new")
@requires("decree.draft")
def new() -> str:
    """Choose a kind and a name."""
    return _new_form({}, {})


@bp.post("/batches/new")
@requires("decree.draft")
def create() -> WerkzeugResponse | Page:
    """Make an empty batch."""
    values = {"kind": request.form.get("kind", ""), "title": request.form.get("title", "")}
    try:
        batch_id = drafting.create(deps(), current_actor(), values["kind"], values["title"])
    except InvalidInput as error:
        return _new_form(values, translated_fields(error)), UNPROCESSABLE
    return redirect(address_of(batch_id))


@bp.get("/batches/template/<kind_id>.<form>")
@requires("decree.draft")
def template(kind_id: str, form: str) -> Response:
    """A sheet of a kind to fill in, as csv or xlsx."""
    kind = _kind(kind_id)
    if form == "csv":
        response = Response(template_csv(kind), mimetype="text/csv; charset=utf-8")
    elif form == "xlsx":
        response = Response(template_xlsx(kind), mimetype=XLSX)
    else:
        raise NotFound
    name_file(response, "attachment", f"{kind.id}.{form}")
    return response


@bp.post("/batches/<batch_id>/sheet")
@requires("decree.draft")
@limited("30 per minute")
def upload(batch_id: str) -> WerkzeugResponse | Page:
    """Take a CSV or XLSX file, then ask which column is what."""
    try:
        name, data = _uploaded()
        sha256 = uploads.receive(deps(), current_actor(), batch_id, name, data)
    except InvalidInput as error:
        return show_page(batch_id, translated_fields(error)), UNPROCESSABLE
    return redirect(url_for("batches.sheet", batch_id=batch_id, sha256=sha256))


@bp.get("/batches/<batch_id>/sheets/<sha256>")
@requires("decree.draft")
def sheet(batch_id: str, sha256: str) -> str:
    """Which column of the sheet is which field."""
    return _sheet_page(batch_id, sha256, None)


@bp.post("/batches/<batch_id>/sheets/<sha256>")
@requires("decree.draft")
@limited("30 per minute")
def take_sheet(batch_id: str, sha256: str) -> WerkzeugResponse | Page:
    """Put the rows of the sheet into the batch and have them checked."""
    shown = uploads.load_sheet(deps(), current_actor(), batch_id, sha256)
    chosen = {one.text: path for place, one in enumerate(shown.headings)
              if (path := request.form.get(f"column.{place}", ""))}
    try:
        count = uploads.take(deps(), current_actor(), batch_id, sha256, form_version(), chosen,
                             keep_ready=request.form.get("rows") == "faulty")
    except InvalidInput as error:
        return _sheet_page(batch_id, sha256, error, chosen), UNPROCESSABLE
    if count <= INLINE_ROWS:
        work.drain(deps(), batch_id)
    flash(ngettext(
        "%(n)s baris dimasukkan dari %(name)s.",
        "%(n)s baris dimasukkan dari %(name)s.", count, n=count, name=shown.source_name or _("lembar")), "success")
    return redirect(address_of(batch_id))


def _sheet_page(batch_id: str, sha256: str, error: InvalidInput | None,
                chosen: Mapping[str, str] | None = None) -> str:
    shown = uploads.load_sheet(deps(), current_actor(), batch_id, sha256, chosen)
    texts = [translate(error)] if error and not error.fields else []
    texts += list(translated_fields(error).values()) if error else []
    return render_template("batches/sheet.html", sheet=shown, kind=deps().kinds.get(shown.kind), error=" ".join(texts))


def _uploaded() -> tuple[str, bytes]:
    """Name and bytes of the file. :raises InvalidInput: none was chosen"""
    file = request.files.get("file")
    if file is None or not file.filename:
        raise InvalidInput(fields={"file": "Pilih berkas CSV atau XLSX terlebih dahulu."})
    return file.filename, file.stream.read(deps().settings.max_upload_bytes + 1)


def _new_form(values: Mapping[str, str], errors: Mapping[str, str]) -> str:
    kinds = [kind for kind in deps().kinds.written() if not kind.chosen]
    return render_template("batches/new.html", kinds=kinds, values=values, errors=errors)


def _kind(kind_id: str) -> Kind:
    try:
        return find_kind(deps(), kind_id)
    except InvalidInput as error:  # here it stands in the address, not in a field
        raise NotFound from error
