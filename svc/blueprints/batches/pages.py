"""Looking at batches: the list, one batch, one row, and the numbers that pages ask for again and again."""

from __future__ import annotations

from flask import Response, render_template, request, url_for
from werkzeug.wrappers import Response as WerkzeugResponse

from svc.blueprints.batches.root import bp, kind_of, mark_of, reload_page, row_number, show_page
from svc.blueprints.batches.words import failure_words, problem_lines, row_failures
from svc.blueprints.downloads import name_file
from svc.security import current_actor, deps, requires
from svc.services.batches import drafting, lists, page
from svc.services.batches.page import RowFilter

_SHOWN_FAILURES = 20


@bp.get("/batches")
@requires("decree.list")
def index() -> str:
    """All batches that one may see, newest first."""
    found = lists.list_batches(deps(), current_actor(), request.args.get("cursor", ""))
    titles = {kind.id: kind.short_title for kind in deps().kinds.all()}
    return render_template("batches/index.html", page=found, kinds=titles)


@bp.get("/batches/<batch_id>")
@requires("decree.view")
def show(batch_id: str) -> str:
    """One batch: a draft with its rows, or how far it has come."""
    return show_page(batch_id)


@bp.get("/batches/<batch_id>/now")
@requires("decree.view")
def now(batch_id: str) -> Response | str:
    """How far the present work is (an htmx fragment); a page that shows another state is told to load anew."""
    speed = page.speed_of(deps(), current_actor(), batch_id)
    if request.args.get("mark", "") != mark_of(speed):
        return reload_page()
    return render_template("batches/_now.html", batch_id=batch_id, speed=speed, mark=mark_of(speed))


@bp.get("/batches/<batch_id>/progress")
@requires("decree.view")
def progress(batch_id: str) -> str:
    """Signing under way: done, rate, time left, failures; at the end the results."""
    view, failed = page.load_with_rows(
        deps(), current_actor(), batch_id, RowFilter(state="failed"), _SHOWN_FAILURES)
    return render_template("batches/progress.html", batch=view, speed=view.speed, failed=failed, mark=mark_of(view),
                           failures=row_failures(failed),
                           stop_words=failure_words(view.stop_code) if view.stop_code else "")


@bp.get("/batches/<batch_id>/rows/<row_no>")
@requires("decree.view")
def row(batch_id: str, row_no: str) -> str:
    """One row with its PDF, to go through them one after the other."""
    found = page.load_row(deps(), current_actor(), batch_id, row_number(row_no))
    item = found.row
    return render_template(
        "batches/row.html", batch=found.batch, row=item, kind=kind_of(found.batch), email=found.email,
        before=found.before, after=found.after,
        problems=problem_lines(kind_of(found.batch), [item]).get(item.row_no, ()),
        failure=failure_words(item.error_code) if item.error_code else "", pdf_url=_pdf_url(batch_id, item))


@bp.get("/batches/<batch_id>/rows/<row_no>/preview.pdf")
@requires("decree.view")
def preview(batch_id: str, row_no: str) -> WerkzeugResponse:
    """The draft of one row as PDF; nothing is kept."""
    data = drafting.preview_row(deps(), current_actor(), batch_id, row_number(row_no))
    response = Response(data, mimetype="application/pdf")
    name_file(response, "inline", f"baris-{row_no}.pdf")
    response.headers["Cache-Control"] = "no-store"
    return response


def _pdf_url(batch_id: str, item: page.RowItem) -> str:
    """The frozen or signed document where there is one, else the draft; empty where nothing can be laid out."""
    if item.decree_id and item.decree_status in {"ready_to_sign", "signing", "signed", "issued"}:
        return url_for("decrees.pdf", decree_id=item.decree_id)
    if item.problems or item.state == "unchecked":
        return ""
    return url_for("batches.preview", batch_id=batch_id, row_no=item.row_no)
