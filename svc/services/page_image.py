"""The first page of a stored PDF as a small image, for people who compare it with the paper in their hand."""

from __future__ import annotations

from svc.cage.port import CageCrashed, CageTimeout, PageUndrawable
from svc.deps import Deps
from svc.errors import IntegrityViolation


def first_page(deps: Deps, pdf: bytes, *, is_signed: bool) -> bytes:
    """The first page as PNG, 900 pixels wide, drawn in the cage.

    :param is_signed: whether it should be signed; then what stands behind the last signature is not drawn
    :raises IntegrityViolation: it cannot be drawn, or should be signed and is not
    """
    try:
        return deps.cage.first_page(pdf, signed_only=is_signed)
    except (PageUndrawable, CageTimeout, CageCrashed) as error:
        raise IntegrityViolation from error
