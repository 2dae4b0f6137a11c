"""Initial passwords, which login cards are printed from

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "initial_passwords",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("handed_out_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "sealed IS NULL OR handed_out_at IS NULL", name=op.f("ck_initial_passwords_spent")
        ),
        sa.CheckConstraint("expires_at > made_at", name=op.f("ck_initial_passwords_expires_at")),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name=op.f("fk_initial_passwords_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_initial_passwords")),
    )
    op.create_index(
        "ix_initial_passwords_expires_at",
        "initial_passwords",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("sealed IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index(
        "ix_initial_passwords_expires_at",
        table_name="initial_passwords",
        postgresql_where=sa.text("sealed IS NOT NULL"),
    )
    op.drop_table("initial_passwords")
