"""Applying a playbook: to one school or to twenty thousand, in a few statements.

Idempotent. A newer version adds its new tasks and dependencies and refreshes what nobody has
touched; what a person edited, cancelled, disconnected or made stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from api import clock
from api.db.columns import new_id
from api.db.uow import WriteSession
from api.facts import PlaybookApplied
from api.schools.models import School
from api.tasks.days import Calendar
from api.tasks.graph import find_cycle
from api.tasks.library import parsed
from api.tasks.models import Dependency, PlaybookVersion, Rollout, Task
from api.tasks.plan import Planned, calendars, plan, replan
from api.tasks.playbooks import Playbook, PlaybookTask
from api.tasks.rollouts import current_rollouts, new_rollout
from api.tasks.rules import TaskKind, TaskStatus
from api.tasks.schemas import ManyOut, RefusedOut

_TASK_COLUMNS = (
    "id, network_id, school_id, rollout_id, key, title, description, workstream, kind, gate,"
    " after_first_bell, owner_role, duration_days, duration_low, duration_high, lead_days, unit,"
    " planned_start, planned_finish, not_before, playbook_version, status, progress_done, version,"
    " created_at, updated_at"
)
_EDGE_COLUMNS = "predecessor_id, successor_id, network_id, school_id, rollout_id, lag_days"


@dataclass(frozen=True, slots=True)
class Existing:
    """What a rollout holds already: its tasks by key, and the edges by key."""

    tasks: Mapping[str, Task] = field(default_factory=dict)
    edges: frozenset[tuple[str, str]] = frozenset()


Edges = dict[tuple[str, str], int]


def edges_in(playbook: Playbook) -> Edges:
    """(predecessor, successor) keys -> lag."""
    return {
        (before.key, task.key): before.lag_days
        for task in playbook.tasks
        for before in task.depends_on
    }


@dataclass(slots=True)
class _Work:
    """What applying writes, gathered over all schools."""

    tasks: list[tuple[Any, ...]] = field(default_factory=list)
    edges: list[tuple[Any, ...]] = field(default_factory=list)
    refreshed: list[tuple[UUID, PlaybookTask]] = field(default_factory=list)
    changed: set[UUID] = field(default_factory=set)
    grown: list[Rollout] = field(default_factory=list)
    refused: list[RefusedOut] = field(default_factory=list)


async def apply_playbook(
    session: WriteSession,
    schools: Sequence[School],
    version: PlaybookVersion,
    *,
    first_bell: date | None = None,
    model: str | None = None,
    wave: str | None = None,
) -> ManyOut:
    """Give every school's current rollout (made where there is none) the playbook's tasks.

    `first_bell`, `model` and `wave` are set where given. A school whose rollout follows another
    playbook, or where a person's edges would make a cycle, is refused and the others go on.
    Raises: NoWorkingDay, DateOutOfRange.
    """
    await session.touch_schools(school.id for school in schools)
    playbook = parsed(version.source)
    rollouts = await current_rollouts(session, [school.id for school in schools])
    known = await _existing(session, [rollout.id for rollout in rollouts.values()])
    names = await _playbooks(session, rollouts.values())
    working = await calendars(session, schools)
    work, plans = _Work(), _Plans(playbook)
    for school in schools:
        rollout = rollouts.get(school.id)
        if rollout is None:
            rollout = new_rollout(school, model=None, first_bell=None, wave=None)
            session.add(rollout)
        before = names.get(rollout.playbook_id) if rollout.playbook_id else None
        if before is not None and before.name != playbook.name:
            work.refused.append(_other_playbook(school, before.name))
            continue
        here = known.get(rollout.id, Existing())
        edges = _new_edges(playbook, before, here)
        cycle = _cycle(playbook, here, edges)
        if cycle:
            work.refused.append(_cyclic(school, cycle))
            continue
        _set_rollout(rollout, version, first_bell, model or playbook.model, wave)
        when = plans.of(working[school.id], rollout.first_bell) if not here.tasks else None
        _gather(work, rollout, playbook, here, edges, when)
    await session.flush()
    await _write(session, work)
    await replan(session, work.grown, schools)
    applied = tuple(school.id for school in schools if school.id in work.changed)
    if applied:
        await session.publish(PlaybookApplied(applied, playbook.name, playbook.version))
    return ManyOut(
        matched=len(schools),
        changed=len(applied),
        tasks_added=len(work.tasks),
        tasks_changed=len(work.refreshed),
        refused=work.refused,
    )


def _other_playbook(school: School, name: str) -> RefusedOut:
    return RefusedOut(
        school=school.code,
        code="other-playbook",
        detail=f"{school.code} follows {name}; close its rollout and open a new one to change.",
    )


def _cyclic(school: School, path: Sequence[str]) -> RefusedOut:
    shown = " -> ".join(path)
    return RefusedOut(
        school=school.code,
        code="dependency-cycle",
        detail=f"With {school.code}'s own dependencies the playbook's would close: {shown}.",
    )


def _set_rollout(
    rollout: Rollout,
    version: PlaybookVersion,
    first_bell: date | None,
    model: str,
    wave: str | None,
) -> None:
    wanted = {
        "playbook_id": version.id,
        "model": model,
        "first_bell": first_bell or rollout.first_bell,
        "wave": wave or rollout.wave,
    }
    for name, value in wanted.items():
        if getattr(rollout, name) != value:
            setattr(rollout, name, value)
            rollout.updated_at = clock.now()


async def _playbooks(
    session: WriteSession, rollouts: Iterable[Rollout]
) -> dict[UUID, PlaybookVersion]:
    ids = {rollout.playbook_id for rollout in rollouts if rollout.playbook_id}
    rows = await session.execute(select(PlaybookVersion).where(col(PlaybookVersion.id).in_(ids)))
    return {row.id: row for row in rows.scalars()}


async def _existing(session: WriteSession, rollout_ids: Sequence[UUID]) -> dict[UUID, Existing]:
    if not rollout_ids:
        return {}
    tasks: dict[UUID, dict[str, Task]] = {}
    found = await session.execute(select(Task).where(col(Task.rollout_id).in_(rollout_ids)))
    keys: dict[UUID, str] = {}
    for task in found.scalars():
        assert task.rollout_id is not None
        tasks.setdefault(task.rollout_id, {})[task.key] = task
        keys[task.id] = task.key
    edges: dict[UUID, set[tuple[str, str]]] = {}
    rows = await session.execute(
        select(
            col(Dependency.rollout_id),
            col(Dependency.predecessor_id),
            col(Dependency.successor_id),
        ).where(col(Dependency.rollout_id).in_(rollout_ids))
    )
    for rollout_id, before, after in rows:
        assert rollout_id is not None
        # Edges from network tasks are nobody's here and cannot close a cycle.
        if before in keys:
            edges.setdefault(rollout_id, set()).add((keys[before], keys[after]))
    return {
        rollout_id: Existing(mine, frozenset(edges.get(rollout_id, ())))
        for rollout_id, mine in tasks.items()
    }


def _new_edges(playbook: Playbook, before: PlaybookVersion | None, here: Existing) -> Edges:
    """The edges to add: not those there, nor those an earlier version brought and somebody cut."""
    old = edges_in(parsed(before.source)) if before is not None else {}
    gone = {key for key, task in here.tasks.items() if task.status == TaskStatus.CANCELLED}
    return {
        edge: lag
        for edge, lag in edges_in(playbook).items()
        if edge not in here.edges and edge not in old and gone.isdisjoint(edge)
    }


def _cycle(playbook: Playbook, here: Existing, edges: Edges) -> list[str] | None:
    if not here.edges or not edges:
        return None
    keys = list(dict.fromkeys([*here.tasks, *(task.key for task in playbook.tasks)]))
    index = {key: number for number, key in enumerate(keys)}
    everything = [(index[a], index[b], 0) for a, b in {*here.edges, *edges}]
    path = find_cycle(len(keys), everything)
    return [keys[number] for number in path] if path else None


class _Plans:
    """Planned dates of a fresh rollout, once for every calendar and first bell there is."""

    def __init__(self, playbook: Playbook) -> None:
        self.playbook = playbook
        index = {task.key: number for number, task in enumerate(playbook.tasks)}
        self.edges = [(index[a], index[b], lag) for (a, b), lag in edges_in(playbook).items()]
        self._made: dict[tuple[Calendar, date], list[Planned]] = {}

    def of(self, calendar: Calendar, first_bell: date | None) -> list[Planned] | None:
        if first_bell is None:
            return None
        if (calendar, first_bell) not in self._made:
            tasks = self.playbook.tasks
            days = [max(task.duration.likely, _lead(self.playbook, task) or 0) for task in tasks]
            launch = [task.after_first_bell for task in tasks]
            self._made[calendar, first_bell] = plan(days, self.edges, launch, calendar, first_bell)
        return self._made[calendar, first_bell]


def _lead(playbook: Playbook, task: PlaybookTask) -> int | None:
    """Devices on no order yet take the usual lead time."""
    return playbook.default_lead_days if task.kind is TaskKind.DEVICES else None


def _gather(
    work: _Work,
    rollout: Rollout,
    playbook: Playbook,
    here: Existing,
    edges: Edges,
    when: list[Planned] | None,
) -> None:
    """Add one rollout's rows to what will be written."""
    now = clock.now()
    ids = {key: task.id for key, task in here.tasks.items()}
    for number, task in enumerate(playbook.tasks):
        mine = here.tasks.get(task.key)
        if mine is None:
            ids[task.key] = new_id()
            dates = when[number] if when else None
            work.tasks.append(_row(rollout, playbook, task, ids[task.key], dates, now))
        elif (mine.playbook_version or playbook.version) < playbook.version:
            work.refreshed.append((mine.id, task))
            _refresh(mine, task, playbook)
        else:
            continue
        work.changed.add(rollout.school_id)
    for (before, after), lag in edges.items():
        work.edges.append(
            (ids[before], ids[after], rollout.network_id, rollout.school_id, rollout.id, lag)
        )
        work.changed.add(rollout.school_id)
    if here.tasks and rollout.school_id in work.changed:
        work.grown.append(rollout)


def _row(
    rollout: Rollout,
    playbook: Playbook,
    task: PlaybookTask,
    task_id: UUID,
    when: Planned | None,
    now: datetime,
) -> tuple[Any, ...]:
    start, finish, not_before = when or (None, None, None)
    return (
        task_id,
        rollout.network_id,
        rollout.school_id,
        rollout.id,
        task.key,
        task.title,
        task.description,
        task.workstream,
        task.kind.value,
        task.gate,
        task.after_first_bell,
        task.owner_role,
        task.duration.likely,
        task.duration.low,
        task.duration.high,
        _lead(playbook, task),
        task.unit,
        start,
        finish,
        not_before,
        playbook.version,
        TaskStatus.PENDING.value,
        0,
        1,
        now,
        now,
    )


def _refresh(mine: Task, task: PlaybookTask, playbook: Playbook) -> None:
    """Bring a task to a newer version, except what a person has set."""
    wanted = {
        "title": task.title,
        "description": task.description,
        "workstream": task.workstream,
        "gate": task.gate,
        "owner_role": task.owner_role,
        "duration_days": task.duration.likely,
        "duration_low": task.duration.low,
        "duration_high": task.duration.high,
    }
    for name, value in wanted.items():
        if name not in mine.edited:
            setattr(mine, name, value)
    mine.playbook_version = playbook.version
    mine.updated_at = clock.now()


async def _write(session: WriteSession, work: _Work) -> None:
    connection = await session.psycopg()
    for table, columns, rows in (
        ("tasks", _TASK_COLUMNS, work.tasks),
        ("dependencies", _EDGE_COLUMNS, work.edges),
    ):
        if not rows:
            continue
        statement = f"COPY {table} ({columns}) FROM STDIN".encode()
        async with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                await copy.write_row(row)
