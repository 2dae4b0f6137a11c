"""What time alone changes: answers that run out at midnight or with their evidence, first bells.

None of it makes an answer right, for a read checks that itself: it spares readers the wait, and
tells open pages to look again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from api import clock
from api.db.pool import Database
from api.db.uow import ReadSession, WriteSession, reading, transact
from api.errors import FirstBellError
from api.readiness.answers import CLOCKS_DIFFER, ENGINE_VERSION, Kept, judge, rendered, store
from api.readiness.forecast import day_start
from api.readiness.load import Loaded, load
from api.readiness.recompute import recompute
from api.readiness.rules import Verdict
from api.schools.models import School
from api.tasks.models import Rollout
from api.tasks.rules import RolloutState

# Rendering whole documents holds the process: few at a time, so that requests get their turn.
_AT_ONCE = 50
# Schools opened in one transaction: their tasks are in memory, and their graphs locked.
_OPENED_AT_ONCE = 500
# A row with a problem has no document, and is not due before its midnight or the next change.
_DUE = b"""
SELECT s.id, a.good_until <= %(now)s FROM schools s
JOIN school_state ss ON ss.school_id = s.id
JOIN network_state ns ON ns.network_id = s.network_id
LEFT JOIN readiness_answers a ON a.school_id = s.id
WHERE s.archived_at IS NULL AND (a.school_id IS NULL
  OR (a.document IS NULL AND a.summary -> 'problem' IS NULL)
  OR a.school_revision <> ss.revision OR a.network_revision <> ns.revision
  OR a.engine_version <> %(engine)s OR a.good_until <= %(now)s OR a.computed_at > %(soon)s)
ORDER BY s.id LIMIT %(most)s"""
_LOOK_AGAIN = b"SELECT pg_notify('school_changed', '*')"


async def refresh_due(database: Database, at_most: int = 5_000) -> int:
    """Compute, keep and log the answers that are not current; how many there were."""
    now = clock.now()
    bound = {"engine": ENGINE_VERSION, "now": now, "soon": now + CLOCKS_DIFFER, "most": at_most}
    async with database.raw() as connection:
        found = await connection.execute(_DUE, bound, binary=True)
        due = await found.fetchall()
    for start in range(0, len(due), _AT_ONCE):
        await _refresh(database, [row[0] for row in due[start : start + _AT_ONCE]])
    # Who wrote something has said so; that a day ended nobody has.
    if any(row[1] for row in due):
        async with database.raw() as connection:
            await connection.execute(_LOOK_AGAIN)
    return len(due)


async def _refresh(database: Database, school_ids: Sequence[UUID]) -> None:
    now = clock.now()
    kept: list[Kept] = []
    broken: list[UUID] = []
    async with database.raw() as connection:
        for one in await load(connection, school_ids, now):
            try:
                kept.append(rendered(one, now))
            except FirstBellError:
                broken.append(one.school_id)
        await store(connection, kept)
        await recompute(connection, broken, now)


async def open_schools(database: Database) -> int:
    """Record that first bell has passed, and whether the school was ready for it; how many."""
    async with reading(database) as session:
        passed = [school.id for _, school in await _passed(session)]
    opened = 0
    for start in range(0, len(passed), _OPENED_AT_ONCE):
        some = passed[start : start + _OPENED_AT_ONCE]

        async def work(session: WriteSession, some: Sequence[UUID] = some) -> int:
            return await _open(session, database, some)

        opened += await transact(database, "job:first-bell", work)
    return opened


async def _passed(
    session: ReadSession, only: Sequence[UUID] | None = None
) -> list[tuple[Rollout, School]]:
    """The rollouts whose first bell's day has begun at the school, and nobody recorded it."""
    now = clock.now()
    statement = (
        select(Rollout, School)
        .join(School, col(School.id) == col(Rollout.school_id))
        .where(
            col(Rollout.state).in_([RolloutState.PLANNED, RolloutState.ACTIVE]),
            # A day ahead of UTC is the furthest any school's calendar is.
            col(Rollout.first_bell) <= (now + timedelta(days=1)).date(),
            col(School.archived_at).is_(None),
        )
        .order_by(col(School.id))
        .execution_options(populate_existing=True)
    )
    if only is not None:
        statement = statement.where(col(School.id).in_(only))
    return [
        (rollout, school)
        for rollout, school in await session.execute(statement)
        if rollout.first_bell and rollout.first_bell <= clock.local_day(school.timezone, now)
    ]


async def _open(session: WriteSession, database: Database, school_ids: Sequence[UUID]) -> int:
    await session.touch_schools(school_ids)
    # Read again under the lock: meanwhile somebody may have moved a first bell, or opened them.
    passed = await _passed(session, school_ids)
    async with database.raw() as connection:
        loaded = await load(connection, [school.id for _, school in passed], clock.now())
    ready = {one.school_id for one in loaded if _was_ready(one)}
    for rollout, school in passed:
        rollout.state = RolloutState.OPENED
        rollout.opened_on = rollout.first_bell
        rollout.opened_ready = school.id in ready
        rollout.updated_at = clock.now()
    return len(passed)


def _was_ready(loaded: Loaded) -> bool:
    """Whether the school was ready at the last moment before its first bell's day."""
    facts = loaded.facts
    if facts.first_bell is None:
        return False
    eve = day_start(facts.timezone, facts.first_bell) - timedelta(seconds=1)
    try:
        return judge(facts, min(eve, clock.now())).verdict is Verdict.READY
    except FirstBellError:
        return False
