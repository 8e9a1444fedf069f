"""Whether the answer of a time-stamp authority is one to the request that was sent (RFC 3161 2.4.2)."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from asn1crypto import cms, tsp
from cryptography import x509
from pyhanko.sign.general import CMSExtractionError, extract_certificate_info, extract_signer_info
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import validate_sig_integrity

from certs.checks import tell_stamping_fault
from certs.container import tell_token_fault
from certs.errors import TimestampUnavailable
from certs.tsa import TimeStampResponse

GRANTED = frozenset({"granted", "granted_with_mods"})


def check_answer(request_der: bytes, response_der: bytes, now: datetime, tolerance: timedelta) -> datetime:
    """The time (UTC) in the token. Whether its authority is trusted is not judged here, but with the trust store; a
    token that nobody could ever trust is none, so that the next authority can be asked.

    :param tolerance: how far the authority's clock may be from ``now``: a stamp of another time proves another
        time, and a signature with it would be judged at that
    :raises TimestampUnavailable: a refusal, unreadable, for other data, with another nonce, of another time, or not
        signed by the certificate for time stamps, valid at that time, that it brings
    """
    try:
        request = tsp.TimeStampReq.load(request_der, strict=True)
        response = TimeStampResponse.load(response_der, strict=True)
        status = response["status"]["status"].native
        if status not in GRANTED:
            raise _refusal(response, status)
        token: cms.SignedData = response["time_stamp_token"]["content"]
        info: tsp.TSTInfo = token["encap_content_info"]["content"].parsed
        is_answer = (info["message_imprint"].native == request["message_imprint"].native
                     and info["nonce"].native == request["nonce"].native)
        moment: datetime = info["gen_time"].native
        fault = _fault_of(token, moment)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, CMSExtractionError,
            SignatureValidationError) as error:
        raise TimestampUnavailable("the answer is unreadable") from error
    if not is_answer:
        raise TimestampUnavailable("the answer is for another request")
    if abs(moment.astimezone(UTC) - now) > tolerance:
        raise TimestampUnavailable(f"its clock says {moment:%Y-%m-%dT%H:%M:%SZ}")
    if fault:
        raise TimestampUnavailable(fault)
    return moment.astimezone(UTC)


def _fault_of(token: cms.SignedData, moment: datetime) -> str:
    """Why nobody can ever trust this token, whatever his anchors are; empty where that is for validation to say."""
    signer = extract_signer_info(token)
    certificate = extract_certificate_info(token).signer_cert
    content = token["encap_content_info"]["content"].contents
    algorithm = signer["digest_algorithm"]["algorithm"].native
    intact, valid = validate_sig_integrity(
        signer, certificate, expected_content_type="tst_info",
        actual_digest=hashlib.new(algorithm, content).digest())
    if not (intact and valid):
        return "its token is not signed by the certificate that it brings"
    if tell_stamping_fault(x509.load_der_x509_certificate(certificate.dump())):
        return "its certificate is not for time stamps"
    if tell_token_fault(token):
        return "its token is not built as one"
    if not certificate.not_valid_before <= moment <= certificate.not_valid_after:
        return f"its certificate is not valid at {moment:%Y-%m-%dT%H:%M:%SZ}"
    return ""


def _refusal(response: TimeStampResponse, status: str) -> TimestampUnavailable:
    failures = response["status"]["fail_info"].native or ()
    return TimestampUnavailable(": ".join((status, *sorted(str(one) for one in failures))))
