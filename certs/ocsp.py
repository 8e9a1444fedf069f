"""An OCSP responder (RFC 6960) for one issuing CA, with a delegated signer; nonces after RFC 9654.

A request may ask for several certificates. What the responder cannot vouch for is *unknown*, never *good*.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from urllib.parse import unquote

from asn1crypto import algos, core, ocsp, parser
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from certs._asn1 import to_asn1
from certs.ca import Issued, Revocation

MAX_REQUEST_BYTES = 16 * 1024
MAX_CERTIFICATES = 32

_HASHES = frozenset({"sha1", "sha256", "sha384", "sha512"})
_LONGEST_NONCE = 128
_KNOWN_EXTENSIONS = frozenset({"nonce", "acceptable_responses", "preferred_signature_algorithms"})


class Known(Enum):
    """What is known of a serial number that is not revoked."""

    GOOD = "good"
    UNKNOWN = "unknown"


Status = Known | Revocation
Lookup = Callable[[int], Status]


class _Refusal(Exception):
    """A request that gets no status; ``status`` is a name of RFC 6960's OCSPResponseStatus."""

    def __init__(self, status: str) -> None:
        self.status = status
        super().__init__(status)


def respond(
    request_der: bytes, issuing: x509.Certificate, signer: Issued, lookup: Lookup, now: datetime, life: timedelta
) -> bytes:
    """Answer a DER OCSPRequest with a DER OCSPResponse; nothing is raised for what the client sent.

    :param signer: the CA itself or its delegate (EKU OCSPSigning with id-pkix-ocsp-nocheck)
    :param lookup: the status of a serial number of ``issuing``; asked once for each certificate
    :param life: nextUpdate is this much after ``now``, which is thisUpdate and producedAt (whole seconds)

    *malformedRequest*: not a request, without or with more than 32 certificates, a nonce outside of 1 to 128
    bytes (RFC 9654 2.1), or a critical extension that is not known. *unauthorized*: a certificate of another
    issuer. *internalError*: the signer's certificate is not valid now.
    """
    try:
        request = _read(request_der)
        ids = [one["req_cert"] for one in request["tbs_request"]["request_list"]]
        nonce = _check_extensions(request)
        _ensure_ours(ids, issuing, signer.certificate, now)
        answers = [_single(one, issuing, lookup, now, life) for one in ids]
    except _Refusal as refusal:
        return refused(refusal.status)
    return _successful(answers, nonce, signer, now)


def refused(status: str) -> bytes:
    """A response without content; ``status`` such as ``malformed_request`` or ``try_later``."""
    return bytes(ocsp.OCSPResponse({"response_status": status}).dump())


def decode_get(encoded: str) -> bytes:
    """The request in the path of a GET (RFC 6960 A.1): base64, percent-encoded once more by some clients.

    :returns: what :func:`respond` takes; empty, which it calls malformed, where it cannot be decoded
    """
    text = unquote(encoded).replace(" ", "+")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _read(request_der: bytes) -> ocsp.OCSPRequest:
    if not request_der or len(request_der) > MAX_REQUEST_BYTES:
        raise _Refusal("malformed_request")
    try:
        request = ocsp.OCSPRequest.load(request_der, strict=True)
        entries = request["tbs_request"]["request_list"]
        count = len(entries)
        for entry in entries:  # parsed here, so that nothing can fail later
            _read_id(entry["req_cert"])
            _refuse_unknown(entry["single_request_extensions"], frozenset({"service_locator"}))
        version = request["tbs_request"]["version"].native
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError) as error:
        raise _Refusal("malformed_request") from error
    if version != "v1" or not 1 <= count <= MAX_CERTIFICATES:
        raise _Refusal("malformed_request")
    return request


def _read_id(certificate_id: ocsp.CertId) -> None:
    """:raises ValueError: not encoded as DER has it; it goes into the answer as it came, so it must be"""
    algorithm = algos.DigestAlgorithm({"algorithm": certificate_id["hash_algorithm"]["algorithm"].native}).dump()
    # Its parameters are NULL or left out: both are in use.
    algorithms = (algorithm, parser.emit(0, 1, 16, parser.parse(algorithm)[4].removesuffix(b"\x05\x00")))
    hashes_and_serial = b"".join((
        core.OctetString(certificate_id["issuer_name_hash"].native).dump(),
        core.OctetString(certificate_id["issuer_key_hash"].native).dump(),
        core.Integer(certificate_id["serial_number"].native).dump(),
    ))
    if certificate_id.dump() not in {parser.emit(0, 1, 16, one + hashes_and_serial) for one in algorithms}:
        raise ValueError("not DER")


def _check_extensions(request: ocsp.OCSPRequest) -> bytes | None:
    """The nonce extension's value as sent, if there is one."""
    found: bytes | None = None
    try:
        extensions = request["tbs_request"]["request_extensions"]
        _refuse_unknown(extensions, _KNOWN_EXTENSIONS)
        for extension in extensions:
            if extension["extn_id"].native == "nonce":
                value = bytes(extension["extn_value"].contents)
                length = len(core.OctetString.load(value, strict=True).native)
                if found is not None or not 1 <= length <= _LONGEST_NONCE:
                    raise _Refusal("malformed_request")
                found = value
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError) as error:
        raise _Refusal("malformed_request") from error
    return found


def _refuse_unknown(extensions: core.SequenceOf, known: frozenset[str]) -> None:
    for extension in extensions:
        if extension["critical"].native and extension["extn_id"].native not in known:
            raise _Refusal("malformed_request")


def _ensure_ours(
    ids: Sequence[ocsp.CertId], issuing: x509.Certificate, signer: x509.Certificate, now: datetime
) -> None:
    if not all(_is_of(one, issuing) for one in ids):
        raise _Refusal("unauthorized")
    if not signer.not_valid_before_utc <= now <= signer.not_valid_after_utc:
        raise _Refusal("internal_error")


def _is_of(certificate_id: ocsp.CertId, issuing: x509.Certificate) -> bool:
    algorithm = certificate_id["hash_algorithm"]["algorithm"].native
    if algorithm not in _HASHES:
        return False
    own = to_asn1(issuing)
    key = bytes(own.public_key["public_key"])
    return bool(
        certificate_id["issuer_name_hash"].native == hashlib.new(algorithm, own.subject.dump()).digest()
        and certificate_id["issuer_key_hash"].native == hashlib.new(algorithm, key).digest()
    )


def _single(
    certificate_id: ocsp.CertId, issuing: x509.Certificate, lookup: Lookup, now: datetime, life: timedelta
) -> ocsp.SingleResponse:
    # Rows are never deleted: the status is known from the CA's beginning on, after expiry too (RFC 6960 4.4.4).
    archive = {"extn_id": "archive_cutoff", "extn_value": core.GeneralizedTime(issuing.not_valid_before_utc)}
    return ocsp.SingleResponse(
        {
            "cert_id": certificate_id,
            "cert_status": _status(lookup(certificate_id["serial_number"].native)),
            "this_update": _whole_seconds(now),
            "next_update": _whole_seconds(now + life),
            "single_extensions": [archive],
        }
    )


def _status(found: Status) -> ocsp.CertStatus:
    if isinstance(found, Known):
        kind: type[core.Null] = ocsp.StatusGood if found is Known.GOOD else ocsp.StatusUnknown
        return ocsp.CertStatus(name=found.value, value=kind())
    content: dict[str, object] = {"revocation_time": _whole_seconds(found.revoked_at)}
    if found.reason is not x509.ReasonFlags.unspecified:
        content["revocation_reason"] = found.reason.name
    return ocsp.CertStatus(name="revoked", value=ocsp.RevokedInfo(content))


def _successful(
    answers: Sequence[ocsp.SingleResponse], nonce: bytes | None, signer: Issued, now: datetime
) -> bytes:
    own = to_asn1(signer.certificate)
    content: dict[str, object] = {
        "responder_id": ocsp.ResponderId(name="by_key", value=own.public_key.sha1),
        "produced_at": _whole_seconds(now),
        "responses": answers,
    }
    if nonce is not None:
        content["response_extensions"] = [{"extn_id": "nonce", "extn_value": core.OctetString.load(nonce)}]
    data = ocsp.ResponseData(content)
    signature = signer.key.sign(data.dump(), padding.PKCS1v15(), hashes.SHA256())
    basic = ocsp.BasicOCSPResponse(
        {
            "tbs_response_data": data,
            "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": "sha256_rsa"}),
            "signature": signature,
            "certs": [own],
        }
    )
    body = {"response_type": "basic_ocsp_response", "response": core.ParsableOctetString(basic.dump())}
    return bytes(ocsp.OCSPResponse({"response_status": "successful", "response_bytes": body}).dump())


def _whole_seconds(moment: datetime) -> core.GeneralizedTime:
    return core.GeneralizedTime(moment.astimezone(UTC).replace(microsecond=0))
