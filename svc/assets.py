"""Static files under addresses that carry a piece of their hash, so that browsers may keep them for ever."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from flask import Response, request, send_from_directory, url_for

FOLDER = Path(__file__).with_name("static")
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "public, max-age=0, must-revalidate"


def asset_url(path: str) -> str:
    """Address of a static file (``asset_url`` in templates)."""
    file = FOLDER / path
    stamp = file.stat().st_mtime_ns if file.is_file() else 0
    return url_for("home.static", filename=path, v=_short_hash(file, stamp))


def send_asset(filename: str) -> Response:
    """The file; only an address with the right hash may be kept without asking again."""
    response = send_from_directory(FOLDER, filename, conditional=True, etag=True)
    file = FOLDER / filename
    is_exact = request.args.get("v") == _short_hash(file, file.stat().st_mtime_ns)
    response.headers["Cache-Control"] = _FOR_EVER if is_exact else _ASK_AGAIN
    if filename.endswith(".mjs"):
        response.mimetype = "text/javascript"
    return response


@lru_cache(maxsize=512)
def _short_hash(file: Path, _stamp: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12] if file.is_file() else "0"
