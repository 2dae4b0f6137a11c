"""Lines that orders got after they were approved, and what they stand in for

Revision ID: 0018
Revises: 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Until now no line was substituted.
    op.add_column(
        "order_lines", sa.Column("substituted", sa.Integer(), nullable=False, server_default="0")
    )
    op.alter_column("order_lines", "substituted", server_default=None)
    op.create_check_constraint(
        op.f("ck_order_lines_substituted"),
        "order_lines",
        "substituted BETWEEN 0 AND cancelled",
    )
    op.create_table(
        "amendments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("network_id", sa.Uuid(), nullable=False),
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.Column("substitutes_id", sa.Uuid(), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_amendments_quantity")),
        sa.CheckConstraint("line_id <> substitutes_id", name=op.f("ck_amendments_not_itself")),
        sa.CheckConstraint(
            "substitutes_id IS NULL OR reason IS NOT NULL", name=op.f("ck_amendments_reason")
        ),
        sa.ForeignKeyConstraint(
            ["line_id"],
            ["order_lines.id"],
            name=op.f("fk_amendments_line_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["network_id"], ["networks.id"], name=op.f("fk_amendments_network_id")
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_amendments_order_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["substitutes_id"],
            ["order_lines.id"],
            name=op.f("fk_amendments_substitutes_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_amendments")),
        sa.UniqueConstraint("line_id", name=op.f("uq_amendments_line_id")),
    )
    op.create_index("ix_amendments_order_id", "amendments", ["order_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_amendments_order_id", table_name="amendments")
    op.drop_table("amendments")
    op.drop_column("order_lines", "substituted")
