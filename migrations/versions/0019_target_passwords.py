"""Initial passwords sent to targets

Revision ID: 0019
Revises: 0018
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "targets",
        sa.Column("sends_passwords", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    # The default was for the rows that there are.
    op.alter_column("targets", "sends_passwords", server_default=None)
    op.create_check_constraint(
        op.f("ck_targets_sends_passwords"), "targets", "kind = 'scim' OR NOT sends_passwords"
    )
    op.add_column(
        "target_accounts", sa.Column("password_at", sa.DateTime(timezone=True), nullable=True)
    )


def downgrade() -> None:
    op.drop_column("target_accounts", "password_at")
    op.drop_constraint(op.f("ck_targets_sends_passwords"), "targets")
    op.drop_column("targets", "sends_passwords")
