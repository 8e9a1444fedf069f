"""Acts on a batch that is on its way: paraf, single rows out, back, recall, and failed rows again."""

from __future__ import annotations

import re

from flask import flash, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from svc.blueprints.batches.root import UNPROCESSABLE, Page, address_of, bp, show_page
from svc.error_pages import translate, translated_fields
from svc.errors import InvalidInput
from svc.security import current_actor, deps, form_version, requires
from svc.services.batches import issuing, retrying, review

_RANGE = re.compile(r"(\d{1,6})(?:\s*[-–]\s*(\d{1,6}))?")
_MOST_TYPED = 10_000


@bp.post("/batches/<batch_id>/approve")
@requires("task.approve")
def approve(batch_id: str) -> Response:
    """Initial all of it as one."""
    count = review.approve(deps(), current_actor(), batch_id, form_version())
    flash(ngettext(
        "Paraf Anda sedang dicatat pada %(n)s naskah.",
        "Paraf Anda sedang dicatat pada %(n)s naskah.", count, n=count), "success")
    return redirect(address_of(batch_id))


@bp.post("/batches/<batch_id>/exclude")
@requires("task.approve")
def exclude(batch_id: str) -> Response | Page:
    """Take chosen rows out; they return to the drafter, the rest goes on."""
    try:
        count = review.exclude_rows(deps(), current_actor(), batch_id, form_version(), _chosen_rows(),
                                    request.form.get("reason", ""))
    except InvalidInput as error:
        return show_page(batch_id, translated_fields(error), "" if error.fields else translate(error)), UNPROCESSABLE
    flash(ngettext(
        "%(n)s baris dikeluarkan dan kembali kepada penyusun.",
        "%(n)s baris dikeluarkan dan kembali kepada penyusun.", count, n=count), "success")
    return redirect(address_of(batch_id))


@bp.post("/batches/<batch_id>/give-back")
@requires("task.approve")
def give_back(batch_id: str) -> Response:
    """Give all of it back to the drafter."""
    review.give_back(deps(), current_actor(), batch_id, form_version(), request.form.get("reason", ""))
    flash(_("Kelompok dikembalikan kepada penyusun."), "success")
    return redirect(url_for("inbox.index"))


@bp.post("/batches/<batch_id>/withdraw")
@requires("decree.draft")
def withdraw(batch_id: str) -> Response:
    """Pull the batch back to a draft."""
    review.withdraw(deps(), current_actor(), batch_id, form_version(), request.form.get("reason", ""))
    flash(_("Kelompok ditarik kembali menjadi konsep."), "success")
    return redirect(address_of(batch_id))


@bp.post("/batches/<batch_id>/issue")
@requires("decree.draft")
def issue(batch_id: str) -> Response:
    """Send out what was signed."""
    count = issuing.issue(deps(), current_actor(), batch_id, form_version())
    flash(ngettext("%(n)s naskah sedang diterbitkan.", "%(n)s naskah sedang diterbitkan.", count, n=count), "success")
    return redirect(address_of(batch_id))


@bp.post("/batches/<batch_id>/retry")
@requires("task.view")
def retry(batch_id: str) -> Response:
    """Put failed rows on their work again."""
    count = retrying.retry(deps(), current_actor(), batch_id, form_version())
    flash(ngettext("%(n)s baris gagal diulang.", "%(n)s baris gagal diulang.", count, n=count), "success")
    return redirect(address_of(batch_id))


def _chosen_rows() -> list[int]:
    """Numbers of rows that were ticked, or typed as ``3, 7-12``. :raises InvalidInput: it cannot be read"""
    ticked = [int(text) for text in request.form.getlist("row") if text.isascii() and text.isdigit() and len(text) < 7]
    typed = request.form.get("rows", "").strip()
    chosen = set(ticked)
    for part in filter(None, (one.strip() for one in re.split(r"[,;]", typed))):
        found = _RANGE.fullmatch(part)
        if found is None:
            raise InvalidInput(fields={"rows": "Tulis nomor baris seperti 3, 7-12."})
        first, last = int(found[1]), int(found[2] or found[1])
        if last - first >= _MOST_TYPED:
            raise InvalidInput(fields={"rows": "Tulis nomor baris seperti 3, 7-12."})
        chosen.update(range(first, last + 1))
    return sorted(chosen)
