"""People: list, page, account, positions held."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from svc.blueprints.admin.root import UNPROCESSABLE, Page, bp, capacity_words, day, is_checked, text
from svc.error_pages import translated_fields
from svc.errors import InvalidInput
from svc.security import current_actor, deps, may, requires
from svc.services import credentials, directory, holdings
from svc.services import people as service
from svc.services.holdings import HoldingInput
from svc.services.people import PersonInput


@bp.get("/people")
@requires("admin.people")
def people() -> str:
    """The list, by name."""
    wanted = request.args.get("q", "")
    page = directory.list_people(deps(), wanted, request.args.get("cursor", ""))
    return render_template("admin/people.html", page=page, text=wanted)


@bp.get("/people/new")
@requires("admin.people")
def new_person() -> str:
    """An empty form."""
    return _form({}, {})


@bp.post("/people/new")
@requires("admin.people")
def create_person() -> Response | str | Page:
    """Add a person and show the one-time link by which he sets his password."""
    try:
        created = service.create_person(deps(), current_actor(), _person_input())
    except InvalidInput as error:
        return _form(request.form.to_dict(), translated_fields(error)), UNPROCESSABLE
    return _link_page(created.public_id, created.activation_token)


@bp.get("/people/<person_id>")
@requires("admin.people")
def person(person_id: str) -> str:
    """The page of a person."""
    return _person_page(person_id, {}, {})


@bp.get("/people/<person_id>/edit")
@requires("admin.people")
def edit_person(person_id: str) -> str:
    """The form of a person."""
    found = directory.load_person(deps(), person_id)
    values = {"name": found.name, "username": found.username, "email": found.email, "nip": found.nip or "",
              "rank": found.rank or "", "is_active": "true" if found.is_active else ""}
    return _form(values, {}, found)


@bp.post("/people/<person_id>/edit")
@requires("admin.people")
def save_person(person_id: str) -> Response | Page:
    """Keep the changes."""
    try:
        service.update_person(deps(), current_actor(), person_id, _person_input())
    except InvalidInput as error:
        found = directory.load_person(deps(), person_id)
        return _form(request.form.to_dict(), translated_fields(error), found), UNPROCESSABLE
    flash(_("Perubahan disimpan."), "success")
    return _back(person_id)


@bp.post("/people/<person_id>/password")
@requires("admin.people")
def reset_password(person_id: str) -> str:
    """Make the password useless and show a new one-time link."""
    return _link_page(person_id, service.reset_password(deps(), current_actor(), person_id))


@bp.post("/people/<person_id>/second-factor")
@requires("admin.people")
def reset_second_factor(person_id: str) -> Response:
    """Remove a lost second factor."""
    service.reset_second_factor(deps(), current_actor(), person_id)
    flash(_("Verifikasi dua langkah dihapus; semua sesinya berakhir."), "success")
    return _back(person_id)


@bp.post("/people/<person_id>/unlock")
@requires("admin.people")
def unlock_login(person_id: str) -> Response:
    """End a pause after wrong passwords."""
    service.unlock_login(deps(), current_actor(), person_id)
    flash(_("Jeda masuk diakhiri."), "success")
    return _back(person_id)


@bp.post("/people/<person_id>/holdings")
@requires("admin.people")
def create_holding(person_id: str) -> Response | Page:
    """Give the person a position."""
    try:
        holdings.create_holding(deps(), current_actor(), person_id, _holding_input())
    except InvalidInput as error:
        return _person_page(person_id, request.form.to_dict(), translated_fields(error)), UNPROCESSABLE
    flash(_("Jabatan ditetapkan."), "success")
    return _back(person_id)


@bp.post("/holdings/<holding_id>/end")
@requires("admin.people")
def end_holding(holding_id: str) -> Response:
    """Set the last day."""
    person_id = holdings.end_holding(deps(), current_actor(), holding_id, day("valid_to"))
    flash(_("Hari terakhir jabatan ditetapkan."), "success")
    return _back(person_id)


@bp.post("/holdings/<holding_id>/cancel")
@requires("admin.people")
def cancel_holding(holding_id: str) -> Response:
    """Take back what has not begun."""
    person_id = holdings.cancel_holding(deps(), current_actor(), holding_id)
    flash(_("Penetapan jabatan dibatalkan."), "success")
    return _back(person_id)


def _person_page(person_id: str, values: dict[str, str], errors: dict[str, str]) -> str:
    found = directory.load_person(deps(), person_id)
    owned = credentials.list_for(deps(), current_actor(), person_id) if may("admin.certificates") else ()
    positions = tuple(one for one in directory.list_positions(deps()) if one.is_active)
    return render_template("admin/person.html", person=found, credentials=owned, positions=positions, values=values,
                           errors=errors, capacities=capacity_words(), reasons=credentials.REVOCATION_REASONS,
                           today=deps().clock.now().astimezone(deps().settings.tzinfo).date())


def _form(values: dict[str, str], errors: dict[str, str], found: directory.PersonView | None = None) -> str:
    return render_template("admin/person_form.html", values=values, errors=errors, person=found)


def _person_input() -> PersonInput:
    return PersonInput(text("name"), text("username"), text("email"), text("nip"), text("rank"),
                       is_checked("is_active"))


def _holding_input() -> HoldingInput:
    last_day = day("valid_to")
    if text("valid_to") and last_day is None:
        raise InvalidInput(fields={"valid_to": "Tanggal tidak dapat dibaca."})
    return HoldingInput(text("position"), text("capacity"), day("valid_from"), last_day, text("instrument"))


def _link_page(person_id: str, token: str) -> str:
    link = deps().settings.base_url + url_for("account.activate", token=token)
    return render_template("admin/activation.html", person=directory.load_person(deps(), person_id), link=link)


def _back(person_id: str) -> Response:
    return redirect(url_for("admin.person", person_id=person_id))
