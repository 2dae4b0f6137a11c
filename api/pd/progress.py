"""The one door from training to the spine.

`project` reads how far some schools are with the courses of their plans and records it for their
tasks of kind `pd`, in hours. It keeps no state: doing it twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from api.db.uow import ReadSession, WriteSession
from api.pd.coverage import Standing, read_standings
from api.pd.coverage_rules import UNIT, whole_hours
from api.pd.required import PdTask, ensure_courses, pd_tasks, required_by
from api.tasks.evidence import Progress, record_progress
from api.tasks.models import Rollout, Task
from api.tasks.rules import RolloutState, TaskKind

# In one go: more would hold the process, and their rows in memory, for too long.
AT_ONCE = 1_000


async def project(
    session: WriteSession, school_ids: Iterable[UUID], *, keep_word: bool = False
) -> None:
    """Record for these schools how many of the needed hours of each course are attended.

    Called once at the end of whatever changed them, after a flush; a few statements for a
    thousand schools. With `keep_word`, for what changed no registration: where there is none,
    what a person said stays.
    """
    ids = sorted(set(school_ids))
    for start in range(0, len(ids), AT_ONCE):
        await _project_some(session, ids[start : start + AT_ONCE], keep_word)


async def _project_some(session: WriteSession, school_ids: list[UUID], keep_word: bool) -> None:
    tasks = await pd_tasks(session, school_ids)
    if not tasks:
        return
    # Before anything is counted, so that of two who change a school the second sees the first's.
    await session.touch_schools({task.school_id for task in tasks})
    required = await required_by(session, tasks)
    await ensure_courses(session, required.values())
    of_courses = [(task, required[task.id].course.code) for task in tasks if task.id in required]
    pairs = {(task.school_id, code) for task, code in of_courses}
    standings = await read_standings(session, pairs)
    progress = []
    for task, code in of_courses:
        standing = standings[task.school_id, code]
        if keep_word and not standing.recorded and task.by_hand:
            continue
        progress.append(_progress(task, standing))
    await record_progress(session, progress)


def _progress(task: PdTask, standing: Standing) -> Progress:
    done, total = whole_hours(standing.coverage)
    known = standing.coverage.base is not None
    return Progress(
        task_id=task.id,
        done=done,
        # Nobody knows how many people there are, which is not the same as that there are none.
        total=total if known else None,
        unit=UNIT,
        expected_on=standing.coverage.expected_on,
        cause=standing.why,
    )


async def schools_that_need(session: ReadSession, network_id: UUID | None) -> list[UUID]:
    """The schools with a task that training moves, of a network or of all."""
    of_network = [] if network_id is None else [col(Task.network_id) == network_id]
    found = await session.scalars(
        select(col(Rollout.school_id))
        .join(Task, col(Task.rollout_id) == col(Rollout.id))
        .where(col(Rollout.state) != RolloutState.CLOSED, col(Task.kind) == TaskKind.PD)
        .where(*of_network)
        .distinct()
    )
    return list(found)
