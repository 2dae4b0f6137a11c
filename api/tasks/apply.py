"""Applying a playbook: to one school or to twenty thousand, a few statements for some at a time.

Idempotent. A newer version adds its new tasks and dependencies and refreshes what nobody has
touched; what a person edited, cancelled, disconnected or made stays as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from api import clock
from api.db.columns import new_id
from api.db.uow import WriteSession
from api.errors import FirstBellError
from api.facts import PlaybookApplied
from api.schools.models import School
from api.schools.service import require_open
from api.tasks.apply_rows import TASK_COLUMNS, Plans, refresh, row_of
from api.tasks.days import Calendar
from api.tasks.errors import DependencyCycle, GraphTooLarge, RolloutRefused
from api.tasks.gate import LARGEST_GRAPH
from api.tasks.library import read_source
from api.tasks.merge import Edges, Existing, Kept, closed_circle, new_edges
from api.tasks.models import Dependency, PlaybookVersion, Rollout, Task
from api.tasks.plan import AT_ONCE, Planned, calendars, replan
from api.tasks.playbooks import Playbook
from api.tasks.rollouts import current_rollouts, new_rollout, stamp, unopen
from api.tasks.rules import TaskStatus
from api.tasks.schemas import ManyOut, RefusedOut

_EDGE_COLUMNS = "predecessor_id, successor_id, network_id, school_id, rollout_id, lag_days"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is said of every rollout besides the playbook; None leaves it as it is."""

    first_bell: date | None = None
    model: str | None = None
    wave: str | None = None


@dataclass(slots=True)
class _Work:
    """What applying to some schools writes."""

    tasks: list[tuple[Any, ...]] = field(default_factory=list)
    edges: list[tuple[Any, ...]] = field(default_factory=list)
    changed: set[UUID] = field(default_factory=set)
    grown: list[Rollout] = field(default_factory=list)
    newer: list[UUID] = field(default_factory=list)


async def apply_playbook(
    session: WriteSession,
    schools: Sequence[School],
    version: PlaybookVersion,
    wishes: Wishes = Wishes(),
    *,
    alone: bool = False,
) -> ManyOut:
    """Give every school's current rollout (made where there is none) the playbook's tasks.

    A school that is archived, follows another playbook, whose own dependencies would close a
    circle, whose graph would be too large or whose calendar has no room for the plan is refused
    and the others go on; `alone` raises that refusal instead.
    Raises: NoWorkingDay, DateOutOfRange where a plan that is there cannot be moved.
    """
    await session.touch_schools(school.id for school in schools)
    applying = _Applying(session, version, await read_source(version.source), wishes, alone)
    for start in range(0, len(schools), AT_ONCE):
        await applying.some(schools[start : start + AT_ONCE])
    playbook, result = applying.playbook, applying.result
    result.matched, result.changed = len(schools), len(applying.applied)
    if applying.applied:
        fact = PlaybookApplied(tuple(applying.applied), playbook.name, playbook.version)
        await session.publish(fact)
    return result


class _Applying:
    """One call's state: the playbook, plans made so far, and what came of it."""

    def __init__(
        self,
        session: WriteSession,
        version: PlaybookVersion,
        playbook: Playbook,
        wishes: Wishes,
        alone: bool,
    ) -> None:
        self.session, self.version, self.playbook = session, version, playbook
        self.wishes, self.alone = wishes, alone
        self.plans = Plans(playbook)
        self.applied: list[UUID] = []
        self.result = ManyOut(matched=0, changed=0)
        self._versions: dict[UUID, tuple[PlaybookVersion, Playbook]] = {
            version.id: (version, playbook)
        }

    async def some(self, schools: Sequence[School]) -> None:
        """Some schools in a few statements: all at once would hold the process for seconds."""
        session = self.session
        rollouts = await current_rollouts(session, [school.id for school in schools])
        await self._learn_versions(rollouts.values())
        known = await _existing(session, [rollout.id for rollout in rollouts.values()])
        working = await calendars(session, schools)
        work = _Work()
        for school in schools:
            try:
                self._one(school, rollouts.get(school.id), known, working[school.id], work)
            except FirstBellError as error:
                if self.alone:
                    raise
                code = error.extra.get("code", error.code)
                refused = RefusedOut(school=school.code, code=code, detail=error.detail)
                self.result.refused.append(refused)
        await session.flush()
        refreshed = await self._refresh(work)
        await _write(session, work)
        await replan(session, work.grown, schools)
        self.result.tasks_added += len(work.tasks)
        self.result.tasks_changed += refreshed
        self.applied += [school.id for school in schools if school.id in work.changed]

    def _one(
        self,
        school: School,
        rollout: Rollout | None,
        known: Mapping[UUID, Existing],
        calendar: Calendar,
        work: _Work,
    ) -> None:
        """Decide about one school, then gather what it needs; a refusal has gathered nothing."""
        require_open(school)
        here, before = Existing(), None
        if rollout is not None:
            here = known.get(rollout.id, here)
            before = self._versions[rollout.playbook_id][1] if rollout.playbook_id else None
        if before is not None and before.name != self.playbook.name:
            detail = f"{school.code} follows {before.name}; close its rollout and open a new one."
            raise RolloutRefused(detail, code="other-playbook")
        edges = new_edges(self.playbook, before, here)
        circle = closed_circle(self.playbook, here, edges)
        if circle:
            raise DependencyCycle.of(circle)
        missing = sum(task.key not in here.tasks for task in self.playbook.tasks)
        if len(here.tasks) + missing > LARGEST_GRAPH:
            raise GraphTooLarge(
                f"A graph holds at most {LARGEST_GRAPH} tasks.", limit=LARGEST_GRAPH
            )
        first_bell = self.wishes.first_bell or (rollout.first_bell if rollout else None)
        when = self.plans.of(calendar, first_bell) if not here.tasks else None
        if rollout is None:
            rollout = new_rollout(school, model=None, first_bell=None, wave=None)
            self.session.add(rollout)
        is_newer = rollout.playbook_id is not None and rollout.playbook_id != self.version.id
        moved = self._set_rollout(rollout, work)
        _gather(work, rollout, self.playbook, here, edges, when)
        if is_newer:
            work.newer.append(rollout.id)
        if here.tasks and (moved or is_newer or rollout.school_id in work.changed):
            work.grown.append(rollout)

    def _set_rollout(self, rollout: Rollout, work: _Work) -> bool:
        """Whether the rollout's first bell moved."""
        # A model that somebody chose after the playbook was applied stays.
        model = rollout.model if rollout.playbook_id else None
        wanted = {
            "playbook_id": self.version.id,
            "model": self.wishes.model or model or self.playbook.model,
            "first_bell": self.wishes.first_bell or rollout.first_bell,
            "wave": self.wishes.wave or rollout.wave,
        }
        changed = {name for name, value in wanted.items() if getattr(rollout, name) != value}
        for name in changed:
            setattr(rollout, name, wanted[name])
        if changed:
            stamp(rollout)
            work.changed.add(rollout.school_id)
        if "first_bell" in changed:
            unopen(rollout)
        return "first_bell" in changed

    async def _learn_versions(self, rollouts: Iterable[Rollout]) -> None:
        """What each rollout follows now."""
        ids = {rollout.playbook_id for rollout in rollouts if rollout.playbook_id}
        for version_id in ids - self._versions.keys():
            version = await self.session.get_one(PlaybookVersion, version_id)
            self._versions[version.id] = (version, await read_source(version.source))

    async def _refresh(self, work: _Work) -> int:
        """Bring tasks of an earlier version to this one; how many changed."""
        if not work.newer:
            return 0
        by_key = {task.key: task for task in self.playbook.tasks}
        rows = await self.session.execute(
            select(Task).where(
                col(Task.rollout_id).in_(work.newer),
                col(Task.playbook_version).is_not(None),
                col(Task.status) != TaskStatus.CANCELLED,
            )
        )
        refreshed = 0
        for mine in rows.scalars():
            if mine.key in by_key:
                refreshed += refresh(mine, by_key[mine.key], self.playbook)
        await self.session.flush()
        return refreshed


async def _existing(session: WriteSession, rollout_ids: Sequence[UUID]) -> dict[UUID, Existing]:
    if not rollout_ids:
        return {}
    tasks: dict[UUID, dict[str, Kept]] = {}
    keys: dict[UUID, str] = {}
    found = await session.execute(
        select(
            col(Task.rollout_id),
            col(Task.key),
            col(Task.id),
            col(Task.status),
            col(Task.playbook_version),
        ).where(col(Task.rollout_id).in_(rollout_ids))
    )
    for rollout_id, key, task_id, status, playbook_version in found:
        assert rollout_id is not None
        tasks.setdefault(rollout_id, {})[key] = Kept(task_id, status, playbook_version)
        keys[task_id] = key
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
        if task.key not in ids:
            ids[task.key] = new_id()
            dates = when[number] if when else None
            work.tasks.append(row_of(rollout, playbook, task, ids[task.key], dates, now))
            work.changed.add(rollout.school_id)
    for (before, after), lag in edges.items():
        work.edges.append(
            (ids[before], ids[after], rollout.network_id, rollout.school_id, rollout.id, lag)
        )
        work.changed.add(rollout.school_id)


async def _write(session: WriteSession, work: _Work) -> None:
    connection = await session.psycopg()
    for table, columns, rows in (
        ("tasks", TASK_COLUMNS, work.tasks),
        ("dependencies", _EDGE_COLUMNS, work.edges),
    ):
        if not rows:
            continue
        statement = f"COPY {table} ({columns}) FROM STDIN".encode()
        async with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for number, row in enumerate(rows):
                await copy.write_row(row)
                if number % 250 == 0:
                    # Writing into a buffer that has room never waits, so others would.
                    await asyncio.sleep(0)
