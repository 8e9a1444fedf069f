"""The own issuing CA certifies a key that lies elsewhere, by its request: the development's stand-in for a provider."""

from __future__ import annotations

import hashlib

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from certs import ca, checks
from svc.actors import Actor
from svc.deps import Deps
from svc.errors import InvalidInput
from svc.pki_addresses import issuing_addresses
from svc.services.audit_log import AuditActor, record_stream
from svc.services.credentials import claim_owner, subject_number
from svc.services.key_use import STREAM

MAX_REQUEST = 64 * 1024
_NO_REQUEST = "Berkas ini bukan permintaan sertifikat (PKCS#10, PEM atau DER) yang utuh."
_WEAK = "Kunci pada permintaan ini harus RSA sekurangnya 2048 bit, atau kurva P-256 atau P-384."


def certify_request(deps: Deps, actor: Actor, person_id: str, request: bytes) -> bytes:
    """The person's certificate for the key of a certification request (PKCS#10), and those above it, as PEM.

    The certificate names the person as the register does, whatever the request says: the request proves its key alone.
    It signs nothing here before that key is registered for him.

    :raises InvalidInput: no such request, its signature is not its key's, or the key is too weak or of another kind
    :raises Forbidden: neither himself nor an administrator. :raises NotFound: no such person
    """
    key = _key_of(request)
    now, at = deps.clock.now(), issuing_addresses(deps.settings.base_url)
    with deps.db.unit_of_work() as session:
        owner = claim_owner(session, actor, person_id)
        subject = ca.SignerSubject(
            owner.name, f"Pemerintah Provinsi {deps.settings.province}", nip=subject_number(owner))
        certificate = ca.issue_signer_certificate(deps.pki.issuing, subject, key, now, crl_url=at.crl_url,
                                                  ocsp_url=at.ocsp_url, ca_issuers_url=at.ca_issuers_url)
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        record_stream(session, STREAM, "request_certified", AuditActor.of(actor), now, {
            "owner": owner.public_id, "serial": f"{certificate.serial_number:x}",
            "key_sha256": hashlib.sha256(spki).hexdigest()})
    return b"".join(one.public_bytes(Encoding.PEM) for one in (certificate, *deps.pki.chain))


def _key_of(data: bytes) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey:
    if len(data) > MAX_REQUEST:
        raise InvalidInput(fields={"request": _NO_REQUEST})
    try:
        request = x509.load_pem_x509_csr(data) if b"-----BEGIN" in data else x509.load_der_x509_csr(data)
        is_its_own, key = request.is_signature_valid, request.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise InvalidInput(fields={"request": _NO_REQUEST}) from error
    if not is_its_own:
        raise InvalidInput(fields={"request": _NO_REQUEST})
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= checks.MIN_RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1):
        return key
    raise InvalidInput(fields={"request": _WEAK})
