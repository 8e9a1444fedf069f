"""Signing backends and preservation."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "revocation_data",
        sa.Column("kind", sa.String(length=4), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.Column("issuer", sa.String(length=300), nullable=False),
        sa.Column("serial", sa.String(length=64), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.CheckConstraint("kind IN ('crl','ocsp')", name=op.f("ck_revocation_data_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revocation_data")),
        sa.UniqueConstraint("sha256", name=op.f("uq_revocation_data_sha256")),
    )
    with op.batch_alter_table("revocation_data", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_revocation_data_issuer_issued_at"), ["issuer", "issued_at"], unique=False)

    op.create_table(
        "passkey",
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("credential_id", sa.String(length=1400), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.Integer(), nullable=False),
        sa.Column("transports", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_passkey_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkey")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_passkey_credential_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_passkey_public_id")),
    )
    with op.batch_alter_table("passkey", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_passkey_person_id"), ["person_id"], unique=False)

    op.create_table(
        "trust_anchor",
        sa.Column("pem", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column("purpose", sa.String(length=12), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("source", sa.String(length=300), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.CheckConstraint(
            "purpose IN ('signer','timestamp','both','intermediate')", name=op.f("ck_trust_anchor_purpose")
        ),
        sa.CheckConstraint("status IN ('candidate','confirmed','withdrawn')", name=op.f("ck_trust_anchor_status")),
        sa.ForeignKeyConstraint(["added_by_id"], ["person.id"], name=op.f("fk_trust_anchor_added_by_id_person")),
        sa.ForeignKeyConstraint(["decided_by_id"], ["person.id"], name=op.f("fk_trust_anchor_decided_by_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trust_anchor")),
        sa.UniqueConstraint("public_id", name=op.f("uq_trust_anchor_public_id")),
        sa.UniqueConstraint("sha256", "purpose", name=op.f("uq_trust_anchor_sha256_purpose")),
    )
    op.create_table(
        "signing_authorisation",
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("credential_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("hashes", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("factors", sa.String(length=60), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(
            ["credential_id"], ["credential.id"], name=op.f("fk_signing_authorisation_credential_id_credential")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_signing_authorisation_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_authorisation")),
        sa.UniqueConstraint("public_id", name=op.f("uq_signing_authorisation_public_id")),
    )
    with op.batch_alter_table("signing_authorisation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_signing_authorisation_person_id_id"), ["person_id", "id"], unique=False)

    op.create_table(
        "archived_document",
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("object_key", sa.String(length=200), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("decree_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("indication", sa.String(length=16), nullable=False),
        sa.Column("sub_indication", sa.String(length=60), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["decree_id"], ["decree.id"], name=op.f("fk_archived_document_decree_id_decree")),
        sa.ForeignKeyConstraint(
            ["recorded_by_id"], ["person.id"], name=op.f("fk_archived_document_recorded_by_id_person")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_archived_document")),
        sa.UniqueConstraint("public_id", name=op.f("uq_archived_document_public_id")),
        sa.UniqueConstraint("sha256", name=op.f("uq_archived_document_sha256")),
    )
    with op.batch_alter_table("archived_document", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_archived_document_recorded_at_id"), ["recorded_at", "id"], unique=False)

    op.create_table(
        "authorised_document",
        sa.Column("authorisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(
            ["authorisation_id"],
            ["signing_authorisation.id"],
            name=op.f("fk_authorised_document_authorisation_id_signing_authorisation"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_authorised_document")),
        sa.UniqueConstraint("authorisation_id", "sha256", name=op.f("uq_authorised_document_authorisation_id_sha256")),
    )
    op.create_table(
        "preservation",
        sa.Column("decree_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("archived_document_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("object_key", sa.String(length=200), nullable=False),
        sa.Column("level", sa.String(length=9), nullable=False),
        sa.Column("provable_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(length=300), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.CheckConstraint("state IN ('waiting','held','stuck')", name=op.f("ck_preservation_state")),
        sa.CheckConstraint(
            "(decree_id IS NULL) <> (archived_document_id IS NULL)", name=op.f("ck_preservation_one_document")
        ),
        sa.ForeignKeyConstraint(
            ["archived_document_id"],
            ["archived_document.id"],
            name=op.f("fk_preservation_archived_document_id_archived_document"),
        ),
        sa.ForeignKeyConstraint(["decree_id"], ["decree.id"], name=op.f("fk_preservation_decree_id_decree")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_preservation")),
        sa.UniqueConstraint("archived_document_id", name=op.f("uq_preservation_archived_document_id")),
        sa.UniqueConstraint("decree_id", name=op.f("uq_preservation_decree_id")),
    )
    with op.batch_alter_table("preservation", schema=None) as batch_op:
        batch_op.create_index(
            "ix_preservation_due",
            ["due_at", "id"],
            unique=False,
            sqlite_where=sa.text("state <> 'stuck'"),
            postgresql_where=sa.text("state <> 'stuck'"),
        )

    op.create_table(
        "remote_call",
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("backend", sa.String(length=16), nullable=False),
        sa.Column("endpoint", sa.String(length=200), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("request", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("answer", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("attempt_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.CheckConstraint("outcome IN ('answered','not_sent','unknown')", name=op.f("ck_remote_call_outcome")),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["signing_attempt.id"], name=op.f("fk_remote_call_attempt_id_signing_attempt")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remote_call")),
    )
    with op.batch_alter_table("remote_call", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_remote_call_at_id"), ["at", "id"], unique=False)

    with op.batch_alter_table("credential", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "backend_config",
                sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
                nullable=False,
                server_default="{}",
            )
        )
        batch_op.add_column(sa.Column("second_factor", sa.String(length=8), nullable=False, server_default=""))
        batch_op.alter_column("valid_from", existing_type=sa.DateTime(timezone=True), nullable=True)
        batch_op.alter_column("valid_to", existing_type=sa.DateTime(timezone=True), nullable=True)

    # The defaults were for the rows that were there.
    with op.batch_alter_table("credential", schema=None) as batch_op:
        batch_op.alter_column("backend_config", server_default=None)
        batch_op.alter_column("second_factor", server_default=None)
        batch_op.create_check_constraint(
            batch_op.f("ck_credential_backend"), "backend IN ('stored','pkcs12','pkcs11','csc','bsre')"
        )
        batch_op.create_check_constraint(
            batch_op.f("ck_credential_second_factor"), "second_factor IN ('','totp','passkey','any')"
        )

    with op.batch_alter_table("signature", schema=None) as batch_op:
        batch_op.alter_column(
            "level", existing_type=sa.String(length=8), type_=sa.String(length=9), existing_nullable=False
        )

    with op.batch_alter_table("signing_attempt", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("authorisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(sa.Column("reference", sa.String(length=200), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_signing_attempt_authorisation_id_signing_authorisation"),
            "signing_authorisation",
            ["authorisation_id"],
            ["id"],
        )


def downgrade() -> None:

    with op.batch_alter_table("signing_attempt", schema=None) as batch_op:
        batch_op.drop_constraint(
            batch_op.f("fk_signing_attempt_authorisation_id_signing_authorisation"), type_="foreignkey"
        )
        batch_op.drop_column("reference")
        batch_op.drop_column("authorisation_id")

    with op.batch_alter_table("signature", schema=None) as batch_op:
        batch_op.alter_column(
            "level", existing_type=sa.String(length=9), type_=sa.String(length=8), existing_nullable=False
        )

    with op.batch_alter_table("credential", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_credential_backend"), type_="check")
        batch_op.drop_constraint(batch_op.f("ck_credential_second_factor"), type_="check")
        batch_op.alter_column("valid_to", existing_type=sa.DateTime(timezone=True), nullable=False)
        batch_op.alter_column("valid_from", existing_type=sa.DateTime(timezone=True), nullable=False)
        batch_op.drop_column("second_factor")
        batch_op.drop_column("backend_config")

    with op.batch_alter_table("remote_call", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_remote_call_at_id"))

    op.drop_table("remote_call")
    with op.batch_alter_table("preservation", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_preservation_due",
            sqlite_where=sa.text("state <> 'stuck'"),
            postgresql_where=sa.text("state <> 'stuck'"),
        )

    op.drop_table("preservation")
    op.drop_table("authorised_document")
    with op.batch_alter_table("archived_document", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_archived_document_recorded_at_id"))

    op.drop_table("archived_document")
    with op.batch_alter_table("signing_authorisation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_signing_authorisation_person_id_id"))

    op.drop_table("signing_authorisation")
    op.drop_table("trust_anchor")
    with op.batch_alter_table("passkey", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_passkey_person_id"))

    op.drop_table("passkey")
    with op.batch_alter_table("revocation_data", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_revocation_data_issuer_issued_at"))

    op.drop_table("revocation_data")
