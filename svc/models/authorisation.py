"""What signers authorised, which of it was claimed, and what was said to and by remote backends."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from svc.models.base import Base, HasId, HasPublicId, Sha256


class SigningAuthorisation(HasPublicId, Base):
    """One act of a signer: these hashes, with this credential, until then (``certs.authorisation``)."""

    __tablename__ = "signing_authorisation"
    __table_args__ = (Index(None, "person_id", "id"),)

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    credential_id: Mapped[int] = mapped_column(ForeignKey("credential.id"))
    digest: Mapped[str] = mapped_column(Sha256)
    # Sorted, lower-case hexadecimal; of a batch thousands, so it is fetched only where it is asked for.
    hashes: Mapped[list[Any]] = mapped_column(deferred=True)
    count: Mapped[int]
    factors: Mapped[str] = mapped_column(String(60))  # passphrase, passphrase+totp, passphrase+passkey, pin …
    given_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class AuthorisedDocument(HasId, Base):
    """A hash that was claimed under an authorisation: the row itself is what makes it single use."""

    __tablename__ = "authorised_document"
    __table_args__ = (UniqueConstraint("authorisation_id", "sha256"),)

    authorisation_id: Mapped[int] = mapped_column(ForeignKey("signing_authorisation.id"))
    sha256: Mapped[str] = mapped_column(Sha256)
    claimed_at: Mapped[datetime]


class RemoteCall(HasId, Base):
    """The request log that remote signing services demand. No secret and no document is in it, only hashes."""

    __tablename__ = "remote_call"
    __table_args__ = (
        CheckConstraint("outcome IN ('answered','not_sent','unknown')", name="outcome"),
        Index(None, "at", "id"),
    )

    at: Mapped[datetime]
    backend: Mapped[str] = mapped_column(String(16))
    endpoint: Mapped[str] = mapped_column(String(200))
    status: Mapped[int]
    duration_ms: Mapped[int]
    outcome: Mapped[str] = mapped_column(String(12))
    request: Mapped[dict[str, Any]]
    answer: Mapped[dict[str, Any]]
    attempt_id: Mapped[int | None] = mapped_column(ForeignKey("signing_attempt.id"))


class Passkey(HasPublicId, Base):
    """A WebAuthn credential of a person (public key only)."""

    __tablename__ = "passkey"
    __table_args__ = (Index(None, "person_id"),)

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    name: Mapped[str] = mapped_column(String(80))
    credential_id: Mapped[str] = mapped_column(String(1400), unique=True)  # base64url
    public_key: Mapped[bytes]
    sign_count: Mapped[int] = mapped_column(default=0)
    transports: Mapped[list[Any]] = mapped_column(default=list)
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
