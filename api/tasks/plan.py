"""Planned dates: the baseline, scheduled backward from first bell. The forecast never reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select, text
from sqlmodel import col

from api import clock
from api.db.uow import ReadSession, WriteSession
from api.schools.calendars import calendar_facts
from api.schools.models import School
from api.schools.queries import network_days_of
from api.tasks.days import Calendar
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

    start: date
    finish: date
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
  not_before = coalesce(n.not_before, t.not_before)
FROM unnest(CAST(:ids AS uuid[]), CAST(:starts AS date[]), CAST(:finishes AS date[]),
  CAST(:not_before AS date[])) AS n(id, planned_start, planned_finish, not_before)
WHERE t.id = n.id AND (t.planned_start, t.planned_finish, t.not_before)
  IS DISTINCT FROM (n.planned_start, n.planned_finish, coalesce(n.not_before, t.not_before))
""")


async def replan(
    session: WriteSession, rollouts: Iterable[Rollout], schools: Iterable[School]
) -> int:
    """Schedule whole rollouts backward from their first bells again; how many tasks moved.

    Dates a person has set stay.
    """
    by_id = {rollout.id: rollout for rollout in rollouts if rollout.first_bell}
    if not by_id:
        return 0
    wanted = {rollout.school_id for rollout in by_id.values()}
    working = await calendars(session, [school for school in schools if school.id in wanted])
    tasks, edges = await _graphs(session, list(by_id))
    moved: list[tuple[UUID, Planned]] = []
    for rollout_id, rollout in by_id.items():
        mine = tasks.get(rollout_id, [])
        assert rollout.first_bell is not None
        dates = plan(
            [row.days for row in mine],
            _numbered(mine, edges.get(rollout_id, [])),
            [row.launch for row in mine],
            working[rollout.school_id],
            rollout.first_bell,
        )
        moved += [(row.id, when) for row, when in zip(mine, dates, strict=True) if not row.by_hand]
    written: Any = await session.execute(
        _PLAN,
        {
            "ids": [task_id for task_id, _ in moved],
            "starts": [when.start for _, when in moved],
            "finishes": [when.finish for _, when in moved],
            "not_before": [when.not_before for _, when in moved],
        },
    )
    return int(written.rowcount)


class _Row(NamedTuple):
    id: UUID
    days: int
    launch: bool
    by_hand: bool


def _numbered(tasks: Sequence[_Row], edges: Iterable[tuple[UUID, UUID, int]]) -> list[Edge]:
    index = {row.id: number for number, row in enumerate(tasks)}
    return [(index[a], index[b], lag) for a, b, lag in edges if a in index and b in index]


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
            col(Task.edited),
        ).where(col(Task.rollout_id).in_(rollout_ids), col(Task.status) != TaskStatus.CANCELLED)
    )
    dates = {"planned_start", "planned_finish"}
    for rollout_id, task_id, duration, lead, launch, edited in found:
        assert rollout_id is not None
        row = _Row(task_id, max(duration, lead or 0), launch, not dates.isdisjoint(edited))
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
