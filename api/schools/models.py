"""Tables: networks with their calendar, sites, schools, staff, and the revisions of readiness."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    Index,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from api.db.columns import Timestamped, id_field, moment_field, one_of, text_field
from api.db.types import Xid8
from api.schools.rules import Receiving, SiteKind, StaffRole
from api.schools.username_template import DEFAULT_TEMPLATE


class Network(Timestamped, table=True):
    __tablename__ = "networks"
    __table_args__ = (
        one_of("receiving", Receiving),
        CheckConstraint("approval_threshold_cents >= 0", name="approval_threshold_cents"),
        UniqueConstraint("code"),
    )

    id: UUID = id_field()
    code: str = text_field()
    name: str = text_field()
    timezone: str = text_field()
    country: str = text_field()
    region: str | None = text_field(default=None)
    approval_threshold_cents: int | None = Field(default=None, sa_type=BigInteger)
    four_eyes: bool = False
    receiving: str = text_field(default=Receiving.on_delivery)
    username_template: str = text_field(
        default=DEFAULT_TEMPLATE, sa_column_kwargs={"server_default": DEFAULT_TEMPLATE}
    )
    version: int = 1


class NetworkCalendar(SQLModel, table=True):
    """Which days nobody works: weekends, public holidays by country and region, blackout days."""

    __tablename__ = "calendars"

    network_id: UUID = Field(primary_key=True, foreign_key="networks.id", ondelete="CASCADE")
    # Monday is 0, as in date.weekday().
    weekend: list[int] = Field(
        sa_column=Column(ARRAY(SmallInteger), nullable=False, server_default=text("'{5,6}'"))
    )
    observe_holidays: bool = True
    blackout_days: list[date] = Field(
        sa_column=Column(ARRAY(Date), nullable=False, server_default=text("'{}'"))
    )


class NetworkState(SQLModel, table=True):
    """The revision of everything that feeds readiness across a network; also its graph's lock."""

    __tablename__ = "network_state"

    network_id: UUID = Field(primary_key=True, foreign_key="networks.id", ondelete="CASCADE")
    revision: int = Field(default=0, sa_type=BigInteger)
    touched_by: int | None = Field(default=None, sa_type=Xid8)


class Site(Timestamped, table=True):
    __tablename__ = "sites"
    __table_args__ = (one_of("kind", SiteKind), UniqueConstraint("network_id", "code"))

    id: UUID = id_field()
    network_id: UUID = Field(foreign_key="networks.id")
    code: str = text_field()
    name: str = text_field()
    kind: str = text_field(default=SiteKind.warehouse)
    version: int = 1


class School(Timestamped, table=True):
    __tablename__ = "schools"
    __table_args__ = (
        CheckConstraint("enrollment >= 0", name="enrollment"),
        CheckConstraint("teacher_count >= 0", name="teacher_count"),
        UniqueConstraint("code"),
        UniqueConstraint("network_id", "sourced_id"),
        Index("ix_schools_network_id_name", "network_id", "name"),
    )

    id: UUID = id_field()
    network_id: UUID = Field(foreign_key="networks.id")
    code: str = text_field()
    sourced_id: str | None = text_field(default=None)
    name: str = text_field()
    timezone: str = text_field()
    enrollment: int | None = None
    teacher_count: int | None = None
    staff_confirmed: bool = False
    blackout_days: list[date] = Field(
        sa_column=Column(ARRAY(Date), nullable=False, server_default=text("'{}'"))
    )
    archived_at: datetime | None = moment_field(default=None, nullable=True)
    version: int = 1


class SchoolState(SQLModel, table=True):
    """The revision of everything that feeds a school's readiness; also its graph's lock.

    Apart from `schools`, so that a clerk's If-Match does not fail because a carrier scanned
    a box. `touched_by` is the last transaction that took the lock.
    """

    __tablename__ = "school_state"

    school_id: UUID = Field(primary_key=True, foreign_key="schools.id", ondelete="CASCADE")
    revision: int = Field(default=0, sa_type=BigInteger)
    touched_by: int | None = Field(default=None, sa_type=Xid8)


class Staff(Timestamped, table=True):
    """Somebody who works at a school; `edits` are what people changed of what a roster says."""

    __tablename__ = "staff"
    __table_args__ = (
        one_of("role", StaffRole),
        UniqueConstraint("network_id", "sourced_id"),
        Index("ix_staff_school_id_role", "school_id", "role"),
    )

    id: UUID = id_field()
    network_id: UUID = Field(foreign_key="networks.id")
    school_id: UUID = Field(foreign_key="schools.id")
    sourced_id: str = text_field()
    given_name: str = text_field()
    family_name: str = text_field()
    email: str | None = Field(default=None, sa_type=Text)
    role: str = text_field()
    active: bool = True
    edits: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    version: int = 1
