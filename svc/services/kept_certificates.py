"""Which certificates can be kept for a person: each once, and one that another has replaced comes back."""

from __future__ import annotations

from cryptography import x509
from sqlalchemy import select
from sqlalchemy.orm import Session

from svc.actors import SHELL, Actor
from svc.errors import Conflict
from svc.models import Credential, Person
from svc.roles import is_allowed


def issuer_and_serial(certificate: x509.Certificate) -> tuple[str, str]:
    """Issuer and serial number as they stand in the table."""
    return certificate.issuer.rfc4514_string()[:300], f"{certificate.serial_number:x}"


def ensure_can_be_kept(session: Session, actor: Actor, owner_id: int, certificate: x509.Certificate) -> None:
    """A replaced certificate of the same person is no obstacle: else a key changed by mistake never came back.

    :raises Conflict: it is in use, was revoked, or is another's; whose it is, is told to administrators, to the
        operator and to its owner
    """
    issuer, serial = issuer_and_serial(certificate)
    known = session.execute(select(Credential.status, Person.id, Person.name).join(
        Person, Person.id == Credential.owner_id).where(
            Credential.serial == serial, Credential.issuer == issuer)).all()
    for status, known_owner, name in known:
        if known_owner == owner_id and status == "replaced":
            continue
        if actor.channel == SHELL or known_owner == actor.person_id or is_allowed("admin.certificates", actor.roles):
            raise Conflict("Sertifikat ini sudah ada di sini, terdaftar untuk %(name)s.", params={"name": name})
        raise Conflict("Sertifikat ini sudah ada di sini.")
