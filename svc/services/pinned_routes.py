"""Route definitions as decrees pinned them: the stored source must still have the pinned hash."""

from __future__ import annotations

import hashlib

from svc.errors import IntegrityViolation
from workflows.errors import InvalidDefinition
from workflows.loader import load_definition
from workflows.model import Definition


def read_pinned(source: str, sha256: str) -> Definition:
    """The definition behind a pin. :raises IntegrityViolation: the stored source is not what was pinned"""
    if hashlib.sha256(source.encode()).hexdigest() != sha256:
        raise IntegrityViolation
    try:
        return load_definition(source.encode())
    except InvalidDefinition as error:
        raise IntegrityViolation from error
