"""What the request log may keep of a call: no secret, no file, no national identity number."""

from __future__ import annotations

import base64
import binascii
import hashlib
import html
import json
import math
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, quote_plus

REMOVED = "[removed]"
_SECRET_NAMES = frozenset({
    "passphrase", "password", "pdfpassword", "totp", "otp", "pin", "sad", "authdata", "access_token", "client_secret",
    "refresh_token", "authorization",
})
_FILE_TEXT = 512  # base64 of this length or more is a file
_LONGEST_TEXT = 2000
_DEEPEST = 12
_PERCENT = re.compile(r"%[0-9A-F]{2}")


def describe_file(data: bytes) -> dict[str, object]:
    """What stands for a file: ``{"sha256": lower-case hexadecimal, "size": bytes}``."""
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}


def mask_number(number: str) -> str:
    """A NIK or the like by its last four digits alone."""
    return f"…{number[-4:]}" if len(number) > 8 else REMOVED


def describe_value(value: object, secrets: Iterable[str] = ()) -> object:
    """JSON-ready: values under secret names removed, ``secrets`` blotted out of every text, files as hash and size."""
    return _describe(value, _spellings(secrets), 0)


def blot(text: str, secrets: Iterable[str], mark: str = REMOVED) -> str:
    """The text without the secrets, however they are spelled in it: services echo what they were sent, as it is, or as
    JSON, HTML or a form has it."""
    return _blot(text, _spellings(secrets), mark)


def plain_number(value: object) -> object:
    """The same, or text for what JSON has no number for and databases refuse: infinities and NaN."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def describe_answer(body: bytes, content_type: str, secrets: Iterable[str] = ()) -> dict[str, object]:
    """An answer's body: JSON and text by :func:`describe_value`, anything else as a file."""
    if not body:
        return {}
    if body.lstrip()[:1] in {b"{", b"["}:
        try:
            read = describe_value(json.loads(body), secrets)
        except (ValueError, RecursionError):
            return {"unreadable": describe_file(body)}
        return read if isinstance(read, dict) else {"list": read}
    if content_type.startswith("text/") and body[:5] != b"%PDF-":
        return {"text": describe_value(body.decode("utf-8", "replace"), secrets)}
    return {"file": describe_file(body)}


def _describe(value: object, secrets: tuple[str, ...], depth: int) -> object:
    if depth > _DEEPEST:
        return REMOVED
    if isinstance(value, Mapping):
        return {_blot(str(name), secrets): _hidden(one) if str(name).lower() in _SECRET_NAMES
                else _describe(one, secrets, depth + 1) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_describe(one, secrets, depth + 1) for one in value]
    if isinstance(value, bytes):
        return describe_file(value)
    if isinstance(value, str):
        return _text(value, secrets)
    if isinstance(value, int) and not isinstance(value, bool) and str(value) in secrets:
        return REMOVED
    return plain_number(value) if isinstance(value, int | float | bool) or value is None else REMOVED


def _hidden(value: object) -> object:
    return REMOVED if value not in (None, "") else value


def _text(text: str, secrets: tuple[str, ...]) -> object:
    if len(text) >= _FILE_TEXT:
        try:
            return describe_file(base64.b64decode("".join(text.split()), validate=True))
        except (binascii.Error, ValueError):
            pass  # a long text, then
    return _blot(text, secrets)[:_LONGEST_TEXT]


def _blot(text: str, spelled: tuple[str, ...], mark: str = REMOVED) -> str:
    for one in spelled:
        text = text.replace(one, mark)
    return text


def _spellings(secrets: Iterable[str]) -> tuple[str, ...]:
    """The longest first, for one may hold another."""
    found: set[str] = set()
    for secret in filter(None, secrets):
        quoted = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
        twice = {json.dumps(one)[1:-1] for one in quoted}
        encoded = {quote(secret, ""), quote(secret), quote_plus(secret)}
        marked = {html.escape(secret), html.escape(secret, quote=False),
                  secret.encode("ascii", "xmlcharrefreplace").decode()}
        found |= {secret, " ".join(secret.split()) or secret, *quoted, *twice, *marked, *encoded,
                  *map(_with_small_digits, encoded)}
    return tuple(sorted(found, key=len, reverse=True))


def _with_small_digits(encoded: str) -> str:
    return _PERCENT.sub(lambda found: found[0].lower(), encoded)
