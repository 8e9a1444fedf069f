"""Our own authority to verifiers elsewhere: certificates, revocation lists, OCSP and time stamps."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, Response, abort, render_template, request

from svc.limits import limited
from svc.security import deps, public, public_protocol
from svc.services import pki

bp = Blueprint("pki", __name__, url_prefix="/pki")

_PEM, _CER, _CRL = "application/x-pem-file", "application/pkix-cert", "application/pkix-crl"
_OCSP_REQUEST, _OCSP_RESPONSE = "application/ocsp-request", "application/ocsp-response"
_TIMESTAMP_QUERY, _TIMESTAMP_REPLY = "application/timestamp-query", "application/timestamp-reply"
_DAY, _SHORT = timedelta(days=1), timedelta(minutes=5)


@bp.get("")
@public
def show() -> str:
    """Which certificates there are, their fingerprints, and how to trust them."""
    return render_template("verify/pki.html", authority=pki.authority(deps()))


@bp.get("/root.<any(pem, cer):form>")
@public
@limited("120 per minute")
def root_certificate(form: str) -> Response:
    """The root of our own authority (RFC 2585)."""
    is_pem = form == "pem"
    return _kept(pki.root_certificate(deps(), as_pem=is_pem), _PEM if is_pem else _CER, _DAY)


@bp.get("/issuing.<any(pem, cer):form>")
@public
@limited("120 per minute")
def issuing_certificate(form: str) -> Response:
    """The issuing CA, to which the certificates of signers point (caIssuers)."""
    is_pem = form == "pem"
    return _kept(pki.issuing_certificate(deps(), as_pem=is_pem), _PEM if is_pem else _CER, _DAY)


@bp.get("/root.crl")
@public
@limited("120 per minute")
def root_list() -> Response:
    """The revocation list of the root (RFC 5280)."""
    return _kept(pki.root_crl(deps()), _CRL, _DAY)


@bp.get("/issuing.crl")
@public
@limited("120 per minute")
def issuing_list() -> Response:
    """The current revocation list of our issuing authority (RFC 5280)."""
    return _kept(pki.current_crl(deps()), _CRL, _SHORT)


@bp.post("/ocsp")
@public_protocol
@limited("300 per minute")
def answer_status() -> Response:
    """OCSP by POST (RFC 6960 A.1)."""
    answer = pki.answer_ocsp(deps(), _body(_OCSP_REQUEST, pki.MAX_OCSP_BYTES))
    return Response(answer.der, mimetype=_OCSP_RESPONSE)


# Base64 knows two slashes in a row: merging them would change the request.
@bp.get("/ocsp/<path:encoded>", merge_slashes=False)
@public_protocol
@limited("300 per minute")
def ask_status(encoded: str) -> Response:
    """OCSP by GET (RFC 6960 A.1), which caches between may keep (RFC 5019 6)."""
    answer = pki.answer_ocsp_path(deps(), encoded)
    if answer.is_definite:
        return _kept(answer.der, _OCSP_RESPONSE, pki.OCSP_FRESH, more=", no-transform, must-revalidate")
    return Response(answer.der, mimetype=_OCSP_RESPONSE)


@bp.post("/tsa")
@public_protocol
@limited("120 per minute")
def answer_timestamp() -> Response:
    """Time stamps over HTTP (RFC 3161 3.4)."""
    answer = pki.answer_timestamp(deps(), _body(_TIMESTAMP_QUERY, pki.MAX_TIMESTAMP_BYTES))
    return Response(answer, mimetype=_TIMESTAMP_REPLY)


def _body(media_type: str, most: int) -> bytes:
    """What was sent. 415: another type; 413: more than ``most`` bytes."""
    if request.mimetype != media_type:
        abort(415)
    if (request.content_length or 0) > most:
        abort(413)
    data = request.stream.read(most + 1)  # a chunked body tells no length
    if len(data) > most:
        abort(413)
    return bytes(data)


def _kept(data: bytes, media_type: str, age: timedelta, more: str = "") -> Response:
    """An answer that everybody may keep for a while, and that is not sent again to who has it."""
    response = Response(data, mimetype=media_type)
    response.headers["Cache-Control"] = f"public, max-age={age // timedelta(seconds=1)}{more}"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"  # web verifiers of others read them too
    response.add_etag()
    response.make_conditional(request)
    return response
