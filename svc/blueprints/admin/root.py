"""The blueprint that the pages of administration hang on, and what they share."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from svc.days import parse_day
from svc.security import may, requires

bp = Blueprint("admin", __name__, url_prefix="/admin")
UNPROCESSABLE = 422
Page = tuple[str, int]


@bp.get("/")
@requires("admin.tokens")
def index() -> Response:
    """The first page that the person may see."""
    return redirect(url_for("admin.people" if may("admin.people") else "admin.tokens"))


def text(name: str) -> str:
    """A text field of the form, without blanks around."""
    return request.form.get(name, "").strip()


def is_checked(name: str) -> bool:
    """A check box of the form."""
    return request.form.get(name) == "true"


def day(name: str) -> date | None:
    """A date field; what cannot be read is none."""
    return parse_day(text(name))


def role_words() -> dict[str, str]:
    """What the roles let people do, in words."""
    return {
        "clerk": _("Penyusun: menyusun dan mengirim naskah"),
        "official": _("Pejabat: menyusun dan memaraf"),
        "signer": _("Penandatangan: menandatangani secara elektronik"),
        "bureau": _("Biro: melihat semua naskah dan kinerja"),
        "admin": _("Administrator: mengelola orang, jabatan, dan sertifikat"),
    }


def capacity_words() -> dict[str, str]:
    """In which capacity a position is held."""
    return {"definitive": _("Definitif"), "plt": _("Plt. (pelaksana tugas)"), "plh": _("Plh. (pelaksana harian)"),
            "pj": _("Pj. (penjabat)")}
