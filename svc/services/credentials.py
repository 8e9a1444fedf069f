"""Signers' certificates: issued by our own authority or imported, listed, unlocked, revoked.

The private key is sealed under its owner's passphrase and the server key (``certs.vault``) and bound to
owner and credential; nobody but the owner can open it, administrators included.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from certs import ca, checks, vault
from certs.errors import (
    CannotSign,
    CertificateNotYetValid,
    CertificateUntrusted,
    Pkcs12Unusable,
    WrongPassphrase,
)
from certs.names import readable_name
from certs.trust import TrustStore
from svc.actors import Actor
from svc.catalogues import N_
from svc.deps import Deps
from svc.errors import Conflict, Forbidden, InvalidInput, NotFound
from svc.ids import new_public_id
from svc.models import Credential, Person
from svc.pki_addresses import issuing_addresses
from svc.roles import is_allowed
from svc.services.accounts import confirm_password
from svc.services.audit_log import AuditActor, record_stream
from svc.services.batches.grants import CERTIFICATE_REVOKED, close_grants, end_grants
from svc.services.certificate_names import ensure_names
from svc.services.certificate_words import unusable
from svc.services.kept_certificates import ensure_can_be_kept, issuer_and_serial
from svc.services.key_rotation import rotate_server_key
from svc.services.key_use import (
    STREAM,
    certificate_of,
    chain_of,
    change_passphrase,
    current_credential,
    ensure_new_passphrase,
)
from svc.services.outbox import notify
from svc.services.provability import Gap, gap
from svc.services.secret_words import SecretWords, words_of
from svc.services.trust import current_crl, trust_store, with_intermediates

__all__ = [
    "REVOCATION_REASONS", "CredentialView", "change_passphrase", "current_crl", "import_own", "import_pkcs12", "issue",
    "issue_own", "list_all", "list_for", "revoke", "rotate_server_key", "trust_store", "unlock",
]

REVOCATION_REASONS = ("unspecified", "key_compromise", "affiliation_changed", "superseded",
                      "cessation_of_operation")
_MAX_PKCS12 = 256 * 1024
_ISSUED_FOR_OWNER = N_("Administrator menerbitkan sertifikat tanda tangan elektronik untuk Anda.")
_ISSUED_BY_OWNER = N_("Sertifikat tanda tangan elektronik yang baru dipasang dari akun Anda. Bila bukan Anda yang "
                      "memasangnya, cabut sekarang dan hubungi administrator.")


@dataclass(frozen=True)
class CredentialView:
    """A credential as lists show it. ``problem`` is empty when it can sign, else a code;
    ``problem_text`` says it (a msgid that ``problem_params`` fill). ``backend`` is where its key lies, ``place`` what
    it is called there; ``gap`` says why what it signs could not be proven now."""

    public_id: str
    owner_id: str
    owner_name: str
    label: str
    subject: str
    issuer: str
    serial: str
    valid_from: datetime | None
    valid_to: datetime | None
    status: str
    is_own_issue: bool
    failures: int
    revoked_at: datetime | None
    revocation_reason: str | None
    problem: str
    problem_text: str
    problem_params: Mapping[str, object]
    gap: Gap | None = None
    backend: str = "stored"
    place: str = ""
    is_unlockable: bool = False

    @property
    def can_sign(self) -> bool:
        return self.status == "active" and not self.problem

    @property
    def secret_words(self) -> SecretWords:
        """What its owner is told of the secret that opens it."""
        return words_of(self.backend)


def issue_own(deps: Deps, actor: Actor, password: str, passphrase: str, repeated: str) -> str:
    """:func:`issue` for the actor himself, who types the account's password: a screen left open gives nobody a key.

    :raises InvalidInput: a wrong password too. :raises Forbidden: as for :func:`issue`
    """
    confirm_password(deps, actor, password)
    return issue(deps, actor, actor.person_public_id, passphrase, repeated)


def import_own(deps: Deps, actor: Actor, password: str, data: bytes, file_passphrase: str, passphrase: str,
               repeated: str, *, accepts_name: bool = False) -> str:
    """:func:`import_pkcs12` for the actor himself, who types the account's password.

    :raises AppError: a wrong password (InvalidInput), or as for :func:`import_pkcs12`
    """
    confirm_password(deps, actor, password)
    return import_pkcs12(deps, actor, actor.person_public_id, data, file_passphrase, passphrase, repeated,
                         accepts_name=accepts_name)


def issue(deps: Deps, actor: Actor, person_id: str, passphrase: str, repeated: str | None = None) -> str:
    """Make a key for a person and certify it; earlier credentials of his are replaced. Returns its public id.

    Officials do it for themselves, so that nobody else ever knows the passphrase; administrators may too. The owner is
    told, and what the replaced one demanded besides the passphrase the new one demands as well.

    :raises InvalidInput: the passphrase is too short or was repeated differently. :raises Forbidden: refused
    """
    ensure_new_passphrase(passphrase, passphrase if repeated is None else repeated)
    key = ca.generate_signer_key()
    now = deps.clock.now()
    at = issuing_addresses(deps.settings.base_url)
    with deps.db.unit_of_work() as session:
        owner = claim_owner(session, actor, person_id)
        subject = ca.SignerSubject(
            owner.name, f"Pemerintah Provinsi {deps.settings.province}", nip=subject_number(owner))
        certificate = ca.issue_signer_certificate(deps.pki.issuing, subject, key.public_key(), now, crl_url=at.crl_url,
                                                  ocsp_url=at.ocsp_url, ca_issuers_url=at.ca_issuers_url)
        return _keep(session, deps, actor, owner, vault.Pkcs12Content(key, certificate, deps.pki.chain), passphrase,
                     "credential_issued")


def import_pkcs12(deps: Deps, actor: Actor, person_id: str, data: bytes, file_passphrase: str,
                  passphrase: str, repeated: str | None = None, *, accepts_name: bool = False) -> str:
    """Take over key and certificate from a PKCS#12 file, sealed under a new passphrase. Returns its public id.

    The CA certificates in the file are kept; whether the certificate is trusted depends on the configured
    anchors alone.

    :param accepts_name: somebody has seen that the certificate has another name, and says that it is this person
    :raises InvalidInput: the file or a passphrase does not do
    :raises NamesAnother: another's name, and nobody has confirmed it (``svc.services.certificate_names``)
    :raises CredentialUnusable: expired, revoked, too weak, or not for signing; or not trusted or valid yet while it
        would replace another
    :raises Conflict: this certificate is here already
    """
    ensure_new_passphrase(passphrase, passphrase if repeated is None else repeated)
    if len(data) > _MAX_PKCS12:
        raise InvalidInput(fields={"file": "Berkas ini terlalu besar untuk sebuah PKCS#12."})
    try:
        content = vault.read_pkcs12(data, file_passphrase)
    except WrongPassphrase as error:
        raise InvalidInput(fields={"file_passphrase": "Kata sandi berkas PKCS#12 salah."}) from error
    except Pkcs12Unusable as error:
        raise InvalidInput(fields={"file": "Berkas ini bukan PKCS#12 yang berisi kunci dan sertifikatnya."}) from error
    trust, unusable_yet = with_intermediates(trust_store(deps), content.chain), None
    try:
        checks.ensure_can_sign(content.certificate, content.key, trust, deps.clock.now())
    except (CertificateUntrusted, CertificateNotYetValid) as error:
        # Kept, and shown as not usable until the anchor is configured or the day has come; but it replaces none.
        unusable_yet = unusable(error, deps.settings.tzinfo)
    except CannotSign as error:
        raise unusable(error, deps.settings.tzinfo) from error
    named = ensure_names(deps, person_id, content.certificate, is_confirmed=accepts_name)
    with deps.db.unit_of_work() as session:
        owner = claim_owner(session, actor, person_id)
        if unusable_yet is not None and current_credential(session, owner.id) is not None:
            raise unusable_yet
        return _keep(session, deps, actor, owner, content, passphrase, "credential_imported", named)


def revoke(deps: Deps, actor: Actor, credential_id: str, reason: str) -> None:
    """End a credential for good; for our own issue it stands in the revocation list at once. What is being signed
    with it stops.

    :raises InvalidInput: no such reason. :raises Conflict: revoked already. :raises Forbidden: refused
    """
    if reason not in REVOCATION_REASONS:
        raise InvalidInput(fields={"reason": "Pilih alasan pencabutan."})
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        row = _locked(session, credential_id)
        if row.owner_id != actor.person_id:
            _ensure_administrator(actor)
        if row.status == "revoked":
            raise Conflict("Sertifikat ini sudah dicabut.")
        row.status, row.revoked_at, row.revocation_reason = "revoked", now, reason
        record_stream(session, STREAM, "credential_revoked", AuditActor.of(actor), now,
                      {"credential": credential_id, "serial": row.serial, "reason": reason})
        notify(session, row.owner_id, "Sertifikat Anda dicabut dan tidak dapat lagi dipakai menandatangani.", now)
        open_grants = end_grants(session, CERTIFICATE_REVOKED, now, credential_id=row.id)
    close_grants(deps, open_grants)


def unlock(deps: Deps, actor: Actor, credential_id: str) -> None:
    """Let the owner try again after a lock. :raises Conflict: it is not locked. :raises Forbidden: refused"""
    _ensure_administrator(actor)
    now = deps.clock.now()
    with deps.db.unit_of_work() as session:
        row = _locked(session, credential_id)
        if not _is_unlockable(deps, row):
            raise Conflict("Sertifikat ini tidak terkunci.")
        row.status, row.failures, row.next_try_at = "active", 0, None
        record_stream(session, STREAM, "credential_unlocked", AuditActor.of(actor), now,
                      {"credential": credential_id})
        notify(session, row.owner_id, "Kunci sertifikat Anda dibuka kembali oleh administrator.", now)


def list_for(deps: Deps, actor: Actor, person_id: str) -> tuple[CredentialView, ...]:
    """A person's credentials, newest first. :raises Forbidden: neither his own nor an administrator"""
    if person_id != actor.person_public_id:
        _ensure_administrator(actor)
    return _views(deps, _all().where(Person.public_id == person_id))


def list_all(deps: Deps, actor: Actor) -> tuple[CredentialView, ...]:
    """Everybody's, newest first, at most 500. :raises Forbidden: not an administrator"""
    _ensure_administrator(actor)
    return _views(deps, _all().limit(500))


def _all() -> Select[Credential, str, str]:
    return (select(Credential, Person.public_id, Person.name)
            .join(Person, Person.id == Credential.owner_id).order_by(Credential.id.desc()))


def _views(deps: Deps, statement: Select[Credential, str, str]) -> tuple[CredentialView, ...]:
    trust, now = trust_store(deps), deps.clock.now()
    with deps.db.read_session() as session:
        rows = session.execute(statement).all()
    return tuple(_view(deps, row, owner_id, name, trust, now) for row, owner_id, name in rows)


def _view(deps: Deps, row: Credential, owner_id: str, name: str, trust: TrustStore, now: datetime) -> CredentialView:
    problem, text, unprovable = "", "", None
    params: Mapping[str, object] = {}
    certificate = certificate_of(row) if row.certificate_pem.strip() else None
    if certificate is not None and row.status in {"active", "locked"}:
        try:
            checks.ensure_can_sign(certificate, None, with_intermediates(trust, chain_of(row)), now)
        except CannotSign as error:
            refusal = unusable(error, deps.settings.tzinfo)
            problem, text, params = error.code, refusal.text, refusal.params
        else:
            unprovable = gap(deps, certificate, chain_of(row), trust)
    return CredentialView(
        public_id=row.public_id, owner_id=owner_id, owner_name=name, label=row.label,
        subject=readable_name(certificate.subject) if certificate else row.label,
        issuer=readable_name(certificate.issuer) if certificate else row.issuer,
        serial=row.serial,
        valid_from=row.valid_from, valid_to=row.valid_to, status=row.status, is_own_issue=row.is_own_issue,
        failures=row.failures, revoked_at=row.revoked_at, revocation_reason=row.revocation_reason,
        problem=problem, problem_text=text, problem_params=params, gap=unprovable,
        backend=row.backend, place=_place_of(row), is_unlockable=_is_unlockable(deps, row))


def _keep(session: Session, deps: Deps, actor: Actor, owner: Person, content: vault.Pkcs12Content,
          passphrase: str, event: str, named: Mapping[str, str] | None = None) -> str:
    certificate, now = content.certificate, deps.clock.now()
    issuer, serial = issuer_and_serial(certificate)
    ensure_can_be_kept(session, actor, owner.id, certificate)
    credential_id = new_public_id()
    session.add(Credential(
        public_id=credential_id, owner_id=owner.id, backend="stored", label=common_name(certificate.issuer),
        second_factor=replace_earlier(session, owner),
        certificate_pem=certificate.public_bytes(Encoding.PEM).decode(), chain_pem=_pem(content.chain),
        serial=serial, issuer=issuer, valid_from=certificate.not_valid_before_utc,
        valid_to=certificate.not_valid_after_utc, is_own_issue=is_own_issue(deps, certificate), created_at=now,
        key_envelope=vault.seal_key(content.key, passphrase, deps.server_key, owner.public_id, credential_id)))
    record_stream(session, STREAM, event, AuditActor.of(actor), now,
                  {"credential": credential_id, "owner": owner.public_id, "serial": serial, "issuer": issuer,
                   **(named or {})})
    notify(session, owner.id, _ISSUED_BY_OWNER if owner.id == actor.person_id else _ISSUED_FOR_OWNER, now)
    return credential_id


def subject_number(owner: Person) -> str:
    """Tells two people of one name apart without publishing a NIP in every signed file."""
    return hashlib.sha256(f"signer {owner.public_id}".encode()).hexdigest()[:16]


def _is_unlockable(deps: Deps, row: Credential) -> bool:
    """Locked, or with no try left: tries that a backend never answered count, and lock nothing by themselves."""
    return row.status == "locked" or (row.status == "active" and row.failures >= deps.settings.passphrase_attempts)


def _place_of(row: Credential) -> str:
    """Token and label, or the remote credential: in this order, which the database does not keep."""
    names = [name for name in ("token", "label", "credential_id") if name in row.backend_config]
    return " / ".join(str(row.backend_config[name]) for name in names)


def replace_earlier(session: Session, owner: Person) -> str:
    """Returns what signing with the newest one demands besides, whatever became of it: ending a key ends no demand."""
    rows = session.scalars(
        select(Credential).where(Credential.owner_id == owner.id).order_by(Credential.id).with_for_update()).all()
    for row in rows:
        if row.status in {"active", "locked"}:
            row.status = "replaced"
    return rows[-1].second_factor if rows else ""


def is_own_issue(deps: Deps, certificate: x509.Certificate) -> bool:
    """Whether our issuing CA signed it, so that we answer for its revocation."""
    try:
        certificate.verify_directly_issued_by(deps.pki.issuing.certificate)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def claim_owner(session: Session, actor: Actor, person_id: str) -> Person:
    """The person, who must be the actor himself (with a signing position) unless an administrator acts."""
    if person_id == actor.person_public_id:
        if not is_allowed("credential.own", actor.roles):
            raise Forbidden
    else:
        _ensure_administrator(actor)
    owner = session.scalars(select(Person).where(Person.public_id == person_id).with_for_update()).one_or_none()
    if owner is None:
        raise NotFound
    return owner


def _ensure_administrator(actor: Actor) -> None:
    if not is_allowed("admin.certificates", actor.roles):
        raise Forbidden


def _locked(session: Session, credential_id: str) -> Credential:
    row = session.scalars(
        select(Credential).where(Credential.public_id == credential_id).with_for_update()).one_or_none()
    if row is None:
        raise NotFound
    return row


def _pem(chain: Sequence[x509.Certificate]) -> str:
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in chain)


def common_name(name: x509.Name) -> str:
    """What a name is known by; the whole name where it has none."""
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value)[:200] if found else readable_name(name)[:200]
