"""The one door for evidence: every workstream moves its tasks through `record_progress`.

A fact is recorded even when it surprises: no task refuses it, and the verdict is derived later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Uuid, or_, select, text, update
from sqlmodel import col

from api import clock
from api.db.uow import WriteSession
from api.schools.queries import is_among
from api.tasks.errors import TasksUnknown
from api.tasks.models import Rollout, Task, Waiver
from api.tasks.queries import facts_of
from api.tasks.rules import RolloutState, TaskStatus, WaiverState, is_worse, status_from_evidence


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known of a task's evidence now; it replaces what was known before.

    `expected_on` is a promised date; `lead_days` and `spread_days` are working days, the lead
    counted from today while nothing is promised; `cause` is the sentence shown as `why`.
    """

    task_id: UUID
    done: int
    total: int | None
    unit: str | None = None
    expected_on: date | None = None
    lead_days: int | None = None
    spread_days: int | None = None
    valid_until: datetime | None = None
    cause: str | None = None


# One statement for a thousand schools; a task whose evidence is unchanged is not in it.
_WRITE = text("""
UPDATE tasks t SET progress_done = n.done, progress_total = n.total, unit = n.unit,
  expected_on = n.expected_on, lead_days = n.lead_days, spread_days = n.spread_days,
  valid_until = n.valid_until, cause = n.cause, status = n.status, updated_at = :now,
  started_at = CASE n.status WHEN 'pending' THEN NULL ELSE coalesce(t.started_at, :now) END,
  done_at = CASE n.status WHEN 'done' THEN coalesce(t.done_at, :now)
    WHEN 'skipped' THEN t.done_at END
FROM unnest(CAST(:ids AS uuid[]), CAST(:done AS int[]), CAST(:total AS int[]),
  CAST(:unit AS text[]), CAST(:expected_on AS date[]), CAST(:lead AS int[]),
  CAST(:spread AS int[]), CAST(:valid_until AS timestamptz[]), CAST(:cause AS text[]),
  CAST(:status AS text[]))
  AS n(id, done, total, unit, expected_on, lead_days, spread_days, valid_until, cause, status)
WHERE t.id = n.id
""")


_BEGUN = frozenset({TaskStatus.IN_PROGRESS, TaskStatus.DONE})


async def record_progress(session: WriteSession, progress: Iterable[Progress]) -> int:
    """Record evidence for any number of tasks in a few statements; the number that changed.

    Idempotent: the same evidence again writes nothing. Full evidence finishes a task, lower
    evidence reopens it, and worse evidence supersedes a waiver given for what was known before.
    A task of a closed rollout is left as it ended.
    Raises: TasksUnknown naming ids that are no tasks.
    """
    by_id = {one.task_id: one for one in progress}
    if not by_id:
        return 0
    await _lock(session, by_id)
    statement = (
        select(Task)
        .outerjoin(Rollout, col(Rollout.id) == col(Task.rollout_id))
        .where(
            is_among(col(Task.id), by_id, Uuid()),
            or_(col(Task.rollout_id).is_(None), col(Rollout.state) != RolloutState.CLOSED),
        )
        .execution_options(populate_existing=True)
    )
    tasks = (await session.execute(statement)).scalars().all()
    changed: list[tuple[Task, Progress, TaskStatus]] = []
    worse: list[UUID] = []
    for task in tasks:
        new = by_id[task.id]
        # The day a task started plays no part in these rules, so any place's will do.
        facts = facts_of(task, "UTC")
        status = status_from_evidence(facts, new.done, new.total)
        if _known(task) != (new.done, new.total, *_rest(new)) or status != task.status:
            changed.append((task, new, status))
        if is_worse(facts, new.done, new.total, new.expected_on):
            worse.append(task.id)
    if changed:
        await _write(session, changed)
        await _activate(session, changed)
    if worse:
        await _supersede(session, worse)
    return len(changed)


async def _lock(session: WriteSession, by_id: dict[UUID, Progress]) -> None:
    rows = await session.execute(
        select(col(Task.id), col(Task.network_id), col(Task.school_id)).where(
            is_among(col(Task.id), by_id, Uuid())
        )
    )
    found = {row[0]: (row[1], row[2]) for row in rows}
    unknown = [str(task_id) for task_id in by_id if task_id not in found]
    if unknown:
        raise TasksUnknown(f"There is no task {', '.join(unknown[:20])}.", unknown=unknown)
    await session.touch_networks({network for network, school in found.values() if school is None})
    await session.touch_schools({school for _, school in found.values() if school is not None})


def _rest(new: Progress) -> tuple[object, ...]:
    return (
        new.unit,
        new.expected_on,
        new.lead_days,
        new.spread_days,
        new.valid_until,
        new.cause,
    )


def _known(task: Task) -> tuple[object, ...]:
    return (
        task.progress_done,
        task.progress_total,
        task.unit,
        task.expected_on,
        task.lead_days,
        task.spread_days,
        task.valid_until,
        task.cause,
    )


async def _write(
    session: WriteSession, changed: Sequence[tuple[Task, Progress, TaskStatus]]
) -> None:
    new = [one for _, one, _ in changed]
    await session.execute(
        _WRITE,
        {
            "now": clock.now(),
            "ids": [one.task_id for one in new],
            "done": [one.done for one in new],
            "total": [one.total for one in new],
            "unit": [one.unit for one in new],
            "expected_on": [one.expected_on for one in new],
            "lead": [one.lead_days for one in new],
            "spread": [one.spread_days for one in new],
            "valid_until": [one.valid_until for one in new],
            "cause": [one.cause for one in new],
            "status": [status.value for _, _, status in changed],
        },
    )


async def _activate(
    session: WriteSession, changed: Sequence[tuple[Task, Progress, TaskStatus]]
) -> None:
    """A rollout is planned until one of its tasks starts."""
    begun = {task.rollout_id for task, _, status in changed if status in _BEGUN and task.rollout_id}
    if not begun:
        return
    await session.execute(
        update(Rollout)
        .where(is_among(col(Rollout.id), begun, Uuid()), col(Rollout.state) == RolloutState.PLANNED)
        .values(state=RolloutState.ACTIVE, updated_at=clock.now())
        .execution_options(synchronize_session=False)
    )


async def _supersede(session: WriteSession, task_ids: Sequence[UUID]) -> None:
    await session.execute(
        update(Waiver)
        .where(
            is_among(col(Waiver.task_id), task_ids, Uuid()),
            col(Waiver.state).in_([WaiverState.REQUESTED, WaiverState.APPROVED]),
        )
        .values(state=WaiverState.SUPERSEDED, updated_at=clock.now())
        .execution_options(synchronize_session=False)
    )
