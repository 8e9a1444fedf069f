"""Public identifiers: 128 random bits, safe in a URL."""

from __future__ import annotations

import secrets


def new_public_id() -> str:
    """Return 22 URL-safe characters carrying 128 random bits."""
    return secrets.token_urlsafe(16)
