"""Tables: courses, sessions, registrations, what people were told, rules and calendar links."""

from __future__ import annotations

from datetime import datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Numeric,
    Text,
    Time,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from api.db.columns import Timestamped, id_field, moment_field, one_of, text_field
from api.pd.rules import (
    DEFAULT_OFFER_HOURS,
    USUAL_CLASSES,
    CalendarKind,
    NoticeKind,
    RegistrationStatus,
    RuleName,
    SessionStatus,
    Severity,
)


class Course(Timestamped, table=True):
    """A training course. Without a network it is in the shared catalogue, and a network's own of
    the same code goes before it. `required_share` (0-1] of the staff with one of `roles` need it.
    """

    __tablename__ = "pd_courses"
    __table_args__ = (
        CheckConstraint("hours > 0 AND hours <= 200", name="hours"),
        CheckConstraint("required_share > 0 AND required_share <= 1", name="required_share"),
        UniqueConstraint("network_id", "code", postgresql_nulls_not_distinct=True),
    )

    id: UUID = id_field()
    network_id: UUID | None = Field(default=None, foreign_key="networks.id")
    code: str = text_field()
    title: str = text_field()
    hours: Decimal = Field(sa_type=Numeric(6, 2))
    required_share: Decimal = Field(sa_type=Numeric(5, 4))
    roles: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    archived_at: datetime | None = moment_field(default=None, nullable=True)
    version: int = 1


class Session(Timestamped, table=True):
    """A course held once: at a school, at a site, or online.

    The local times are as they were said, `timezone` says where. `trainer_key` and `room_key` are
    what trainers of a network and rooms of a place are compared by. `seats_taken` is kept by a
    trigger on registrations; `last_entry` numbers those who come, in the order they came.
    `sequence` and `revised_at` are the calendar's: they move with time, place and cancellation.
    `hours` is the credit for being there.
    """

    __tablename__ = "pd_sessions"
    __table_args__ = (
        one_of("status", SessionStatus),
        CheckConstraint("num_nonnulls(school_id, site_id) = 1 - online::int", name="place"),
        CheckConstraint("(room IS NULL) = (room_key IS NULL)", name="room"),
        CheckConstraint("room IS NULL OR NOT online", name="room_online"),
        CheckConstraint(
            "(trainer_key IS NULL) = (trainer_staff_id IS NULL AND trainer_name IS NULL)",
            name="trainer",
        ),
        CheckConstraint(
            "ends_at > starts_at AND ends_at <= starts_at + interval '24 hours'", name="times"
        ),
        CheckConstraint("hours > 0 AND hours <= 24", name="hours"),
        CheckConstraint("capacity BETWEEN 1 AND 100000", name="capacity"),
        CheckConstraint("minimum BETWEEN 0 AND capacity", name="minimum"),
        CheckConstraint("seats_taken BETWEEN 0 AND capacity", name="seats_taken"),
        # What registrations refer to, so that a moved session moves them or is refused.
        UniqueConstraint("id", "starts_at", "ends_at"),
        Index("ix_pd_sessions_network_id_starts_at", "network_id", "starts_at"),
        Index("ix_pd_sessions_school_id_starts_at", "school_id", "starts_at"),
        Index("ix_pd_sessions_course_id", "course_id"),
        Index("ix_pd_sessions_trainer_staff_id", "trainer_staff_id"),
    )

    id: UUID = id_field()
    network_id: UUID = Field(foreign_key="networks.id")
    course_id: UUID = Field(foreign_key="pd_courses.id")
    school_id: UUID | None = Field(default=None, foreign_key="schools.id")
    site_id: UUID | None = Field(default=None, foreign_key="sites.id")
    online: bool = False
    room: str | None = text_field(default=None)
    room_key: str | None = text_field(default=None)
    trainer_staff_id: UUID | None = Field(default=None, foreign_key="staff.id")
    trainer_name: str | None = text_field(default=None)
    trainer_email: str | None = text_field(default=None)
    trainer_key: str | None = text_field(default=None)
    starts_at: datetime = moment_field(nullable=False)
    ends_at: datetime = moment_field(nullable=False)
    timezone: str = text_field()
    starts_local: datetime = Field(sa_column=Column(DateTime(timezone=False), nullable=False))
    ends_local: datetime = Field(sa_column=Column(DateTime(timezone=False), nullable=False))
    hours: Decimal = Field(sa_type=Numeric(5, 2))
    capacity: int
    minimum: int = 0
    seats_taken: int = 0
    last_entry: int = 0
    status: str = text_field(default=SessionStatus.open)
    reason: str | None = text_field(default=None)
    sequence: int = 0
    revised_at: datetime = moment_field(nullable=False)
    version: int = 1


class Registration(Timestamped, table=True):
    """Somebody's place in a session, one row however often they come and go.

    The times are the session's and follow it. `entry` is when they came, as a number; a walk-in
    came without a seat and takes none. `hours` is credit, of those who attended. `called_off`
    marks who was registered when the session was cancelled: they are free at that time.
    `to_confirm` marks who was when it moved, until they say that they still come.
    """

    __tablename__ = "pd_registrations"
    __table_args__ = (
        one_of("status", RegistrationStatus),
        CheckConstraint("(status = 'offered') = (offer_expires_at IS NOT NULL)", name="offer"),
        CheckConstraint("(status = 'attended') = (hours IS NOT NULL)", name="hours"),
        CheckConstraint("hours > 0 AND hours <= 24", name="hours_range"),
        CheckConstraint("NOT to_confirm OR status = 'registered'", name="to_confirm"),
        UniqueConstraint("session_id", "staff_id"),
        ForeignKeyConstraint(
            ["session_id", "starts_at", "ends_at"],
            ["pd_sessions.id", "pd_sessions.starts_at", "pd_sessions.ends_at"],
            onupdate="CASCADE",
        ),
        Index("ix_pd_registrations_staff_id", "staff_id"),
        # Who waits, who has to confirm, and whose offer runs out.
        Index(
            "ix_pd_registrations_waiting",
            "session_id",
            "entry",
            postgresql_where=text("status = 'waitlisted'"),
        ),
        Index(
            "ix_pd_registrations_to_confirm",
            "session_id",
            postgresql_where=text("to_confirm"),
        ),
        Index(
            "ix_pd_registrations_offers",
            "offer_expires_at",
            postgresql_where=text("status = 'offered'"),
        ),
    )

    id: UUID = id_field()
    session_id: UUID
    network_id: UUID = Field(foreign_key="networks.id")
    staff_id: UUID = Field(foreign_key="staff.id")
    starts_at: datetime = moment_field(nullable=False)
    ends_at: datetime = moment_field(nullable=False)
    status: str = text_field()
    entry: int
    entered_at: datetime = moment_field(nullable=False)
    offer_expires_at: datetime | None = moment_field(default=None, nullable=True)
    hours: Decimal | None = Field(default=None, sa_type=Numeric(5, 2))
    walk_in: bool = False
    called_off: bool = False
    to_confirm: bool = False
    version: int = 1


class Notice(SQLModel, table=True):
    """What somebody has to be told of a session; `sent_at` once a channel has.

    `staff_id` null: the trainer from outside. `details` holds what changed, before and after.
    """

    __tablename__ = "pd_notices"
    __table_args__ = (
        one_of("kind", NoticeKind),
        Index("ix_pd_notices_session_id", "session_id"),
        Index("ix_pd_notices_unsent", "network_id", "id", postgresql_where=text("sent_at IS NULL")),
    )

    id: UUID = id_field()
    network_id: UUID = Field(foreign_key="networks.id")
    session_id: UUID = Field(foreign_key="pd_sessions.id", ondelete="CASCADE")
    staff_id: UUID | None = Field(default=None, foreign_key="staff.id")
    kind: str = text_field()
    details: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    created_at: datetime = moment_field(nullable=False)
    sent_at: datetime | None = moment_field(default=None, nullable=True)


class RuleSetting(SQLModel, table=True):
    """What a network says of one rule; without a row the default holds."""

    __tablename__ = "pd_rules"
    __table_args__ = (
        one_of("rule", RuleName),
        one_of("severity", Severity),
        CheckConstraint('"limit" BETWEEN 0 AND 1440', name="limit"),
    )

    network_id: UUID = Field(primary_key=True, foreign_key="networks.id", ondelete="CASCADE")
    rule: str = text_field(primary_key=True)
    severity: str = text_field()
    limit: int | None = None


class WaitlistSetting(SQLModel, table=True):
    """How a network fills a freed seat: by an offer for some hours, or at once. And when classes
    are held, as clocks at its schools show, since who is away then is missed.
    """

    __tablename__ = "pd_waitlists"
    __table_args__ = (
        CheckConstraint("offer_hours BETWEEN 1 AND 720", name="offer_hours"),
        CheckConstraint("classes_begin < classes_end", name="classes"),
    )

    network_id: UUID = Field(primary_key=True, foreign_key="networks.id", ondelete="CASCADE")
    offer_hours: int = DEFAULT_OFFER_HOURS
    seat_at_once: bool = False
    classes_begin: time = Field(default=USUAL_CLASSES.begin, sa_type=Time)
    classes_end: time = Field(default=USUAL_CLASSES.end, sa_type=Time)


class CalendarState(SQLModel, table=True):
    """The revision of all that feeds of a network show, but who registered; moved by triggers."""

    __tablename__ = "pd_calendar_state"

    network_id: UUID = Field(primary_key=True, foreign_key="networks.id", ondelete="CASCADE")
    revision: int = Field(default=0, sa_type=BigInteger)


class CalendarLink(SQLModel, table=True):
    """A link that shows a calendar to whoever has it. `digest` is the SHA-256 of its token.

    `subject_id` is the school, person or network; of a trainer from outside it is null and
    `trainer_key` says who. `body` is the feed as it was last built, at `body_revision`; it holds
    until `body_until`, when a session goes from it by its age alone.
    """

    __tablename__ = "calendar_links"
    __table_args__ = (
        one_of("kind", CalendarKind),
        CheckConstraint("num_nonnulls(subject_id, trainer_key) = 1", name="subject"),
        CheckConstraint("trainer_key IS NULL OR kind = 'trainer'", name="trainer_key"),
        UniqueConstraint("digest"),
        Index("ix_calendar_links_network_id", "network_id"),
    )

    id: UUID = id_field()
    network_id: UUID = Field(foreign_key="networks.id")
    digest: bytes = Field(sa_type=LargeBinary)
    kind: str = text_field()
    subject_id: UUID | None = None
    trainer_key: str | None = text_field(default=None)
    label: str = text_field()
    created_by: str = text_field()
    created_at: datetime = moment_field(nullable=False)
    revoked_at: datetime | None = moment_field(default=None, nullable=True)
    last_read_at: datetime | None = moment_field(default=None, nullable=True)
    body: bytes | None = Field(default=None, sa_type=LargeBinary)
    body_etag: str | None = text_field(default=None)
    body_revision: str | None = text_field(default=None)
    body_until: datetime | None = moment_field(default=None, nullable=True)
