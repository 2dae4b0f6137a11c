"""Tables of the systems that accounts reach, and of what is desired and known there

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "targets",
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("network_id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("rate_per_minute", sa.Integer(), nullable=False),
        sa.Column("concurrency", sa.SmallInteger(), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("kind IN ('scim', 'csv')", name=op.f("ck_targets_kind")),
        sa.CheckConstraint(
            "policy IN ('adopt', 'rename', 'refuse')", name=op.f("ck_targets_policy")
        ),
        sa.CheckConstraint(
            "rate_per_minute BETWEEN 1 AND 1000000", name=op.f("ck_targets_rate_per_minute")
        ),
        sa.CheckConstraint("concurrency BETWEEN 1 AND 64", name=op.f("ck_targets_concurrency")),
        sa.CheckConstraint(
            "(kind = 'scim') = (base_url IS NOT NULL)", name=op.f("ck_targets_base_url")
        ),
        sa.ForeignKeyConstraint(
            ["network_id"], ["networks.id"], name=op.f("fk_targets_network_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_targets")),
        sa.UniqueConstraint("network_id", "slug", name=op.f("uq_targets_network_id_slug")),
    )
    op.create_table(
        "target_states",
        sa.Column("target_id", sa.Uuid(), nullable=False),
        sa.Column("paced_until", _MOMENT, nullable=True),
        sa.Column("runner", sa.Uuid(), nullable=True),
        sa.Column("runner_until", _MOMENT, nullable=True),
        sa.Column("breaker", sa.Text(), nullable=False),
        sa.Column("failures", sa.SmallInteger(), nullable=False),
        sa.Column("trips", sa.SmallInteger(), nullable=False),
        sa.Column("open_until", _MOMENT, nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("offers", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("settled_at", _MOMENT, nullable=True),
        sa.Column("projected_at", _MOMENT, nullable=True),
        sa.Column("drift_asked_at", _MOMENT, nullable=True),
        sa.Column("drift_read_at", _MOMENT, nullable=True),
        sa.Column("drift_found", sa.Integer(), nullable=False),
        sa.Column("strangers", sa.Integer(), nullable=False),
        sa.Column("clashes", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "breaker IN ('closed', 'open', 'refused')", name=op.f("ck_target_states_breaker")
        ),
        sa.ForeignKeyConstraint(
            ["target_id"],
            ["targets.id"],
            name=op.f("fk_target_states_target_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("target_id", name=op.f("pk_target_states")),
    )
    op.create_table(
        "target_hand_offs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("target_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("students", sa.Integer(), nullable=False),
        sa.Column("confirmed_at", _MOMENT, nullable=True),
        sa.Column("confirmed_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["target_id"],
            ["targets.id"],
            name=op.f("fk_target_hand_offs_target_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_target_hand_offs")),
    )
    op.create_index("ix_target_hand_offs_target_id", "target_hand_offs", ["target_id"])
    _create_queue()


def _create_queue() -> None:
    op.create_table(
        "target_accounts",
        sa.Column("target_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("desired", sa.Text(), nullable=False),
        sa.Column("desired_digest", sa.BigInteger(), nullable=True),
        sa.Column("observed", sa.Text(), nullable=False),
        sa.Column("observed_digest", sa.BigInteger(), nullable=True),
        sa.Column("observed_at", _MOMENT, nullable=True),
        sa.Column("read_at", _MOMENT, nullable=True),
        sa.Column("remote_id", sa.Text(), nullable=True),
        sa.Column("remote_name", sa.Text(), nullable=True),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("next_try_at", _MOMENT, nullable=True),
        sa.Column("lease_id", sa.Uuid(), nullable=True),
        sa.Column("doubtful", sa.Boolean(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("dead_at", _MOMENT, nullable=True),
        sa.Column("drifted", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("hand_off_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "desired IN ('active', 'suspended', 'deleted')",
            name=op.f("ck_target_accounts_desired"),
        ),
        sa.CheckConstraint(
            "observed IN ('none', 'active', 'suspended', 'handed_off')",
            name=op.f("ck_target_accounts_observed"),
        ),
        sa.ForeignKeyConstraint(
            ["hand_off_id"], ["target_hand_offs.id"], name=op.f("fk_target_accounts_hand_off_id")
        ),
        sa.ForeignKeyConstraint(
            ["target_id"],
            ["targets.id"],
            name=op.f("fk_target_accounts_target_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("target_id", "account_id", name=op.f("pk_target_accounts")),
    )
    op.create_index("ix_target_accounts_account_id", "target_accounts", ["account_id"])
    op.create_index("ix_target_accounts_hand_off_id", "target_accounts", ["hand_off_id"])
    for name, column, unique in (
        ("ix_target_accounts_waiting", "next_try_at", False),
        ("ix_target_accounts_dead", "dead_at", False),
        ("uq_target_accounts_target_id_remote_id", "remote_id", True),
    ):
        op.create_index(
            name,
            "target_accounts",
            ["target_id", column],
            unique=unique,
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )


def downgrade() -> None:
    for table in ("target_accounts", "target_hand_offs", "target_states", "targets"):
        op.drop_table(table)
