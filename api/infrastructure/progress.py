"""The one door from checks to the spine.

`project` judges what was measured at some schools and records it for their tasks of kind `check`.
It keeps no state: doing it twice changes nothing. Nothing else in this room writes a task.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from api.db.uow import WriteSession
from api.infrastructure.catalogue import slugs_there_are
from api.infrastructure.check_tasks import CheckTask, check_tasks
from api.infrastructure.progress_rules import check_evidence
from api.infrastructure.rules import Verdict
from api.infrastructure.standings import read_standings
from api.infrastructure.verdicts import NOT_APPLICABLE, Standing
from api.tasks.evidence import Progress, record_progress

# In one go: more would hold the process, and their rows in memory, for too long.
AT_ONCE = 1_000


async def project(
    session: WriteSession,
    school_ids: Iterable[UUID],
    *,
    slugs: Collection[str] | None = None,
    keep_word: bool = False,
) -> None:
    """Record for these schools where they stand with these checks, by default with all.

    Called once at the end of whatever changed a fact, after a flush. Where nothing was measured,
    what a person said was done stays; with `keep_word`, for what changed nothing that was recorded
    here, so does what they promised.
    """
    ids = sorted(set(school_ids))
    # Before anything is read, so that of two who change a school the second sees the first's.
    await session.touch_schools(ids)
    for start in range(0, len(ids), AT_ONCE):
        await _project_some(session, ids[start : start + AT_ONCE], slugs, keep_word)


async def _project_some(
    session: WriteSession, school_ids: list[UUID], slugs: Collection[str] | None, keep_word: bool
) -> None:
    if slugs is None:
        slugs = await slugs_there_are(session)
    tasks = await check_tasks(session, school_ids, slugs)
    # Of thirty checks a school's plan waits for half a dozen, and many schools have no plan.
    waiting = {task.school_id for task in tasks}
    standings = await read_standings(session, waiting, {task.slug for task in tasks})
    progress = []
    for task in tasks:
        asked = standings.asked(task.school_id, task.slug)
        if asked is None:
            continue
        standing = standings.of(task.school_id, asked)
        if _is_word(task, standing, keep_word):
            continue
        progress.append(Progress(task.id, **check_evidence(asked.definition, standing)._asdict()))
    await record_progress(session, progress)


def _is_word(task: CheckTask, standing: Standing, keep_promise: bool) -> bool:
    """Whether a person's word is all there is of the check.

    What is done because the check did not concern the school was no word; and a day that somebody
    promised gives way to one that is agreed on here.
    """
    if standing.outcome is not None or standing.verdict is Verdict.NOT_APPLICABLE:
        return False
    if task.progress_done > 0:
        return not (task.cause or "").startswith(NOT_APPLICABLE)
    return keep_promise and task.expected_on is not None and standing.retest_on is None
