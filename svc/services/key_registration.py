"""Registering keys that lie elsewhere: in a security module, with a CSC service, with BSrE.

Only the name of the key is kept, and where it is, with the certificate; BSrE knows signers by their identity number
(NIK), which is sealed. Administrators register for others, officials for themselves.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select
from sqlalchemy.orm import Session

from certs.errors import CertsError
from certs.signers.port import BackendUnavailable, SignerNotReady
from certs.vault import seal_secret
from svc.actors import Actor
from svc.deps import Deps
from svc.errors import Conflict, CredentialUnusable, InvalidInput, ServiceUnavailable
from svc.ids import new_public_id
from svc.models import Credential
from svc.ports import BackendNotConfigured
from svc.services.audit_log import AuditActor, record_stream
from svc.services.credentials import claim_owner, replace_earlier
from svc.services.key_use import STREAM
from svc.services.remote_calls import CallRecorder
from svc.services.signing_keys import NOT_OFFERED, ensure_certificate_can_sign, identity_purpose

_NIK_DIGITS = 16


def register_token_key(deps: Deps, actor: Actor, person_id: str, token: str, label: str, certificate_pem: bytes) -> str:
    """A key in the security module, by token and label, with its certificate and those above it (PEM). Returns the
    credential's public id.

    :raises InvalidInput: a name is missing, or no certificate. :raises CredentialUnusable: it may not sign
    :raises Forbidden: :raises Conflict: refused
    """
    if not token.strip() or not label.strip():
        raise InvalidInput(fields={"label": "Isi nama token dan nama kunci di dalamnya."})
    try:
        certificate, *chain = x509.load_pem_x509_certificates(certificate_pem)
    except ValueError as error:
        raise InvalidInput(fields={"certificate": "Berkas ini bukan sertifikat PEM."}) from error
    _ensure_offered(deps, "pkcs11")
    ensure_certificate_can_sign(deps, certificate, tuple(chain))
    config = {"token": token.strip(), "label": label.strip()}
    return _keep(deps, actor, person_id, "pkcs11", config, certificate, tuple(chain))


def register_remote(deps: Deps, actor: Actor, person_id: str, remote_id: str, second_factor: str = "") -> str:
    """A credential of the CSC service, by its id there; its certificate is asked for. Returns the public id.

    :raises InvalidInput: the service knows no such credential, or it is not usable
    :raises ServiceUnavailable: the service does not answer. :raises CredentialUnusable: the certificate may not sign
    """
    _ensure_offered(deps, "csc")
    try:
        certificate, chain = deps.backends.look_up("csc", remote_id.strip(), CallRecorder(deps))
    except BackendUnavailable as error:
        raise ServiceUnavailable from error
    except (BackendNotConfigured, SignerNotReady, CertsError) as error:
        raise InvalidInput(fields={"credential": "Penyelenggara tidak mengenal sertifikat ini."}) from error
    ensure_certificate_can_sign(deps, certificate, chain)
    return _keep(deps, actor, person_id, "csc", {"credential_id": remote_id.strip()}, certificate, chain, second_factor)


def register_identity(deps: Deps, actor: Actor, person_id: str, nik: str) -> str:
    """A signer whom BSrE knows by his NIK, which is sealed; his certificate is learnt from his first signature.

    :raises InvalidInput: not 16 digits. :raises Forbidden: refused
    """
    digits = "".join(nik.split())
    if len(digits) != _NIK_DIGITS or not digits.isascii() or not digits.isdigit():
        raise InvalidInput(fields={"nik": "NIK terdiri atas 16 angka."})
    _ensure_offered(deps, "bsre")
    return _keep(deps, actor, person_id, "bsre", {}, None, (), identity=digits)


def _ensure_offered(deps: Deps, backend: str) -> None:
    if not deps.backends.is_offered(backend):
        raise CredentialUnusable(NOT_OFFERED)


def _keep(deps: Deps, actor: Actor, person_id: str, backend: str, config: dict[str, str],
          certificate: x509.Certificate | None, chain: tuple[x509.Certificate, ...], second_factor: str = "",
          identity: str = "") -> str:
    now, public_id = deps.clock.now(), new_public_id()
    with deps.db.unit_of_work() as session:
        owner = claim_owner(session, actor, person_id)
        replace_earlier(session, owner)
        row = Credential(
            public_id=public_id, owner_id=owner.id, backend=backend, backend_config=config, is_own_issue=False,
            label=_LABELS[backend], certificate_pem="", serial="", issuer="", second_factor=second_factor,
            created_at=now)
        if certificate is not None:
            _describe(session, row, certificate, chain)
        if identity:
            row.key_envelope = seal_secret(identity.encode(), deps.server_key, identity_purpose(public_id))
        session.add(row)
        record_stream(session, STREAM, "credential_registered", AuditActor.of(actor), now,
                      {"credential": public_id, "owner": owner.public_id, "backend": backend, "serial": row.serial})
    return public_id


_LABELS = {"pkcs11": "PKCS#11", "csc": "CSC", "bsre": "BSrE"}


def _describe(session: Session, row: Credential, certificate: x509.Certificate,
              chain: tuple[x509.Certificate, ...]) -> None:
    row.serial, row.issuer = f"{certificate.serial_number:x}", certificate.issuer.rfc4514_string()[:300]
    if session.scalar(select(Credential.id).where(
            Credential.serial == row.serial, Credential.issuer == row.issuer)) is not None:
        raise Conflict("Sertifikat ini sudah ada di sini.")
    row.certificate_pem = certificate.public_bytes(Encoding.PEM).decode()
    row.chain_pem = "".join(one.public_bytes(Encoding.PEM).decode() for one in chain)
    row.valid_from, row.valid_to = certificate.not_valid_before_utc, certificate.not_valid_after_utc

