"""What people do with single tasks: make, edit, decide, connect.

Every write locks the task's graph first (`lock`), reads what it needs under that lock, asks the
rules, and writes. Evidence has its own door: `evidence.record_progress`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from api import clock
from api.auth.caller import Caller
from api.auth.rules import Right
from api.db.uow import WriteSession
from api.errors import Invalid, field_error
from api.tasks import queries
from api.tasks.errors import (
    DependencyCycle,
    GraphTooLarge,
    KeyTaken,
    RolloutClosed,
    TaskNotFound,
    TasksUnknown,
)
from api.tasks.graph import neighbours, would_cycle
from api.tasks.models import Dependency, Rollout, Task
from api.tasks.queries import Owner
from api.tasks.rules import (
    DependencyFacts,
    RolloutState,
    TaskStatus,
    Transition,
    bridge,
    decide,
)
from api.tasks.schemas import TaskIn, TaskPatchIn

# Far above any plan a person can read, and what the forecast stays quick for.
LARGEST_GRAPH = 5_000


async def lock(session: WriteSession, owner: Owner) -> None:
    """Hold the graph until the commit. Raises: RolloutClosed."""
    if owner.school_id is None:
        await session.touch_networks([owner.network_id])
        return
    await session.touch_schools([owner.school_id])
    rollout = await session.get(Rollout, owner.rollout_id)
    if rollout is not None and rollout.state == RolloutState.CLOSED:
        raise RolloutClosed("This rollout is closed and kept as it ended; open a new one.")


async def create_task(session: WriteSession, owner: Owner, given: TaskIn) -> Task:
    """Add one task, and its edges from `depends_on`.

    Raises: KeyTaken, TasksUnknown, GraphTooLarge.
    """
    await lock(session, owner)
    await _refuse_key_or_size(session, owner, given.key)
    before = await _named(session, owner, given.depends_on)
    now = clock.now()
    task = Task(
        network_id=owner.network_id,
        school_id=owner.school_id,
        rollout_id=owner.rollout_id,
        created_at=now,
        updated_at=now,
        **given.model_dump(exclude={"depends_on"}),
    )
    session.add(task)
    await session.flush()
    for predecessor in before:
        session.add(_edge(owner, predecessor, task.id, 0))
    await session.flush()
    return task


async def _refuse_key_or_size(session: WriteSession, owner: Owner, key: str) -> None:
    counted = select(func.count(), func.count().filter(col(Task.key) == key)).where(
        queries.in_graph(Task, owner)
    )
    size, same = (await session.execute(counted)).one()
    if same:
        raise KeyTaken(f"There is a task {key} here already.")
    if size >= LARGEST_GRAPH:
        raise GraphTooLarge(f"A graph holds at most {LARGEST_GRAPH} tasks.", limit=LARGEST_GRAPH)


async def _named(session: WriteSession, owner: Owner, keys: Sequence[str]) -> list[UUID]:
    """Predecessors by key: of the same graph, or of the network for a school's task."""
    if not keys:
        return []
    found = await session.execute(
        select(col(Task.key), col(Task.id))
        .where(
            col(Task.network_id) == owner.network_id,
            col(Task.key).in_(list(keys)),
            (col(Task.rollout_id) == owner.rollout_id) | col(Task.rollout_id).is_(None),
            col(Task.status) != TaskStatus.CANCELLED,
        )
        # A school's own task is meant where the network has one of the same key.
        .order_by(col(Task.rollout_id).nulls_first())
    )
    by_key = {row[0]: row[1] for row in found}
    unknown = [key for key in keys if key not in by_key]
    if unknown:
        raise TasksUnknown(
            f"There is no task {', '.join(unknown)} in this graph.",
            errors=[
                field_error(f"/depends_on/{keys.index(key)}", "task-unknown", f"No task {key}.")
                for key in unknown
            ],
        )
    return list(dict.fromkeys(by_key[key] for key in keys))


def _edge(owner: Owner, predecessor: UUID, successor: UUID, lag: int) -> Dependency:
    return Dependency(
        predecessor_id=predecessor,
        successor_id=successor,
        network_id=owner.network_id,
        school_id=owner.school_id,
        rollout_id=owner.rollout_id,
        lag_days=lag,
    )


async def edit_task(session: WriteSession, owner: Owner, task_id: UUID, given: TaskPatchIn) -> Task:
    """Change what people decide about a task; what they set, a newer playbook leaves alone."""
    await lock(session, owner)
    task = await queries.get_task(session, task_id)
    changes = given.model_dump(exclude_unset=True)
    for name, value in changes.items():
        setattr(task, name, value)
    if changes:
        task.edited = sorted({*task.edited, *changes})
        stamp(task)
    await session.flush()
    return task


def stamp(task: Task) -> None:
    """A person has changed it: whoever read it before must read it again."""
    task.version += 1
    task.updated_at = clock.now()


async def transition(
    session: WriteSession,
    caller: Caller,
    owner: Owner,
    task_id: UUID,
    move: Transition,
    *,
    reason: str | None = None,
) -> Task:
    """Start, complete, reopen, skip or cancel one task.

    Raises: TransitionRefused, TaskBlocked, EvidenceRequired, ReasonRequired, AdminRequired.
    """
    await lock(session, owner)
    task = await queries.get_task(session, task_id)
    now = clock.now()
    blocked = await queries.blocked_by(session, [task_id], {task_id: owner.timezone}, now)
    status = decide(
        queries.facts_of(task, owner.timezone),
        move,
        reason=reason,
        blocked_by=blocked.get(task_id, ()),
        admin=caller.may(Right.gates_cancel),
    )
    set_status(task, status)
    task.reason = reason
    stamp(task)
    if move is Transition.CANCEL:
        await _take_out(session, owner, task_id)
    if move in (Transition.START, Transition.COMPLETE):
        await activate(session, owner)
    await session.flush()
    return task


def set_status(task: Task, status: TaskStatus) -> None:
    """The status with the moments that go with it."""
    now = clock.now()
    task.status = status
    if status is TaskStatus.PENDING:
        task.started_at = None
    elif status in (TaskStatus.IN_PROGRESS, TaskStatus.DONE):
        task.started_at = task.started_at or now
    task.done_at = now if status in (TaskStatus.DONE, TaskStatus.SKIPPED) else None
    # A person's word has no expiry; evidence that expired is not evidence any more.
    if task.valid_until is not None and task.valid_until <= now:
        task.valid_until = None


async def activate(session: WriteSession, owner: Owner) -> None:
    """A rollout is planned until one of its tasks starts."""
    if owner.rollout_id is None:
        return
    rollout = await session.get(Rollout, owner.rollout_id)
    if rollout is not None and rollout.state == RolloutState.PLANNED:
        rollout.state = RolloutState.ACTIVE


async def _take_out(session: WriteSession, owner: Owner, task_id: UUID) -> None:
    """Remove a cancelled task's edges; what it connected stays in order."""
    edges = await queries.edges_at(session, task_id)
    graph = [
        DependencyFacts(str(a), str(b), c) for a, b, c in await queries.edges_of(session, owner)
    ]
    own = [queries.dependency_facts(edge) for edge in edges]
    owner_of = {edge.successor_id: edge for edge in edges}
    bridged = bridge(dict.fromkeys([*graph, *own]), str(task_id))
    await session.execute(
        delete(Dependency).where(
            (col(Dependency.predecessor_id) == task_id) | (col(Dependency.successor_id) == task_id)
        )
    )
    for edge in bridged:
        after = owner_of[UUID(edge.successor_id)]
        row: dict[str, Any] = {
            "predecessor_id": UUID(edge.predecessor_id),
            "successor_id": after.successor_id,
            "network_id": after.network_id,
            "school_id": after.school_id,
            "rollout_id": after.rollout_id,
            "lag_days": edge.lag_days,
        }
        await session.execute(
            insert(Dependency)
            .values(row)
            .on_conflict_do_update(
                index_elements=["predecessor_id", "successor_id"],
                set_={"lag_days": edge.lag_days},
            )
        )


async def connect(
    session: WriteSession, owner: Owner, predecessor_id: UUID, successor_id: UUID, lag: int
) -> Dependency:
    """Let the successor wait for the predecessor, or change the lag.

    The predecessor is of the same graph, or a task of the network before one of a school.
    Raises: DependencyCycle with the path in keys, TaskNotFound, Invalid.
    """
    await lock(session, owner)
    predecessor = await session.get(Task, predecessor_id)
    if predecessor is None or predecessor.network_id != owner.network_id:
        raise TaskNotFound(f"There is no task {predecessor_id}, or you may not see it.")
    if predecessor.rollout_id is not None and predecessor.rollout_id != owner.rollout_id:
        detail = "A task waits for tasks of its own school and rollout, or of the network."
        raise Invalid(detail, errors=[field_error("/predecessor_id", "other-graph", detail)])
    edges = [(a, b) for a, b, _ in await queries.edges_of(session, owner)]
    cycle = would_cycle(neighbours(edges), predecessor_id, successor_id)
    if cycle is not None:
        raise DependencyCycle.of(await _keys(session, cycle))
    edge = await session.get(Dependency, (predecessor_id, successor_id), populate_existing=True)
    if edge is None:
        edge = _edge(owner, predecessor_id, successor_id, lag)
        session.add(edge)
    edge.lag_days = lag
    await session.flush()
    return edge


async def _keys(session: WriteSession, task_ids: Sequence[UUID]) -> list[str]:
    rows = await session.execute(
        select(col(Task.id), col(Task.key)).where(col(Task.id).in_(set(task_ids)))
    )
    keys = {row[0]: row[1] for row in rows}
    return [keys[task_id] for task_id in task_ids]


async def disconnect(
    session: WriteSession, owner: Owner, predecessor_id: UUID, successor_id: UUID
) -> None:
    """Raises: TaskNotFound when there is no such dependency."""
    await lock(session, owner)
    edge = await session.get(Dependency, (predecessor_id, successor_id))
    if edge is None:
        raise TaskNotFound("The task does not wait for that one.")
    await session.delete(edge)
    await session.flush()
