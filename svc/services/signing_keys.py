"""From a person's credential to something that signs one act: wherever the key lies.

Stored keys are opened here, before anything is claimed, so a wrong passphrase changes nothing. What only a
token or a remote service can judge is tried in the act itself; the try is counted before it is made.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography import x509
from sqlalchemy import select

from certs import checks, pades
from certs.authorisation import Owner
from certs.errors import CannotSign, VaultError
from certs.signers.port import ActivationRefused, DocumentSigner, SignerNotReady
from certs.vault import PrivateKey, open_secret
from svc.actors import Actor
from svc.deps import Deps
from svc.errors import AppError, CredentialUnusable, StepUpFailed
from svc.models import Credential, Person
from svc.ports import Activation, BackendNotConfigured, ElsewhereKey, KeyElsewhere, StoredKey
from svc.services import key_use, result_words
from svc.services.certificate_words import unusable
from svc.services.key_use import Try, certificate_of, chain_of, current_credential
from svc.services.remote_calls import CallRecorder
from svc.services.second_step import SecondStep, ensure_second_step_typed, is_accepted
from svc.services.trust import trust_store, with_intermediates

STORED = frozenset({"stored", "pkcs12"})
WHOLE_DOCUMENTS = frozenset({"bsre"})  # takes a PDF and gives a PDF: no certification, no PAdES


@dataclass(frozen=True)
class StepUp:
    """What the signer typed or touched for this one act. It lives in the request's memory alone."""

    passphrase: str = field(default="", repr=False)
    second: SecondStep = field(default_factory=SecondStep, repr=False)
    code: str = field(default="", repr=False)  # the one-time code of a remote service


@dataclass(frozen=True)
class OpenedSigner:
    """A signer ready for one act. ``certificate`` is None where the backend tells it only with the signature."""

    credential_id: int
    backend: str
    certificate: x509.Certificate | None
    chain: tuple[x509.Certificate, ...]
    factors: str
    owner: Owner
    signer: DocumentSigner = field(repr=False)
    recorder: CallRecorder | None = field(default=None, repr=False)
    tried: Try | None = None

    @property
    def gives_pades(self) -> bool:
        return self.backend not in WHOLE_DOCUMENTS


@dataclass(frozen=True)
class UnlockedKey:
    """What a signer is made of, here or in the process that holds keys. A key elsewhere was not tried yet, but its
    try was counted (``tried``)."""

    credential_id: int
    backend: str
    certificate: x509.Certificate | None
    chain: tuple[x509.Certificate, ...]
    factors: str
    material: StoredKey | ElsewhereKey = field(repr=False)
    tried: Try | None = None


def open_signer(deps: Deps, actor: Actor, step_up: StepUp, frozen_sha256: str) -> OpenedSigner:
    """The actor's signer for one act on a document; errors as for :func:`unlock`."""
    key = unlock(deps, actor, step_up, frozen_sha256)
    recorder = None
    if isinstance(key.material, StoredKey):
        material = key.material
        signer = pades.lift(pades.LocalSigner(material.certificate, material.key, material.chain), deps.tsa)
    else:
        recorder = CallRecorder(deps)
        signer = _signer_elsewhere(deps, key, key.material, recorder)
    return OpenedSigner(key.credential_id, "stored" if key.backend in STORED else key.backend, key.certificate,
                        key.chain, key.factors, key.material.owner, signer, recorder, key.tried)


def unlock(deps: Deps, actor: Actor, step_up: StepUp, bound_sha256: str) -> UnlockedKey:
    """The actor's key for one act, after what he typed and touched for it. A passkey's answer must be bound to
    ``bound_sha256``: the hash of the document, or of the list.

    :raises StepUpFailed: :raises TooManyAttempts: :raises CredentialLocked: :raises InvalidInput: what was typed
    :raises CredentialUnusable: none, not usable here, or the certificate may not sign now
    """
    credential = _current(deps, actor)
    ensure_second_step_typed(deps, actor, credential, step_up.second)
    if credential.backend in STORED:
        return _unlock_stored(deps, actor, credential.backend, step_up, bound_sha256)
    return _unlock_elsewhere(deps, actor, credential, step_up, bound_sha256)


def ensure_certificate_can_sign(deps: Deps, certificate: x509.Certificate, chain: tuple[x509.Certificate, ...],
                                key: PrivateKey | None = None) -> None:
    """:raises CredentialUnusable: expired, revoked, unfit, untrusted or of another key, in the signer's words"""
    trust = with_intermediates(trust_store(deps), chain)
    try:
        checks.ensure_can_sign(certificate, key, trust, deps.clock.now())
    except CannotSign as error:
        raise unusable(error, deps.settings.tzinfo) from error


def refused(deps: Deps, opened: OpenedSigner, error: ActivationRefused) -> AppError:
    """What to raise when the backend did not accept what was typed; counts as a wrong try."""
    if opened.tried is None:
        return StepUpFailed()
    if error.factor == "totp":
        return _WrongCode(params={"left": _left_after(deps, opened.tried)})
    return key_use.try_failed(deps, opened.tried)


def not_ready(error: SignerNotReady) -> CredentialUnusable:
    """What to raise when the backend has no usable certificate of this signer."""
    return CredentialUnusable(
        result_words.not_ready(error.status) or
        "Penyelenggara sertifikat menyatakan sertifikat Anda tidak dapat dipakai (status %(status)s). "
        "Hubungi verifikator sertifikat di instansi Anda.", params={"status": error.status})


class _WrongCode(StepUpFailed):
    code = "wrong_code"
    message = "Kode sekali pakai salah atau sudah kedaluwarsa. Minta kode baru. Sisa percobaan: %(left)s."


def _left_after(deps: Deps, tried: Try) -> int:
    failed = key_use.try_failed(deps, tried)
    left = failed.params.get("left", 0)
    return left if isinstance(left, int) else 0


def _current(deps: Deps, actor: Actor) -> Credential:
    with deps.db.read_session() as session:
        credential = current_credential(session, actor.person_id)
    if credential is None:
        raise CredentialUnusable(key_use.NO_KEY)
    return credential


def _unlock_stored(deps: Deps, actor: Actor, backend: str, step_up: StepUp, bound_sha256: str) -> UnlockedKey:
    opened = key_use.open_key(deps, actor, step_up.passphrase, step_up.second, bound_sha256)
    ensure_certificate_can_sign(deps, opened.certificate, opened.chain, opened.key)
    return UnlockedKey(opened.credential_id, backend, opened.certificate, opened.chain,
                       _factors("passphrase", step_up),
                       StoredKey(_owner_of(deps, opened.credential_id), opened.certificate, opened.chain, opened.key))


def _unlock_elsewhere(deps: Deps, actor: Actor, credential: Credential, step_up: StepUp,
                      bound_sha256: str) -> UnlockedKey:
    key = key_elsewhere(deps, credential)
    if key.certificate is not None:
        ensure_certificate_can_sign(deps, key.certificate, key.chain)
    if not deps.backends.is_offered(credential.backend):
        raise CredentialUnusable(NOT_OFFERED)
    tried = key_use.begin_try(deps, actor, step_up.passphrase or step_up.code)
    if not is_accepted(deps, actor, credential, step_up.second, bound_sha256):
        raise key_use.try_failed(deps, tried, in_second_step=True)
    factor = "pin" if credential.backend == "pkcs11" else "passphrase" if step_up.passphrase else "code"
    return UnlockedKey(credential.id, credential.backend, key.certificate, key.chain, _factors(factor, step_up),
                       ElsewhereKey(_owner_of(deps, credential.id), key, Activation(step_up.passphrase, step_up.code)),
                       tried)


def _signer_elsewhere(deps: Deps, key: UnlockedKey, material: ElsewhereKey, recorder: CallRecorder) -> DocumentSigner:
    try:
        return deps.backends.signer(material.key, material.activation, recorder)
    except ActivationRefused as error:
        raise _refused_try(deps, key) from error
    except SignerNotReady as error:
        give_try_back(deps, key.tried)
        raise not_ready(error) from error
    except BackendNotConfigured as error:
        give_try_back(deps, key.tried)
        raise CredentialUnusable(NOT_OFFERED) from error


def _refused_try(deps: Deps, key: UnlockedKey) -> AppError:
    return key_use.try_failed(deps, key.tried) if key.tried is not None else StepUpFailed()


def give_try_back(deps: Deps, tried: Try | None) -> None:
    """The key was never asked."""
    if tried is not None:
        key_use.try_unmade(deps, tried)


NOT_OFFERED = "Layanan tanda tangan untuk sertifikat Anda belum disetel di server ini. Hubungi administrator."


def key_elsewhere(deps: Deps, credential: Credential) -> KeyElsewhere:
    """Where a credential's key lies. :raises CredentialUnusable: the sealed identity does not open here"""
    identity = ""
    if credential.key_envelope is not None:
        try:
            identity = open_secret(
                credential.key_envelope, deps.server_key, identity_purpose(credential.public_id)).decode()
        except VaultError as error:
            raise CredentialUnusable(key_use.UNREADABLE) from error
    certificate = certificate_of(credential) if credential.certificate_pem.strip() else None
    return KeyElsewhere(
        credential.backend, dict(credential.backend_config), certificate, chain_of(credential), identity)


def identity_purpose(credential_public_id: str) -> str:
    """To what a sealed identity (NIK or e-mail address) is bound (``certs.vault``)."""
    return f"identity:{credential_public_id}"


def _owner_of(deps: Deps, credential_id: int) -> Owner:
    """By the credential that was opened, not by who asked."""
    with deps.db.read_session() as session:
        user_id, public_id = session.execute(select(Person.public_id, Credential.public_id).join(
            Person, Person.id == Credential.owner_id).where(Credential.id == credential_id)).one()
    return Owner(user_id, public_id)


def _factors(first: str, step_up: StepUp) -> str:
    return "+".join(part for part in (first, step_up.second.kind) if part)

