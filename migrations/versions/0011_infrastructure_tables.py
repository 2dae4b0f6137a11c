"""Tables of checks, their results and the probe; results are only ever added

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from psycopg import Connection
from sqlalchemy.dialects import postgresql

from api.db import triggers

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# What was measured, and what it was compared with.
KEPT = ("check_versions", "check_results", "probe_reports")


def execute(statement: str) -> None:
    """Straight on the driver: several statements at once, and `%` stays what it is."""
    driver = op.get_bind().connection.driver_connection
    assert isinstance(driver, Connection)
    driver.execute(statement.encode())


def upgrade() -> None:
    op.create_table(
        "checks",
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("network_id", sa.Uuid(), nullable=True),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("version > 0", name=op.f("ck_checks_version")),
        sa.ForeignKeyConstraint(["network_id"], ["networks.id"], name=op.f("fk_checks_network_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checks")),
        sa.UniqueConstraint(
            "network_id",
            "slug",
            name=op.f("uq_checks_network_id_slug"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_table(
        "check_exemptions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("school_id", sa.Uuid(), nullable=False),
        sa.Column("check_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (ended_by IS NULL)", name=op.f("ck_check_exemptions_ended_by")
        ),
        sa.ForeignKeyConstraint(
            ["check_id"], ["checks.id"], name=op.f("fk_check_exemptions_check_id")
        ),
        sa.ForeignKeyConstraint(
            ["school_id"], ["schools.id"], name=op.f("fk_check_exemptions_school_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_exemptions")),
    )
    op.create_index(
        "uq_check_exemptions_open",
        "check_exemptions",
        ["school_id", "check_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "check_retests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("school_id", sa.Uuid(), nullable=False),
        sa.Column("check_id", sa.Uuid(), nullable=False),
        sa.Column("scheduled_on", sa.Date(), nullable=False),
        sa.Column("owner_email", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "done_at IS NULL OR cancelled_at IS NULL", name=op.f("ck_check_retests_ended_once")
        ),
        sa.ForeignKeyConstraint(
            ["check_id"], ["checks.id"], name=op.f("fk_check_retests_check_id")
        ),
        sa.ForeignKeyConstraint(
            ["school_id"], ["schools.id"], name=op.f("fk_check_retests_school_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_retests")),
    )
    op.create_index(
        "uq_check_retests_open",
        "check_retests",
        ["school_id", "check_id"],
        unique=True,
        postgresql_where=sa.text("done_at IS NULL AND cancelled_at IS NULL"),
    )
    op.create_table(
        "check_versions",
        sa.Column("check_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("comparator", sa.Text(), nullable=False),
        sa.Column("threshold", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("freshness_days", sa.Integer(), nullable=True),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("applies", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("requires", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "comparator IN ('>=', '<=', '==')", name=op.f("ck_check_versions_comparator")
        ),
        sa.CheckConstraint(
            "severity IN ('gate', 'warning')", name=op.f("ck_check_versions_severity")
        ),
        sa.CheckConstraint(
            "freshness_days BETWEEN 1 AND 3650", name=op.f("ck_check_versions_freshness_days")
        ),
        sa.ForeignKeyConstraint(
            ["check_id"], ["checks.id"], name=op.f("fk_check_versions_check_id")
        ),
        sa.PrimaryKeyConstraint("check_id", "version", name=op.f("pk_check_versions")),
    )
    op.create_table(
        "premises",
        sa.Column("school_id", sa.Uuid(), nullable=False),
        sa.Column("rooms", sa.Integer(), nullable=True),
        sa.Column("other_users", sa.Integer(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.CheckConstraint("other_users >= 0", name=op.f("ck_premises_other_users")),
        sa.CheckConstraint("rooms >= 0", name=op.f("ck_premises_rooms")),
        sa.ForeignKeyConstraint(["school_id"], ["schools.id"], name=op.f("fk_premises_school_id")),
        sa.PrimaryKeyConstraint("school_id", name=op.f("pk_premises")),
    )
    op.create_table(
        "probe_codes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("school_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["school_id"], ["schools.id"], name=op.f("fk_probe_codes_school_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_probe_codes")),
    )
    op.create_index("ix_probe_codes_school_id", "probe_codes", ["school_id"], unique=False)
    op.create_table(
        "probe_reports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("school_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["school_id"], ["schools.id"], name=op.f("fk_probe_reports_school_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_probe_reports")),
    )
    op.create_index(
        "ix_probe_reports_school_id_measured_at",
        "probe_reports",
        ["school_id", "measured_at"],
        unique=False,
    )
    op.create_table(
        "check_results",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("school_id", sa.Uuid(), nullable=False),
        sa.Column("check_id", sa.Uuid(), nullable=False),
        sa.Column("check_version", sa.Integer(), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("needed", sa.Numeric(), nullable=True),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("probe_report_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["check_id", "check_version"],
            ["check_versions.check_id", "check_versions.version"],
            name=op.f("fk_check_results_check_id_check_version"),
        ),
        sa.ForeignKeyConstraint(
            ["probe_report_id"], ["probe_reports.id"], name=op.f("fk_check_results_probe_report_id")
        ),
        sa.ForeignKeyConstraint(
            ["school_id"], ["schools.id"], name=op.f("fk_check_results_school_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_results")),
    )
    op.create_index(
        "ix_check_results_newest",
        "check_results",
        ["school_id", "check_id", "measured_at", "id"],
        unique=False,
    )
    for table in KEPT:
        for statement in triggers.refuse_changes(table):
            execute(statement)
    for statement in triggers.record_history("checks", "r.id::text", "r.network_id", "null::uuid"):
        execute(statement)


def downgrade() -> None:
    for table in KEPT:
        for statement in triggers.drop(table):
            execute(statement)
    for statement in triggers.drop("checks"):
        execute(statement)
    op.drop_index("ix_check_results_newest", table_name="check_results")
    op.drop_table("check_results")
    op.drop_index("ix_probe_reports_school_id_measured_at", table_name="probe_reports")
    op.drop_table("probe_reports")
    op.drop_index("ix_probe_codes_school_id", table_name="probe_codes")
    op.drop_table("probe_codes")
    op.drop_table("premises")
    op.drop_table("check_versions")
    op.drop_index(
        "uq_check_retests_open",
        table_name="check_retests",
        postgresql_where=sa.text("done_at IS NULL AND cancelled_at IS NULL"),
    )
    op.drop_table("check_retests")
    op.drop_index(
        "uq_check_exemptions_open",
        table_name="check_exemptions",
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_table("check_exemptions")
    op.drop_table("checks")
