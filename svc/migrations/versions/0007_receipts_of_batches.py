"""Receipts of batches, made once and kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "batch_receipt",
        sa.Column("batch_id", _BIG, nullable=False),
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("outcome_sha256", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("object_key", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_batch_receipt_batch_id_batch")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch_receipt")),
        sa.UniqueConstraint("batch_id", "no", name=op.f("uq_batch_receipt_batch_id_no")),
    )
    op.add_column("batch", sa.Column("receipt_wanted_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_batch_receipt", "batch", ["receipt_wanted_at", "id"],
                    sqlite_where=sa.text("receipt_wanted_at IS NOT NULL"),
                    postgresql_where=sa.text("receipt_wanted_at IS NOT NULL"))
    # Batches that ended before get theirs too.
    op.execute("UPDATE batch SET receipt_wanted_at = updated_at WHERE status IN ('finished', 'cancelled') "
               "OR (status = 'signing' AND work = '')")


def downgrade() -> None:
    op.drop_index("ix_batch_receipt", table_name="batch")
    op.drop_column("batch", "receipt_wanted_at")
    op.drop_table("batch_receipt")
