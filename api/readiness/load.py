"""Loading what readiness depends on: for one school in one round trip, for many in a few.

Straight on the driver, since this is what every first read after a change waits for (the ORM
was measured to cost five times as much). Everything is read in one snapshot, revisions first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from itertools import repeat
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg import AsyncConnection

from api.readiness.forecast import RolloutFacts, local_day
from api.schools.calendars import NetworkDays, calendar_facts
from api.tasks.days import Calendar
from api.tasks.rules import DependencyFacts, TaskFacts, WaiverFacts

SCHOOL = b"""
SELECT s.id, s.code, s.name, s.timezone, s.blackout_days, s.network_id, n.code,
  ss.revision, ns.revision, r.id, r.model, r.first_bell, r.state, r.opened_ready, r.wave,
  n.country, n.region, c.observe_holidays, c.weekend, c.blackout_days"""
FROM_SCHOOLS = b"""
FROM schools s
JOIN school_state ss ON ss.school_id = s.id
JOIN networks n ON n.id = s.network_id
JOIN network_state ns ON ns.network_id = s.network_id
JOIN calendars c ON c.network_id = s.network_id
LEFT JOIN rollouts r ON r.school_id = s.id AND r.state <> 'closed'"""
_SCHOOLS = SCHOOL + FROM_SCHOOLS + b" WHERE s.id = ANY(%s)"
_TASK = b"""
SELECT t.school_id, t.network_id, t.id::text, t.key, t.title, t.workstream, t.kind, t.gate,
  t.owner_email, t.duration_days, t.not_before, t.status, t.progress_done, t.progress_total,
  t.unit, t.expected_on, t.lead_days, t.spread_days, t.cause, t.valid_until, t.started_at
FROM tasks t """
_TASKS = (
    _TASK
    + b"""JOIN rollouts r ON r.id = t.rollout_id AND r.state <> 'closed'
WHERE t.school_id = ANY(%s) AND t.status <> 'cancelled' ORDER BY t.id"""
)
_NETWORK_TASKS = (
    _TASK
    + b"""WHERE t.rollout_id IS NULL AND t.status <> 'cancelled' AND t.network_id =
  ANY(SELECT network_id FROM schools WHERE id = ANY(%s)) ORDER BY t.id"""
)
_EDGES = b"""
SELECT d.school_id, d.network_id, d.predecessor_id::text, d.successor_id::text, d.lag_days
FROM dependencies d JOIN rollouts r ON r.id = d.rollout_id AND r.state <> 'closed'
WHERE r.school_id = ANY(%s)"""
_NETWORK_EDGES = b"""
SELECT d.school_id, d.network_id, d.predecessor_id::text, d.successor_id::text, d.lag_days
FROM dependencies d WHERE d.rollout_id IS NULL AND d.network_id =
  ANY(SELECT network_id FROM schools WHERE id = ANY(%s))"""
_WAIVERS = b"""
SELECT w.school_id, w.network_id, w.id::text, w.task_id::text, w.reason, w.expires_on
FROM waivers w WHERE w.state = 'approved' AND (w.school_id = ANY(%s) OR (w.school_id IS NULL
  AND w.network_id = ANY(SELECT network_id FROM schools WHERE id = ANY(%s))))"""

# For many schools at once: what an answer's summary depends on and none of its sentences, one row
# a school with an array a column (a row a task takes four times as long to receive).
_MANY_TASKS = b"""
SELECT t.school_id, array_agg(uuid_send(t.id)), array_agg(t.workstream), array_agg(t.gate),
  array_agg(t.duration_days), array_agg(t.status), array_agg(t.progress_done),
  CASE WHEN count(t.not_before) > 0 THEN array_agg(t.not_before) END,
  CASE WHEN count(t.progress_total) > 0 THEN array_agg(t.progress_total) END,
  CASE WHEN count(t.expected_on) > 0 THEN array_agg(t.expected_on) END,
  CASE WHEN count(t.lead_days) > 0 THEN array_agg(t.lead_days) END,
  CASE WHEN count(t.spread_days) > 0 THEN array_agg(t.spread_days) END,
  CASE WHEN count(t.valid_until) > 0 THEN array_agg(t.valid_until) END,
  CASE WHEN count(t.started_at) > 0 THEN array_agg(t.started_at) END
FROM tasks t JOIN rollouts r ON r.id = t.rollout_id AND r.state <> 'closed'
WHERE t.school_id = ANY(%s) AND t.status <> 'cancelled' GROUP BY t.school_id"""
_MANY_EDGES = b"""
SELECT d.school_id, array_agg(uuid_send(d.predecessor_id)), array_agg(uuid_send(d.successor_id)),
  array_agg(d.lag_days)
FROM dependencies d JOIN rollouts r ON r.id = d.rollout_id AND r.state <> 'closed'
WHERE r.school_id = ANY(%s) GROUP BY d.school_id"""

Connection = AsyncConnection[Any]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A school's facts, with the revisions they were read at."""

    facts: RolloutFacts
    school_id: UUID
    network_code: str
    wave: str | None
    school_revision: int
    network_revision: int


class Fetched(NamedTuple):
    """Rows of one snapshot, not yet facts. `many`: their tasks and edges are arrays a school."""

    many: bool
    schools: list[Any]
    tasks: list[Any]
    edges: list[Any]
    waivers: list[Any]
    network_tasks: list[Any]
    network_edges: list[Any]


async def load(connection: Connection, school_ids: Sequence[UUID], now: datetime) -> list[Loaded]:
    """The facts of these schools, in no particular order; unknown ids are left out.

    `connection` is in no transaction: this opens one read-only snapshot. What is loaded is held
    in memory: ask for some thousands of schools at a time.
    """
    return assemble(await fetch(connection, school_ids), now)


async def fetch(
    connection: Connection, school_ids: Sequence[UUID], *, many: bool = False
) -> Fetched:
    """The rows about these schools. `many` leaves out what only a document's sentences need."""
    ids = list(school_ids)
    async with connection.pipeline():
        await connection.execute(b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        schools = await connection.execute(_SCHOOLS, (ids,), binary=True)
        tasks = await connection.execute(_MANY_TASKS if many else _TASKS, (ids,), binary=True)
        edges = await connection.execute(_MANY_EDGES if many else _EDGES, (ids,), binary=True)
        waivers = await connection.execute(_WAIVERS, (ids, ids), binary=True)
        network_tasks = await connection.execute(_NETWORK_TASKS, (ids,), binary=True)
        network_edges = await connection.execute(_NETWORK_EDGES, (ids,), binary=True)
        await connection.execute(b"COMMIT")
    return Fetched(
        many,
        await schools.fetchall(),
        await tasks.fetchall(),
        await edges.fetchall(),
        await waivers.fetchall(),
        await network_tasks.fetchall(),
        await network_edges.fetchall(),
    )


def assemble(rows: Fetched, now: datetime) -> list[Loaded]:
    """The rows as facts."""
    zones = {row[0]: ZoneInfo(row[3]) for row in rows.schools}
    tasks: defaultdict[UUID, list[TaskFacts]] = defaultdict(list)
    edges: defaultdict[UUID, list[DependencyFacts]] = defaultdict(list)
    if rows.many:
        for row in rows.tasks:
            tasks[row[0]] = _tasks(row, zones[row[0]])
        for row in rows.edges:
            edges[row[0]] = list(map(_DEPENDENCY, zip(*map(_texts, row[1:3]), row[3], strict=True)))
    else:
        for row in rows.tasks:
            tasks[row[0]].append(_task(row, zones[row[0]], of_network=False))
        for row in rows.edges:
            edges[row[0]].append(DependencyFacts(row[2], row[3], row[4]))
    waivers: defaultdict[UUID, list[WaiverFacts]] = defaultdict(list)
    for row in rows.waivers:
        waivers[row[0] or row[1]].append(WaiverFacts(*row[2:]))
    before = _NetworkGraph(rows)
    loaded = []
    for row in rows.schools:
        school_id, network_id = row[0], row[5]
        mine, own_edges, permits = tasks[school_id], edges[school_id], waivers[school_id]
        if network_id in before.tasks:
            extra, extra_edges = before.preceding(network_id, own_edges, zones[school_id])
            mine, own_edges = mine + extra, own_edges + extra_edges
            permits = permits + waivers[network_id]
        facts = _facts(row, mine, own_edges, permits, now)
        loaded.append(Loaded(facts, school_id, row[6], row[14], row[7], row[8]))
    return loaded


def _facts(
    row: Sequence[Any],
    tasks: Sequence[TaskFacts],
    edges: Sequence[DependencyFacts],
    waivers: Sequence[WaiverFacts],
    now: datetime,
) -> RolloutFacts:
    return RolloutFacts(
        school_id=str(row[0]),
        school_code=row[1],
        school_name=row[2],
        timezone=row[3],
        rollout_id=str(row[9]) if row[9] else None,
        model=row[10],
        first_bell=row[11],
        state=row[12],
        opened_ready=row[13],
        tasks=tuple(tasks),
        dependencies=tuple(edges),
        waivers=tuple(waivers),
        calendar=calendar_of(row, now),
    )


def calendar_of(row: Sequence[Any], now: datetime) -> Calendar:
    """The calendar of a school, from its row."""
    days = NetworkDays(row[15], row[16], row[17], tuple(sorted(row[18])), tuple(sorted(row[19])))
    return Calendar(*calendar_facts(days, row[4], local_day(row[3], now)))


# A named tuple's own constructor runs in Python, and takes five times as long.
_TASK_FACTS = partial(tuple.__new__, TaskFacts)
_DEPENDENCY = partial(tuple.__new__, DependencyFacts)
_NONE: Iterable[None] = repeat(None)
_EMPTY: Iterable[str] = repeat("")


def _texts(ids: Sequence[bytes]) -> list[str]:
    """Ids of 16 bytes as the text that waivers and network tasks name them by."""
    return [f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}" for h in map(bytes.hex, ids)]


def _tasks(row: Sequence[Any], zone: ZoneInfo) -> list[TaskFacts]:
    """A school's tasks from its row of arrays, without titles, owners and causes."""
    (ids, workstreams, gates, days, statuses, done) = row[1:7]
    not_before, totals, expected, lead, spread, valid, started = (
        _NONE if column is None else column for column in row[7:14]
    )
    days_started: Iterable[date | None] = _NONE
    if row[13] is not None:
        days_started = [at and at.astimezone(zone).date() for at in started]
    texts = _texts(ids)
    columns = (texts, texts, _EMPTY, workstreams, _EMPTY, gates, _NONE, days, not_before, statuses)
    more = (done, totals, _NONE, expected, lead, spread, _NONE, valid, days_started, repeat(False))
    return list(map(_TASK_FACTS, zip(*columns, *more)))  # noqa: B905 (some repeat for ever)


def _task(row: Sequence[Any], zone: ZoneInfo, *, of_network: bool) -> TaskFacts:
    started_at = row[20]
    started_on = started_at.astimezone(zone).date() if started_at is not None else None
    return TaskFacts(*row[2:20], started_on, of_network)  # type: ignore[call-arg] # a row's slice


class _NetworkGraph:
    """The networks' own tasks: which of them a school waits for, directly or not."""

    def __init__(self, rows: Fetched) -> None:
        self.tasks: dict[UUID, dict[str, Any]] = {}
        for row in rows.network_tasks:
            self.tasks.setdefault(row[1], {})[row[2]] = row
        self._before: dict[str, list[DependencyFacts]] = {}
        for row in rows.network_edges:
            edge = DependencyFacts(row[2], row[3], row[4])
            self._before.setdefault(edge.successor_id, []).append(edge)

    def preceding(
        self, network_id: UUID, edges: Iterable[DependencyFacts], zone: ZoneInfo
    ) -> tuple[list[TaskFacts], list[DependencyFacts]]:
        known: Mapping[str, Any] = self.tasks[network_id]
        stack = [edge.predecessor_id for edge in edges if edge.predecessor_id in known]
        reached = dict.fromkeys(stack)
        inner: list[DependencyFacts] = []
        while stack:
            for edge in self._before.get(stack.pop(), ()):
                inner.append(edge)
                if edge.predecessor_id not in reached and edge.predecessor_id in known:
                    reached[edge.predecessor_id] = None
                    stack.append(edge.predecessor_id)
        return [_task(known[key], zone, of_network=True) for key in reached], inner
