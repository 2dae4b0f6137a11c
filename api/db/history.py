"""History: who changed what, when, from what to what. Written by triggers, read by `/v1/audit`.

A trigger and not the services, so that no path (a bulk statement, a script on psql) escapes it;
`actor` is NOT NULL, so a write that names nobody fails instead of going unrecorded.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, Identity, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from api.db.columns import moment_field, text_field


class History(SQLModel, table=True):
    """`before` and `after` hold only what differs; inserts have no `before`, deletes no `after`."""

    __tablename__ = "history"
    __table_args__ = (
        Index("ix_history_row_id", "row_id"),
        Index("ix_history_school_id_id", "school_id", "id"),
    )

    id: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True)
    )
    at: datetime = moment_field(
        nullable=False, sa_column_kwargs={"server_default": text("clock_timestamp()")}
    )
    actor: str = text_field()
    request_id: str = text_field()
    table_name: str = text_field()
    row_id: str = text_field()
    network_id: UUID | None = None
    school_id: UUID | None = None
    operation: str = text_field()
    before: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB))
    after: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB))
