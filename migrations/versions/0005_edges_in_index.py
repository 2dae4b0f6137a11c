"""All that the board asks of an edge is in its index

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_dependencies_rollout_id", table_name="dependencies")
    op.create_index(
        "ix_dependencies_rollout_id",
        "dependencies",
        ["rollout_id"],
        postgresql_include=["predecessor_id", "successor_id", "lag_days"],
    )


def downgrade() -> None:
    op.drop_index("ix_dependencies_rollout_id", table_name="dependencies")
    op.create_index("ix_dependencies_rollout_id", "dependencies", ["rollout_id"])
