"""What time alone changes: answers that run out at midnight or with their evidence, first bells.

None of it makes an answer right, for a read checks that itself: it spares readers the wait.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlmodel import col

from api import clock
from api.db.pool import Database
from api.db.uow import WriteSession, transact
from api.readiness.answers import ENGINE_VERSION, rendered, store
from api.readiness.forecast import day_start
from api.readiness.load import load
from api.readiness.rules import Verdict, evaluate
from api.schools.models import School
from api.tasks.models import Rollout
from api.tasks.rules import RolloutState

# Rendering whole documents holds the process: few at a time, so that requests get their turn.
_AT_ONCE = 50
_DUE = b"""
SELECT s.id FROM schools s
JOIN school_state ss ON ss.school_id = s.id
JOIN network_state ns ON ns.network_id = s.network_id
LEFT JOIN readiness_answers a ON a.school_id = s.id
WHERE s.archived_at IS NULL AND (a.school_id IS NULL OR a.document IS NULL
  OR a.school_revision <> ss.revision OR a.network_revision <> ns.revision
  OR a.engine_version <> %s OR a.good_until <= %s)
ORDER BY s.id LIMIT %s"""


async def refresh_due(database: Database, at_most: int = 5_000) -> int:
    """Compute, keep and log the answers that are not current; how many there were."""
    now = clock.now()
    done = 0
    async with database.raw() as connection:
        found = await connection.execute(_DUE, (ENGINE_VERSION, now, at_most), binary=True)
        ids = [row[0] for row in await found.fetchall()]
    for start in range(0, len(ids), _AT_ONCE):
        async with database.raw() as connection:
            loaded = await load(connection, ids[start : start + _AT_ONCE], now)
            await store(connection, [rendered(one, now) for one in loaded])
        done += len(loaded)
    return done


async def open_schools(database: Database) -> int:
    """Record that first bell has passed, and whether the school was ready for it."""
    now = clock.now()
    # A day ahead of UTC is the furthest any school's calendar is.
    latest = (now + timedelta(days=1)).date()

    async def work(session: WriteSession) -> int:
        rows = await session.execute(
            select(Rollout, School)
            .join(School, col(School.id) == col(Rollout.school_id))
            .where(
                col(Rollout.state).in_([RolloutState.PLANNED, RolloutState.ACTIVE]),
                col(Rollout.first_bell) <= latest,
            )
        )
        passed = [
            (rollout, school)
            for rollout, school in rows
            if rollout.first_bell and rollout.first_bell <= clock.local_day(school.timezone, now)
        ]
        await session.touch_schools(school.id for _, school in passed)
        ready = await _ready_at_first_bell(database, [school for _, school in passed])
        for rollout, school in passed:
            rollout.state = RolloutState.OPENED
            rollout.opened_on = rollout.first_bell
            rollout.opened_ready = school.id in ready
        return len(passed)

    return await transact(database, "job:first-bell", work)


async def _ready_at_first_bell(database: Database, schools: list[School]) -> set[object]:
    """The schools that were ready at the last moment before their first bell's day."""
    ready: set[object] = set()
    async with database.raw() as connection:
        for one in await load(connection, [school.id for school in schools], clock.now()):
            assert one.facts.first_bell is not None
            eve = day_start(one.facts.timezone, one.facts.first_bell) - timedelta(seconds=1)
            answer = evaluate(one.facts, min(eve, clock.now()))
            if answer.verdict is Verdict.READY:
                ready.add(one.school_id)
    return ready
