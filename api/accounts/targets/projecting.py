"""Schools' tasks told of what targets have by now: by whoever syncs, and after a kill by the clock.

What is still to be told is in the tables (`settled_at` beyond `projected_at`), so nothing is lost
with a process.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import LiteralString
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from api import clock
from api.accounts.progress import project
from api.accounts.targets.models import TargetState
from api.db.pool import Database
from api.db.uow import WriteSession, transact

# A promise is for a day, and a queue that stands still moves it.
_AGAIN_AFTER = timedelta(hours=1)
_MOVED: LiteralString = """
SELECT DISTINCT a.school_id FROM target_accounts r JOIN accounts a ON a.id = r.account_id
WHERE r.target_id = %(target)s AND (r.observed_at > %(since)s OR r.dead_at > %(since)s)
"""
_WAITING: LiteralString = """
SELECT DISTINCT a.school_id FROM target_accounts r JOIN accounts a ON a.id = r.account_id
WHERE r.target_id = %(target)s AND (r.next_try_at IS NOT NULL OR r.observed_at > %(since)s
  OR r.dead_at > %(since)s)
"""
_EVER: LiteralString = "-infinity"
_TOLD: LiteralString = """
UPDATE target_states SET projected_at = %(now)s WHERE target_id = %(target)s
"""
_STALE: LiteralString = """
SELECT s.target_id FROM target_states s
WHERE s.settled_at > coalesce(s.projected_at, '-infinity')
  OR s.projected_at <= %(old)s AND EXISTS (
    SELECT FROM target_accounts r WHERE r.target_id = s.target_id AND r.next_try_at IS NOT NULL)
"""


async def project_target(database: Database, target_id: UUID) -> None:
    """Record in the tasks of the schools concerned what has been settled since the last time."""
    await transact(database, "job:targets", partial(_project, target_id, _MOVED))


async def project_stale(database: Database) -> None:
    """What a killed worker did not get to, and once an hour what queues promise by now."""
    async with database.raw() as connection:
        found = await connection.execute(_STALE, {"old": clock.now() - _AGAIN_AFTER})
        stale = [row[0] for row in await found.fetchall()]
    for target_id in stale:
        await transact(database, "job:targets", partial(_project, target_id, _WAITING))


async def _project(target_id: UUID, moved: LiteralString, session: WriteSession) -> None:
    statement = select(TargetState).where(col(TargetState.target_id) == target_id)
    state = (await session.scalars(statement)).one_or_none()
    if state is None:
        return
    now = clock.now()
    connection = await session.psycopg()
    values = {"target": target_id, "since": state.projected_at or _EVER}
    schools = [row[0] for row in await (await connection.execute(moved, values)).fetchall()]
    await project(session, schools)
    # Up to what was settled when this began; what is being settled is told the next time.
    told = {"target": target_id, "now": state.settled_at or now}
    await connection.execute(_TOLD, told)
