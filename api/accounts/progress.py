"""The one door from accounts to the spine.

`project` reads how many accounts some schools have and records it for their tasks of kind
`accounts`. It keeps no state: doing it twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Uuid, and_, func, select
from sqlmodel import col

from api.accounts.models import Account, AccountBaseline
from api.accounts.progress_rules import Evidence, Queue, accounts_evidence
from api.accounts.rules import AccountStatus
from api.accounts.targets.backlog import met_at, queues_of, required_targets
from api.db.uow import ReadSession, WriteSession
from api.schools.models import School
from api.schools.queries import is_among
from api.tasks.evidence import Progress, record_progress
from api.tasks.models import Rollout, Task
from api.tasks.rules import RolloutState, TaskKind, TaskStatus


class _Known(NamedTuple):
    """A task of a current rollout that accounts move, and what is known of it."""

    id: UUID
    school_id: UUID
    network_id: UUID
    timezone: str
    enrollment: int | None
    progress_done: int
    expected_on: object
    progress_total: int | None
    unit: str | None
    cause: str | None

    @property
    def by_hand(self) -> bool:
        """Whether somebody's word is in it; without accounts `project` writes no such thing."""
        return self.progress_done > 0 or self.expected_on is not None


_KNOWN: list[Any] = [
    col(Task.id),
    col(School.id),
    col(School.network_id),
    col(School.timezone),
    col(School.enrollment),
    col(Task.progress_done),
    col(Task.expected_on),
    col(Task.progress_total),
    col(Task.unit),
    col(Task.cause),
]


async def project(
    session: WriteSession, school_ids: Iterable[UUID], *, keep_word: bool = False
) -> None:
    """Record for these schools how many of the expected accounts are active where they must be.

    Called once at the end of whatever changed them, after a flush; a few statements for a
    thousand schools. With `keep_word`, for what changed no account: where there is neither an
    account nor a roster, what a person said stays.
    """
    ids = sorted(set(school_ids))
    if not ids:
        return
    # Before anything is counted, so that of two who change a school the second sees the first's.
    await session.touch_schools(ids)
    tasks = await _tasks(session, ids)
    concerned = {task.school_id for task in tasks}
    active = await _active(session, concerned)
    rosters = await _rosters(session, concerned)
    met, queues = await _at_targets(session, tasks, active)
    progress = []
    for task in tasks:
        school_id, roster = task.school_id, rosters.get(task.school_id)
        if keep_word and not active.get(school_id) and roster is None and task.by_hand:
            continue
        done = met.get(school_id, 0)
        evidence = accounts_evidence(done, roster, task.enrollment, queues.get(school_id, ()))
        progress.append(_progress(task.id, evidence))
    await record_progress(session, progress)


async def _at_targets(
    session: ReadSession, tasks: Sequence[_Known], active: Mapping[UUID, int]
) -> tuple[Mapping[UUID, int], Mapping[UUID, list[Queue]]]:
    """Accounts that are where they must be, and what waits: all active ones where no target is."""
    required = await required_targets(session, {task.network_id for task in tasks})
    if not required:
        return active, {}
    networks = {one.target.network_id for one in required}
    timezones = {task.school_id: task.timezone for task in tasks if task.network_id in networks}
    elsewhere = {school: n for school, n in active.items() if school not in timezones}
    met = await met_at(session, required, timezones)
    return {**elsewhere, **met}, await queues_of(session, required, timezones)


async def _tasks(session: ReadSession, school_ids: list[UUID]) -> list[_Known]:
    rows = await session.execute(
        select(*_KNOWN)
        .join(Rollout, col(Rollout.id) == col(Task.rollout_id))
        .join(School, col(School.id) == col(Rollout.school_id))
        .where(
            is_among(col(Rollout.school_id), school_ids, Uuid()),
            col(Rollout.state) != RolloutState.CLOSED,
            col(School.archived_at).is_(None),
            col(Task.kind) == TaskKind.ACCOUNTS,
            col(Task.status) != TaskStatus.CANCELLED,
        )
    )
    return [_Known(*row) for row in rows]


async def _active(session: ReadSession, school_ids: Iterable[UUID]) -> dict[UUID, int]:
    rows = await session.execute(
        select(col(Account.school_id), func.count())
        .where(
            and_(
                is_among(col(Account.school_id), school_ids, Uuid()),
                col(Account.status) == AccountStatus.active,
            )
        )
        .group_by(col(Account.school_id))
    )
    return {row[0]: row[1] for row in rows}


async def _rosters(session: ReadSession, school_ids: Iterable[UUID]) -> dict[UUID, int]:
    """Students of the last full rosters of all sources."""
    rows = await session.execute(
        select(col(AccountBaseline.school_id), func.sum(col(AccountBaseline.students)))
        .where(is_among(col(AccountBaseline.school_id), school_ids, Uuid()))
        .group_by(col(AccountBaseline.school_id))
    )
    return {row[0]: int(row[1]) for row in rows}


def _progress(task_id: UUID, evidence: Evidence) -> Progress:
    return Progress(
        task_id=task_id,
        done=evidence.done,
        total=evidence.total,
        unit=evidence.unit,
        cause=evidence.cause,
        expected_on=evidence.expected_on,
    )
