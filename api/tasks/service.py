"""What people do with single tasks: make, edit, decide, connect.

Every write locks the task's graph first (`lock`), reads what it needs under that lock, asks the
rules, and writes. Evidence has its own door: `evidence.record_progress`.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import col

from api import clock
from api.auth.caller import Caller
from api.auth.rules import Right
from api.db.uow import WriteSession
from api.errors import Invalid, field_error
from api.schools.models import School
from api.tasks import queries
from api.tasks.edges import new_edge, take_out
from api.tasks.errors import AdminRequired, GraphTooLarge, KeyTaken, TasksUnknown
from api.tasks.gate import LARGEST_GRAPH, MOST_EDGES, hold_network, lock
from api.tasks.models import Dependency, Rollout, Task
from api.tasks.queries import Owner
from api.tasks.rollouts import ensure_rollout
from api.tasks.rules import RolloutState, TaskStatus, Transition, decide
from api.tasks.schemas import TaskIn, TaskPatchIn


async def create_school_task(session: WriteSession, school: School, given: TaskIn) -> Task:
    """Add a task to the school's rollout; a school without one gets an empty one.

    Raises: SchoolArchived, and what `create_task` raises.
    """
    if given.depends_on:
        await hold_network(session, school.network_id)
    rollout = await ensure_rollout(session, school)
    owner = Owner(school.network_id, school.id, rollout.id, school.timezone)
    return await create_task(session, owner, given)


async def create_task(session: WriteSession, owner: Owner, given: TaskIn) -> Task:
    """Add one task, and its edges from `depends_on`.

    Raises: KeyTaken, TasksUnknown, GraphTooLarge.
    """
    await lock(session, owner)
    await _refuse_key_or_size(session, owner, given)
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
        session.add(new_edge(owner, predecessor, task.id))
    await session.flush()
    return task


async def _refuse_key_or_size(session: WriteSession, owner: Owner, given: TaskIn) -> None:
    counted = select(func.count(), func.count().filter(col(Task.key) == given.key)).where(
        queries.in_graph(Task, owner)
    )
    size, same = (await session.execute(counted)).one()
    if same:
        raise KeyTaken(f"There is a task {given.key} here already.")
    if size >= LARGEST_GRAPH:
        raise GraphTooLarge(f"A graph holds at most {LARGEST_GRAPH} tasks.", limit=LARGEST_GRAPH)
    if not given.depends_on:
        return
    edges = select(func.count()).select_from(Dependency).where(queries.in_graph(Dependency, owner))
    if (await session.execute(edges)).scalar_one() + len(given.depends_on) > MOST_EDGES:
        raise GraphTooLarge(f"A graph holds at most {MOST_EDGES} dependencies.", limit=MOST_EDGES)


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


async def edit_task(
    session: WriteSession, caller: Caller, owner: Owner, task_id: UUID, given: TaskPatchIn
) -> Task:
    """Change what people decide about a task; what they set, a newer playbook leaves alone.

    Raises: AdminRequired for a gate that would be none any more, Invalid.
    """
    await lock(session, owner)
    task = await queries.get_task(session, task_id)
    changes = given.changes()
    if task.gate and changes.get("gate") is False and not caller.may(Right.gates_cancel):
        raise AdminRequired(f"{task.key} is a gate; only an admin may make it none.")
    for name, value in changes.items():
        setattr(task, name, value)
    if task.planned_start and task.planned_finish and task.planned_start > task.planned_finish:
        detail = "The planned start is after the planned finish."
        raise Invalid(detail, errors=[field_error("/planned_finish", "before-start", detail)])
    if "duration_days" in changes:
        # The playbook's two other points were around its own estimate.
        task.duration_low = task.duration_high = None
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

    A cancelled task that is reopened comes back without dependencies: those were bridged when it
    left, and nobody knows which of the bridges were since wanted for themselves.
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
        await take_out(session, owner, task_id)
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
    rollout = await session.get_one(Rollout, owner.rollout_id, populate_existing=True)
    if rollout.state == RolloutState.PLANNED:
        rollout.state, rollout.updated_at = RolloutState.ACTIVE, clock.now()
