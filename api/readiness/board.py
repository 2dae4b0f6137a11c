"""The board: every school's row, by one statement where nothing changed.

Stale rows are recomputed in bulk first, some thousands of schools at a time, without their
documents: those are rendered when somebody opens a school, or by the nightly job.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson
from psycopg import AsyncConnection, sql

from api import clock
from api.auth.caller import Caller
from api.db.paging import decode_cursor, encode_cursor
from api.db.pool import Database
from api.errors import Invalid, field_error
from api.readiness.answers import ENGINE_VERSION, row_of
from api.readiness.load import Loaded, load
from api.readiness.rules import Answer, Verdict, evaluate

# Schools whose tasks are in memory at once: 1,000 x 60 tasks are some 60 MB.
CHUNK = 1_000
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


_FROM = sql.SQL("""
FROM schools s
JOIN school_state ss ON ss.school_id = s.id
JOIN network_state ns ON ns.network_id = s.network_id
LEFT JOIN readiness_answers a ON a.school_id = s.id
WHERE s.archived_at IS NULL
  AND (%(caller_network)s::uuid IS NULL OR s.network_id = %(caller_network)s)
  AND (%(caller_schools)s::uuid[] IS NULL OR s.id = ANY(%(caller_schools)s))
  AND (%(network)s::uuid IS NULL OR s.network_id = %(network)s)""")
_STALE = sql.SQL("""
  AND (a.school_id IS NULL OR a.school_revision <> ss.revision
    OR a.network_revision <> ns.revision OR a.engine_version <> %(engine)s
    OR a.good_until <= %(now)s)""")
_STALE_IDS = sql.SQL("SELECT s.id ") + _FROM + _STALE
_TOTALS = (
    sql.SQL("SELECT a.verdict, count(*) ")
    + _FROM
    + sql.SQL(" AND (%(wave)s::text IS NULL OR a.wave = %(wave)s) GROUP BY a.verdict")
)


async def read_board(database: Database, caller: Caller, asked: BoardRequest) -> Board:
    """The rows the caller may see, all of them current as of this call.

    Raises: Invalid for an unknown sort or cursor.
    """
    column, descending = _sort(asked.sort)
    now = clock.now()
    bound = _bindings(caller, asked, now)
    async with database.raw() as connection:
        await recompute_stale(connection, bound, now)
        return await _read(connection, asked, bound, column, descending)


def _sort(sort: str) -> tuple[str, bool]:
    name, descending = sort.removeprefix("-"), sort.startswith("-")
    if name not in _SORTS:
        detail = f"The board can be sorted by {', '.join(_SORTS)}, with - before it to reverse."
        raise Invalid(detail, errors=[field_error("/sort", "sort-unknown", detail)])
    return name, descending


def _bindings(caller: Caller, asked: BoardRequest, now: datetime) -> dict[str, Any]:
    schools = list(caller.school_ids) if caller.school_ids is not None else None
    return {
        "caller_network": caller.network_id,
        "caller_schools": schools,
        "network": asked.network_id,
        "wave": asked.wave,
        "verdicts": [verdict.value for verdict in asked.verdicts] or None,
        "engine": ENGINE_VERSION,
        "now": now,
        # One more than asked for tells whether there is a next page.
        "limit": asked.limit + 1,
    }


async def recompute_stale(
    connection: AsyncConnection[Any], bound: dict[str, Any], now: datetime
) -> int:
    """Compute and keep the rows that are not current; how many there were."""
    stale = await (await connection.execute(_STALE_IDS, bound, binary=True)).fetchall()
    ids = [row[0] for row in stale]
    for start in range(0, len(ids), CHUNK):
        loaded = await load(connection, ids[start : start + CHUNK], now)
        await _keep(connection, [(one, evaluate(one.facts, now)) for one in loaded])
    return len(ids)


_KEEP_MANY = b"""
INSERT INTO readiness_answers AS a (school_id, school_revision, network_revision,
  estimates_version, engine_version, good_until, computed_at, summary, verdict, percent,
  ready_on, float_days, first_bell, wave)
SELECT n.school_id, n.school_revision, n.network_revision, 0, %s, n.good_until, n.computed_at,
  n.summary, n.verdict, n.percent, n.ready_on, n.float_days, n.first_bell, n.wave
FROM unnest(%s::uuid[], %s::int8[], %s::int8[], %s::timestamptz[], %s::timestamptz[],
  %s::json[], %s::text[], %s::int4[], %s::date[], %s::int4[], %s::date[], %s::text[])
  AS n(school_id, school_revision, network_revision, good_until, computed_at, summary, verdict,
  percent, ready_on, float_days, first_bell, wave)
ORDER BY n.school_id
ON CONFLICT (school_id) DO UPDATE SET school_revision = excluded.school_revision,
  network_revision = excluded.network_revision, engine_version = excluded.engine_version,
  good_until = excluded.good_until, computed_at = excluded.computed_at,
  etag = NULL, document = NULL, summary = excluded.summary, verdict = excluded.verdict,
  percent = excluded.percent, ready_on = excluded.ready_on, float_days = excluded.float_days,
  first_bell = excluded.first_bell, wave = excluded.wave
WHERE a.school_revision <= excluded.school_revision
  AND a.network_revision <= excluded.network_revision AND a.computed_at < excluded.computed_at"""


async def _keep(connection: AsyncConnection[Any], answers: Sequence[tuple[Loaded, Answer]]) -> None:
    rows = [
        (
            one.school_id,
            one.school_revision,
            one.network_revision,
            answer.good_until,
            answer.at.now,
            orjson.dumps(row_of(one, answer)).decode(),
            answer.verdict.value,
            answer.percent,
            answer.ready_on,
            answer.float_days,
            answer.facts.first_bell,
            one.wave,
        )
        for one, answer in answers
    ]
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        await connection.execute(_KEEP_MANY, (ENGINE_VERSION, *columns))


async def _read(
    connection: AsyncConnection[Any],
    asked: BoardRequest,
    bound: dict[str, Any],
    name: str,
    descending: bool,
) -> Board:
    totals = await (await connection.execute(_TOTALS, bound, binary=True)).fetchall()
    column = sql.SQL(_SORTS[name][0])
    order = sql.SQL("DESC" if descending else "ASC")
    after: sql.Composable = sql.SQL("")
    if asked.cursor is not None:
        kind = _SORTS[name][1]
        bound["value"], bound["last"] = decode_cursor(asked.cursor, asked.sort, kind, UUID)
        after = _after(column, descending, is_null=bound["value"] is None)
    page = sql.SQL(
        "SELECT a.summary, {column} AS value, s.id {source}"
        " AND (%(wave)s::text IS NULL OR a.wave = %(wave)s)"
        " AND (%(verdicts)s::text[] IS NULL OR a.verdict = ANY(%(verdicts)s))"
        " {after} ORDER BY {column} {order} NULLS LAST, s.id LIMIT %(limit)s"
    ).format(column=column, source=_FROM, after=after, order=order)
    # The array is put together by the server: 20,000 rows as Python objects cost six times more.
    whole = sql.SQL(
        "SELECT coalesce(json_agg(p.summary), '[]')::text, count(*) FROM ({page}) p"
    ).format(page=page)
    if asked.limit >= LARGEST_BOARD:
        text, _ = await _one(connection, whole, bound)
        return Board(text.encode(), dict(totals), None)
    rows = await (await connection.execute(page, bound)).fetchall()
    shown = rows[: asked.limit]
    items = b"[" + b",".join(orjson.dumps(row[0]) for row in shown) + b"]"
    cursor = None
    if len(rows) > asked.limit:
        cursor = encode_cursor(asked.sort, shown[-1][1], shown[-1][2])
    return Board(items, dict(totals), cursor)


async def _one(
    connection: AsyncConnection[Any], statement: sql.Composed, bound: dict[str, Any]
) -> tuple[str, int]:
    row = await (await connection.execute(statement, bound)).fetchone()
    assert row is not None
    return row[0], row[1]


def _after(column: sql.SQL, descending: bool, *, is_null: bool) -> sql.Composed:
    if is_null:
        return sql.SQL(" AND {c} IS NULL AND s.id > %(last)s").format(c=column)
    beyond = sql.SQL("<" if descending else ">")
    return sql.SQL(
        " AND ({c} {b} %(value)s OR ({c} = %(value)s AND s.id > %(last)s) OR {c} IS NULL)"
    ).format(c=column, b=beyond)
