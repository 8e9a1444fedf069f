"""What our own authority gives to verifiers elsewhere: certificates, lists, OCSP (RFC 6960), stamps (RFC 3161).

The time-stamp unit here is always the built-in one, whichever authority stamps our own documents.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as read_ocsp
from sqlalchemy import select

from certs import ocsp
from certs.ca import Revocation
from certs.names import readable_name, readable_serial
from svc import pki_addresses
from svc.deps import Deps
from svc.models import Credential
from svc.services.trust import current_crl

__all__ = ["MAX_OCSP_BYTES", "MAX_TIMESTAMP_BYTES", "OCSP_FRESH", "AuthorityView", "CertificateView", "StatusAnswer",
           "answer_ocsp", "answer_ocsp_path", "answer_timestamp", "authority", "current_crl", "issuing_certificate",
           "root_certificate", "root_crl"]

MAX_OCSP_BYTES = ocsp.MAX_REQUEST_BYTES
MAX_TIMESTAMP_BYTES = 64 * 1024
OCSP_LIFE = timedelta(hours=1)
OCSP_FRESH = timedelta(minutes=5)  # how long caches may keep an answer: a revocation shows after this at the latest
_LONGEST_SERIAL = 160  # bits (RFC 5280 4.1.2.2: 20 octets)


@dataclass(frozen=True)
class CertificateView:
    """A certificate as the page shows it. ``role`` is root, issuing, tsa, ocsp or audit; ``sha256`` its
    fingerprint in pairs of hexadecimal digits."""

    role: str
    subject: str
    serial: str
    valid_from: datetime
    valid_to: datetime
    sha256: str


@dataclass(frozen=True)
class AuthorityView:
    """Our authority: its certificates, root first, and absolute addresses of OCSP and TSA."""

    certificates: tuple[CertificateView, ...]
    ocsp_url: str
    tsa_url: str


@dataclass(frozen=True)
class StatusAnswer:
    """An OCSPResponse; ``is_definite`` when it carries a status, so that it may be kept for a while."""

    der: bytes
    is_definite: bool


def authority(deps: Deps) -> AuthorityView:
    """What the public page shows."""
    pki, base = deps.pki, deps.settings.base_url
    roles = {"root": pki.development.root, "issuing": pki.issuing, "tsa": pki.tsa, "ocsp": pki.ocsp,
             "audit": pki.audit}
    return AuthorityView(tuple(_view(role, issued.certificate) for role, issued in roles.items()),
                         f"{base}{pki_addresses.OCSP}", f"{base}{pki_addresses.TSA}")


def root_certificate(deps: Deps, *, as_pem: bool) -> bytes:
    """The root's certificate, PEM or DER."""
    return deps.pki.development.root.certificate.public_bytes(Encoding.PEM if as_pem else Encoding.DER)


def issuing_certificate(deps: Deps, *, as_pem: bool) -> bytes:
    """The issuing CA's certificate, PEM or DER."""
    return deps.pki.issuing.certificate.public_bytes(Encoding.PEM if as_pem else Encoding.DER)


def root_crl(deps: Deps) -> bytes:
    """The root's revocation list (DER)."""
    return deps.pki.development.root_crl


def answer_ocsp(deps: Deps, request_der: bytes) -> StatusAnswer:
    """Answer an OCSP request about certificates of the issuing CA; nothing is raised for what was sent."""
    der = ocsp.respond(request_der, deps.pki.issuing.certificate, deps.pki.ocsp, _lookup(deps), deps.clock.now(),
                       OCSP_LIFE)
    status = read_ocsp.load_der_ocsp_response(der).response_status
    return StatusAnswer(der, status is read_ocsp.OCSPResponseStatus.SUCCESSFUL)


def answer_ocsp_path(deps: Deps, encoded: str) -> StatusAnswer:
    """The same for the GET form, whose request stands in the path as base64."""
    return answer_ocsp(deps, ocsp.decode_get(encoded))


def answer_timestamp(deps: Deps, request_der: bytes) -> bytes:
    """Answer a TimeStampReq with a TimeStampResp; a refusal is a response too."""
    return deps.pki.tsa_service().respond(request_der, deps.clock.now())


def _lookup(deps: Deps) -> Callable[[int], ocsp.Status]:
    """Statuses by what is in the database now: known are signers' certificates and the PKI's own."""
    own = {deps.pki.ocsp.certificate.serial_number,
           *(one.serial_number for one in deps.pki.development.retired_certificates("ocsp")),
           *(one.serial_number for one in deps.pki.audit_certificates)}

    def status(serial: int) -> ocsp.Status:
        if serial in own:
            return ocsp.Known.GOOD
        if serial <= 0 or serial.bit_length() > _LONGEST_SERIAL:
            return ocsp.Known.UNKNOWN
        return _credential_status(deps, serial)

    return status


def _credential_status(deps: Deps, serial: int) -> ocsp.Status:
    with deps.db.read_session() as session:
        rows = session.scalars(
            select(Credential).where(Credential.serial == f"{serial:x}", Credential.is_own_issue)).all()
        ours = [row for row in rows if _is_issued_by(row.certificate_pem, deps.pki.issuing.certificate)]
    for row in ours:  # a certificate that was replaced and came back stands here twice
        if row.status == "revoked":
            reason = x509.ReasonFlags[row.revocation_reason or "unspecified"]
            return Revocation(serial, row.revoked_at or deps.clock.now(), reason)
    return ocsp.Known.GOOD if ours else ocsp.Known.UNKNOWN


def _is_issued_by(certificate_pem: str, issuing: x509.Certificate) -> bool:
    """Whether this very CA issued it: a database may be older than the keys beside it."""
    try:
        x509.load_pem_x509_certificate(certificate_pem.encode()).verify_directly_issued_by(issuing)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _view(role: str, certificate: x509.Certificate) -> CertificateView:
    return CertificateView(
        role=role, subject=readable_name(certificate.subject), serial=readable_serial(certificate.serial_number),
        valid_from=certificate.not_valid_before_utc, valid_to=certificate.not_valid_after_utc,
        sha256=certificate.fingerprint(hashes.SHA256()).hex(":").upper())
