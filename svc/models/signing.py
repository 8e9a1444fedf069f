"""Credentials at rest, signing attempts and the signatures that came of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from svc.models.base import Base, HasId, HasPublicId, Sha256


class Credential(HasPublicId, Base):
    """A signer's certificate and where its key lies.

    ``key_envelope`` is the sealed key of the stored kind (``certs.vault``), or the sealed NIK or e-mail address by
    which BSrE knows a signer. ``backend_config`` names the key elsewhere: token and label, or the remote credential; no
    secret is in it. BSrE tells the certificate only with the first signature: until then ``certificate_pem`` and
    ``serial`` are empty.
    """

    __tablename__ = "credential"
    __table_args__ = (
        CheckConstraint("status IN ('active','locked','revoked','replaced')", name="status"),
        CheckConstraint("backend IN ('stored','pkcs12','pkcs11','csc','bsre')", name="backend"),
        CheckConstraint("second_factor IN ('','totp','passkey','any')", name="second_factor"),
        Index(None, "owner_id", "status"),
    )

    owner_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    backend: Mapped[str] = mapped_column(String(16), default="stored")
    backend_config: Mapped[dict[str, Any]] = mapped_column(default=dict)
    second_factor: Mapped[str] = mapped_column(String(8), default="")  # what signing with it demands besides
    label: Mapped[str] = mapped_column(String(200))
    certificate_pem: Mapped[str] = mapped_column(Text)
    chain_pem: Mapped[str] = mapped_column(Text, default="")
    serial: Mapped[str] = mapped_column(String(64), index=True)  # hexadecimal
    issuer: Mapped[str] = mapped_column(String(300))
    valid_from: Mapped[datetime | None]
    valid_to: Mapped[datetime | None]
    key_envelope: Mapped[bytes | None]
    is_own_issue: Mapped[bool] = mapped_column(default=True)  # from our CA: we publish its revocation
    status: Mapped[str] = mapped_column(String(12), default="active")
    failures: Mapped[int] = mapped_column(default=0)  # wrong passphrases in a row
    next_try_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    revocation_reason: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[datetime]


class PassphraseTry(HasPublicId, Base):
    """A check of a stored key's passphrase that is in flight; gone once it is answered (``svc.services.key_use``)."""

    __tablename__ = "passphrase_try"
    __table_args__ = (Index(None, "credential_id", "tried_at"),)

    credential_id: Mapped[int] = mapped_column(ForeignKey("credential.id"))
    tried_at: Mapped[datetime]


class SigningAttempt(HasPublicId, Base):
    """One act of signing. Written before the key is touched, so that a crash leaves a trace."""

    __tablename__ = "signing_attempt"
    __table_args__ = (
        CheckConstraint("state IN ('claimed','produced','done','failed','unknown')", name="state"),
        # No second attempt on the same bytes of a task while one is alive.
        Index("uq_signing_attempt_live", "task_id", "sha256", unique=True,
              sqlite_where=text("state <> 'failed'"), postgresql_where=text("state <> 'failed'")),
        Index("ix_signing_attempt_open", "state", "claimed_at",
              sqlite_where=text("state IN ('claimed','produced','unknown')"),
              postgresql_where=text("state IN ('claimed','produced','unknown')")),
        Index(None, "decree_id"),
    )

    decree_id: Mapped[int] = mapped_column(ForeignKey("decree.id"))
    task_id: Mapped[int] = mapped_column(ForeignKey("task.id"))
    sha256: Mapped[str] = mapped_column(Sha256)  # of the frozen document
    credential_id: Mapped[int] = mapped_column(ForeignKey("credential.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    position_id: Mapped[int] = mapped_column(ForeignKey("position.id"))
    capacity: Mapped[str] = mapped_column(String(12))
    state: Mapped[str] = mapped_column(String(12), default="claimed")
    signed_sha256: Mapped[str | None] = mapped_column(Sha256)
    authorisation_id: Mapped[int | None] = mapped_column(ForeignKey("signing_authorisation.id"))
    reference: Mapped[str | None] = mapped_column(String(200))  # what the backend can be asked with
    error_code: Mapped[str | None] = mapped_column(String(60))
    claimed_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class Signature(HasId, Base):
    """A signature that was validated before it was recorded."""

    __tablename__ = "signature"
    __table_args__ = (Index(None, "decree_id"),)

    decree_id: Mapped[int] = mapped_column(ForeignKey("decree.id"))
    attempt_id: Mapped[int] = mapped_column(ForeignKey("signing_attempt.id"), unique=True)
    signer_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    signer_name: Mapped[str] = mapped_column(String(200))
    position_title: Mapped[str] = mapped_column(String(300))
    capacity: Mapped[str] = mapped_column(String(12))
    certificate_serial: Mapped[str] = mapped_column(String(64))
    level: Mapped[str] = mapped_column(String(9))
    field_name: Mapped[str] = mapped_column(String(80))
    signed_sha256: Mapped[str] = mapped_column(Sha256)
    signed_at: Mapped[datetime]
