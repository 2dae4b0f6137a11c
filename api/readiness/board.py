"""The board: every school's row, by one statement where nothing changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection, sql

from api import clock
from api.auth.caller import Caller
from api.db.paging import decode_cursor, encode_cursor
from api.db.pool import Database
from api.errors import Invalid, field_error
from api.readiness.answers import CLOCKS_DIFFER, ENGINE_VERSION
from api.readiness.recompute import recompute
from api.readiness.rules import Verdict

LARGEST_BOARD = 50_000

_SORTS: dict[str, tuple[str, type]] = {
    "name": ("s.name", str),
    "code": ("s.code", str),
    "first_bell": ("a.first_bell", date),
    "verdict": ("a.verdict", str),
    "percent": ("a.percent", int),
    "ready_on": ("a.ready_on", date),
    "float_days": ("a.float_days", int),
}
_TYPES = {str: sql.SQL("text"), date: sql.SQL("date"), int: sql.SQL("int8")}


@dataclass(frozen=True, slots=True)
class BoardRequest:
    """Filters are conjunctive; `sort` names a column, `-` before it reverses; nulls come last."""

    network_id: UUID | None = None
    wave: str | None = None
    verdicts: tuple[Verdict, ...] = ()
    sort: str = "name"
    limit: int = 100
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Board:
    """`items` is a JSON array as bytes; `totals` counts by verdict before the verdict filter."""

    items: bytes
    totals: dict[str, int]
    next_cursor: str | None


_OF_CALLER = sql.SQL("""
  AND (%(caller_network)s::uuid IS NULL OR s.network_id = %(caller_network)s)
  AND (%(caller_schools)s::uuid[] IS NULL OR s.id = ANY(%(caller_schools)s))
  AND (%(network)s::uuid IS NULL OR s.network_id = %(network)s)""")
_STALE = (
    sql.SQL("""
SELECT s.id FROM schools s
JOIN school_state ss ON ss.school_id = s.id
JOIN network_state ns ON ns.network_id = s.network_id
LEFT JOIN readiness_answers a ON a.school_id = s.id
WHERE s.archived_at IS NULL AND (a.school_id IS NULL OR a.school_revision <> ss.revision
  OR a.network_revision <> ns.revision OR a.engine_version <> %(engine)s
  OR a.good_until <= %(now)s OR a.computed_at > %(soon)s)""")
    + _OF_CALLER
)
# A school that was added since the stale ones were computed has no row yet, and is left out.
_ROWS = (
    sql.SQL("""
FROM schools s JOIN readiness_answers a ON a.school_id = s.id
WHERE s.archived_at IS NULL AND (%(wave)s::text IS NULL OR a.wave = %(wave)s)""")
    + _OF_CALLER
)
_TOTALS = sql.SQL("SELECT a.verdict, count(*)") + _ROWS + sql.SQL(" GROUP BY a.verdict")
# The array is put together by the server: 20,000 rows as Python objects cost six times more. It
# takes the rows as the page gives them, sorted: an order of its own would sort the texts again.
_PAGE = sql.SQL("""
SELECT convert_to('[' || coalesce(string_agg(p.summary::text, ',')
    FILTER (WHERE p.place <= %(limit)s), '') || ']', 'UTF8'), count(*),
  (array_agg(p.value) FILTER (WHERE p.place = %(limit)s))[1],
  (array_agg(p.id) FILTER (WHERE p.place = %(limit)s))[1]
FROM (SELECT page.*, row_number() OVER () AS place FROM (
  SELECT a.summary, {column} AS value, s.id {rows}
    AND (%(verdicts)s::text[] IS NULL OR a.verdict = ANY(%(verdicts)s)) {after}
  ORDER BY {order} LIMIT %(limit)s + 1) page) p""")


async def read_board(database: Database, caller: Caller, asked: BoardRequest) -> Board:
    """The rows the caller may see, all of them current as of this call.

    A school no date can be computed for is `unscheduled` and has a `problem`.
    Raises: Invalid for an unknown sort or cursor.
    """
    page, bound = _page(asked)
    now = clock.now()
    bound |= {
        "caller_network": caller.network_id,
        "caller_schools": list(caller.school_ids) if caller.school_ids is not None else None,
        "network": asked.network_id,
        "wave": asked.wave,
        "verdicts": [verdict.value for verdict in asked.verdicts] or None,
        "engine": ENGINE_VERSION,
        "now": now,
        "soon": now + CLOCKS_DIFFER,
        "limit": asked.limit,
    }
    async with database.raw() as connection:
        stale = await (await connection.execute(_STALE, bound, binary=True)).fetchall()
        await recompute(connection, [row[0] for row in stale], now)
        return await _read(connection, asked, page, bound)


async def _read(
    connection: AsyncConnection[Any],
    asked: BoardRequest,
    page: sql.Composed,
    bound: dict[str, Any],
) -> Board:
    """Rows and totals of one snapshot: they agree whoever is writing."""
    async with connection.pipeline():
        await connection.execute(b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        totals = await connection.execute(_TOTALS, bound, binary=True)
        rows = await connection.execute(page, bound, binary=True)
        await connection.execute(b"COMMIT")
    found = await rows.fetchone()
    assert found is not None
    items, count, value, last = found
    cursor = encode_cursor(asked.sort, value, last) if count > asked.limit else None
    return Board(items, dict(await totals.fetchall()), cursor)


def _page(asked: BoardRequest) -> tuple[sql.Composed, dict[str, Any]]:
    """The statement of one page, and where it starts. Raises: Invalid."""
    name, descending = asked.sort.removeprefix("-"), asked.sort.startswith("-")
    if name not in _SORTS:
        detail = f"The board can be sorted by {', '.join(_SORTS)}, with - before it to reverse."
        raise Invalid(detail, errors=[field_error("/sort", "sort-unknown", detail)])
    column, kind = sql.SQL(_SORTS[name][0]), _SORTS[name][1]
    order = sql.SQL("{c} {d} NULLS LAST, s.id").format(
        c=column, d=sql.SQL("DESC" if descending else "ASC")
    )
    after: sql.Composable = sql.SQL("")
    bound: dict[str, Any] = {}
    if asked.cursor is not None:
        bound["value"], bound["last"] = decode_cursor(asked.cursor, asked.sort, kind, UUID)
        after = _after(column, _TYPES[kind], descending, is_null=bound["value"] is None)
    return _PAGE.format(column=column, order=order, rows=_ROWS, after=after), bound


def _after(column: sql.SQL, kind: sql.SQL, descending: bool, *, is_null: bool) -> sql.Composed:
    if is_null:
        return sql.SQL(" AND {c} IS NULL AND s.id > %(last)s").format(c=column)
    return sql.SQL(
        " AND ({c} {b} %(value)s::{k} OR ({c} = %(value)s::{k} AND s.id > %(last)s) OR {c} IS NULL)"
    ).format(c=column, k=kind, b=sql.SQL("<" if descending else ">"))
