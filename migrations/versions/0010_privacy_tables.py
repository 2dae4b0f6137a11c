"""Which students each disclosure was of, and on what ground they were handed on

Revision ID: 0010
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("disclosures", sa.Column("basis", sa.Text(), nullable=True))
    # Ranges of ids are indexed as such: no extension is needed for it.
    op.execute("CREATE TYPE uuidrange AS RANGE (subtype = uuid)")
    op.create_table(
        "disclosure_students",
        sa.Column("disclosure_id", sa.Uuid(), nullable=False),
        sa.Column("first", sa.Uuid(), nullable=False),
        sa.Column("last", sa.Uuid(), nullable=False),
        sa.Column("students", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.CheckConstraint("first <= last", name=op.f("ck_disclosure_students_span")),
        sa.CheckConstraint(
            "cardinality(students) BETWEEN 1 AND 1000",
            name=op.f("ck_disclosure_students_students"),
        ),
        sa.ForeignKeyConstraint(
            ["disclosure_id"],
            ["disclosures.id"],
            name=op.f("fk_disclosure_students_disclosure_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("disclosure_id", "first", name=op.f("pk_disclosure_students")),
    )
    op.create_index(
        "ix_disclosure_students_span",
        "disclosure_students",
        [sa.text("uuidrange(first, last, '[]'::text)")],
        postgresql_using="gist",
    )


def downgrade() -> None:
    op.drop_table("disclosure_students")
    op.execute("DROP TYPE uuidrange")
    op.drop_column("disclosures", "basis")
