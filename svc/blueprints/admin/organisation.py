"""Units (the tree) and positions."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from svc.blueprints.admin.root import UNPROCESSABLE, Page, bp, is_checked, role_words, text
from svc.error_pages import translated_fields
from svc.errors import InvalidInput
from svc.security import current_actor, deps, requires
from svc.services import directory, organisation
from svc.services.organisation import PositionInput, UnitInput


@bp.get("/units")
@requires("admin.people")
def units() -> str:
    """The tree."""
    return render_template("admin/units.html", units=directory.unit_tree(deps()))


@bp.get("/units/new")
@requires("admin.people")
def new_unit() -> str:
    """An empty form, under ``?parent=``."""
    return _unit_form({"parent": request.args.get("parent", ""), "is_active": True}, {})


@bp.post("/units/new")
@requires("admin.people")
def create_unit() -> Response | Page:
    """Add a unit."""
    try:
        organisation.create_unit(deps(), current_actor(), _unit_input())
    except InvalidInput as error:
        return _unit_form(asdict(_unit_input()), translated_fields(error)), UNPROCESSABLE
    flash(_("Unit ditambahkan."), "success")
    return redirect(url_for("admin.units"))


@bp.get("/units/<unit_id>")
@requires("admin.people")
def edit_unit(unit_id: str) -> str:
    """The form of a unit."""
    node = directory.load_unit(deps(), unit_id)
    return _unit_form(asdict(node) | {"parent": node.parent_id}, {}, unit_id)


@bp.post("/units/<unit_id>")
@requires("admin.people")
def save_unit(unit_id: str) -> Response | Page:
    """Keep the changes."""
    try:
        organisation.update_unit(deps(), current_actor(), unit_id, _unit_input())
    except InvalidInput as error:
        return _unit_form(asdict(_unit_input()), translated_fields(error), unit_id), UNPROCESSABLE
    flash(_("Perubahan disimpan."), "success")
    return redirect(url_for("admin.units"))


@bp.get("/positions")
@requires("admin.people")
def positions() -> str:
    """All positions with today's holders."""
    return render_template("admin/positions.html", positions=directory.list_positions(deps()), roles=role_words())


@bp.get("/positions/new")
@requires("admin.people")
def new_position() -> str:
    """An empty form, in ``?unit=``."""
    return _position_form({"unit": request.args.get("unit", ""), "is_active": True}, {})


@bp.post("/positions/new")
@requires("admin.people")
def create_position() -> Response | Page:
    """Add a position."""
    try:
        organisation.create_position(deps(), current_actor(), _position_input())
    except InvalidInput as error:
        return _position_form(asdict(_position_input()), translated_fields(error)), UNPROCESSABLE
    flash(_("Jabatan ditambahkan."), "success")
    return redirect(url_for("admin.positions"))


@bp.get("/positions/<position_id>")
@requires("admin.people")
def edit_position(position_id: str) -> str:
    """The form of a position."""
    item = directory.load_position(deps(), position_id)
    return _position_form(asdict(item) | {"unit": item.unit_id, "superior": item.superior_id}, {}, position_id)


@bp.post("/positions/<position_id>")
@requires("admin.people")
def save_position(position_id: str) -> Response | Page:
    """Keep the changes."""
    try:
        organisation.update_position(deps(), current_actor(), position_id, _position_input())
    except InvalidInput as error:
        return _position_form(asdict(_position_input()), translated_fields(error), position_id), UNPROCESSABLE
    flash(_("Perubahan disimpan."), "success")
    return redirect(url_for("admin.positions"))


def _unit_input() -> UnitInput:
    return UnitInput(text("code"), text("name"), text("parent"), text("letter_code"), text("address"), text("phone"),
                     text("email"), text("website"), text("place"), is_checked("is_active"))


def _position_input() -> PositionInput:
    return PositionInput(text("code"), text("title"), text("unit"), text("superior"),
                         tuple(request.form.getlist("roles")), text("on_behalf_of"), is_checked("is_active"))


def _unit_form(values: dict[str, Any], errors: dict[str, str], unit_id: str = "") -> str:
    others = tuple(node for node in directory.unit_tree(deps()) if node.public_id != unit_id)
    return render_template("admin/unit_form.html", values=values, errors=errors, unit_id=unit_id, units=others)


def _position_form(values: dict[str, Any], errors: dict[str, str], position_id: str = "") -> str:
    others = tuple(one for one in directory.list_positions(deps())
                   if one.public_id != position_id and one.is_active)
    return render_template("admin/position_form.html", values=values, errors=errors, position_id=position_id,
                           positions=others, units=directory.unit_tree(deps()), roles=role_words())
