"""The second factor at signing: a one-time code (RFC 6238) or a passkey (WebAuthn), where one is demanded.

A credential may demand one; whoever has set one up is asked for it in any case, and the service may demand one of
everybody. A passkey's answer is bound to the document's hash (``svc.services.passkeys``).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from svc.actors import Actor
from svc.deps import Deps
from svc.errors import CredentialUnusable, InvalidInput
from svc.models import Credential, Passkey, Person
from svc.services import passkeys, second_factor

_SPENT = "Kode ini sudah dipakai. Tunggu sampai aplikasi Anda menampilkan kode yang berikutnya, lalu ketik kode itu."


@dataclass(frozen=True)
class SecondStep:
    """What was typed or touched besides the passphrase: a code, or a passkey's answer with its sealed challenge."""

    totp: str = field(default="", repr=False)
    challenge: str = field(default="", repr=False)
    assertion: str = field(default="", repr=False)

    @property
    def kind(self) -> str:
        return "passkey" if self.assertion else "totp" if self.totp else ""


@dataclass(frozen=True)
class Demand:
    """Which second steps a signer can take now; ``is_demanded``: one of them is needed."""

    is_demanded: bool
    totp: bool
    passkey: bool


def demand(session: Session, deps: Deps, person_id: int, credential: Credential | None) -> Demand:
    """What signing with this credential asks of this person."""
    has_totp = bool(session.scalar(select(Person.totp_secret.is_not(None)).where(Person.id == person_id)))
    has_passkey = bool(session.scalar(select(exists().where(Passkey.person_id == person_id))))
    wanted = credential.second_factor if credential is not None else ""
    is_demanded = bool(wanted) or has_totp or has_passkey or deps.settings.require_totp
    return Demand(is_demanded, has_totp and wanted != "passkey", has_passkey and wanted != "totp")


def ensure_second_step_typed(deps: Deps, actor: Actor, credential: Credential, step: SecondStep) -> None:
    """Before anything is tried with it, so that it costs no attempt: a code that was just used to sign in or to set
    the second factor up is typed again by honest people only; who guesses gains nothing by knowing it was right.

    :raises CredentialUnusable: one is demanded and none is set up
    :raises InvalidInput: it was not given, or its code has been used already
    """
    with deps.db.read_session() as session:
        asked = demand(session, deps, actor.person_id, credential)
        is_spent = step.kind == "totp" and asked.totp and second_factor.is_spent(
            deps, session.get_one(Person, actor.person_id), step.totp)
    if not asked.is_demanded:
        return
    if not asked.totp and not asked.passkey:
        raise CredentialUnusable("Aktifkan verifikasi dua langkah di halaman akun sebelum menandatangani.")
    is_given = (step.kind == "totp" and asked.totp) or (step.kind == "passkey" and asked.passkey)
    if not is_given:
        text = ("Ketik kode dari aplikasi autentikator Anda." if asked.totp
                else "Sentuh kunci sandi (passkey) Anda untuk melanjutkan.")
        raise InvalidInput(fields={"totp": text})
    if is_spent:
        raise InvalidInput(fields={"totp": _SPENT})


def is_accepted(deps: Deps, actor: Actor, credential: Credential, step: SecondStep, frozen_sha256: str) -> bool:
    """Whether the second step is right, or none is demanded; each code and challenge is good for once."""
    with deps.db.unit_of_work() as session:
        asked = demand(session, deps, actor.person_id, credential)
        if not asked.is_demanded:
            return True
        if step.kind == "passkey" and asked.passkey:
            return passkeys.accept(session, deps, actor, step.challenge, step.assertion, frozen_sha256)
        if step.kind == "totp" and asked.totp:
            person = session.scalars(select(Person).where(Person.id == actor.person_id).with_for_update()).one()
            return second_factor.accept_code(deps, person, step.totp)
        return False
