"""Batches of decrees that go their route together."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_INBOX = ["assignee_id", "due_at", "id", "kind"]
_OPEN = sa.text("status = 'open'")
_OPEN_ALONE = sa.text("status = 'open' AND batch_id IS NULL")


def upgrade() -> None:
    op.create_table(
        "batch",
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("unit_id", _BIG, nullable=False),
        sa.Column("agency_id", _BIG, nullable=False),
        sa.Column("drafter_id", _BIG, nullable=False),
        sa.Column("drafter_position_id", _BIG, nullable=False),
        sa.Column("parent_id", _BIG, nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("lock_version", sa.Integer(), nullable=False),
        sa.Column("source_name", sa.String(length=200), nullable=False),
        sa.Column("mapping", _JSON, nullable=False),
        sa.Column("route_id", sa.String(length=40), nullable=False),
        sa.Column("route_sha256", sa.String(length=64), nullable=True),
        sa.Column("assignments", _JSON, nullable=False),
        sa.Column("step_index", sa.Integer(), nullable=True),
        sa.Column("assignee_id", _BIG, nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("list_sha256", sa.String(length=64), nullable=True),
        sa.Column("frozen_on", sa.Date(), nullable=True),
        sa.Column("signer_id", _BIG, nullable=True),
        sa.Column("signer_capacity", sa.String(length=12), nullable=True),
        sa.Column("authorisation_id", _BIG, nullable=True),
        sa.Column("auto_issue", sa.Boolean(), nullable=False),
        sa.Column("work", sa.String(length=12), nullable=False),
        sa.Column("work_by_id", _BIG, nullable=True),
        sa.Column("work_position_id", _BIG, nullable=True),
        sa.Column("work_capacity", sa.String(length=12), nullable=True),
        sa.Column("work_note", sa.String(length=2000), nullable=False),
        sa.Column("work_total", sa.Integer(), nullable=False),
        sa.Column("work_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stop_code", sa.String(length=60), nullable=False),
        sa.Column("last_chunk_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.CheckConstraint(
            "status IN ('draft','in_review','ready_to_sign','signing','finished','cancelled')",
            name=op.f("ck_batch_status"),
        ),
        sa.CheckConstraint(
            "work IN ('','check','prepare','approve','freeze','sign','issue','exclude','dissolve')",
            name=op.f("ck_batch_work"),
        ),
        sa.ForeignKeyConstraint(["agency_id"], ["unit.id"], name=op.f("fk_batch_agency_id_unit")),
        sa.ForeignKeyConstraint(["assignee_id"], ["position.id"], name=op.f("fk_batch_assignee_id_position")),
        sa.ForeignKeyConstraint(
            ["authorisation_id"],
            ["signing_authorisation.id"],
            name=op.f("fk_batch_authorisation_id_signing_authorisation"),
        ),
        sa.ForeignKeyConstraint(["drafter_id"], ["person.id"], name=op.f("fk_batch_drafter_id_person")),
        sa.ForeignKeyConstraint(
            ["drafter_position_id"], ["position.id"], name=op.f("fk_batch_drafter_position_id_position")
        ),
        sa.ForeignKeyConstraint(["parent_id"], ["decree.id"], name="fk_batch_parent_id_decree"),
        sa.ForeignKeyConstraint(["signer_id"], ["person.id"], name=op.f("fk_batch_signer_id_person")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_batch_unit_id_unit")),
        sa.ForeignKeyConstraint(["work_by_id"], ["person.id"], name=op.f("fk_batch_work_by_id_person")),
        sa.ForeignKeyConstraint(["work_position_id"], ["position.id"], name=op.f("fk_batch_work_position_id_position")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch")),
        sa.UniqueConstraint("public_id", name=op.f("uq_batch_public_id")),
    )
    with op.batch_alter_table("batch", schema=None) as batch_op:
        batch_op.create_index("ix_batch_inbox", ["assignee_id", "due_at", "id"], unique=False)
        batch_op.create_index("ix_batch_list", ["agency_id", "created_at", "id"], unique=False)
        batch_op.create_index(
            "ix_batch_work",
            ["last_chunk_at", "id"],
            unique=False,
            sqlite_where=sa.text("work <> ''"),
            postgresql_where=sa.text("work <> ''"),
        )

    op.create_table(
        "batch_row",
        sa.Column("batch_id", _BIG, nullable=False),
        sa.Column("row_no", sa.Integer(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("data", _JSON, nullable=False),
        sa.Column("problems", _JSON, nullable=False),
        sa.Column("subject_key", sa.String(length=60), nullable=False),
        sa.Column("label", sa.String(length=300), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("pending", sa.Boolean(), nullable=False),
        sa.Column("lease", sa.String(length=22), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decree_id", _BIG, nullable=True),
        sa.Column("failed_work", sa.String(length=12), nullable=True),
        sa.Column("error_code", sa.String(length=60), nullable=True),
        sa.Column("excluded_reason", sa.String(length=2000), nullable=True),
        sa.Column("excluded_by_id", _BIG, nullable=True),
        sa.Column("excluded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.CheckConstraint(
            "state IN ('unchecked','invalid','ready','live','failed','excluded')", name=op.f("ck_batch_row_state")
        ),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_batch_row_batch_id_batch")),
        sa.ForeignKeyConstraint(["decree_id"], ["decree.id"], name=op.f("fk_batch_row_decree_id_decree")),
        sa.ForeignKeyConstraint(["excluded_by_id"], ["person.id"], name=op.f("fk_batch_row_excluded_by_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch_row")),
        sa.UniqueConstraint("batch_id", "row_no", name=op.f("uq_batch_row_batch_id_row_no")),
        sa.UniqueConstraint("decree_id", name=op.f("uq_batch_row_decree_id")),
    )
    with op.batch_alter_table("batch_row", schema=None) as batch_op:
        batch_op.create_index("ix_batch_row_key", ["batch_id", "subject_key"], unique=False)
        batch_op.create_index(
            "ix_batch_row_pending",
            ["batch_id", "row_no", "leased_until"],
            unique=False,
            sqlite_where=sa.text("pending"),
            postgresql_where=sa.text("pending"),
        )
        batch_op.create_index("ix_batch_row_state", ["batch_id", "state", "row_no"], unique=False)

    with op.batch_alter_table("decree", schema=None) as batch_op:
        batch_op.add_column(sa.Column("batch_id", _BIG, nullable=True))
        batch_op.add_column(sa.Column("parent_id", _BIG, nullable=True))
        batch_op.create_index(batch_op.f("ix_decree_parent_id"), ["parent_id"], unique=False)
        batch_op.create_foreign_key("fk_decree_batch_id_batch", "batch", ["batch_id"], ["id"])
        batch_op.create_foreign_key(batch_op.f("fk_decree_parent_id_decree"), "decree", ["parent_id"], ["id"])

    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.add_column(sa.Column("batch_id", _BIG, nullable=True))
        batch_op.create_foreign_key(batch_op.f("fk_task_batch_id_batch"), "batch", ["batch_id"], ["id"])
        batch_op.drop_index("ix_task_inbox")
        batch_op.create_index("ix_task_inbox", _INBOX, sqlite_where=_OPEN_ALONE, postgresql_where=_OPEN_ALONE)


def downgrade() -> None:
    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.drop_index("ix_task_inbox")
        batch_op.create_index("ix_task_inbox", _INBOX, sqlite_where=_OPEN, postgresql_where=_OPEN)
        batch_op.drop_constraint(batch_op.f("fk_task_batch_id_batch"), type_="foreignkey")
        batch_op.drop_column("batch_id")

    with op.batch_alter_table("decree", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_decree_parent_id_decree"), type_="foreignkey")
        batch_op.drop_constraint("fk_decree_batch_id_batch", type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_decree_parent_id"))
        batch_op.drop_column("parent_id")
        batch_op.drop_column("batch_id")

    with op.batch_alter_table("batch_row", schema=None) as batch_op:
        batch_op.drop_index("ix_batch_row_state")
        batch_op.drop_index(
            "ix_batch_row_pending", sqlite_where=sa.text("pending"), postgresql_where=sa.text("pending")
        )
        batch_op.drop_index("ix_batch_row_key")

    op.drop_table("batch_row")
    with op.batch_alter_table("batch", schema=None) as batch_op:
        batch_op.drop_index("ix_batch_work", sqlite_where=sa.text("work <> ''"), postgresql_where=sa.text("work <> ''"))
        batch_op.drop_index("ix_batch_list")
        batch_op.drop_index("ix_batch_inbox")

    op.drop_table("batch")
