"""Transfers and returns are taken back like receipts; a serial number is at hand once

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# table: the counter that a reversal needs to undo what was planned
COUNTERS = {"transfers": "allocated", "returns": "over"}
# Of a device that was scanned more than once for a reason, the last who did.
FILL = """
INSERT INTO serials_at_hand (network_id, serial, receipt_id)
SELECT DISTINCT ON (r.network_id, x.serial) r.network_id, x.serial, r.id
FROM receipt_lines l JOIN receipts r ON r.id = l.receipt_id
CROSS JOIN LATERAL unnest(l.serial_numbers) x(serial)
WHERE r.reverses_id IS NULL
  AND NOT EXISTS (SELECT FROM receipts b WHERE b.reverses_id = r.id)
  AND NOT EXISTS (SELECT FROM returns d WHERE d.network_id = r.network_id
    AND d.recorded_at >= r.recorded_at AND d.serial_numbers @> ARRAY[x.serial])
ORDER BY r.network_id, x.serial, r.recorded_at DESC, r.id DESC
"""


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
    op.create_table(
        "serials_at_hand",
        sa.Column("network_id", sa.Uuid(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("receipt_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["network_id"], ["networks.id"], name=op.f("fk_serials_at_hand_network_id")
        ),
        sa.ForeignKeyConstraint(
            ["receipt_id"],
            ["receipts.id"],
            name=op.f("fk_serials_at_hand_receipt_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("network_id", "serial", name=op.f("pk_serials_at_hand")),
    )
    op.execute(FILL)


def downgrade() -> None:
    op.drop_table("serials_at_hand")
    for table, counter in COUNTERS.items():
        # With what was taken back, which would count again.
        op.execute(
            f"DELETE FROM {table} WHERE reverses_id IS NOT NULL"
            f" OR id IN (SELECT reverses_id FROM {table})"
        )
        for column in ("reverses_id", counter, "note"):
            op.drop_column(table, column)
