"""Tables of the spine: playbooks, rollouts, tasks, dependencies, waivers."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Column,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    text,
)
from sqlmodel import Field, SQLModel

from api.db.columns import Timestamped, id_field, moment_field, one_of, text_field
from api.tasks.rules import BlendedModel, RolloutState, TaskKind, TaskStatus, WaiverState


class PlaybookVersion(SQLModel, table=True):
    """One version of a playbook as it was given; without a network it is for everybody."""

    __tablename__ = "playbooks"
    __table_args__ = (
        one_of("model", BlendedModel),
        UniqueConstraint("network_id", "name", "version", postgresql_nulls_not_distinct=True),
    )

    id: UUID = id_field()
    network_id: UUID | None = Field(default=None, foreign_key="networks.id")
    name: str = text_field()
    version: int
    title: str = text_field()
    model: str = text_field()
    source: str = text_field()
    created_at: datetime = moment_field(nullable=False)


class Rollout(Timestamped, table=True):
    __tablename__ = "rollouts"
    __table_args__ = (
        one_of("model", BlendedModel),
        one_of("state", RolloutState),
        # A school prepares one first bell at a time; next year is a new rollout.
        Index(
            "uq_rollouts_current", "school_id", unique=True, postgresql_where="state <> 'closed'"
        ),
        Index("ix_rollouts_network_id_wave", "network_id", "wave"),
    )

    id: UUID = id_field()
    school_id: UUID = Field(foreign_key="schools.id")
    network_id: UUID = Field(foreign_key="networks.id")
    playbook_id: UUID | None = Field(default=None, foreign_key="playbooks.id")
    model: str | None = text_field(default=None)
    first_bell: date | None = None
    wave: str | None = text_field(default=None)
    state: str = text_field(default=RolloutState.PLANNED)
    opened_on: date | None = None
    opened_ready: bool | None = None
    version: int = 1


class Task(Timestamped, table=True):
    """A task of a school's rollout, or of a network (then `rollout_id` and `school_id` are null).

    `version` counts people's edits only, so that evidence does not fail a clerk's If-Match.
    `edited` names the fields a person has set: a newer playbook leaves those alone.
    """

    __tablename__ = "tasks"
    __table_args__ = (
        one_of("kind", TaskKind),
        one_of("status", TaskStatus),
        CheckConstraint("(rollout_id IS NULL) = (school_id IS NULL)", name="belongs"),
        CheckConstraint("duration_days BETWEEN 0 AND 2000", name="duration_days"),
        CheckConstraint("progress_done >= 0", name="progress_done"),
        CheckConstraint("progress_total >= 0", name="progress_total"),
        CheckConstraint("lead_days BETWEEN 0 AND 2000", name="lead_days"),
        CheckConstraint("spread_days BETWEEN 0 AND 2000", name="spread_days"),
        Index("uq_tasks_rollout_id_key", "rollout_id", "key", unique=True),
        Index(
            "uq_tasks_network_id_key",
            "network_id",
            "key",
            unique=True,
            postgresql_where="rollout_id IS NULL",
        ),
        Index("ix_tasks_school_id", "school_id"),
        # What counts of devices move: two or three of a rollout's sixty tasks.
        Index(
            "ix_tasks_of_devices",
            "rollout_id",
            postgresql_where=text("kind IN ('order', 'devices')"),
        ),
        Index(
            "ix_tasks_valid_until", "valid_until", postgresql_where=text("valid_until IS NOT NULL")
        ),
    )

    id: UUID = id_field()
    network_id: UUID = Field(foreign_key="networks.id")
    school_id: UUID | None = Field(default=None, foreign_key="schools.id")
    rollout_id: UUID | None = Field(default=None, foreign_key="rollouts.id")
    key: str = text_field()
    title: str = text_field()
    description: str | None = text_field(default=None)
    workstream: str = text_field()
    kind: str = text_field(default=TaskKind.MANUAL)
    gate: bool = False
    # Launch-day work: planned from first bell on, never before it.
    after_first_bell: bool = False
    owner_email: str | None = text_field(default=None)
    owner_role: str | None = text_field(default=None)
    duration_days: int = 1
    # With duration_days the three points of an estimate; null where nobody estimated.
    duration_low: int | None = None
    duration_high: int | None = None
    not_before: date | None = None
    planned_start: date | None = None
    planned_finish: date | None = None
    status: str = text_field(default=TaskStatus.PENDING)
    reason: str | None = text_field(default=None)
    progress_done: int = 0
    progress_total: int | None = None
    unit: str | None = text_field(default=None)
    expected_on: date | None = None
    lead_days: int | None = None
    spread_days: int | None = None
    cause: str | None = text_field(default=None)
    valid_until: datetime | None = moment_field(default=None, nullable=True)
    started_at: datetime | None = moment_field(default=None, nullable=True)
    done_at: datetime | None = moment_field(default=None, nullable=True)
    playbook_version: int | None = None
    edited: list[str] = Field(
        sa_column=Column(ARRAY(Text), nullable=False, server_default=text("'{}'"))
    )
    version: int = 1


class Dependency(SQLModel, table=True):
    """Finish-to-start. Network, school and rollout are the successor's: whose graph it is in."""

    __tablename__ = "dependencies"
    __table_args__ = (
        CheckConstraint("predecessor_id <> successor_id", name="not_itself"),
        CheckConstraint("lag_days BETWEEN 0 AND 2000", name="lag_days"),
        Index("ix_dependencies_successor_id", "successor_id"),
        # All that the board asks of an edge, so that it reads no more than this.
        Index(
            "ix_dependencies_rollout_id",
            "rollout_id",
            postgresql_include=["predecessor_id", "successor_id", "lag_days"],
        ),
        Index(
            "ix_dependencies_network_id", "network_id", postgresql_where=text("rollout_id IS NULL")
        ),
    )

    predecessor_id: UUID = Field(primary_key=True, foreign_key="tasks.id", ondelete="CASCADE")
    successor_id: UUID = Field(primary_key=True, foreign_key="tasks.id", ondelete="CASCADE")
    network_id: UUID = Field(foreign_key="networks.id")
    school_id: UUID | None = Field(default=None, foreign_key="schools.id")
    rollout_id: UUID | None = Field(default=None, foreign_key="rollouts.id")
    lag_days: int = Field(default=0, sa_type=Integer)


class Waiver(Timestamped, table=True):
    """Permission to open without a task's evidence, for a reason and until a day."""

    __tablename__ = "waivers"
    __table_args__ = (
        one_of("state", WaiverState),
        # One permission at a time: a second one would hide which reason holds.
        Index(
            "uq_waivers_open",
            "task_id",
            unique=True,
            postgresql_where=text("state IN ('requested', 'approved')"),
        ),
        Index("ix_waivers_school_id", "school_id"),
    )

    id: UUID = id_field()
    task_id: UUID = Field(foreign_key="tasks.id", ondelete="CASCADE")
    network_id: UUID = Field(foreign_key="networks.id")
    school_id: UUID | None = Field(default=None, foreign_key="schools.id")
    state: str = text_field(default=WaiverState.REQUESTED)
    reason: str = text_field()
    expires_on: date | None = None
    requested_by: str = text_field()
    decided_by: str | None = text_field(default=None)
    version: int = 1
