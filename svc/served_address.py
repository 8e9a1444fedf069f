"""Under which address this folder's service was last served, so that a command with another one is found out.

The address goes into QR codes, sheets and mail. ``paraf run`` and ``paraf web`` have it in their environment; a
command that is typed later in another shell may not, and would write an address at which nobody answers.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from svc.settings import Settings

_FILE: Final = "served-address"
_MOST_BYTES: Final = 2000


def remember(settings: Settings) -> None:
    """Note the address that is in effect as the one that is served."""
    if recall(settings) == settings.base_url:
        return
    part = settings.var_dir / f".{_FILE}.part"
    with suppress(OSError):  # where the folder cannot be written, commands go without this check
        part.write_text(f"{settings.base_url}\n", "utf-8")
        part.replace(settings.var_dir / _FILE)


def recall(settings: Settings) -> str:
    """The address that was last served from this folder; empty where none is known."""
    try:
        return (settings.var_dir / _FILE).read_bytes()[:_MOST_BYTES].decode("utf-8", "replace").strip()
    except OSError:  # never served, or not readable: nothing is known
        return ""


def warning(settings: Settings) -> str:
    """What is wrong where another address than the served one is in effect, and what to do; else empty."""
    served = recall(settings)
    if not served or served == settings.base_url:
        return ""
    return (f"the service of {settings.var_dir} is served at {served}, but PARAF_BASE_URL is {settings.base_url} here, "
            f"and would be written into documents, sheets and mail. Export PARAF_BASE_URL={served}, or put it into "
            ".env; paraf run with another address changes the one that is served")
