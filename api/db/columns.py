"""Column shapes that every room's tables share, so that they are spelled once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

import uuid_utils
from sqlalchemy import CheckConstraint, DateTime, Text
from sqlmodel import Field, SQLModel

E = TypeVar("E", bound=StrEnum)

# Every constraint is named, so that a migration can drop it and an error can name its rule.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562): ordered by time, so that inserts land at the end of the index."""
    return UUID(bytes=uuid_utils.uuid7().bytes)


def id_array(ids: Iterable[UUID]) -> str:
    """For `CAST(:ids AS uuid[])`: one text, where the driver would write each id by itself."""
    return "{" + ",".join([one.hex for one in ids]) + "}"


def id_field() -> Any:
    return Field(default_factory=new_id, primary_key=True)


def moment_field(**kwargs: Any) -> Any:
    """A `timestamptz`."""
    return Field(sa_type=DateTime(timezone=True), **kwargs)


def text_field(**kwargs: Any) -> Any:
    return Field(sa_type=Text, **kwargs)


def one_of(column: str, values: type[E]) -> CheckConstraint:
    """Text with a check constraint: an enum that a migration can grow without a type change."""
    allowed = ", ".join(f"'{value.value}'" for value in values)
    return CheckConstraint(f"{column} IN ({allowed})", name=column)


class Timestamped(SQLModel):
    created_at: datetime = moment_field(nullable=False)
    updated_at: datetime = moment_field(nullable=False)
