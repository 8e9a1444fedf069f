"""Decrees: draft, list, page, files, and the acts of the drafter."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, Response, flash, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as WerkzeugResponse

from svc.blueprints.downloads import name_file
from svc.blueprints.listing import csv_response, filter_from, link_with
from svc.blueprints.view import decree_context
from svc.days import parse_day
from svc.error_pages import translated_fields, wants_json
from svc.errors import InvalidInput, NotFound
from svc.schema_form import build_form, labels_of, parse_form, placed_errors
from svc.security import current_actor, deps, form_version, requires
from svc.services import decree_page, drafting, legal, paper, routing, tracking
from svc.services.finished_pdfs import CurableContent

bp = Blueprint("decrees", __name__)
_UNPROCESSABLE = 422
_TABLE_IN_FORM = 50  # a longer list stays out of the form, and only so much of it is laid out while one types


@bp.get("/decrees")
@requires("decree.list")
def index() -> str:
    """The tracking list."""
    wanted = filter_from(request.args)
    page = tracking.load_page(deps(), current_actor(), wanted, request.args.get("cursor", ""))
    return render_template("decrees/index.html", page=page, wanted=wanted, units=tracking.unit_choices(deps()),
                           kinds=deps().kinds.all(), now=deps().clock.now(), link_with=link_with)


@bp.get("/decrees.csv")
@requires("decree.list")
def export() -> Response:
    """The same list as CSV (at most 10,000 rows)."""
    rows = tracking.export_rows(deps(), current_actor(), filter_from(request.args))
    return csv_response(rows, {kind.id: kind.title for kind in deps().kinds.all()}, deps().settings.tzinfo)


@bp.get("/search")
@requires("decree.list")
def search() -> str:
    """Hits for the search box (an htmx fragment)."""
    text = request.args.get("q", "")
    found = tracking.quick_search(deps(), current_actor(), text)
    return render_template("decrees/_hits.html", hits=found, text=text)


@bp.get("/decrees/new")
@requires("decree.draft")
def choose_kind() -> str:
    """Choose what to draft."""
    return render_template("decrees/choose.html", kinds=deps().kinds.written())


@bp.get("/decrees/new/<kind_id>")
@requires("decree.draft")
def new(kind_id: str) -> str:
    """An empty form for a kind; ``?example=1`` fills it with the kind's example."""
    kind = _kind(kind_id)
    if kind.parent_kind:
        raise NotFound  # made from its parent's page
    data = kind.example if request.args.get("example") else {}
    return _form(kind_id, data)


@bp.post("/decrees/new/<kind_id>")
@requires("decree.draft")
def create(kind_id: str) -> WerkzeugResponse | tuple[str, int]:
    """Save the first draft, and submit it at once when asked to."""
    data = parse_form(_kind(kind_id).schema, request.form.items(multi=True))
    try:
        decree_id = drafting.create_draft(deps(), current_actor(), kind_id, data, is_partial=_is_unfinished())
        return _saved(decree_id)
    except InvalidInput as error:
        return _form(kind_id, data, error), _UNPROCESSABLE


@bp.post("/decrees/preview/<kind_id>")
@requires("decree.draft")
def preview(kind_id: str) -> Response:
    """The PDF of what is typed so far, or for a page that asks for JSON what is missing; nothing is kept."""
    kind = _kind(kind_id)
    data = parse_form(kind.schema, request.form.items(multi=True))
    if kind.table and request.form.get("keep_table"):
        kept = decree_page.load_decree(deps(), current_actor(), request.form["keep_table"]).data
        data[kind.table] = kept.get(kind.table, [])[:_TABLE_IN_FORM]
    try:
        return _pdf(drafting.preview(deps(), current_actor(), kind_id, data), "konsep.pdf", cache=False)
    except InvalidInput as error:
        if not wants_json():
            raise
        # Unfinished is the usual state of a draft and no fault: browsers would log any 4xx as an error.
        return jsonify(code="unfinished", fields=translated_fields(error))


@bp.get("/decrees/upload")
@requires("decree.draft")
def upload_form() -> str:
    """Form for a finished PDF."""
    return _upload_form({})


@bp.post("/decrees/upload")
@requires("decree.draft")
def upload() -> WerkzeugResponse | tuple[str, int]:
    """Take a finished PDF as a draft."""
    values = {"kind": request.form.get("kind", ""), "subject": request.form.get("subject", "")}
    try:
        decree_id = drafting.upload_draft(deps(), current_actor(), values["kind"], values["subject"],
                                          _uploaded_bytes(), as_pictures=_wants_pictures())
    except InvalidInput as error:
        return _upload_form(values, error), _UNPROCESSABLE
    flash(_("Berkas diterima sebagai konsep. Periksa, lalu ajukan."), "success")
    return redirect(url_for("decrees.show", decree_id=decree_id))


@bp.get("/decrees/paper")
@requires("decree.register_paper")
def paper_form() -> str:
    """Form for a decree that was signed on paper."""
    return render_template("decrees/paper.html", kinds=deps().kinds.all(), values={}, errors={})


@bp.post("/decrees/paper")
@requires("decree.register_paper")
def register_paper() -> WerkzeugResponse | tuple[str, int]:
    """Register a decree signed on paper, with its scan."""
    names = ("kind", "subject", "number", "signed_on", "signer_name")
    values = {name: request.form.get(name, "").strip() for name in names}
    try:
        decree_id = paper.register_paper(
            deps(), current_actor(), kind_id=values["kind"], subject=values["subject"],
            number=values["number"], signed_on=_day(values["signed_on"]), signer_name=values["signer_name"],
            scan_pdf=_uploaded_bytes())
    except InvalidInput as error:
        return render_template("decrees/paper.html", kinds=deps().kinds.all(), values=values,
                               errors=translated_fields(error)), _UNPROCESSABLE
    flash(_("Naskah bertanda tangan basah sudah diregistrasi."), "success")
    return redirect(url_for("decrees.show", decree_id=decree_id))


@bp.get("/decrees/<decree_id>")
@requires("decree.view")
def show(decree_id: str) -> str:
    """The page of one decree."""
    view = decree_page.load_decree(deps(), current_actor(), decree_id)
    return render_template("decrees/show.html", **decree_context(view))


@bp.get("/decrees/<decree_id>/pdf")
@requires("decree.view")
def pdf(decree_id: str) -> Response:
    """The current file, or the stored one with the hash in ``?sha=``."""
    file = decree_page.load_pdf(deps(), current_actor(), decree_id, request.args.get("sha") or None)
    return _pdf(file.data, file.name, cache=True)


@bp.get("/decrees/<decree_id>/edit")
@requires("decree.draft")
def edit(decree_id: str) -> str:
    """The form of a draft."""
    view = decree_page.load_decree(deps(), current_actor(), decree_id)
    if not view.actions.edit:
        raise NotFound
    if view.source == "upload":
        return _upload_form({}, decree=view)
    return _form(view.kind, view.data, decree=view)


@bp.post("/decrees/<decree_id>/edit")
@requires("decree.draft")
def save(decree_id: str) -> WerkzeugResponse | tuple[str, int]:
    """Save a draft, and submit it at once when asked to."""
    view = decree_page.load_decree(deps(), current_actor(), decree_id)
    if view.source == "upload":
        try:
            drafting.replace_upload(deps(), current_actor(), decree_id, form_version(), _uploaded_bytes(),
                                    as_pictures=_wants_pictures())
            return _saved(decree_id)
        except InvalidInput as error:
            return _upload_form({}, error, view), _UNPROCESSABLE
    kind = _kind(view.kind)
    data = parse_form(kind.schema, request.form.items(multi=True))
    if kind.table and request.form.get("keep_table"):
        data[kind.table] = view.data.get(kind.table, [])
    try:
        drafting.save_draft(deps(), current_actor(), decree_id, data, form_version(), is_partial=_is_unfinished())
        return _saved(decree_id)
    except InvalidInput as error:
        return _form(view.kind, data, error, view), _UNPROCESSABLE


@bp.post("/decrees/<decree_id>/submit")
@requires("decree.draft")
def submit(decree_id: str) -> WerkzeugResponse | tuple[str, int]:
    """Send a draft on its route; an unfinished one leads to its form, with what is missing."""
    try:
        routing.submit(deps(), current_actor(), decree_id, form_version())
    except InvalidInput as error:
        view = decree_page.load_decree(deps(), current_actor(), decree_id)
        return _form(view.kind, view.data, error, view), _UNPROCESSABLE
    flash(_("Naskah diajukan."), "success")
    return redirect(url_for("decrees.show", decree_id=decree_id))


@bp.post("/decrees/<decree_id>/withdraw")
@requires("decree.draft")
def withdraw(decree_id: str) -> WerkzeugResponse:
    """Pull a submitted decree back to a draft."""
    routing.withdraw(deps(), current_actor(), decree_id, form_version(), request.form.get("reason", ""))
    flash(_("Naskah ditarik kembali menjadi konsep."), "success")
    return redirect(url_for("decrees.show", decree_id=decree_id))


@bp.post("/decrees/<decree_id>/discard")
@requires("decree.draft")
def discard(decree_id: str) -> WerkzeugResponse:
    """Throw a draft away, with a reason; it stays on record."""
    drafting.discard(deps(), current_actor(), decree_id, form_version(), request.form.get("reason", ""))
    flash(_("Konsep dibuang."), "success")
    return redirect(url_for("decrees.index"))


@bp.post("/decrees/<decree_id>/duplicate")
@requires("decree.draft")
def duplicate(decree_id: str) -> WerkzeugResponse:
    """Begin a new draft with the same data."""
    new_id = drafting.duplicate(deps(), current_actor(), decree_id)
    flash(_("Konsep baru dibuat dengan isi yang sama."), "success")
    return redirect(url_for("decrees.edit", decree_id=new_id))


@bp.post("/decrees/<decree_id>/legal-status")
@requires("decree.legal_status")
def set_legal_status(decree_id: str) -> WerkzeugResponse:
    """Mark an issued decree as amended or revoked."""
    legal.set_status(deps(), current_actor(), decree_id, request.form.get("status", ""),
                     request.form.get("reason", ""), request.form.get("superseded_by", "").strip() or None)
    flash(_("Status hukum diperbarui."), "success")
    return redirect(url_for("decrees.show", decree_id=decree_id))


def _form(kind_id: str, data: dict[str, object], error: InvalidInput | None = None,
          decree: decree_page.DecreeView | None = None) -> str:
    kind = _kind(kind_id)
    errors = translated_fields(error) if error else {}
    schema = drafting.schema_for(deps(), current_actor(), kind_id, decree.public_id if decree else None)
    rows = data.get(kind.table) if decree and kind.table else None
    kept = len(rows) if isinstance(rows, list) and len(rows) > _TABLE_IN_FORM else 0
    if kept:
        shown = {name: sub for name, sub in schema["properties"].items() if name != kind.table}
        schema = {**schema, "properties": shown}
    errors = placed_errors(build_form(schema, data, errors, say=_), errors)
    fields = build_form(schema, data, errors, say=_)
    return render_template("decrees/form.html", kind=kind, fields=fields, errors=errors, decree=decree,
                           labels=labels_of(fields), kept=kept, most=_TABLE_IN_FORM)


def _upload_form(values: dict[str, str], error: InvalidInput | None = None,
                 decree: decree_page.DecreeView | None = None) -> str:
    """The form for a finished PDF, new or in the place of an uploaded one."""
    is_curable = isinstance(error, CurableContent)
    return render_template("decrees/upload.html", kinds=deps().kinds.written(), values=values, decree=decree,
                           errors=translated_fields(error) if error else {}, is_curable=is_curable,
                           as_pictures=is_curable or _wants_pictures())


def _wants_pictures() -> bool:
    """Whether an upload that can be taken in no other way is to become pictures of its pages."""
    return bool(request.form.get("as_pictures"))


def _saved(decree_id: str) -> WerkzeugResponse:
    if request.form.get("then") == "submit":
        view = decree_page.load_decree(deps(), current_actor(), decree_id)
        routing.submit(deps(), current_actor(), decree_id, view.lock_version)
        flash(_("Naskah diajukan."), "success")
    else:
        flash(_("Konsep disimpan."), "success")
    return redirect(url_for("decrees.show", decree_id=decree_id))


def _is_unfinished() -> bool:
    """Whether the draft is only to be saved: then it may still lack something."""
    return request.form.get("then") != "submit"


def _kind(kind_id: str):  # type: ignore[no-untyped-def]
    try:
        return drafting.find_kind(deps(), kind_id)
    except InvalidInput as error:  # here it stands in the address, not in a field
        raise NotFound from error


def _uploaded_bytes() -> bytes:
    file = request.files.get("file")
    if file is None or not file.filename:
        raise InvalidInput(fields={"file": _("Pilih berkas PDF terlebih dahulu.")})
    return file.stream.read(deps().settings.max_upload_bytes + 1)


def _day(text: str) -> date:
    day = parse_day(text)
    if day is None:
        raise InvalidInput(fields={"signed_on": _("Tanggal tidak dapat dibaca.")})
    return day


def _pdf(data: bytes, name: str, *, cache: bool) -> Response:
    response = Response(data, mimetype="application/pdf")
    name_file(response, "inline", name)
    response.headers["Cache-Control"] = "private, max-age=0, must-revalidate" if cache else "no-store"
    if cache:
        response.add_etag()
        response.make_conditional(request)
    return response
