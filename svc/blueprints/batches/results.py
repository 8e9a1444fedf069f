"""What a finished batch leaves in the hand: one archive with every signed document, and a signed receipt."""

from __future__ import annotations

from itertools import chain

from flask import Response, render_template, stream_with_context

from svc.blueprints.batches.root import bp, reload_page
from svc.blueprints.downloads import name_file
from svc.limits import limited
from svc.security import current_actor, deps, requires
from svc.services.batches import page, receipts, results


@bp.get("/batches/<batch_id>/naskah.zip")
@requires("decree.view")
@limited("20 per minute")
def download_zip(batch_id: str) -> Response:
    """Every signed document and a list of all rows, sent piece by piece."""
    name = results.archive_name(deps(), current_actor(), batch_id)
    pieces = results.archive(deps(), current_actor(), batch_id)
    first = next(pieces)  # what cannot be read at all is then said on a page
    response = Response(stream_with_context(chain([first], pieces)), mimetype="application/zip")
    name_file(response, "attachment", name)
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.get("/batches/<batch_id>/receipt.pdf")
@requires("decree.view")
@limited("20 per minute")
def receipt(batch_id: str) -> Response:
    """The outcome of every row as a signed PDF, as it was made when the batch had ended."""
    return _receipt(batch_id, None)


@bp.get("/batches/<batch_id>/receipts/<int:no>.pdf")
@requires("decree.view")
@limited("20 per minute")
def numbered_receipt(batch_id: str, no: int) -> Response:
    """One of several receipts: outcomes that became known later made another."""
    return _receipt(batch_id, no)


@bp.get("/batches/<batch_id>/receipt/now")
@requires("decree.view")
def receipt_now(batch_id: str) -> Response | str:
    """That the receipt is being made (an htmx fragment); once it is, the page is told to load anew."""
    view = page.load_batch(deps(), current_actor(), batch_id)
    if not view.receipt_wanted:
        return reload_page()
    return render_template("batches/_receipt_now.html", batch=view)


def _receipt(batch_id: str, no: int | None) -> Response:
    made = receipts.read_receipt(deps(), current_actor(), batch_id, no)
    response = Response(made.pdf, mimetype="application/pdf")
    name_file(response, "attachment", made.name)
    response.headers["Cache-Control"] = "no-store"
    return response
