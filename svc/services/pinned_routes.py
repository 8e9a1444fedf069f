"""Route definitions as decrees pinned them: the stored source must still have the pinned hash."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from svc.errors import IntegrityViolation
from workflows.errors import InvalidDefinition
from workflows.loader import load_definition
from workflows.model import Definition


def read_pinned(source: str, sha256: str) -> Definition:
    """The definition behind a pin. :raises IntegrityViolation: the stored source is not what was pinned"""
    if hashlib.sha256(source.encode()).hexdigest() != sha256:
        raise IntegrityViolation
    try:
        return _load(source)
    except InvalidDefinition as error:
        raise IntegrityViolation from error


@lru_cache(maxsize=64)
def _load(source: str) -> Definition:
    return load_definition(source.encode())
