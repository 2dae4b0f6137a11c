"""One decision about many tasks: checked one by one, written at once."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Uuid, select, text, update
from sqlmodel import col

from api import clock
from api.auth.caller import Caller, visible
from api.auth.rules import Right
from api.db.uow import WriteSession
from api.errors import FirstBellError, Invalid, field_error
from api.schools.models import Network, School
from api.schools.queries import is_among
from api.tasks import queries
from api.tasks.errors import BulkRefused, TasksUnknown
from api.tasks.gate import frozen_rollouts
from api.tasks.models import Rollout, Task
from api.tasks.queries import Owner
from api.tasks.rollouts import schools_meant
from api.tasks.rules import RolloutState, Transition, decide
from api.tasks.schemas import BulkIn, BulkOut, RefusedOut

_SHOWN = 1_000
_WRITE = text("""
UPDATE tasks t SET status = n.status, reason = :reason, version = t.version + 1,
  updated_at = :now,
  started_at = CASE n.status WHEN 'pending' THEN NULL
    WHEN 'skipped' THEN t.started_at ELSE coalesce(t.started_at, :now) END,
  done_at = CASE WHEN n.status IN ('done', 'skipped') THEN CAST(:now AS timestamptz) END,
  valid_until = CASE WHEN t.valid_until > :now THEN t.valid_until END
FROM unnest(CAST(:ids AS uuid[]), CAST(:statuses AS text[])) AS n(id, status)
WHERE t.id = n.id
""")


async def act_on_many(
    session: WriteSession, caller: Caller, network: Network | None, given: BulkIn
) -> BulkOut:
    """Start, complete, reopen, skip, or assign many tasks in one transaction.

    Each is checked as if alone, against the state before the call. Raises: BulkRefused with
    `on_error=abort`, TasksUnknown, Invalid.
    """
    _check_shape(given)
    found = await _meant(session, caller, network, given)
    if not given.dry_run:
        await _lock(session, found)
    tasks = await _fresh(session, list(found))
    decided, refused = await _decide(session, caller, given, tasks, found)
    if refused and given.on_error == "abort":
        raise BulkRefused(
            f"{len(refused)} of {len(tasks)} tasks refuse it, so none was changed.",
            refused=[one.model_dump(mode="json", exclude_none=True) for one in refused[:_SHOWN]],
        )
    if decided and not given.dry_run:
        await _write(session, given, decided)
    return BulkOut(
        matched=len(tasks),
        changed=len(decided),
        refused_total=len(refused),
        refused=refused[:_SHOWN],
        dry_run=given.dry_run,
    )


def _check_shape(given: BulkIn) -> None:
    problem = None
    if (given.task_ids is None) == (given.key is None):
        problem = ("/task_ids", "Name tasks by task_ids, or by the key they have in many schools.")
    elif given.key is not None and given.network is None:
        problem = ("/network", "With a key, say in which network.")
    elif given.action is Transition.CANCEL:
        problem = ("/action", "Tasks are cancelled one by one, since each changes its graph.")
    elif given.action == "assign" and given.owner_email is None:
        problem = ("/owner_email", "Say who owns the tasks now.")
    if problem:
        raise Invalid(problem[1], errors=[field_error(problem[0], "bulk-shape", problem[1])])


async def _meant(
    session: WriteSession, caller: Caller, network: Network | None, given: BulkIn
) -> dict[UUID, Owner]:
    if given.task_ids is not None:
        found = await queries.owners(session, caller, given.task_ids)
        unknown = [str(task_id) for task_id in given.task_ids if task_id not in found]
        if unknown:
            raise TasksUnknown(
                f"{len(unknown)} tasks are unknown, or not yours to see: "
                f"{', '.join(unknown[:20])}.",
                unknown=unknown[:_SHOWN],
            )
        if any(owner.school_id is None for owner in found.values()):
            caller.require_whole_networks()
        return found
    assert network is not None
    schools = await schools_meant(session, caller, network, given.wave, given.schools)
    statement = (
        select(
            col(Task.id),
            col(Task.network_id),
            col(Task.school_id),
            col(Task.rollout_id),
            col(School.timezone),
        )
        .join(Rollout, col(Rollout.id) == col(Task.rollout_id))
        .join(School, col(School.id) == col(Task.school_id))
        .where(
            is_among(col(Task.school_id), [school.id for school in schools], Uuid()),
            col(Task.key) == given.key,
            col(Rollout.state) != RolloutState.CLOSED,
            visible(caller, col(Task.network_id), col(Task.school_id)),
        )
    )
    return {row[0]: Owner(*row[1:]) for row in await session.execute(statement)}


async def _lock(session: WriteSession, found: dict[UUID, Owner]) -> None:
    owners = found.values()
    await session.touch_networks({o.network_id for o in owners if o.school_id is None})
    await session.touch_schools({o.school_id for o in owners if o.school_id is not None})


async def _fresh(session: WriteSession, ids: Sequence[UUID]) -> Sequence[Task]:
    statement = select(Task).where(is_among(col(Task.id), ids, Uuid())).order_by(col(Task.id))
    statement = statement.execution_options(populate_existing=True)
    return (await session.execute(statement)).scalars().all()


async def _decide(
    session: WriteSession,
    caller: Caller,
    given: BulkIn,
    tasks: Sequence[Task],
    owners: dict[UUID, Owner],
) -> tuple[list[tuple[UUID, str]], list[RefusedOut]]:
    """(task, new status) of those that may, and why the others may not."""
    timezones = {task_id: owner.timezone for task_id, owner in owners.items()}
    frozen = await frozen_rollouts(session, {task.rollout_id for task in tasks if task.rollout_id})
    blocked: dict[UUID, list[str]] = {}
    if given.action in (Transition.START, Transition.COMPLETE):
        blocked = await queries.blocked_by(session, timezones, timezones, clock.now())
    decided: list[tuple[UUID, str]] = []
    refused: list[RefusedOut] = []
    for task in tasks:
        try:
            if task.rollout_id in frozen:
                raise frozen[task.rollout_id]
            status = _decided(caller, given, task, timezones[task.id], blocked.get(task.id, ()))
        except FirstBellError as error:
            refused.append(RefusedOut(task_id=task.id, code=error.code, detail=error.detail))
        else:
            if status is not None:
                decided.append((task.id, status))
    return decided, refused


def _decided(
    caller: Caller, given: BulkIn, task: Task, timezone: str, blocked_by: Sequence[str]
) -> str | None:
    """The task's status afterwards; None when nothing would change."""
    if given.action == "assign":
        return task.status if task.owner_email != given.owner_email else None
    return decide(
        queries.facts_of(task, timezone),
        Transition(given.action),
        reason=given.reason,
        blocked_by=blocked_by,
        admin=caller.may(Right.gates_cancel),
    ).value


async def _write(session: WriteSession, given: BulkIn, decided: Sequence[tuple[UUID, str]]) -> None:
    ids = [task_id for task_id, _ in decided]
    now = clock.now()
    if given.action == "assign":
        await session.execute(
            text(
                "UPDATE tasks SET owner_email = :owner, version = version + 1, updated_at = :now,"
                " edited = array(SELECT DISTINCT unnest(edited || '{owner_email}'::text[])"
                " ORDER BY 1) WHERE id = ANY(:ids)"
            ),
            {"owner": given.owner_email, "now": now, "ids": ids},
        )
    else:
        statuses = [status for _, status in decided]
        await session.execute(
            _WRITE, {"ids": ids, "statuses": statuses, "reason": given.reason, "now": now}
        )
        await _activate(session, given, ids)


async def _activate(session: WriteSession, given: BulkIn, ids: Sequence[UUID]) -> None:
    if given.action not in (Transition.START, Transition.COMPLETE):
        return
    in_rollouts = select(col(Task.rollout_id)).where(is_among(col(Task.id), ids, Uuid()))
    await session.execute(
        update(Rollout)
        .where(col(Rollout.id).in_(in_rollouts), col(Rollout.state) == RolloutState.PLANNED)
        .values(state=RolloutState.ACTIVE, updated_at=clock.now())
        .execution_options(synchronize_session=False)
    )
