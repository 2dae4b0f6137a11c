"""The one door for evidence: every workstream moves its tasks through `record_progress`.

A fact is recorded even when it surprises: no task refuses it, and the verdict is derived later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Uuid, select, text, update
from sqlmodel import col

from api import clock
from api.db.uow import WriteSession
from api.facts import EvidenceStated
from api.schools.queries import is_among
from api.tasks.errors import TasksUnknown
from api.tasks.models import Rollout, Task, Waiver
from api.tasks.queries import Owner, get_task
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
    changed: list[_Change] = []
    worse: list[UUID] = []
    for task in await _locked(session, by_id):
        if task.rollout_state == RolloutState.CLOSED:
            continue
        new = by_id[task.id]
        status = status_from_evidence(task, new.done, new.total)
        if status != task.status or _differs(task, new):
            changed.append(_Change(new, status, task.rollout_id))
        if is_worse(task, new.done, new.total, new.expected_on):
            worse.append(task.id)
    if changed:
        await _write(session, changed)
        await _activate(session, changed)
    if worse:
        await _supersede(session, worse)
    return len(changed)


async def state_evidence(session: WriteSession, owner: Owner, progress: Progress) -> None:
    """`record_progress` of what a person says; told, since records may have a part in it.

    The caller holds the graph.
    """
    await record_progress(session, [progress])
    if owner.school_id is not None:
        task = await get_task(session, progress.task_id)
        await session.publish(EvidenceStated(owner.school_id, task.id, task.kind))


class _Known(NamedTuple):
    """What is known of a task so far. No ORM rows: a thousand cost more than all else together."""

    id: UUID
    network_id: UUID
    school_id: UUID | None
    rollout_id: UUID | None
    rollout_state: str | None
    status: str
    progress_done: int
    progress_total: int | None
    unit: str | None
    expected_on: date | None
    lead_days: int | None
    spread_days: int | None
    valid_until: datetime | None
    cause: str | None


class _Change(NamedTuple):
    new: Progress
    status: TaskStatus
    rollout_id: UUID | None


_KNOWN: list[Any] = [
    Rollout.state if name == "rollout_state" else getattr(Task, name) for name in _Known._fields
]


async def _known(session: WriteSession, by_id: Mapping[UUID, Progress]) -> list[_Known]:
    rows = await session.execute(
        select(*_KNOWN)
        .outerjoin(Rollout, col(Rollout.id) == col(Task.rollout_id))
        .where(is_among(col(Task.id), by_id, Uuid()))
    )
    return [_Known(*row) for row in rows]


async def _locked(session: WriteSession, by_id: Mapping[UUID, Progress]) -> list[_Known]:
    """The tasks as they are while their graphs are held; read again if they were not before."""
    found = await _known(session, by_id)
    unknown = [str(task_id) for task_id in by_id.keys() - {task.id for task in found}]
    if unknown:
        raise TasksUnknown(f"There is no task {', '.join(unknown[:20])}.", unknown=unknown)
    networks = {task.network_id for task in found if task.school_id is None}
    schools = {task.school_id for task in found if task.school_id is not None}
    if not networks and schools <= session.held_schools:
        return found
    await session.touch_networks(networks)
    await session.touch_schools(schools)
    return await _known(session, by_id)


def _differs(task: _Known, new: Progress) -> bool:
    return task[6:] != (
        new.done,
        new.total,
        new.unit,
        new.expected_on,
        new.lead_days,
        new.spread_days,
        new.valid_until,
        new.cause,
    )


async def _write(session: WriteSession, changed: Sequence[_Change]) -> None:
    new = [one.new for one in changed]
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
            "status": [one.status.value for one in changed],
        },
    )


async def _activate(session: WriteSession, changed: Sequence[_Change]) -> None:
    """A rollout is planned until one of its tasks starts."""
    begun = {one.rollout_id for one in changed if one.status in _BEGUN and one.rollout_id}
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
