"""Transfers and returns are taken back like receipts

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# table: the counter that a reversal needs to undo what was planned
COUNTERS = {"transfers": "allocated", "returns": "over"}


def upgrade() -> None:
    for table, counter in COUNTERS.items():
        op.add_column(table, sa.Column("note", sa.Text(), nullable=True))
        op.add_column(table, sa.Column("reverses_id", sa.Uuid(), nullable=True))
        # Of those that are there it is not known: a reversal leaves the plan as it is.
        op.add_column(table, sa.Column(counter, sa.Integer(), nullable=False, server_default="0"))
        op.alter_column(table, counter, server_default=None)
        op.create_check_constraint(
            op.f(f"ck_{table}_{counter}"), table, f"{counter} BETWEEN 0 AND quantity"
        )
        op.create_foreign_key(
            op.f(f"fk_{table}_reverses_id"), table, table, ["reverses_id"], ["id"]
        )
        op.create_unique_constraint(op.f(f"uq_{table}_reverses_id"), table, ["reverses_id"])


def downgrade() -> None:
    for table, counter in COUNTERS.items():
        # With what was taken back, which would count again.
        op.execute(
            f"DELETE FROM {table} WHERE reverses_id IS NOT NULL"
            f" OR id IN (SELECT reverses_id FROM {table})"
        )
        for column in ("reverses_id", counter, "note"):
            op.drop_column(table, column)
