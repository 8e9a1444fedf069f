"""What e-Sign Client Service means when it says no.

Its error number stands in ``status_code`` or at the end of the text, and ``status_code`` may be the HTTP status
instead; the text is all there is at times.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from certs.signers.bsre_model import STATUSES, text_of
from certs.signers.call_records import blot
from certs.signers.http import HttpAnswer
from certs.signers.port import (
    ActivationRefused,
    BackendError,
    BackendRefused,
    BackendUnavailable,
    OutcomeUnknown,
    SignerNotReady,
)

_NUMBER_AT_END = re.compile(r"\b(\d{4})\W*$")
_MOST_TEXT = 200
_FAILED = "proses signing gagal"
_WRONG_PASSPHRASE = re.compile(r"passphrase anda salah\b")


class BsreError(StrEnum):
    """Our names of what the service refuses for; ``backend_code`` is the service's number, or else this word."""

    PASSPHRASE_WRONG = "PASSPHRASE_WRONG"  # noqa: S105 - a name
    TOTP_WRONG = "TOTP_WRONG"
    TOTP_EXPIRED = "TOTP_EXPIRED"
    SIGNER_NOT_REGISTERED = "SIGNER_NOT_REGISTERED"
    CERT_NOT_ACTIVE = "CERT_NOT_ACTIVE"
    PDF_INVALID = "PDF_INVALID"
    ACCESS_REFUSED = "ACCESS_REFUSED"
    GATEWAY_DOWN = "GATEWAY_DOWN"
    REFUSED = "REFUSED"


# 2031 and 2011 are seen in several public clients; 2021 in one, unconfirmed. 2041 is named too, but nobody says what it
# means: so its text decides, and without one that is understood it is a plain refusal, told by its number.
_BY_NUMBER = {"2031": BsreError.PASSPHRASE_WRONG, "2011": BsreError.SIGNER_NOT_REGISTERED,
              "2021": BsreError.CERT_NOT_ACTIVE}
_OVER = ("expired", "kadaluarsa", "kedaluwarsa", "kadaluwarsa")


@dataclass(frozen=True)
class Refusal:
    """An error answer as read: our kind, the service's number (or empty) and text (without secrets)."""

    kind: BsreError
    number: str
    text: str


def read_refusal(status: int, body: bytes, secrets: tuple[str, ...] = ()) -> Refusal:
    """Read an error answer of whatever form."""
    data = _object(body)
    text = _text(data, body)
    number = _number(data, text)
    kind = _BY_NUMBER.get(number) or _by_text(text.lower()) or _by_status(status)
    return Refusal(kind, number, blot(text, secrets, "…")[:_MOST_TEXT])


def failure(answer: HttpAnswer, signs: bool, secrets: tuple[str, ...] = (), reference: str = "") -> BackendError:
    """The port's error for an answer that is none of success.

    A call that ``signs`` and is answered 5xx in words that are not the service's own for "not signed" may have been
    answered by something in front of it, while the service went on: :class:`OutcomeUnknown`. So is one that is answered
    with success of another kind than the manual's.
    """
    refusal = read_refusal(answer.status, answer.body, secrets)
    may_have_signed = signs and not _says_unsigned(refusal) and (answer.status >= 500 or 200 <= answer.status < 300)
    if may_have_signed:
        refusal = replace(refusal, kind=BsreError.GATEWAY_DOWN)
    told = f"e-Sign Client Service answered {answer.status}: {refusal.text}".rstrip(": ")
    code = refusal.number or refusal.kind.value
    match refusal.kind:
        case BsreError.PASSPHRASE_WRONG:
            return ActivationRefused(told, "passphrase", code)
        case BsreError.TOTP_WRONG | BsreError.TOTP_EXPIRED:
            return ActivationRefused(told, "totp", code)
        case BsreError.SIGNER_NOT_REGISTERED:
            return SignerNotReady(told, "NOT_REGISTERED", code)
        case BsreError.CERT_NOT_ACTIVE:
            words = re.findall(r"[A-Z_]{3,}", refusal.text)
            return SignerNotReady(told, next((one for one in words if one in STATUSES), "EXPIRED"), code)
        case BsreError.GATEWAY_DOWN:
            if may_have_signed:
                return OutcomeUnknown(told, reference, code)
            return BackendUnavailable(told, code)
    return BackendRefused(told, code)


def _says_unsigned(refusal: Refusal) -> bool:
    """Whether it is one of the service's own numbers or texts that mean that nothing was signed."""
    text = refusal.text.lower()
    return refusal.number in _BY_NUMBER or text.startswith(_FAILED) or _WRONG_PASSPHRASE.match(text) is not None


def _object(body: bytes) -> Mapping[str, object]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _text(data: Mapping[str, object], body: bytes) -> str:
    for name in ("error", "message", "pesan", "status"):
        if found := text_of(data, name):
            return " ".join(found.split())
    if data or body.lstrip()[:1] in {b"<", b"%", b""}:
        return ""
    return " ".join(body[:1000].decode("utf-8", "replace").split())


def _number(data: Mapping[str, object], text: str) -> str:
    for name in ("status_code", "code"):
        number = text_of(data, name).strip()
        if number.isdigit() and len(number) == 4:  # three digits are the HTTP status
            return number
    found = _NUMBER_AT_END.search(text)
    return found.group(1) if found else ""


def _by_text(text: str) -> BsreError | None:
    if "passphrase" in text and ("salah" in text or "wrong" in text or "invalid" in text):
        return BsreError.PASSPHRASE_WRONG
    if "otp" in text:
        return BsreError.TOTP_EXPIRED if any(word in text for word in _OVER) else BsreError.TOTP_WRONG
    if "tidak terdaftar" in text or "belum terdaftar" in text:
        return BsreError.SIGNER_NOT_REGISTERED
    if "sertifikat" in text and any(word in text for word in (*_OVER, "tidak aktif", "dicabut")):
        return BsreError.CERT_NOT_ACTIVE
    if "invalidpdfexception" in text or "badpasswordexception" in text or "pdf" in text:
        return BsreError.PDF_INVALID
    return None


def _by_status(status: int) -> BsreError:
    if status in {401, 403}:
        return BsreError.ACCESS_REFUSED
    return BsreError.GATEWAY_DOWN if status >= 500 or status == 429 else BsreError.REFUSED
