"""Several signers of one document: a row for each signature block."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# Frozen documents so far have one block; who signed it stands in the decree's row. The position is that of
# the last sign task.
_FILL = """
INSERT INTO decree_signer (decree_id, ordinal, position_id, person_id, capacity, signed_at, signed_sha256)
SELECT decree.id, 1,
       (SELECT task.assignee_id FROM task WHERE task.decree_id = decree.id AND task.kind = 'sign'
        ORDER BY task.id DESC LIMIT 1),
       decree.signer_id, decree.signer_capacity, decree.signed_at, decree.signed_sha256
FROM decree
WHERE decree.signer_id IS NOT NULL AND decree.medium = 'electronic'
  AND EXISTS (SELECT 1 FROM task WHERE task.decree_id = decree.id AND task.kind = 'sign')
"""


def upgrade() -> None:
    op.create_table(
        "decree_signer",
        sa.Column("decree_id", _BIG, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("position_id", _BIG, nullable=False),
        sa.Column("person_id", _BIG, nullable=True),
        sa.Column("capacity", sa.String(length=12), nullable=True),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("signed_sha256", sa.String(length=64), nullable=True),
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.CheckConstraint("(person_id IS NULL) = (capacity IS NULL)", name=op.f("ck_decree_signer_named")),
        sa.CheckConstraint("(signed_at IS NULL) = (signed_sha256 IS NULL)", name=op.f("ck_decree_signer_signed")),
        sa.CheckConstraint("ordinal >= 1", name=op.f("ck_decree_signer_ordinal")),
        sa.ForeignKeyConstraint(["decree_id"], ["decree.id"], name=op.f("fk_decree_signer_decree_id_decree")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_decree_signer_person_id_person")),
        sa.ForeignKeyConstraint(["position_id"], ["position.id"], name=op.f("fk_decree_signer_position_id_position")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decree_signer")),
        sa.UniqueConstraint("decree_id", "ordinal", name=op.f("uq_decree_signer_decree_id_ordinal")),
    )
    op.execute(_FILL)


def downgrade() -> None:
    op.drop_table("decree_signer")
