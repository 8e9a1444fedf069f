"""The register book: every number of a book, agency and year, void ones with their reason."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from svc.security import current_actor, deps, requires
from svc.services import numbering

bp = Blueprint("registers", __name__)


@bp.get("/registers")
@requires("register.view")
def index() -> str:
    """The books, and the entries of the chosen one."""
    books = numbering.list_books(deps(), current_actor())
    chosen = request.args.get("book", "")
    page = numbering.register_book(deps(), current_actor(), chosen or (books[0].key if books else ""),
                                   request.args.get("cursor", ""))
    return render_template("registers/index.html", books=books, page=page, chosen=page.key)
