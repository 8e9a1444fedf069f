"""Registering keys that lie elsewhere: in a security module, with a CSC service, with BSrE.

Only the name of the key is kept, and where it is, with the certificate; BSrE knows signers by their identity number
(NIK) or, from version 2 on, e-mail address, which is sealed and never shown again. Administrators register for others,
officials for themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from certs import checks
from certs.errors import CannotSign, CertsError
from certs.names import readable_name
from certs.revocation import fingerprint
from certs.signers.port import BackendUnavailable
from certs.vault import seal_secret
from svc.actors import Actor
from svc.deps import Deps
from svc.errors import Conflict, CredentialUnusable, Forbidden, InvalidInput, ServiceUnavailable
from svc.ids import new_public_id
from svc.models import Credential
from svc.ports import BackendNotConfigured
from svc.roles import is_allowed
from svc.services import token_keys
from svc.services.audit_log import AuditActor, record_stream
from svc.services.certificate_names import ensure_names, other_name
from svc.services.certificate_words import unfit
from svc.services.credentials import claim_owner, common_name, is_own_issue, replace_earlier
from svc.services.kept_certificates import ensure_can_be_kept, issuer_and_serial
from svc.services.key_use import STREAM
from svc.services.mail_address import address_fault
from svc.services.outbox import notify
from svc.services.provability import Gap, gap
from svc.services.remote_calls import CallRecorder
from svc.services.signing_keys import identity_purpose
from svc.services.token_keys import NotSetUp
from svc.services.trust import trust_store, with_intermediates

SECOND_FACTORS: Final = ("", "any", "totp", "passkey")
MAX_CERTIFICATES = 64 * 1024
_NAMES = {"pkcs11": "PKCS#11", "csc": "CSC", "bsre": "BSrE"}
_NIK_DIGITS = 16
_LONGEST_ID = 200
_NO_NIK = "NIK terdiri atas 16 angka."
_NO_IDENTITY = "Isi NIK (16 angka) atau alamat surel yang terdaftar di BSrE."
_ADDRESS_NEEDS_V2 = (
    "BSrE yang disetel di sini (API versi 1) hanya mengenal NIK. Isi NIK, atau minta operator beralih ke versi 2.")
_NO_CERTIFICATE = "Berkas ini bukan sertifikat (PEM atau DER) yang dapat dibaca."


class ProviderSilent(ServiceUnavailable):
    code = "provider_silent"
    message: ClassVar[str] = "Penyelenggara sertifikat tidak menjawab. Tidak ada yang berubah; coba lagi nanti."


class CertificateChanged(Conflict):
    code = "certificate_changed"
    message: ClassVar[str] = "Sertifikat di penyelenggara bukan lagi yang ditampilkan. Periksa sekali lagi."


@dataclass(frozen=True)
class KeyHost:
    """A kind of place where keys may lie; ``missing`` are the settings that the operator has not given."""

    backend: str
    is_offered: bool
    missing: tuple[str, ...]


@dataclass(frozen=True)
class FoundCertificate:
    """What a remote service tells of a credential. ``sha256`` is the certificate's fingerprint, hexadecimal;
    ``problem`` says why it may not sign (a msgid that ``problem_params`` fill), or is empty; ``other_name`` is whom it
    names, where that is not the person; ``gap`` is why signatures could not be proven now."""

    remote_id: str
    subject: str
    issuer: str
    serial: str
    valid_from: datetime
    valid_to: datetime
    sha256: str
    problem: str
    problem_params: Mapping[str, object]
    other_name: str = ""
    gap: Gap | None = None


def key_hosts(deps: Deps) -> tuple[KeyHost, ...]:
    """Where keys may lie, and what the operator would have to set for those that are not offered."""
    given = deps.settings
    has_client = bool(given.csc_client_id and given.csc_client_secret.get_secret_value())
    needed: dict[str, dict[str, object]] = {
        "pkcs11": {"PARAF_PKCS11_MODULE": given.pkcs11_module},
        "csc": {"PARAF_CSC_URL": given.csc_url, "PARAF_CSC_TOKEN": given.csc_token.get_secret_value() or has_client},
        "bsre": {"PARAF_BSRE_URL": given.bsre_url, "PARAF_BSRE_USERNAME": given.bsre_username,
                 "PARAF_BSRE_PASSWORD": given.bsre_password.get_secret_value()}}
    return tuple(KeyHost(backend, deps.backends.is_offered(backend), tuple(
        name for name, value in values.items() if not value)) for backend, values in needed.items())


def register_token_key(deps: Deps, actor: Actor, person_id: str, token: str, label: str, certificates: bytes,
                       pin: str = "", *, accepts_name: bool = False) -> str:
    """A key in the security module, by token and label, with its certificate and those above it (PEM, his first; or
    his alone, DER). Returns the credential's public id.

    :param pin: the token's: the certificate is put there too, which proves that it is this key's; empty: it is not
    :param accepts_name: somebody has seen that the certificate has another name, and says that it is this person
    :raises NamesAnother: nobody has (``svc.services.certificate_names``)
    :raises InvalidInput: a field. :raises CredentialUnusable: no module, or the certificate may not sign
    :raises TokenUnavailable: :raises TokenRefused: (``svc.services.token_keys``)
    :raises Forbidden: :raises Conflict: refused
    """
    _ensure_may_register(actor, person_id)
    config = {"token": token_keys.config_of(deps, token, label).token, "label": label.strip()}
    certificate, chain = _read(certificates)
    _ensure_fit(deps, certificate, chain)
    named = ensure_names(deps, person_id, certificate, is_confirmed=accepts_name)
    if pin:
        token_keys.store_certificate(deps, token, label, pin, certificate, chain)
    return _keep(deps, actor, person_id, "pkcs11", config, certificate, chain, named=named)


def look_up_remote(deps: Deps, actor: Actor, person_id: str, remote_id: str) -> FoundCertificate:
    """What the CSC service tells of a credential; nothing is kept.

    :raises InvalidInput: the service knows no such credential. :raises NotSetUp: no CSC service
    :raises ProviderSilent: no answer. :raises Forbidden: refused
    """
    certificate, chain = _ask(deps, actor, person_id, remote_id)
    refusal = _refusal(deps, certificate, chain)
    return FoundCertificate(
        remote_id=remote_id.strip(), subject=readable_name(certificate.subject),
        issuer=readable_name(certificate.issuer), serial=f"{certificate.serial_number:x}",
        valid_from=certificate.not_valid_before_utc, valid_to=certificate.not_valid_after_utc,
        sha256=fingerprint(certificate).hex(), problem=refusal.text if refusal else "",
        problem_params=refusal.params if refusal else {}, other_name=other_name(deps, person_id, certificate),
        gap=None if refusal else gap(deps, certificate, chain, trust_store(deps)))


def register_remote(deps: Deps, actor: Actor, person_id: str, remote_id: str, second_factor: str = "",
                    seen_sha256: str = "", *, accepts_name: bool = False) -> str:
    """A credential of the CSC service, by its id there; its certificate is asked for. Returns the public id.

    :param second_factor: what signing with it demands here besides: one of :data:`SECOND_FACTORS`
    :param seen_sha256: the certificate that somebody has looked at (:func:`look_up_remote`); empty: nobody has
    :param accepts_name: as for :func:`register_token_key`
    :raises NamesAnother: nobody has confirmed another name. :raises CertificateChanged: it is another by now
    :raises InvalidInput: the service knows no such credential, or it is not usable. :raises NotSetUp: no CSC service
    :raises ProviderSilent: no answer. :raises CredentialUnusable: the certificate may not sign
    """
    if second_factor not in SECOND_FACTORS:
        raise InvalidInput(fields={"second_factor": "Pilih dari daftar."})
    certificate, chain = _ask(deps, actor, person_id, remote_id)
    if seen_sha256 and seen_sha256 != fingerprint(certificate).hex():
        raise CertificateChanged
    _ensure_fit(deps, certificate, chain)
    named = ensure_names(deps, person_id, certificate, is_confirmed=accepts_name)
    return _keep(deps, actor, person_id, "csc", {"credential_id": remote_id.strip()}, certificate, chain, second_factor,
                 named=named)


def takes_address(deps: Deps) -> bool:
    """Whether BSrE, as it is set up here, knows signers by e-mail address too (version 2)."""
    return deps.settings.bsre_version != 1


def register_identity(deps: Deps, actor: Actor, person_id: str, identity: str) -> str:
    """A signer whom BSrE knows by his NIK or (:func:`takes_address`) e-mail address, which is sealed; his certificate
    is learnt from his first signature.

    :raises InvalidInput: neither 16 digits nor an address, or an address where only a NIK is known
    :raises NotSetUp: no BSrE service. :raises Forbidden: refused
    """
    _ensure_may_register(actor, person_id)
    _ensure_offered(deps, "bsre")
    return _keep(deps, actor, person_id, "bsre", {}, None, (), identity=_identity(deps, identity))


def _identity(deps: Deps, typed: str) -> str:
    if "@" in typed:
        if not takes_address(deps):
            raise InvalidInput(fields={"identity": _ADDRESS_NEEDS_V2})
        if fault := address_fault(typed.strip()):
            raise InvalidInput(fields={"identity": fault})
        return typed.strip()
    digits = "".join(typed.split())
    if len(digits) != _NIK_DIGITS or not digits.isascii() or not digits.isdigit():
        raise InvalidInput(fields={"identity": _NO_IDENTITY if takes_address(deps) else _NO_NIK})
    return digits


def _ensure_may_register(actor: Actor, person_id: str) -> None:
    """Before anything is asked of a token or a service; :func:`claim_owner` makes sure once more."""
    permission = "credential.own" if person_id == actor.person_public_id else "admin.certificates"
    if not is_allowed(permission, actor.roles):
        raise Forbidden


def _ensure_offered(deps: Deps, backend: str) -> None:
    if not deps.backends.is_offered(backend):
        raise NotSetUp


def _ask(deps: Deps, actor: Actor, person_id: str,
         remote_id: str) -> tuple[x509.Certificate, tuple[x509.Certificate, ...]]:
    _ensure_may_register(actor, person_id)
    _ensure_offered(deps, "csc")
    wanted = remote_id.strip()
    if not wanted or len(wanted) > _LONGEST_ID or not wanted.isprintable():
        raise InvalidInput(fields={"credential": "Isi nomor kredensial dari penyelenggara."})
    try:
        return deps.backends.look_up("csc", wanted, CallRecorder(deps))
    except BackendUnavailable as error:
        raise ProviderSilent from error
    except (BackendNotConfigured, CertsError) as error:
        raise InvalidInput(fields={"credential": "Penyelenggara tidak mengenal kredensial ini, atau menolaknya."}
                           ) from error


def _read(data: bytes) -> tuple[x509.Certificate, tuple[x509.Certificate, ...]]:
    if not data:
        raise InvalidInput(fields={"certificate": "Pilih berkas sertifikat terlebih dahulu."})
    if len(data) > MAX_CERTIFICATES:
        raise InvalidInput(fields={"certificate": _NO_CERTIFICATE})
    try:
        if b"-----BEGIN" in data:
            own, *above = x509.load_pem_x509_certificates(data)
        else:
            own, above = x509.load_der_x509_certificate(data), []
    except ValueError as error:
        raise InvalidInput(fields={"certificate": _NO_CERTIFICATE}) from error
    return own, tuple(above)


def _refusal(deps: Deps, certificate: x509.Certificate,
             chain: tuple[x509.Certificate, ...]) -> CredentialUnusable | None:
    """Why the certificate may not sign, or None. :raises InvalidInput: what stands in it cannot be read"""
    try:
        checks.ensure_can_sign(certificate, None, with_intermediates(trust_store(deps), chain), deps.clock.now())
    except CannotSign as error:
        return unfit(error, deps.settings.tzinfo)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InvalidInput(fields={"certificate": _NO_CERTIFICATE}) from error
    return None


def _ensure_fit(deps: Deps, certificate: x509.Certificate, chain: tuple[x509.Certificate, ...]) -> None:
    refusal = _refusal(deps, certificate, chain)
    if refusal is not None:
        raise refusal


def _keep(deps: Deps, actor: Actor, person_id: str, backend: str, config: dict[str, str],
          certificate: x509.Certificate | None, chain: tuple[x509.Certificate, ...], second_factor: str = "",
          identity: str = "", named: Mapping[str, str] | None = None) -> str:
    now, public_id = deps.clock.now(), new_public_id()
    with deps.db.unit_of_work() as session:
        owner = claim_owner(session, actor, person_id)
        if certificate is not None:
            ensure_can_be_kept(session, actor, owner.id, certificate)
        replace_earlier(session, owner)
        row = Credential(
            public_id=public_id, owner_id=owner.id, backend=backend, backend_config=config,
            is_own_issue=certificate is not None and is_own_issue(deps, certificate),
            label=common_name(certificate.issuer) if certificate else _NAMES[backend], certificate_pem="", serial="",
            issuer="", second_factor=second_factor, created_at=now)
        if certificate is not None:
            _describe(row, certificate, chain)
        if identity:
            row.key_envelope = seal_secret(identity.encode(), deps.server_key, identity_purpose(public_id))
        session.add(row)
        record_stream(session, STREAM, "credential_registered", AuditActor.of(actor), now,
                      {"credential": public_id, "owner": owner.public_id, "backend": backend, "serial": row.serial,
                       **(named or {})})
        if owner.id != actor.person_id:
            notify(session, owner.id, "Administrator mendaftarkan kunci tanda tangan (%(where)s) untuk Anda.",
                   now, params={"where": _NAMES[backend]})
    return public_id


def _describe(row: Credential, certificate: x509.Certificate, chain: tuple[x509.Certificate, ...]) -> None:
    row.issuer, row.serial = issuer_and_serial(certificate)
    row.certificate_pem = certificate.public_bytes(Encoding.PEM).decode()
    row.chain_pem = "".join(one.public_bytes(Encoding.PEM).decode() for one in chain)
    row.valid_from, row.valid_to = certificate.not_valid_before_utc, certificate.not_valid_after_utc
