"""Planned dates: the baseline, scheduled backward from first bell. The forecast never reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select, text
from sqlmodel import col

from api import clock
from api.db.uow import ReadSession, WriteSession
from api.errors import FirstBellError
from api.schools.calendars import calendar_facts
from api.schools.models import School
from api.schools.queries import network_days_of
from api.tasks.days import Calendar
from api.tasks.errors import DateOutOfRange, NoWorkingDay
from api.tasks.graph import Edge, schedule_backward
from api.tasks.models import Dependency, Rollout, Task
from api.tasks.rules import TaskStatus


async def calendars(session: ReadSession, schools: Iterable[School]) -> dict[UUID, Calendar]:
    """Each school's working days, by school id; equal ones share their tables."""
    given = list(schools)
    days = await network_days_of(session, {school.network_id for school in given})
    result = {}
    for school in given:
        today = clock.today(school.timezone)
        facts = calendar_facts(days[school.network_id], school.blackout_days, today)
        result[school.id] = Calendar(facts.weekend, facts.days_off)
    return result


class Planned(NamedTuple):
    """When a task should happen; `not_before` only for launch-day work."""

    start: date | None
    finish: date | None
    not_before: date | None


def plan(
    durations: Sequence[int],
    edges: Sequence[Edge],
    launch: Sequence[bool],
    calendar: Calendar,
    first_bell: date,
) -> list[Planned]:
    """Planned dates of every task: as late as first bell allows, launch-day work from it on.

    Raises: NoWorkingDay, DateOutOfRange, CyclicError.
    """
    ahead = [number for number, late in enumerate(launch) if not late]
    index = {number: place for place, number in enumerate(ahead)}
    inner = [(index[a], index[b], lag) for a, b, lag in edges if a in index and b in index]
    dates = schedule_backward([durations[n] for n in ahead], inner, calendar, first_bell)
    bell = calendar.roll_forward(first_bell) if len(ahead) < len(durations) else first_bell
    planned = []
    for number, days in enumerate(durations):
        if number in index:
            planned.append(Planned(*dates[index[number]], None))
        else:
            planned.append(Planned(bell, calendar.finish(bell, days), first_bell))
    return planned


_PLAN = text("""
UPDATE tasks t SET planned_start = n.planned_start, planned_finish = n.planned_finish,
  not_before = n.not_before
FROM unnest(CAST(:ids AS uuid[]), CAST(:starts AS date[]), CAST(:finishes AS date[]),
  CAST(:not_before AS date[])) AS n(id, planned_start, planned_finish, not_before)
WHERE t.id = n.id AND (t.planned_start, t.planned_finish, t.not_before)
  IS DISTINCT FROM (n.planned_start, n.planned_finish, n.not_before)
""")
# Arithmetic holds the process: some schools at a time, so that other requests get their turn.
AT_ONCE = 25


@dataclass(slots=True)
class Schedule:
    """Planned dates by task, and the rollouts that have none, with the reason."""

    dates: list[tuple[UUID, Planned]] = field(default_factory=list)
    refused: dict[UUID, FirstBellError] = field(default_factory=dict)


async def schedule(
    session: ReadSession,
    rollouts: Iterable[Rollout],
    schools: Iterable[School],
    first_bell: date | None = None,
) -> Schedule:
    """What the planned dates of these rollouts would be; nothing is written.

    `first_bell` stands for each rollout's own. Without one there are no dates. Fields that a
    person has set keep their value.
    """
    given, by_id, made = list(rollouts), {school.id: school for school in schools}, Schedule()
    for start in range(0, len(given), AT_ONCE):
        some = given[start : start + AT_ONCE]
        working = await calendars(session, [by_id[rollout.school_id] for rollout in some])
        tasks, edges = await _graphs(session, [rollout.id for rollout in some])
        for rollout in some:
            mine = tasks.get(rollout.id, [])
            try:
                made.dates += _schedule_one(
                    mine,
                    edges.get(rollout.id, []),
                    working[rollout.school_id],
                    first_bell or rollout.first_bell,
                )
            except (NoWorkingDay, DateOutOfRange) as error:
                code = by_id[rollout.school_id].code
                made.refused[rollout.id] = type(error)(f"{code}: {error.detail}")
    return made


async def write_schedule(session: WriteSession, dates: Sequence[tuple[UUID, Planned]]) -> int:
    """Keep planned dates; how many tasks moved."""
    if not dates:
        return 0
    written: Any = await session.execute(
        _PLAN,
        {
            "ids": [task_id for task_id, _ in dates],
            "starts": [when.start for _, when in dates],
            "finishes": [when.finish for _, when in dates],
            "not_before": [when.not_before for _, when in dates],
        },
    )
    return int(written.rowcount)


async def replan(
    session: WriteSession, rollouts: Iterable[Rollout], schools: Iterable[School]
) -> int:
    """Schedule whole rollouts backward from their first bells again; how many tasks moved.

    Raises: NoWorkingDay, DateOutOfRange naming the school.
    """
    made = await schedule(session, rollouts, schools)
    for error in made.refused.values():
        raise error
    return await write_schedule(session, made.dates)


class _Row(NamedTuple):
    id: UUID
    days: int
    launch: bool
    now: Planned
    edited: frozenset[str]


def _schedule_one(
    tasks: Sequence[_Row],
    edges: Iterable[tuple[UUID, UUID, int]],
    calendar: Calendar,
    first_bell: date | None,
) -> list[tuple[UUID, Planned]]:
    if first_bell is None:
        wanted = [Planned(None, None, None)] * len(tasks)
    else:
        index = {row.id: number for number, row in enumerate(tasks)}
        inner = [(index[a], index[b], lag) for a, b, lag in edges if a in index and b in index]
        days, launch = [row.days for row in tasks], [row.launch for row in tasks]
        wanted = plan(days, inner, launch, calendar, first_bell)
    return [(row.id, _kept(row, when)) for row, when in zip(tasks, wanted, strict=True)]


def _kept(row: _Row, wanted: Planned) -> Planned:
    """What is planned, with what a person has set in its place."""
    if not row.edited.isdisjoint(("planned_start", "planned_finish")):
        wanted = wanted._replace(start=row.now.start, finish=row.now.finish)
    if not row.launch or "not_before" in row.edited:
        wanted = wanted._replace(not_before=row.now.not_before)
    return wanted


async def _graphs(
    session: ReadSession, rollout_ids: Sequence[UUID]
) -> tuple[Mapping[UUID, list[_Row]], Mapping[UUID, list[tuple[UUID, UUID, int]]]]:
    """Per rollout its tasks and its edges."""
    tasks: dict[UUID, list[_Row]] = {}
    found = await session.execute(
        select(
            col(Task.rollout_id),
            col(Task.id),
            col(Task.duration_days),
            col(Task.lead_days),
            col(Task.after_first_bell),
            col(Task.planned_start),
            col(Task.planned_finish),
            col(Task.not_before),
            col(Task.edited),
        ).where(col(Task.rollout_id).in_(rollout_ids), col(Task.status) != TaskStatus.CANCELLED)
    )
    for rollout_id, task_id, duration, lead, launch, *now, edited in found:
        assert rollout_id is not None
        days = max(duration, lead or 0)
        row = _Row(task_id, days, launch, Planned(*now), frozenset(edited))
        tasks.setdefault(rollout_id, []).append(row)
    edges: dict[UUID, list[tuple[UUID, UUID, int]]] = {}
    rows = await session.execute(
        select(
            col(Dependency.rollout_id),
            col(Dependency.predecessor_id),
            col(Dependency.successor_id),
            col(Dependency.lag_days),
        ).where(col(Dependency.rollout_id).in_(rollout_ids))
    )
    for rollout_id, before, after, lag in rows:
        assert rollout_id is not None
        edges.setdefault(rollout_id, []).append((before, after, lag))
    return tasks, edges
