"""What a CSC service's answers mean: error bodies (CSC API v2, 10) as the port's errors, and what may be logged."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256

from certs.signers.call_records import blot, plain_number
from certs.signers.port import (
    ActivationRefused,
    BackendError,
    BackendRefused,
    BackendUnavailable,
    OutcomeUnknown,
    SignerNotReady,
)

_WRONG_FACTOR = {"invalid_pin": "pin", "invalid_otp": "totp", "invalid_authentication_data": ""}
_TOKEN_WORDS = {"invalid_token", "expired_token"}
_TOO_MANY = 429
_BUSY = {_TOO_MANY, 503}
_VOCABULARY = {  # CSC API v2, table 3 and 11.6 to 11.10: these words are nobody's secret
    *_WRONG_FACTOR, *_TOKEN_WORDS, "invalid_request", "unauthorized_client", "access_denied", "invalid_scope",
    "unsupported_response_type", "server_error", "temporarily_unavailable",
}
_NOT_READY = {  # words in error_description, since the specification gives all of them the code invalid_request
    "credential locked": "locked", "disabled": "disabled", "certificate is expired": "expired",
    "certificate is revoked": "revoked", "certificate is suspended": "suspended", "expired credential": "expired",
}
_SECRET_KEYS = {"SAD", "access_token", "refresh_token", "challenge"}
_SHOWN = 200
_DEEPEST = 32  # the specification's own answers have five levels


class TokenRefused(BackendError):
    """The access token of this application is not, or no longer, good; mapped before it leaves the client."""


def read_object(body: bytes) -> dict[str, object]:
    """A JSON object, or an empty one when the bytes are none, or one that is nested deeper than any honest answer."""
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) and not _is_deep(read) else {}


def _is_deep(read: object) -> bool:
    level: list[object] = [read]
    for _ in range(_DEEPEST):
        level = [below for one in level if isinstance(one, dict | list)
                 for below in (one.values() if isinstance(one, dict) else one)]
        if not level:
            return False
    return True


def failure(status: int, body: bytes, factor: str, signs: bool, secrets: Iterable[str]) -> BackendError:
    """The error that an answer other than success stands for.

    ``factor`` is what to name when the service says only that something of it is wrong; ``signs`` is true for the
    call in which the key is used, where a broken server may have done its work, and where only the service's own word
    tells that it was too busy to; ``secrets`` never appear in the text.
    """
    answer = read_object(body)
    raw, said = str(answer.get("error", "")), str(answer.get("error_description", ""))
    told = _clean(said, secrets) or _clean(raw, secrets)
    text = f"the signing service answered {status}" + (f": {told}" if told else "")
    word = (raw if raw in _VOCABULARY else _clean(raw, secrets)) or str(status)
    if raw == "temporarily_unavailable" or (
            status in _BUSY and (not signs or status == _TOO_MANY or raw in _VOCABULARY)):
        return BackendUnavailable(text, word)
    if status == 401 or raw in _TOKEN_WORDS:
        return TokenRefused(text, word)
    if signs and 200 <= status < 300:
        return OutcomeUnknown(text, "", word)
    if status >= 500 and status != 501:
        return OutcomeUnknown(text, "", word) if signs else BackendUnavailable(text, word)
    return _refusal(text, word, said.lower(), factor)


def _refusal(text: str, word: str, said: str, factor: str) -> BackendError:
    if word in _WRONG_FACTOR:
        return ActivationRefused(text, _WRONG_FACTOR[word] or factor, word)
    for words, status in _NOT_READY.items():
        if words in said:
            return SignerNotReady(text, status, word)
    if "sad" in said.replace(".", " ").split() and not said.startswith("missing"):
        return ActivationRefused(text, "sad", word)
    return BackendRefused(text, word)


def loggable(body: bytes, secrets: tuple[str, ...] = ()) -> dict[str, object]:
    """An answer for the request log: no secret, even echoed; signatures and certificates by their hash."""
    answer = read_object(body)
    if not answer and body:
        return {"body": {"sha256": sha256(body).hexdigest(), "size": len(body)}}
    return _shown(answer, secrets)


def _shown(answer: Mapping[str, object], secrets: tuple[str, ...]) -> dict[str, object]:
    shown: dict[str, object] = {}
    for name, value in answer.items():
        if name in {"signatures", "certificates"} and isinstance(value, list):
            shown[name] = [{"sha256": sha256(str(one).encode()).hexdigest(), "size": len(str(one))} for one in value]
        elif name not in _SECRET_KEYS:
            shown[name] = _shown_value(value, secrets)
    return shown


def _shown_value(value: object, secrets: tuple[str, ...]) -> object:
    if isinstance(value, Mapping):
        return _shown(value, secrets)
    if isinstance(value, list):
        return [_shown_value(one, secrets) for one in value]
    return _clean(value, secrets) if isinstance(value, str) else plain_number(value)


def _clean(text: str, secrets: Iterable[str]) -> str:
    """One short line in which nothing stands that the signer typed, even if the service echoes it."""
    return "".join(one if one.isprintable() else " " for one in blot(text, secrets, "***"))[:_SHOWN]
