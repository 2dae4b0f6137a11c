"""Who was to come to a session that moved confirms it; a network says when its classes are

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

CLASSES = {"classes_begin": "08:00", "classes_end": "15:00"}


def upgrade() -> None:
    # Of sessions that moved before nobody was asked.
    op.add_column(
        "pd_registrations",
        sa.Column("to_confirm", sa.Boolean(), nullable=False, server_default="f"),
    )
    op.alter_column("pd_registrations", "to_confirm", server_default=None)
    op.create_check_constraint(
        op.f("ck_pd_registrations_to_confirm"),
        "pd_registrations",
        "NOT to_confirm OR status = 'registered'",
    )
    op.create_index(
        "ix_pd_registrations_to_confirm",
        "pd_registrations",
        ["session_id"],
        postgresql_where=sa.text("to_confirm"),
    )
    for column, usual in CLASSES.items():
        added = sa.Column(column, sa.Time(), nullable=False, server_default=usual)
        op.add_column("pd_waitlists", added)
        op.alter_column("pd_waitlists", column, server_default=None)
    op.create_check_constraint(
        op.f("ck_pd_waitlists_classes"), "pd_waitlists", "classes_begin < classes_end"
    )


def downgrade() -> None:
    for column in CLASSES:
        op.drop_column("pd_waitlists", column)
    op.drop_column("pd_registrations", "to_confirm")
