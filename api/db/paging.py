"""Keyset pages: an allow-listed sort, the primary key as tiebreaker, an opaque cursor.

Unlike OFFSET, a page costs the same at row 1,000,000 as at row 1, and a row that changes while
somebody pages is neither lost nor doubled.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, Select, and_, false, or_
from sqlalchemy.orm import InstrumentedAttribute

from api.db.uow import ReadSession
from api.errors import Invalid, field_error

T = TypeVar("T")
Column = InstrumentedAttribute[Any]


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What the caller asked for: `sort` names an allow-listed column, `-` before it reverses."""

    limit: int = 100
    cursor: str | None = None
    sort: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    items: Sequence[T]
    next_cursor: str | None


def _refuse_cursor() -> Invalid:
    detail = "This cursor is not one we gave for this list and sort; start again without it."
    return Invalid(detail, errors=[field_error("/cursor", "cursor-invalid", detail)])


def encode_cursor(sort: str, value: Any, row_id: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([sort, value, row_id])).rstrip(b"=").decode()


def decode_cursor(cursor: str, sort: str, kind: type, id_kind: type) -> tuple[Any, Any]:
    """The sort value and id a cursor points after.

    Raises: Invalid when it is not one of ours, or of another sort.
    """
    try:
        parts = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        given_sort, value, row_id = parts
        if given_sort != sort:
            raise _refuse_cursor()
        return (None if value is None else _typed(value, kind)), _typed(row_id, id_kind)
    except (ValueError, TypeError, binascii.Error) as error:
        raise _refuse_cursor() from error


def _typed(value: Any, kind: type) -> Any:
    if kind is datetime:
        return datetime.fromisoformat(value)
    if kind is date:
        return date.fromisoformat(value)
    if kind is UUID:
        return UUID(value)
    # To Python a bool is an int; to the database it is not.
    if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool):
        raise TypeError(value)
    return value


def _after(
    column: Column, row_id: Column, value: Any, last_id: Any, descending: bool
) -> ColumnElement[bool]:
    """Rows that sort after (value, last_id), with nulls last in both directions."""
    beyond_id = row_id > last_id
    if value is None:
        return and_(column.is_(None), beyond_id)
    beyond = column < value if descending else column > value
    nulls = column.is_(None) if column.property.columns[0].nullable else false()
    return or_(beyond, and_(column == value, beyond_id), nulls)


async def page_of(
    session: ReadSession,
    statement: Select[Any],
    request: PageRequest,
    sorts: Mapping[str, Column],
    row_id: Column,
) -> Page[Any]:
    """One page of entities selected by `statement`.

    `sorts` maps public names to columns of the selected entity, its first is the default.
    Raises: Invalid for an unknown sort or cursor.
    """
    sort = request.sort or next(iter(sorts))
    name, descending = sort.removeprefix("-"), sort.startswith("-")
    if name not in sorts:
        detail = f"Lists can be sorted by {', '.join(sorts)}, with - before it to reverse."
        raise Invalid(detail, errors=[field_error("/sort", "sort-unknown", detail)])
    column = sorts[name]
    ordering = column.desc() if descending else column.asc()
    if request.cursor:
        kind = column.property.columns[0].type.python_type
        id_kind = row_id.property.columns[0].type.python_type
        value, last_id = decode_cursor(request.cursor, sort, kind, id_kind)
        statement = statement.where(_after(column, row_id, value, last_id, descending))
    statement = statement.order_by(ordering.nulls_last(), row_id.asc()).limit(request.limit + 1)
    rows = (await session.execute(statement)).scalars().all()
    items = rows[: request.limit]
    if len(rows) <= request.limit:
        return Page(items, None)
    last = items[-1]
    return Page(items, encode_cursor(sort, getattr(last, column.key), getattr(last, row_id.key)))
