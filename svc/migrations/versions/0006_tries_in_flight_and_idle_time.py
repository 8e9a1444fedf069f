"""Tries at a passphrase that are in flight, and the time in which a batch stood still."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "passphrase_try",
        sa.Column("credential_id", _BIG, nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(
            ["credential_id"], ["credential.id"], name=op.f("fk_passphrase_try_credential_id_credential")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passphrase_try")),
        sa.UniqueConstraint("public_id", name=op.f("uq_passphrase_try_public_id")),
    )
    op.create_index(op.f("ix_passphrase_try_credential_id_tried_at"), "passphrase_try", ["credential_id", "tried_at"])
    op.add_column("batch", sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("batch", sa.Column("idle_seconds", sa.Double(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("batch", "idle_seconds")
    op.drop_column("batch", "stopped_at")
    op.drop_index(op.f("ix_passphrase_try_credential_id_tried_at"), table_name="passphrase_try")
    op.drop_table("passphrase_try")
