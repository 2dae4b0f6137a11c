"""What a person changed of staff stands against what a roster said before

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("staff", sa.Column("edits", postgresql.JSONB(), nullable=True))


def downgrade() -> None:
    op.drop_column("staff", "edits")
