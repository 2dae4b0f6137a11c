"""Tables: the answer as it was last computed for each school, and the log of what was said."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Column, Identity, Index, LargeBinary
from sqlmodel import Field, SQLModel

from api.db.columns import moment_field, text_field


class StoredAnswer(SQLModel, table=True):
    """Valid while every version matches and `good_until` lies ahead; otherwise recomputed.

    `document` is the response body as sent; null when so far only the board has asked.
    `summary` is the board's row as JSON text; the columns below it are what the board filters
    and sorts by.
    """

    __tablename__ = "readiness_answers"

    school_id: UUID = Field(primary_key=True, foreign_key="schools.id", ondelete="CASCADE")
    school_revision: int = Field(sa_type=BigInteger)
    network_revision: int = Field(sa_type=BigInteger)
    estimates_version: int = 0
    engine_version: int
    good_until: datetime = moment_field(nullable=False)
    computed_at: datetime = moment_field(nullable=False)
    etag: str | None = text_field(default=None)
    document: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    summary: str = Field(sa_column=Column(JSON, nullable=False))
    verdict: str = text_field()
    percent: int | None = None
    ready_on: date | None = None
    float_days: int | None = None
    first_bell: date | None = None
    wave: str | None = text_field(default=None)


class LoggedAnswer(SQLModel, table=True):
    """What FirstBell said: one row whenever an answer changed, and one a day."""

    __tablename__ = "readiness_log"
    __table_args__ = (Index("ix_readiness_log_school_id_said_at", "school_id", "said_at"),)

    id: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True)
    )
    school_id: UUID = Field(foreign_key="schools.id", ondelete="CASCADE")
    said_at: datetime = moment_field(nullable=False)
    said_on: date
    verdict: str = text_field()
    percent: int | None = None
    ready_on: date | None = None
    fingerprint: str = text_field()
    document: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
