"""What the spine reads: rollouts, tasks with what they wait for, graphs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, and_, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from api import clock
from api.auth.caller import Caller, visible
from api.db.uow import ReadSession
from api.schools.models import Network, School
from api.schools.queries import is_among
from api.tasks.errors import RolloutNotFound, TaskNotFound
from api.tasks.models import Dependency, Rollout, Task, Waiver
from api.tasks.rules import (
    DependencyFacts,
    RolloutState,
    TaskFacts,
    TaskStatus,
    WaiverFacts,
    WaiverState,
    is_satisfied,
)


class Owner(NamedTuple):
    """Whose graph a task is in: the lock to take before writing it."""

    network_id: UUID
    school_id: UUID | None
    rollout_id: UUID | None
    timezone: str


async def current_rollout(session: ReadSession, school_id: UUID) -> Rollout | None:
    found = await session.execute(
        select(Rollout).where(
            col(Rollout.school_id) == school_id, col(Rollout.state) != RolloutState.CLOSED
        )
    )
    return found.scalar_one_or_none()


async def the_rollout(session: ReadSession, school: School) -> Rollout:
    """The school's current rollout. Raises: RolloutNotFound."""
    rollout = await current_rollout(session, school.id)
    if rollout is None:
        raise RolloutNotFound(f"{school.code} has no rollout: POST one to its /rollouts first.")
    return rollout


def shown_to(caller: Caller, table: type[Task] | type[Waiver]) -> ColumnElement[bool]:
    """The rows a caller may read: their schools', and their networks' own, which precede those."""
    network, school = col(table.network_id), col(table.school_id)
    return or_(visible(caller, network, school), and_(school.is_(None), visible(caller, network)))


async def owners(
    session: ReadSession, caller: Caller, task_ids: Iterable[UUID]
) -> dict[UUID, Owner]:
    """Whose the tasks are, of those the caller may see."""
    statement = (
        select(
            col(Task.id),
            col(Task.network_id),
            col(Task.school_id),
            col(Task.rollout_id),
            col(School.timezone),
            col(Network.timezone),
        )
        .join(Network, col(Network.id) == col(Task.network_id))
        .outerjoin(School, col(School.id) == col(Task.school_id))
        .where(is_among(col(Task.id), set(task_ids), Uuid()), shown_to(caller, Task))
    )
    return {
        row[0]: Owner(row[1], row[2], row[3], row[4] or row[5])
        for row in await session.execute(statement)
    }


async def task_owner(session: ReadSession, caller: Caller, task_id: UUID) -> Owner:
    """Raises: TaskNotFound, also for a task the caller may not see."""
    found = await owners(session, caller, [task_id])
    if task_id not in found:
        raise TaskNotFound(f"There is no task {task_id}, or you may not see it.")
    return found[task_id]


async def owner_to_change(session: ReadSession, caller: Caller, task_id: UUID) -> Owner:
    """The owner of a task the caller wants to change.

    Raises: TaskNotFound; Forbidden for a network's task and a caller limited to schools.
    """
    owner = await task_owner(session, caller, task_id)
    if owner.school_id is None:
        caller.require_whole_networks()
    return owner


async def get_task(session: ReadSession, task_id: UUID) -> Task:
    """The row as it is now, also when this session has read it before."""
    task = await session.get(Task, task_id, populate_existing=True)
    if task is None:
        raise TaskNotFound(f"There is no task {task_id}.")
    return task


def in_graph(table: type[Task] | type[Dependency], owner: Owner) -> ColumnElement[bool]:
    """The rows of one graph: a rollout's, or a network's own."""
    if owner.rollout_id is not None:
        return col(table.rollout_id) == owner.rollout_id
    return and_(col(table.rollout_id).is_(None), col(table.network_id) == owner.network_id)


async def tasks_of(session: ReadSession, owner: Owner) -> Sequence[Task]:
    """All tasks of one graph, in the order they were made."""
    statement = select(Task).where(in_graph(Task, owner)).order_by(col(Task.id))
    return (await session.execute(statement)).scalars().all()


async def edges_of(session: ReadSession, owner: Owner) -> list[tuple[UUID, UUID, int]]:
    """All edges whose successor is in one graph: (predecessor, successor, lag)."""
    statement = select(
        col(Dependency.predecessor_id), col(Dependency.successor_id), col(Dependency.lag_days)
    ).where(in_graph(Dependency, owner))
    return [(row[0], row[1], row[2]) for row in await session.execute(statement)]


def facts_of(task: Task, timezone: str) -> TaskFacts:
    """The task as the rules see it."""
    started_on = clock.local_day(timezone, task.started_at) if task.started_at else None
    return TaskFacts(
        id=str(task.id),
        key=task.key,
        title=task.title,
        workstream=task.workstream,
        kind=task.kind,
        gate=task.gate,
        owner_email=task.owner_email,
        duration_days=task.duration_days,
        not_before=task.not_before,
        status=task.status,
        progress_done=task.progress_done,
        progress_total=task.progress_total,
        unit=task.unit,
        expected_on=task.expected_on,
        lead_days=task.lead_days,
        spread_days=task.spread_days,
        cause=task.cause,
        valid_until=task.valid_until,
        started_on=started_on,
        of_network=task.rollout_id is None,
    )


def waiver_facts(waiver: Waiver) -> WaiverFacts:
    return WaiverFacts(str(waiver.id), str(waiver.task_id), waiver.reason, waiver.expires_on)


async def blocked_by(
    session: ReadSession, task_ids: Iterable[UUID], timezones: dict[UUID, str], now: datetime
) -> dict[UUID, list[str]]:
    """For each task the keys of its predecessors that are not satisfied, in order of key.

    `timezones` says by task which place's day counts; tasks that nothing blocks are left out.
    """
    before = aliased(Task)
    statement = (
        select(col(Dependency.successor_id), before, Waiver)
        .join(before, col(before.id) == col(Dependency.predecessor_id))
        .outerjoin(
            Waiver,
            and_(col(Waiver.task_id) == before.id, col(Waiver.state) == WaiverState.APPROVED),
        )
        .where(
            is_among(col(Dependency.successor_id), set(task_ids), Uuid()),
            col(before.status) != TaskStatus.CANCELLED,
        )
        .order_by(col(before.key))
    )
    blocked: dict[UUID, list[str]] = {}
    for successor_id, task, waiver in await session.execute(statement):
        timezone = timezones[successor_id]
        today = clock.local_day(timezone, now)
        if not is_satisfied(facts_of(task, timezone), _permission(waiver), now, today):
            blocked.setdefault(successor_id, []).append(task.key)
    return blocked


def _permission(waiver: Waiver | None) -> WaiverFacts | None:
    return waiver_facts(waiver) if waiver is not None else None


async def open_waiver(session: ReadSession, task_id: UUID) -> Waiver | None:
    statement = select(Waiver).where(
        col(Waiver.task_id) == task_id,
        col(Waiver.state).in_([WaiverState.REQUESTED, WaiverState.APPROVED]),
    )
    return (await session.execute(statement)).scalar_one_or_none()


def dependency_facts(edge: Dependency) -> DependencyFacts:
    return DependencyFacts(str(edge.predecessor_id), str(edge.successor_id), edge.lag_days)
