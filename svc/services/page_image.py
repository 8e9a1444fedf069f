"""The first page of a stored PDF as a small image, for people who compare it with the paper in their hand."""

from __future__ import annotations

from svc.cage.port import CageCrashed, CageTimeout, PageUndrawable
from svc.deps import Deps
from svc.errors import IntegrityViolation


def first_page(deps: Deps, pdf: bytes) -> bytes:
    """The first page as PNG, 900 pixels wide, drawn in the cage. :raises IntegrityViolation: it cannot be drawn"""
    try:
        return deps.cage.first_page(pdf)
    except (PageUndrawable, CageTimeout, CageCrashed) as error:
        raise IntegrityViolation from error
