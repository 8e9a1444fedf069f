"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_checkpoint",
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("heads", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("prev_sha256", sa.String(length=64), nullable=True),
        sa.Column("object_key", sa.String(length=200), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_checkpoint")),
    )
    with op.batch_alter_table("audit_checkpoint", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_checkpoint_at"), ["at"], unique=False)

    op.create_table(
        "audit_stream",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("head", sa.String(length=64), nullable=True),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_stream")),
        sa.UniqueConstraint("name", name=op.f("uq_audit_stream_name")),
    )
    op.create_table(
        "job_run",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(length=300), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_run")),
        sa.UniqueConstraint("name", name=op.f("uq_job_run_name")),
    )
    op.create_table(
        "outbox_message",
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("payload", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(length=300), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.CheckConstraint("state IN ('waiting','done','dead')", name=op.f("ck_outbox_message_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_message")),
    )
    with op.batch_alter_table("outbox_message", schema=None) as batch_op:
        batch_op.create_index(
            "ix_outbox_waiting",
            ["due_at", "id"],
            unique=False,
            sqlite_where=sa.text("state = 'waiting'"),
            postgresql_where=sa.text("state = 'waiting'"),
        )

    op.create_table(
        "person",
        sa.Column("nip", sa.String(length=18), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("rank", sa.String(length=80), nullable=True),
        sa.Column("email", sa.String(length=200), nullable=False),
        sa.Column("username", sa.String(length=80), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("totp_secret", sa.LargeBinary(), nullable=True),
        sa.Column("totp_last_step", sa.Integer(), nullable=True),
        sa.Column("locale", sa.String(length=8), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("failed_logins", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("session_epoch", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("email", name=op.f("uq_person_email")),
        sa.UniqueConstraint("nip", name=op.f("uq_person_nip")),
        sa.UniqueConstraint("public_id", name=op.f("uq_person_public_id")),
        sa.UniqueConstraint("username", name=op.f("uq_person_username")),
    )
    op.create_table(
        "route_version",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("route_id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_route_version")),
        sa.UniqueConstraint("sha256", name=op.f("uq_route_version_sha256")),
    )
    with op.batch_alter_table("route_version", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_route_version_route_id"), ["route_id"], unique=False)

    op.create_table(
        "unit",
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("parent_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("letter_code", sa.String(length=32), nullable=True),
        sa.Column("address", sa.String(length=300), nullable=True),
        sa.Column("phone", sa.String(length=60), nullable=True),
        sa.Column("email", sa.String(length=120), nullable=True),
        sa.Column("website", sa.String(length=120), nullable=True),
        sa.Column("place", sa.String(length=80), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["unit.id"], name=op.f("fk_unit_parent_id_unit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit")),
        sa.UniqueConstraint("code", name=op.f("uq_unit_code")),
        sa.UniqueConstraint("public_id", name=op.f("uq_unit_public_id")),
    )
    with op.batch_alter_table("unit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_unit_parent_id"), ["parent_id"], unique=False)

    op.create_table(
        "api_token",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.String(length=200), nullable=False),
        sa.Column("created_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["created_by_id"], ["person.id"], name=op.f("fk_api_token_created_by_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("public_id", name=op.f("uq_api_token_public_id")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_api_token_token_sha256")),
    )
    op.create_table(
        "credential",
        sa.Column("owner_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("backend", sa.String(length=16), nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("certificate_pem", sa.Text(), nullable=False),
        sa.Column("chain_pem", sa.Text(), nullable=False),
        sa.Column("serial", sa.String(length=64), nullable=False),
        sa.Column("issuer", sa.String(length=300), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column("key_envelope", sa.LargeBinary(), nullable=True),
        sa.Column("is_own_issue", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revocation_reason", sa.String(length=40), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.CheckConstraint("status IN ('active','locked','revoked','replaced')", name=op.f("ck_credential_status")),
        sa.ForeignKeyConstraint(["owner_id"], ["person.id"], name=op.f("fk_credential_owner_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credential")),
        sa.UniqueConstraint("public_id", name=op.f("uq_credential_public_id")),
    )
    with op.batch_alter_table("credential", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_credential_owner_id_status"), ["owner_id", "status"], unique=False)
        batch_op.create_index(batch_op.f("ix_credential_serial"), ["serial"], unique=False)

    op.create_table(
        "day_fact",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("created", sa.Integer(), nullable=False),
        sa.Column("submitted", sa.Integer(), nullable=False),
        sa.Column("signed", sa.Integer(), nullable=False),
        sa.Column("signed_electronic", sa.Integer(), nullable=False),
        sa.Column("signed_paper", sa.Integer(), nullable=False),
        sa.Column("within_norm", sa.Integer(), nullable=False),
        sa.Column("with_norm", sa.Integer(), nullable=False),
        sa.Column("returned", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_day_fact_unit_id_unit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_day_fact")),
    )
    with op.batch_alter_table("day_fact", schema=None) as batch_op:
        batch_op.create_index("uq_day_fact_cell", ["day", "unit_id", "kind"], unique=True)

    op.create_table(
        "position",
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("superior_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("roles", sa.String(length=120), nullable=False),
        sa.Column("on_behalf_of", sa.String(length=200), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["superior_id"], ["position.id"], name=op.f("fk_position_superior_id_position")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_position_unit_id_unit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_position")),
        sa.UniqueConstraint("code", name=op.f("uq_position_code")),
        sa.UniqueConstraint("public_id", name=op.f("uq_position_public_id")),
    )
    with op.batch_alter_table("position", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_position_superior_id"), ["superior_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_position_unit_id"), ["unit_id"], unique=False)

    op.create_table(
        "register",
        sa.Column("book", sa.String(length=40), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("next_seq", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_register_unit_id_unit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register")),
        sa.UniqueConstraint("book", "unit_id", "year", name=op.f("uq_register_book_unit_id_year")),
    )
    op.create_table(
        "decree",
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=500), nullable=False),
        sa.Column("search_text", sa.String(length=2000), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("agency_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("drafter_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("drafter_position_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("medium", sa.String(length=12), nullable=False),
        sa.Column("source", sa.String(length=12), nullable=False),
        sa.Column("version_no", sa.Integer(), nullable=False),
        sa.Column("lock_version", sa.Integer(), nullable=False),
        sa.Column("route_id", sa.String(length=40), nullable=False),
        sa.Column("route_sha256", sa.String(length=64), nullable=True),
        sa.Column("assignments", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("number", sa.String(length=120), nullable=True),
        sa.Column("issued_on", sa.Date(), nullable=True),
        sa.Column("verify_code", sa.String(length=22), nullable=False),
        sa.Column("frozen_sha256", sa.String(length=64), nullable=True),
        sa.Column("signer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("signer_capacity", sa.String(length=12), nullable=True),
        sa.Column("signed_sha256", sa.String(length=64), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("legal_status", sa.String(length=12), nullable=False),
        sa.Column("legal_note", sa.String(length=500), nullable=True),
        sa.Column("superseded_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("security", sa.String(length=2), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("audit_head", sa.String(length=64), nullable=True),
        sa.Column("audit_seq", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.CheckConstraint(
            "legal_status IN ('none','in_force','amended','revoked')", name=op.f("ck_decree_legal_status")
        ),
        sa.CheckConstraint("medium IN ('electronic','paper')", name=op.f("ck_decree_medium")),
        sa.CheckConstraint(
            "status IN ('draft','in_review','ready_to_sign','signing','signed','issued','rejected','discarded')",
            name=op.f("ck_decree_status"),
        ),
        sa.ForeignKeyConstraint(["agency_id"], ["unit.id"], name=op.f("fk_decree_agency_id_unit")),
        sa.ForeignKeyConstraint(["drafter_id"], ["person.id"], name=op.f("fk_decree_drafter_id_person")),
        sa.ForeignKeyConstraint(
            ["drafter_position_id"], ["position.id"], name=op.f("fk_decree_drafter_position_id_position")
        ),
        sa.ForeignKeyConstraint(["signer_id"], ["person.id"], name=op.f("fk_decree_signer_id_person")),
        sa.ForeignKeyConstraint(["superseded_by_id"], ["decree.id"], name=op.f("fk_decree_superseded_by_id_decree")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_decree_unit_id_unit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decree")),
        sa.UniqueConstraint("public_id", name=op.f("uq_decree_public_id")),
        sa.UniqueConstraint("verify_code", name=op.f("uq_decree_verify_code")),
    )
    with op.batch_alter_table("decree", schema=None) as batch_op:
        batch_op.create_index("ix_decree_agency", ["agency_id", "created_at", "id"], unique=False)
        batch_op.create_index("ix_decree_created", ["created_at", "id"], unique=False)
        batch_op.create_index("ix_decree_drafter", ["drafter_id", "created_at", "id"], unique=False)
        batch_op.create_index("ix_decree_list", ["unit_id", "kind", "status", "created_at", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_decree_number"), ["number"], unique=False)
        batch_op.create_index(batch_op.f("ix_decree_signed_sha256"), ["signed_sha256"], unique=False)
        batch_op.create_index("ix_decree_status", ["status", "created_at", "id"], unique=False)

    op.create_table(
        "holding",
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("capacity", sa.String(length=12), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("instrument", sa.String(length=200), nullable=True),
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.CheckConstraint("capacity IN ('definitive','plt','plh','pj')", name=op.f("ck_holding_capacity")),
        sa.CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name=op.f("ck_holding_window")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_holding_person_id_person")),
        sa.ForeignKeyConstraint(["position_id"], ["position.id"], name=op.f("fk_holding_position_id_position")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holding")),
        sa.UniqueConstraint("public_id", name=op.f("uq_holding_public_id")),
    )
    with op.batch_alter_table("holding", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_holding_person_id_valid_from"), ["person_id", "valid_from"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_holding_position_id_valid_from"), ["position_id", "valid_from"], unique=False
        )

    op.create_table(
        "audit_event",
        sa.Column("stream", sa.String(length=60), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("decree_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("type", sa.String(length=60), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("actor_name", sa.String(length=200), nullable=False),
        sa.Column("actor_capacity", sa.String(length=300), nullable=True),
        sa.Column("payload", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("prev_hash", sa.String(length=64), nullable=True),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["person.id"], name=op.f("fk_audit_event_actor_id_person")),
        sa.ForeignKeyConstraint(["decree_id"], ["decree.id"], name=op.f("fk_audit_event_decree_id_decree")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
        sa.UniqueConstraint("stream", "seq", name=op.f("uq_audit_event_stream_seq")),
    )
    with op.batch_alter_table("audit_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_event_at_id"), ["at", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_audit_event_decree_id_id"), ["decree_id", "id"], unique=False)

    op.create_table(
        "cycle_fact",
        sa.Column("decree_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("medium", sa.String(length=12), nullable=False),
        sa.Column("working_minutes", sa.Integer(), nullable=True),
        sa.Column("norm_minutes", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["decree_id"], ["decree.id"], name=op.f("fk_cycle_fact_decree_id_decree")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_cycle_fact_unit_id_unit")),
        sa.PrimaryKeyConstraint("decree_id", name=op.f("pk_cycle_fact")),
    )
    with op.batch_alter_table("cycle_fact", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_cycle_fact_day_unit_id_kind"), ["day", "unit_id", "kind"], unique=False)

    op.create_table(
        "decree_version",
        sa.Column("decree_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version_no", sa.Integer(), nullable=False),
        sa.Column("data", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("pdf_sha256", sa.String(length=64), nullable=True),
        sa.Column("created_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("change_note", sa.String(length=500), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["created_by_id"], ["person.id"], name=op.f("fk_decree_version_created_by_id_person")),
        sa.ForeignKeyConstraint(["decree_id"], ["decree.id"], name=op.f("fk_decree_version_decree_id_decree")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decree_version")),
        sa.UniqueConstraint("decree_id", "version_no", name=op.f("uq_decree_version_decree_id_version_no")),
    )
    op.create_table(
        "notice",
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("decree_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("message", sa.String(length=300), nullable=False),
        sa.Column("params", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["decree_id"], ["decree.id"], name=op.f("fk_notice_decree_id_decree")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_notice_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint("public_id", name=op.f("uq_notice_public_id")),
    )
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notice_person_id_id"), ["person_id", "id"], unique=False)
        batch_op.create_index(
            "ix_notice_unread",
            ["person_id", "id"],
            unique=False,
            sqlite_where=sa.text("read_at IS NULL"),
            postgresql_where=sa.text("read_at IS NULL"),
        )

    op.create_table(
        "register_entry",
        sa.Column("register_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("formatted", sa.String(length=120), nullable=False),
        sa.Column("decree_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("void_reason", sa.String(length=500), nullable=True),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.CheckConstraint("state <> 'void' OR void_reason IS NOT NULL", name=op.f("ck_register_entry_void_reason")),
        sa.CheckConstraint("state IN ('held','used','void')", name=op.f("ck_register_entry_state")),
        sa.ForeignKeyConstraint(["decree_id"], ["decree.id"], name=op.f("fk_register_entry_decree_id_decree")),
        sa.ForeignKeyConstraint(["register_id"], ["register.id"], name=op.f("fk_register_entry_register_id_register")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_entry")),
        sa.UniqueConstraint("register_id", "seq", name=op.f("uq_register_entry_register_id_seq")),
    )
    with op.batch_alter_table("register_entry", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_register_entry_decree_id"), ["decree_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_register_entry_formatted"), ["formatted"], unique=False)
        batch_op.create_index(
            "uq_register_entry_live",
            ["decree_id"],
            unique=True,
            sqlite_where=sa.text("state <> 'void'"),
            postgresql_where=sa.text("state <> 'void'"),
        )

    op.create_table(
        "stored_file",
        sa.Column("decree_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version_no", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(length=12), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("object_key", sa.String(length=200), nullable=False),
        sa.Column("media_type", sa.String(length=80), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=True),
        sa.Column("signature_box", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.CheckConstraint(
            "purpose IN ('upload','draft','frozen','signed','scan')", name=op.f("ck_stored_file_purpose")
        ),
        sa.ForeignKeyConstraint(["decree_id"], ["decree.id"], name=op.f("fk_stored_file_decree_id_decree")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stored_file")),
        sa.UniqueConstraint("decree_id", "purpose", "sha256", name=op.f("uq_stored_file_decree_id_purpose_sha256")),
    )
    with op.batch_alter_table("stored_file", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_stored_file_decree_id_purpose_id"), ["decree_id", "purpose", "id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_stored_file_sha256"), ["sha256"], unique=False)

    op.create_table(
        "task",
        sa.Column("decree_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version_no", sa.Integer(), nullable=False),
        sa.Column("step_index", sa.Integer(), nullable=False),
        sa.Column("step_title", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("assignee_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("note", sa.String(length=2000), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("norm_minutes", sa.Integer(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("done_capacity", sa.String(length=12), nullable=True),
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.CheckConstraint("kind IN ('paraf','sign','distribute')", name=op.f("ck_task_kind")),
        sa.CheckConstraint("status IN ('open','done','void')", name=op.f("ck_task_status")),
        sa.ForeignKeyConstraint(["assignee_id"], ["position.id"], name=op.f("fk_task_assignee_id_position")),
        sa.ForeignKeyConstraint(["decree_id"], ["decree.id"], name=op.f("fk_task_decree_id_decree")),
        sa.ForeignKeyConstraint(["done_by_id"], ["person.id"], name=op.f("fk_task_done_by_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
        sa.UniqueConstraint("public_id", name=op.f("uq_task_public_id")),
    )
    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_task_decree_id_id"), ["decree_id", "id"], unique=False)
        batch_op.create_index(
            "ix_task_inbox",
            ["assignee_id", "due_at", "id", "kind"],
            unique=False,
            sqlite_where=sa.text("status = 'open'"),
            postgresql_where=sa.text("status = 'open'"),
        )
        batch_op.create_index(
            "uq_task_open",
            ["decree_id"],
            unique=True,
            sqlite_where=sa.text("status = 'open'"),
            postgresql_where=sa.text("status = 'open'"),
        )

    op.create_table(
        "paraf",
        sa.Column("decree_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("task_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("step_id", sa.String(length=40), nullable=False),
        sa.Column("version_no", sa.Integer(), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("capacity", sa.String(length=12), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["decree_id"], ["decree.id"], name=op.f("fk_paraf_decree_id_decree")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_paraf_person_id_person")),
        sa.ForeignKeyConstraint(["position_id"], ["position.id"], name=op.f("fk_paraf_position_id_position")),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_paraf_task_id_task")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paraf")),
        sa.UniqueConstraint("task_id", name=op.f("uq_paraf_task_id")),
    )
    with op.batch_alter_table("paraf", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_paraf_decree_id_version_no"), ["decree_id", "version_no"], unique=False)

    op.create_table(
        "signing_attempt",
        sa.Column("decree_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("task_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("credential_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("capacity", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("signed_sha256", sa.String(length=64), nullable=True),
        sa.Column("error_code", sa.String(length=60), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.CheckConstraint(
            "state IN ('claimed','produced','done','failed','unknown')", name=op.f("ck_signing_attempt_state")
        ),
        sa.ForeignKeyConstraint(
            ["credential_id"], ["credential.id"], name=op.f("fk_signing_attempt_credential_id_credential")
        ),
        sa.ForeignKeyConstraint(["decree_id"], ["decree.id"], name=op.f("fk_signing_attempt_decree_id_decree")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_signing_attempt_person_id_person")),
        sa.ForeignKeyConstraint(["position_id"], ["position.id"], name=op.f("fk_signing_attempt_position_id_position")),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_signing_attempt_task_id_task")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_attempt")),
        sa.UniqueConstraint("public_id", name=op.f("uq_signing_attempt_public_id")),
    )
    with op.batch_alter_table("signing_attempt", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_signing_attempt_decree_id"), ["decree_id"], unique=False)
        batch_op.create_index(
            "ix_signing_attempt_open",
            ["state", "claimed_at"],
            unique=False,
            sqlite_where=sa.text("state IN ('claimed','produced','unknown')"),
            postgresql_where=sa.text("state IN ('claimed','produced','unknown')"),
        )
        batch_op.create_index(
            "uq_signing_attempt_live",
            ["task_id", "sha256"],
            unique=True,
            sqlite_where=sa.text("state <> 'failed'"),
            postgresql_where=sa.text("state <> 'failed'"),
        )

    op.create_table(
        "signature",
        sa.Column("decree_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("attempt_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("signer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("signer_name", sa.String(length=200), nullable=False),
        sa.Column("position_title", sa.String(length=300), nullable=False),
        sa.Column("capacity", sa.String(length=12), nullable=False),
        sa.Column("certificate_serial", sa.String(length=64), nullable=False),
        sa.Column("level", sa.String(length=8), nullable=False),
        sa.Column("field_name", sa.String(length=80), nullable=False),
        sa.Column("signed_sha256", sa.String(length=64), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["signing_attempt.id"], name=op.f("fk_signature_attempt_id_signing_attempt")
        ),
        sa.ForeignKeyConstraint(["decree_id"], ["decree.id"], name=op.f("fk_signature_decree_id_decree")),
        sa.ForeignKeyConstraint(["signer_id"], ["person.id"], name=op.f("fk_signature_signer_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signature")),
        sa.UniqueConstraint("attempt_id", name=op.f("uq_signature_attempt_id")),
    )
    with op.batch_alter_table("signature", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_signature_decree_id"), ["decree_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("signature", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_signature_decree_id"))

    op.drop_table("signature")
    with op.batch_alter_table("signing_attempt", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_signing_attempt_live",
            sqlite_where=sa.text("state <> 'failed'"),
            postgresql_where=sa.text("state <> 'failed'"),
        )
        batch_op.drop_index(
            "ix_signing_attempt_open",
            sqlite_where=sa.text("state IN ('claimed','produced','unknown')"),
            postgresql_where=sa.text("state IN ('claimed','produced','unknown')"),
        )
        batch_op.drop_index(batch_op.f("ix_signing_attempt_decree_id"))

    op.drop_table("signing_attempt")
    with op.batch_alter_table("paraf", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_paraf_decree_id_version_no"))

    op.drop_table("paraf")
    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_task_open", sqlite_where=sa.text("status = 'open'"), postgresql_where=sa.text("status = 'open'")
        )
        batch_op.drop_index(
            "ix_task_inbox", sqlite_where=sa.text("status = 'open'"), postgresql_where=sa.text("status = 'open'")
        )
        batch_op.drop_index(batch_op.f("ix_task_decree_id_id"))

    op.drop_table("task")
    with op.batch_alter_table("stored_file", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_stored_file_sha256"))
        batch_op.drop_index(batch_op.f("ix_stored_file_decree_id_purpose_id"))

    op.drop_table("stored_file")
    with op.batch_alter_table("register_entry", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_register_entry_live",
            sqlite_where=sa.text("state <> 'void'"),
            postgresql_where=sa.text("state <> 'void'"),
        )
        batch_op.drop_index(batch_op.f("ix_register_entry_formatted"))
        batch_op.drop_index(batch_op.f("ix_register_entry_decree_id"))

    op.drop_table("register_entry")
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_notice_unread", sqlite_where=sa.text("read_at IS NULL"), postgresql_where=sa.text("read_at IS NULL")
        )
        batch_op.drop_index(batch_op.f("ix_notice_person_id_id"))

    op.drop_table("notice")
    op.drop_table("decree_version")
    with op.batch_alter_table("cycle_fact", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_cycle_fact_day_unit_id_kind"))

    op.drop_table("cycle_fact")
    with op.batch_alter_table("audit_event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_audit_event_decree_id_id"))
        batch_op.drop_index(batch_op.f("ix_audit_event_at_id"))

    op.drop_table("audit_event")
    with op.batch_alter_table("holding", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_holding_position_id_valid_from"))
        batch_op.drop_index(batch_op.f("ix_holding_person_id_valid_from"))

    op.drop_table("holding")
    with op.batch_alter_table("decree", schema=None) as batch_op:
        batch_op.drop_index("ix_decree_status")
        batch_op.drop_index(batch_op.f("ix_decree_signed_sha256"))
        batch_op.drop_index(batch_op.f("ix_decree_number"))
        batch_op.drop_index("ix_decree_list")
        batch_op.drop_index("ix_decree_drafter")
        batch_op.drop_index("ix_decree_created")
        batch_op.drop_index("ix_decree_agency")

    op.drop_table("decree")
    op.drop_table("register")
    with op.batch_alter_table("position", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_position_unit_id"))
        batch_op.drop_index(batch_op.f("ix_position_superior_id"))

    op.drop_table("position")
    with op.batch_alter_table("day_fact", schema=None) as batch_op:
        batch_op.drop_index("uq_day_fact_cell")

    op.drop_table("day_fact")
    with op.batch_alter_table("credential", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_credential_serial"))
        batch_op.drop_index(batch_op.f("ix_credential_owner_id_status"))

    op.drop_table("credential")
    op.drop_table("api_token")
    with op.batch_alter_table("unit", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_unit_parent_id"))

    op.drop_table("unit")
    with op.batch_alter_table("route_version", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_route_version_route_id"))

    op.drop_table("route_version")
    op.drop_table("person")
    with op.batch_alter_table("outbox_message", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_outbox_waiting",
            sqlite_where=sa.text("state = 'waiting'"),
            postgresql_where=sa.text("state = 'waiting'"),
        )

    op.drop_table("outbox_message")
    op.drop_table("job_run")
    op.drop_table("audit_stream")
    with op.batch_alter_table("audit_checkpoint", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_audit_checkpoint_at"))

    op.drop_table("audit_checkpoint")
