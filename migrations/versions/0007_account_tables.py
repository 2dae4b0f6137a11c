"""Tables of student accounts and of the runs that make them

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account_sources",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("network_id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["network_id"], ["networks.id"], name=op.f("fk_account_sources_network_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_sources")),
        sa.UniqueConstraint("network_id", "slug", name=op.f("uq_account_sources_network_id_slug")),
    )
    op.create_table(
        "burnt_usernames",
        sa.Column("network_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("owner", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["network_id"], ["networks.id"], name=op.f("fk_burnt_usernames_network_id")
        ),
        sa.PrimaryKeyConstraint("network_id", "digest", name=op.f("pk_burnt_usernames")),
    )
    op.create_table(
        "account_baselines",
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("school_id", sa.Uuid(), nullable=False),
        sa.Column("students", sa.Integer(), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("students >= 0", name=op.f("ck_account_baselines_students")),
        sa.ForeignKeyConstraint(
            ["school_id"],
            ["schools.id"],
            name=op.f("fk_account_baselines_school_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["account_sources.id"],
            name=op.f("fk_account_baselines_source_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("source_id", "school_id", name=op.f("pk_account_baselines")),
    )
    op.create_index(
        "ix_account_baselines_school_id", "account_baselines", ["school_id"], unique=False
    )
    op.create_table(
        "account_imports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("network_id", sa.Uuid(), nullable=True),
        sa.Column("source_id", sa.Uuid(), nullable=True),
        sa.Column("source_slug", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("on_error", sa.Text(), nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=True),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=True),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("body_bytes", sa.BigInteger(), nullable=False),
        sa.Column("query_key", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("created", sa.Integer(), nullable=False),
        sa.Column("updated", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("restored", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("staged_rows", sa.Integer(), nullable=True),
        sa.Column("revivals", sa.SmallInteger(), nullable=False),
        sa.Column("percent", sa.SmallInteger(), nullable=False),
        sa.Column("samples", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("held_reasons", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("problem", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("undo", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("mode IN ('apply', 'dry_run')", name=op.f("ck_account_imports_mode")),
        sa.CheckConstraint(
            "on_error IN ('skip', 'abort')", name=op.f("ck_account_imports_on_error")
        ),
        sa.CheckConstraint(
            "snapshot IN ('delta', 'full')", name=op.f("ck_account_imports_snapshot")
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'previewed', 'held', 'applied', 'failed', 'cancelled', 'undone')",
            name=op.f("ck_account_imports_state"),
        ),
        sa.CheckConstraint("percent BETWEEN 0 AND 100", name=op.f("ck_account_imports_percent")),
        sa.ForeignKeyConstraint(
            ["network_id"], ["networks.id"], name=op.f("fk_account_imports_network_id")
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["account_sources.id"], name=op.f("fk_account_imports_source_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_imports")),
    )
    op.create_index(
        "ix_account_imports_network_id", "account_imports", ["network_id"], unique=False
    )
    op.create_index("ix_account_imports_source_id", "account_imports", ["source_id"], unique=False)
    op.create_index(
        "uq_account_imports_running",
        "account_imports",
        ["query_key", "digest"],
        unique=True,
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    )
    op.create_table(
        "accounts",
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("network_id", sa.Uuid(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("sourced_id", sa.Text(collation="C"), nullable=False),
        sa.Column("school_id", sa.Uuid(), nullable=False),
        sa.Column("given_name", sa.Text(), nullable=False),
        sa.Column("family_name", sa.Text(), nullable=False),
        sa.Column("grade", sa.SmallInteger(), nullable=True),
        sa.Column("username", sa.Text(collation="C"), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("edits", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("import_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "status <> 'missing' OR missing_since IS NOT NULL",
            name=op.f("ck_accounts_missing_since"),
        ),
        sa.CheckConstraint(
            "status IN ('active', 'missing', 'suspended')", name=op.f("ck_accounts_status")
        ),
        sa.CheckConstraint("grade BETWEEN -1 AND 12", name=op.f("ck_accounts_grade")),
        sa.ForeignKeyConstraint(
            ["network_id"], ["networks.id"], name=op.f("fk_accounts_network_id")
        ),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name=op.f("fk_accounts_school_id")),
        sa.ForeignKeyConstraint(
            ["source_id"], ["account_sources.id"], name=op.f("fk_accounts_source_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint(
            "source_id", "sourced_id", name=op.f("uq_accounts_source_id_sourced_id")
        ),
    )
    op.create_index("ix_accounts_school_id", "accounts", ["school_id"], unique=False)
    op.create_index(
        "uq_accounts_network_id_username",
        "accounts",
        ["network_id", sa.literal_column("lower(username)")],
        unique=True,
    )
    op.create_table(
        "disclosures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("network_id", sa.Uuid(), nullable=True),
        sa.Column("school_id", sa.Uuid(), nullable=True),
        sa.Column("fields", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("students", sa.Integer(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["network_id"], ["networks.id"], name=op.f("fk_disclosures_network_id")
        ),
        sa.ForeignKeyConstraint(
            ["school_id"], ["schools.id"], name=op.f("fk_disclosures_school_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disclosures")),
    )
    op.create_index("ix_disclosures_network_id", "disclosures", ["network_id"], unique=False)
    op.create_table(
        "account_changes",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("version_after", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('updated', 'missing', 'suspended', 'restored')",
            name=op.f("ck_account_changes_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["account_imports.id"],
            name=op.f("fk_account_changes_import_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("import_id", "account_id", name=op.f("pk_account_changes")),
    )
    op.create_table(
        "account_import_chunks",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["account_imports.id"],
            name=op.f("fk_account_import_chunks_import_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("import_id", "position", name=op.f("pk_account_import_chunks")),
    )
    op.create_table(
        "account_import_issues",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("row_number", sa.Integer(), nullable=False),
        sa.Column("column_name", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("got", sa.Text(), nullable=True),
        sa.Column("expected", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["account_imports.id"],
            name=op.f("fk_account_import_issues_import_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "import_id", "row_number", "file", name=op.f("pk_account_import_issues")
        ),
    )
    # Chunks come compressed; to try again would only cost time.
    op.execute("ALTER TABLE account_import_chunks ALTER COLUMN body SET STORAGE EXTERNAL")
    # Tables of running imports, one each: made, filled and dropped by their runs.
    op.execute("CREATE SCHEMA staging")
    op.add_column(
        "networks",
        sa.Column(
            "username_template",
            sa.Text(),
            server_default="{given:1}{family}{grad_year:2}",
            nullable=False,
        ),
    )


def downgrade() -> None:
    op.execute("DROP SCHEMA staging CASCADE")
    op.drop_column("networks", "username_template")
    op.drop_table("account_import_issues")
    op.drop_table("account_import_chunks")
    op.drop_table("account_changes")
    op.drop_index("ix_disclosures_network_id", table_name="disclosures")
    op.drop_table("disclosures")
    op.drop_index("uq_accounts_network_id_username", table_name="accounts")
    op.drop_index("ix_accounts_school_id", table_name="accounts")
    op.drop_table("accounts")
    op.drop_index(
        "uq_account_imports_running",
        table_name="account_imports",
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    )
    op.drop_index("ix_account_imports_source_id", table_name="account_imports")
    op.drop_index("ix_account_imports_network_id", table_name="account_imports")
    op.drop_table("account_imports")
    op.drop_index("ix_account_baselines_school_id", table_name="account_baselines")
    op.drop_table("account_baselines")
    op.drop_table("burnt_usernames")
    op.drop_table("account_sources")
