"""Keeping the board's rows current: the stale ones, some thousands of schools at a time.

Their documents are rendered when somebody opens a school, or by the nightly job.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any, TypeVar, cast
from uuid import UUID

from psycopg import AsyncConnection

from api.readiness.answers import CLOCKS_DIFFER, ENGINE_VERSION
from api.readiness.board_rows import Computed, Rows, rows_at_once, rows_one_by_one
from api.readiness.load import fetch
from api.readiness.load_many import fetch_many

F = TypeVar("F")

# Schools whose tasks are in memory at once: as columns, and as objects.
CHUNK = 1_500
CHUNK_ONE_BY_ONE = 250


async def recompute(
    connection: AsyncConnection[Any], school_ids: Sequence[UUID], now: datetime
) -> None:
    """Compute and keep the board's rows of these schools."""
    declined = await _pass(connection, school_ids, now, CHUNK, fetch_many, rows_at_once)
    one_by_one = partial(fetch, many=True)
    await _pass(connection, declined, now, CHUNK_ONE_BY_ONE, one_by_one, rows_one_by_one)


async def _pass(
    connection: AsyncConnection[Any],
    school_ids: Sequence[UUID],
    now: datetime,
    size: int,
    read: Callable[[AsyncConnection[Any], Sequence[UUID]], Awaitable[F]],
    compute: Callable[[F, datetime], Computed],
) -> list[UUID]:
    """Compute and keep what `compute` does not decline; that is the answer.

    While a thread computes one chunk, the database keeps the one before and reads the next; other
    requests go on meanwhile.
    """
    fetched: F | None = None
    computed = Computed(None, [])
    declined: list[UUID] = []
    chunks = [school_ids[start : start + size] for start in range(0, len(school_ids), size)]
    # Two turns more than chunks: the last one is still to be computed, then to be kept.
    for chunk in [*chunks, None, None] if chunks else []:
        results = await asyncio.gather(
            asyncio.to_thread(_computed, compute, fetched, now),
            _turn(connection, computed.rows, chunk, now, read),
            # Nobody else may use the connection before its turn has ended.
            return_exceptions=True,
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result
        computed, fetched = cast("tuple[Computed, F | None]", tuple(results))
        declined += computed.declined
    return declined


async def _turn(
    connection: AsyncConnection[Any],
    rows: Rows | None,
    chunk: Sequence[UUID] | None,
    now: datetime,
    read: Callable[[AsyncConnection[Any], Sequence[UUID]], Awaitable[F]],
) -> F | None:
    await _keep(connection, rows, now)
    return None if chunk is None else await read(connection, chunk)


def _computed(
    compute: Callable[[F, datetime], Computed], fetched: F | None, now: datetime
) -> Computed:
    if fetched is None:
        return Computed(None, [])
    with _uncollected():
        return compute(fetched, now)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector, which would walk a chunk's tuples again and again (measured: four
    fifths of the time); a chunk is short, and there are no cycles in it.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


# A newer row is never replaced, nor a current one: a reader may have kept its document meanwhile.
_KEEP = b"""
INSERT INTO readiness_answers AS a (school_id, school_revision, network_revision,
  estimates_version, engine_version, good_until, computed_at, summary, verdict, percent,
  ready_on, float_days, first_bell, wave)
SELECT n.school_id, n.school_revision, n.network_revision, 0, %s, n.good_until, %s::timestamptz,
  n.summary::json, n.verdict, n.percent, n.ready_on, n.float_days, n.first_bell, n.wave
FROM unnest(%s::uuid[], %s::int8[], %s::int8[], %s::timestamptz[], string_to_array(%s, E'\\n'),
  %s::text[], %s::int4[], %s::date[], %s::int4[], %s::date[], %s::text[])
  AS n(school_id, school_revision, network_revision, good_until, summary, verdict,
  percent, ready_on, float_days, first_bell, wave)
ORDER BY n.school_id
ON CONFLICT (school_id) DO UPDATE SET school_revision = excluded.school_revision,
  network_revision = excluded.network_revision, engine_version = excluded.engine_version,
  good_until = excluded.good_until, computed_at = excluded.computed_at,
  etag = NULL, document = NULL, summary = excluded.summary, verdict = excluded.verdict,
  percent = excluded.percent, ready_on = excluded.ready_on, float_days = excluded.float_days,
  first_bell = excluded.first_bell, wave = excluded.wave
WHERE a.school_revision <= excluded.school_revision
  AND a.network_revision <= excluded.network_revision
  AND ((a.school_revision, a.network_revision, a.engine_version)
      <> (excluded.school_revision, excluded.network_revision, excluded.engine_version)
    OR a.good_until <= excluded.computed_at OR a.computed_at > %s::timestamptz)"""


async def _keep(connection: AsyncConnection[Any], rows: Rows | None, now: datetime) -> None:
    if rows is not None:
        await connection.execute(_KEEP, (ENGINE_VERSION, now, *rows, now + CLOCKS_DIFFER))
