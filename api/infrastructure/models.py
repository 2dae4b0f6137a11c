"""Tables: the catalogue of checks, what was measured, and who measures with the probe."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Numeric,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from api.db.columns import Timestamped, id_field, moment_field, one_of, text_field
from api.infrastructure.rules import Comparator, Severity


class Check(Timestamped, table=True):
    """Something to be measured at schools; without a network it is for everybody.

    `version` is the number of its newest definition.
    """

    __tablename__ = "checks"
    __table_args__ = (
        UniqueConstraint("network_id", "slug", postgresql_nulls_not_distinct=True),
        CheckConstraint("version > 0", name="version"),
    )

    id: UUID = id_field()
    network_id: UUID | None = Field(default=None, foreign_key="networks.id")
    slug: str = text_field()
    title: str = text_field()
    archived_at: datetime | None = moment_field(default=None, nullable=True)
    version: int = 1


class CheckVersion(SQLModel, table=True):
    """What a check asks for, as it was decided once; never changed, only followed by another.

    `threshold` and `applies` are documents that `thresholds` reads. `freshness_days` null: a
    result holds for good. `requires` names the evidence a result cannot pass without.
    """

    __tablename__ = "check_versions"
    __table_args__ = (
        one_of("comparator", Comparator),
        one_of("severity", Severity),
        CheckConstraint("freshness_days BETWEEN 1 AND 3650", name="freshness_days"),
    )

    check_id: UUID = Field(primary_key=True, foreign_key="checks.id")
    version: int = Field(primary_key=True)
    unit: str = text_field()
    comparator: str = text_field()
    threshold: dict[str, Any] = Field(sa_type=JSONB)
    freshness_days: int | None = None
    severity: str = text_field()
    method: str = text_field()
    source: str = text_field()
    applies: dict[str, Any] = Field(sa_type=JSONB)
    requires: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    created_at: datetime = moment_field(nullable=False)
    actor: str = text_field()


class CheckResult(SQLModel, table=True):
    """One measurement, kept for ever as it was taken; a wrong one is followed by a right one.

    `check_version` and `needed` say what it was compared with then (null: that could not be
    computed); what it is worth now follows from today's definition and enrollment.
    """

    __tablename__ = "check_results"
    __table_args__ = (
        ForeignKeyConstraint(
            ["check_id", "check_version"], ["check_versions.check_id", "check_versions.version"]
        ),
        # The newest result of a school and check is the first of these, read backwards.
        Index("ix_check_results_newest", "school_id", "check_id", "measured_at", "id"),
    )

    id: UUID = id_field()
    school_id: UUID = Field(foreign_key="schools.id")
    check_id: UUID
    check_version: int
    value: Decimal = Field(sa_type=Numeric)
    unit: str = text_field()
    needed: Decimal | None = Field(default=None, sa_type=Numeric)
    measured_at: datetime = moment_field(nullable=False)
    recorded_at: datetime = moment_field(nullable=False)
    method: str = text_field()
    evidence: dict[str, Any] = Field(sa_type=JSONB)
    actor: str = text_field()
    probe_report_id: UUID | None = Field(default=None, foreign_key="probe_reports.id")


class CheckRetest(SQLModel, table=True):
    """A day on which a check will be measured again; done by the next result, or cancelled."""

    __tablename__ = "check_retests"
    __table_args__ = (
        CheckConstraint("done_at IS NULL OR cancelled_at IS NULL", name="ended_once"),
        Index(
            "uq_check_retests_open",
            "school_id",
            "check_id",
            unique=True,
            postgresql_where=text("done_at IS NULL AND cancelled_at IS NULL"),
        ),
    )

    id: UUID = id_field()
    school_id: UUID = Field(foreign_key="schools.id")
    check_id: UUID = Field(foreign_key="checks.id")
    scheduled_on: date
    owner_email: str | None = text_field(default=None)
    note: str | None = text_field(default=None)
    created_at: datetime = moment_field(nullable=False)
    actor: str = text_field()
    done_at: datetime | None = moment_field(default=None, nullable=True)
    cancelled_at: datetime | None = moment_field(default=None, nullable=True)


class CheckExemption(SQLModel, table=True):
    """Why a check does not concern a school, in a person's words, until somebody ends it."""

    __tablename__ = "check_exemptions"
    __table_args__ = (
        CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="ended_by"),
        Index(
            "uq_check_exemptions_open",
            "school_id",
            "check_id",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: UUID = id_field()
    school_id: UUID = Field(foreign_key="schools.id")
    check_id: UUID = Field(foreign_key="checks.id")
    reason: str = text_field()
    created_at: datetime = moment_field(nullable=False)
    actor: str = text_field()
    ended_at: datetime | None = moment_field(default=None, nullable=True)
    ended_by: str | None = text_field(default=None)


class Premises(SQLModel, table=True):
    """What a building has that thresholds count and enrollment does not say.

    `other_users` are staff and guests besides students and teachers.
    """

    __tablename__ = "premises"
    __table_args__ = (
        CheckConstraint("rooms >= 0", name="rooms"),
        CheckConstraint("other_users >= 0", name="other_users"),
    )

    school_id: UUID = Field(primary_key=True, foreign_key="schools.id")
    rooms: int | None = None
    other_users: int | None = None
    updated_at: datetime = moment_field(nullable=False)
    actor: str = text_field()


class ProbeCode(SQLModel, table=True):
    """The secret a school's probe signs with, sealed; two are good while one replaces the other."""

    __tablename__ = "probe_codes"
    __table_args__ = (Index("ix_probe_codes_school_id", "school_id"),)

    id: UUID = id_field()
    school_id: UUID = Field(foreign_key="schools.id")
    sealed: bytes = Field(sa_type=LargeBinary)
    created_at: datetime = moment_field(nullable=False)
    actor: str = text_field()
    retired_at: datetime | None = moment_field(default=None, nullable=True)


class ProbeReport(SQLModel, table=True):
    """A run of the probe as it was posted; `id` is the one the probe made, `digest` the body's."""

    __tablename__ = "probe_reports"
    __table_args__ = (Index("ix_probe_reports_school_id_measured_at", "school_id", "measured_at"),)

    id: UUID = Field(primary_key=True)
    school_id: UUID = Field(foreign_key="schools.id")
    digest: bytes = Field(sa_type=LargeBinary)
    measured_at: datetime = moment_field(nullable=False)
    received_at: datetime = moment_field(nullable=False)
    body: dict[str, Any] = Field(sa_type=JSONB)
