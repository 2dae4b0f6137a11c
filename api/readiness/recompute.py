"""Keeping the board's rows current: the stale ones, some thousands of schools at a time.

Their documents are rendered when somebody opens a school, or by the nightly job.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple, cast
from uuid import UUID

import orjson
from psycopg import AsyncConnection

from api.errors import FirstBellError
from api.readiness.answers import CLOCKS_DIFFER, ENGINE_VERSION, judge, row_of
from api.readiness.forecast import moment_at
from api.readiness.load import Fetched, Loaded, assemble, fetch
from api.readiness.rules import Verdict

# Schools whose tasks are in memory at once.
CHUNK = 250


class Row(NamedTuple):
    """One row of `readiness_answers` as the board needs it; `summary` is JSON."""

    school_id: UUID
    school_revision: int
    network_revision: int
    good_until: datetime
    computed_at: datetime
    summary: str
    verdict: str
    percent: int | None
    ready_on: Any
    float_days: int | None
    first_bell: Any
    wave: str | None


async def recompute(
    connection: AsyncConnection[Any], school_ids: Sequence[UUID], now: datetime
) -> None:
    """Compute and keep the board's rows of these schools.

    While a thread computes one chunk, the database keeps the one before and reads the next; other
    requests go on meanwhile.
    """
    fetched: Fetched | None = None
    rows: list[Row] = []
    chunks = [school_ids[start : start + CHUNK] for start in range(0, len(school_ids), CHUNK)]
    # Two turns more than chunks: the last one is still to be computed, then to be kept.
    for chunk in [*chunks, None, None] if chunks else []:
        computed, following = await asyncio.gather(
            asyncio.to_thread(_rows, fetched, now),
            _turn(connection, rows, chunk, now),
            # Nobody else may use the connection before its turn has ended.
            return_exceptions=True,
        )
        for result in (computed, following):
            if isinstance(result, BaseException):
                raise result
        rows, fetched = cast("list[Row]", computed), cast("Fetched | None", following)


async def _turn(
    connection: AsyncConnection[Any],
    rows: Sequence[Row],
    chunk: Sequence[UUID] | None,
    now: datetime,
) -> Fetched | None:
    await _keep(connection, rows, now)
    return None if chunk is None else await fetch(connection, chunk, many=True)


def _rows(fetched: Fetched | None, now: datetime) -> list[Row]:
    if fetched is None:
        return []
    with _uncollected():
        return [_row(one, now) for one in assemble(fetched, now)]


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


def _row(loaded: Loaded, now: datetime) -> Row:
    facts = loaded.facts
    try:
        answer = judge(facts, now)
    except FirstBellError as problem:
        # One school that cannot be planned must not take the board from all the others.
        summary = problem_row(loaded, problem)
        until = moment_at(facts.timezone, now).midnight
        verdict, percent, ready_on, floats = Verdict.UNSCHEDULED, None, None, None
    else:
        summary, until = row_of(loaded, answer), answer.good_until
        verdict, percent = answer.verdict, answer.percent
        ready_on, floats = answer.ready_on, answer.float_days
    return Row(
        loaded.school_id,
        loaded.school_revision,
        loaded.network_revision,
        until,
        now,
        orjson.dumps(summary).decode(),
        verdict.value,
        percent,
        ready_on,
        floats,
        facts.first_bell,
        loaded.wave,
    )


def problem_row(loaded: Loaded, problem: FirstBellError) -> dict[str, Any]:
    """The row of a school no date can be computed for: `unscheduled`, with the reason."""
    facts = loaded.facts
    return {
        "school": {"id": facts.school_id, "code": facts.school_code, "name": facts.school_name},
        "first_bell": None if facts.first_bell is None else facts.first_bell.isoformat(),
        "verdict": Verdict.UNSCHEDULED.value,
        "ready": False,
        "percent": None,
        "ready_on": None,
        "float_days": None,
        "workstreams": [],
        "network": loaded.network_code,
        "wave": loaded.wave,
        "problem": {"code": problem.code, "detail": problem.detail},
    }


# A newer row is never replaced, nor a current one: a reader may have kept its document meanwhile.
_KEEP = b"""
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
  AND a.network_revision <= excluded.network_revision
  AND ((a.school_revision, a.network_revision, a.engine_version)
      <> (excluded.school_revision, excluded.network_revision, excluded.engine_version)
    OR a.good_until <= excluded.computed_at OR a.computed_at > %s::timestamptz)"""


async def _keep(connection: AsyncConnection[Any], rows: Sequence[Row], now: datetime) -> None:
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        await connection.execute(_KEEP, (ENGINE_VERSION, *columns, now + CLOCKS_DIFFER))
