"""Public identifiers: 128 random bits, safe in a URL and on a command line."""

from __future__ import annotations

import secrets


def new_public_id() -> str:
    """Return 22 URL-safe characters, nearly 128 random bits; none begins as an option of a command does."""
    while (found := secrets.token_urlsafe(16)).startswith("-"):
        pass
    return found
