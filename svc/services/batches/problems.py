"""What is wrong with a row, as the row keeps it: nothing is said in a language before somebody reads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from svc.kind_fields import FieldError


def as_stored(problem: FieldError) -> list[Any]:
    """The problem as JSON keeps it."""
    return [problem.path, problem.message, dict(problem.params)]


def from_stored(stored: Sequence[Any]) -> FieldError:
    """The problem again. Those of earlier releases are path and text, in which everything is filled in already."""
    path, message, *params = stored
    return FieldError(str(path), str(message), params[0] if params else {})
