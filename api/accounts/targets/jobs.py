"""What keeps the queues empty: a runner in every worker, and what is done by the clock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import LiteralString
from uuid import UUID

from api import clock
from api.accounts.targets.desire import CHANNEL
from api.accounts.targets.projecting import project_stale
from api.accounts.targets.sync import Syncing, sync_target
from api.db.listen import Listener
from api.db.pool import Database
from api.db.uow import WriteSession, transact

# Where no notification comes through, and for what waits until a moment.
POLL_SECONDS = 5.0
# As many targets at the same time as leave the process connections for everything else.
_MOST_TARGETS = 4
_DUE: LiteralString = """
SELECT t.id FROM targets t JOIN target_states s ON s.target_id = t.id
WHERE t.kind <> 'csv' AND NOT t.paused AND s.breaker <> 'refused'
  AND coalesce(s.open_until, '-infinity') <= %(now)s
  AND coalesce(s.paced_until, '-infinity') <= %(now)s + interval '5 seconds'
  AND coalesce(s.runner_until, '-infinity') <= %(now)s
  AND (s.drift_asked_at IS NOT NULL OR NOT t.dry_run AND EXISTS (
    SELECT FROM target_accounts r WHERE r.target_id = t.id AND r.next_try_at <= %(now)s))
ORDER BY s.settled_at NULLS FIRST
"""
_ASK_FOR_DRIFT: LiteralString = """
UPDATE target_states SET drift_asked_at = coalesce(drift_asked_at, %(now)s)
WHERE target_id IN (SELECT id FROM targets WHERE kind <> 'csv' AND NOT paused)
"""

_log = logging.getLogger(__name__)


async def run_targets(syncing: Syncing, listener: Listener) -> None:
    """Work off what is due at any target, until cancelled; any number of workers may do so.

    It outlives the database and whatever a target does: a row that could not be settled comes
    back when its lease ends.
    """
    heard = asyncio.Event()

    def hear(payload: str | None) -> None:
        del payload
        heard.set()

    unsubscribe = listener.subscribe(CHANNEL, hear)
    running: dict[UUID, asyncio.Task[None]] = {}
    try:
        while True:
            heard.clear()
            try:
                for target_id in await due_targets(syncing.database):
                    if target_id not in running and len(running) < _MOST_TARGETS:
                        running[target_id] = _begin(syncing, target_id, running, heard.set)
            except Exception as error:
                _log.warning("targets could not be looked at: %s", type(error).__name__)
            await _hear(heard)
    finally:
        unsubscribe()
        for task in running.values():
            task.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)


def _begin(
    syncing: Syncing,
    target_id: UUID,
    running: dict[UUID, asyncio.Task[None]],
    ended: Callable[[], None],
) -> asyncio.Task[None]:
    def end(task: asyncio.Task[None]) -> None:
        del task
        running.pop(target_id, None)
        # Another target may have waited for this one to end.
        ended()

    task = asyncio.create_task(_sync(syncing, target_id), name=f"target {target_id}")
    task.add_done_callback(end)
    return task


async def _sync(syncing: Syncing, target_id: UUID) -> None:
    try:
        ended = await sync_target(syncing, target_id)
        if ended:
            _log.info("target %s: %s", target_id, dict(ended))
    except Exception as error:
        _log.warning("target %s could not be synced: %s", target_id, type(error).__name__)
        # Not at once again: what failed here is ours, such as a lost database.
        await asyncio.sleep(POLL_SECONDS)


async def _hear(heard: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(POLL_SECONDS):
            await heard.wait()
    except TimeoutError:
        return


async def due_targets(database: Database) -> list[UUID]:
    """Targets with something to do that nobody is at; those that waited longest first."""
    async with database.raw() as connection:
        found = await connection.execute(_DUE, {"now": clock.now()})
        return [row[0] for row in await found.fetchall()]


async def look_after(database: Database) -> None:
    """Every minute: schools' tasks told of what a killed worker did not tell, and of promises."""
    await project_stale(database)


async def ask_for_drift(database: Database) -> None:
    """Every night: have all targets read back."""

    async def ask(session: WriteSession) -> None:
        connection = await session.psycopg()
        await connection.execute(_ASK_FOR_DRIFT, {"now": clock.now()})

    await transact(database, "job:targets", ask)
