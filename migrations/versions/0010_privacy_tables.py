"""Which students each disclosure was of, and who has been erased

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("disclosures", sa.Column("basis", sa.Text(), nullable=True))
    op.add_column(
        "account_imports",
        sa.Column("forgotten_at", sa.DateTime(timezone=True), nullable=True),
    )
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
    # Ids shrink by little, and to try took half of the time of recording a million.
    op.execute("ALTER TABLE disclosure_students ALTER COLUMN students SET STORAGE EXTERNAL")
    op.create_index(
        "ix_disclosure_students_span",
        "disclosure_students",
        [sa.text("uuidrange(first, last, '[]'::text)")],
        postgresql_using="gist",
    )
    op.create_table(
        "erasures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("case_number", sa.Text(), nullable=True),
        sa.Column("network_id", sa.Uuid(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(lifted_at IS NULL) = (lifted_by IS NULL)", name=op.f("ck_erasures_lifted")
        ),
        sa.ForeignKeyConstraint(
            ["network_id"], ["networks.id"], name=op.f("fk_erasures_network_id")
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["account_sources.id"], name=op.f("fk_erasures_source_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
    )
    op.create_index("ix_erasures_network_id", "erasures", ["network_id"])
    op.create_index(
        "uq_erasures_source_id_digest",
        "erasures",
        ["source_id", "digest"],
        unique=True,
        postgresql_where=sa.text("lifted_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("erasures")
    op.drop_table("disclosure_students")
    op.execute("DROP TYPE uuidrange")
    op.drop_column("account_imports", "forgotten_at")
    op.drop_column("disclosures", "basis")
