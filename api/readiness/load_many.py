"""Loading thousands of schools at once as columns for `batch`.

The server packs the columns into bytes of fixed width, which NumPy reads where they lie: as rows
of Python objects they took five times as long to receive. Each is packed by itself, since joining
them row by row cost the server a quarter more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import AsyncConnection

from api.readiness.load import FROM_SCHOOLS, SCHOOL

# A school's number is its place in what was asked for; its id comes as text, too, as a UUID in
# Python takes a microsecond for each.
_SCHOOLS = (
    SCHOOL
    + b", asked.place - 1, asked.id::text"
    + FROM_SCHOOLS
    + b"""
JOIN unnest(%s::uuid[]) WITH ORDINALITY AS asked(id, place) ON asked.id = s.id
ORDER BY asked.place"""
)
PLACE, ID_TEXT = 20, 21
_ASKED = b"""
WITH asked AS MATERIALIZED (
  SELECT r.id AS rollout_id, (n.place - 1)::int4 AS school
  FROM unnest(%s::uuid[]) WITH ORDINALITY AS n(id, place)
  JOIN rollouts r ON r.school_id = n.id AND r.state <> 'closed')"""
# Of every task its id and one number, in which TASK_PARTS says where each part lies; a status is
# its index in `batch.STATUSES`, a workstream in `rules.WORKSTREAMS`. Of the few tasks that have
# more a record, and of those in other workstreams the name, in the same order.
_MORE = b"""num_nonnulls(t.not_before, t.progress_total, t.expected_on, t.lead_days,
    t.spread_days, t.valid_until, t.started_at) > 0"""
_TASKS = (
    _ASKED
    + b"""
SELECT
  string_agg(uuid_send(t.id), ''),
  string_agg(int8send((a.school::int8 << 32) + t.duration_days
    + (CASE t.status WHEN 'pending' THEN 0 WHEN 'in_progress' THEN 1 WHEN 'done' THEN 2
      ELSE 3 END << 12)
    + (CASE t.workstream WHEN 'devices' THEN 0 WHEN 'infrastructure' THEN 1
      WHEN 'accounts' THEN 2 WHEN 'pd' THEN 3 WHEN 'change' THEN 4 ELSE 5 END << 16)
    + (t.gate::int4 << 20) + (("""
    + _MORE
    + b""")::int4 << 21)), ''),
  string_agg(int4send(coalesce(t.not_before - date '0001-01-01' + 1, -1))
    || int4send(coalesce(t.expected_on - date '0001-01-01' + 1, -1))
    || int4send(t.progress_done) || int4send(coalesce(t.progress_total, -1))
    || int4send(coalesce(t.lead_days, -1)) || int4send(coalesce(t.spread_days, -1))
    || timestamptz_send(coalesce(t.valid_until, 'infinity'))
    || timestamptz_send(coalesce(t.started_at, 'infinity')), '')
    FILTER (WHERE """
    + _MORE
    + b"""),
  array_agg(t.workstream) FILTER (WHERE t.workstream
    NOT IN ('devices', 'infrastructure', 'accounts', 'pd', 'change'))
FROM asked a JOIN tasks t ON t.rollout_id = a.rollout_id WHERE t.status <> 'cancelled'"""
)
_EDGES = (
    _ASKED
    + b"""
SELECT string_agg(uuid_send(d.predecessor_id), ''), string_agg(uuid_send(d.successor_id), ''),
  string_agg(int4send(d.lag_days), '')
FROM asked a JOIN dependencies d ON d.rollout_id = a.rollout_id"""
)
_WAIVERS = b"""
SELECT string_agg(uuid_send(w.task_id)
  || int4send(coalesce(w.expires_on - date '0001-01-01' + 1, 2147483647)), '')
FROM waivers w WHERE w.state = 'approved' AND w.school_id = ANY(%s::uuid[])"""

ID = [("high", "u8"), ("low", "u8")]
PACKED, LAG = ">i8", ">i4"
# The lowest bit of each part of `packed`, and how many there are.
TASK_PARTS = {
    "duration": (0, 12),
    "status": (12, 4),
    "stream": (16, 4),
    "gate": (20, 1),
    "more": (21, 1),
    "school": (32, 32),
}
MORE = [
    *(("not_before", ">i4"), ("expected_on", ">i4"), ("done", ">i4"), ("total", ">i4")),
    *(("lead", ">i4"), ("spread", ">i4"), ("valid_until", ">i8"), ("started_at", ">i8")),
]
WAIVER = [*ID, ("until", ">i4")]


class FetchedMany(NamedTuple):
    """Rows of one snapshot of `asked` schools.

    `schools` are rows as `load.SCHOOL` has them, with PLACE and ID_TEXT; the rest columns of the
    types above: `tasks`, `before` and `after` are IDs.
    """

    asked: int
    schools: list[Any]
    tasks: bytes
    packed: bytes
    more: bytes
    workstreams: list[str]
    before: bytes
    after: bytes
    lags: bytes
    waivers: bytes


async def fetch_many(connection: AsyncConnection[Any], school_ids: Sequence[UUID]) -> FetchedMany:
    """What the board's rows of these schools depend on, revisions first, but for network tasks."""
    # As text at once: four times a list of UUIDs took a sixth of the time.
    ids = f"{{{','.join(map(str, school_ids))}}}"
    async with connection.pipeline():
        await connection.execute(b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        schools = await connection.execute(_SCHOOLS, (ids,), binary=True)
        tasks = await connection.execute(_TASKS, (ids,), binary=True)
        edges = await connection.execute(_EDGES, (ids,), binary=True)
        waivers = await connection.execute(_WAIVERS, (ids,), binary=True)
        await connection.execute(b"COMMIT")
    # Aggregates: one row each, null where there was nothing.
    [(ids_of_all, packed, of_some, workstreams)] = await tasks.fetchall()
    [(before, after, lags)], [(permits,)] = await edges.fetchall(), await waivers.fetchall()
    return FetchedMany(
        asked=len(school_ids),
        schools=await schools.fetchall(),
        tasks=ids_of_all or b"",
        packed=packed or b"",
        more=of_some or b"",
        workstreams=workstreams or [],
        before=before or b"",
        after=after or b"",
        lags=lags or b"",
        waivers=permits or b"",
    )
