"""Inbox: what waits for me, and the acts on a task (paraf, return, reject, reassign, distribute)."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from svc.blueprints.view import decree_context
from svc.errors import NotFound
from svc.security import current_actor, deps, form_version, requires
from svc.services import decree_page, inbox, issuance, orgchart, routing
from svc.services.batches import lists

bp = Blueprint("inbox", __name__)


@bp.get("/inbox")
@requires("task.view")
def index() -> str:
    """The list, overdue first."""
    found = inbox.load_inbox(deps(), current_actor(), request.args.get("cursor", ""))
    # Batches stand above the single tasks, on the first page alone.
    batches = () if request.args.get("cursor") else lists.waiting_batches(deps(), current_actor())
    return render_template("inbox/index.html", inbox=found, batches=batches, now=deps().clock.now(),
                           kinds=_kind_titles())


@bp.get("/inbox/next")
@requires("task.view")
def next_task() -> Response:
    """Go to the next task, or to the empty inbox."""
    return _go_next(request.args.get("after"))


@bp.get("/tasks/<task_id>")
@requires("task.view")
def task(task_id: str) -> str:
    """The decree of a task, with the acts on it."""
    view = decree_page.load_by_task(deps(), current_actor(), task_id)
    return render_template("decrees/show.html", **decree_context(view))


@bp.post("/tasks/<task_id>/approve")
@requires("task.approve")
def approve(task_id: str) -> Response:
    """Record a paraf, then go on to the next task when asked to."""
    routing.approve(deps(), current_actor(), task_id, form_version())
    flash(_("Paraf tercatat."), "success")
    return _go_next(task_id) if request.form.get("then") == "next" else _back_to(task_id)


@bp.post("/tasks/<task_id>/return")
@requires("task.approve")
def give_back(task_id: str) -> Response:
    """Return for revision with a reason."""
    routing.return_for_revision(deps(), current_actor(), task_id, form_version(), request.form.get("reason", ""))
    flash(_("Naskah dikembalikan kepada penyusun."), "success")
    return redirect(url_for("inbox.index"))


@bp.post("/tasks/<task_id>/reject")
@requires("task.approve")
def reject(task_id: str) -> Response:
    """Reject for good with a reason."""
    routing.reject(deps(), current_actor(), task_id, form_version(), request.form.get("reason", ""))
    flash(_("Naskah ditolak."), "success")
    return redirect(url_for("inbox.index"))


@bp.get("/tasks/<task_id>/reassign")
@requires("task.reassign")
def reassign_form(task_id: str) -> str:
    """Choose the position that takes the task over."""
    view = decree_page.load_by_task(deps(), current_actor(), task_id)
    if not view.actions.reassign:
        raise NotFound
    return render_template("decrees/reassign.html", decree=view,
                           choices=orgchart.position_choices(deps(), current_actor()))


@bp.post("/tasks/<task_id>/reassign")
@requires("task.reassign")
def reassign(task_id: str) -> Response:
    """Hand the task to another position with a reason."""
    routing.reassign(deps(), current_actor(), task_id, form_version(), request.form.get("position", ""),
                     request.form.get("reason", ""))
    flash(_("Tugas dialihkan."), "success")
    return redirect(url_for("inbox.index"))


@bp.post("/tasks/<task_id>/distribute")
@requires("decree.distribute")
def distribute(task_id: str) -> Response:
    """Send the signed decree out: it is in force from here on."""
    issuance.distribute(deps(), current_actor(), task_id, form_version())
    flash(_("Naskah terbit dan dikirim."), "success")
    return _back_to(task_id)


def _back_to(task_id: str) -> Response:
    return redirect(url_for("inbox.task", task_id=task_id))


def _go_next(after: str | None) -> Response:
    found = inbox.next_task(deps(), current_actor(), after)
    if found is None:
        flash(_("Kotak masuk kosong: tidak ada lagi yang menunggu Anda."), "info")
        return redirect(url_for("inbox.index"))
    return redirect(url_for("inbox.task", task_id=found))


def _kind_titles() -> dict[str, str]:
    return {kind.id: _(kind.short_title) for kind in deps().kinds.all()}
