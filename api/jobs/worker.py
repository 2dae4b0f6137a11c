"""The worker: runs jobs until it is cancelled, inside the API's process or alone.

It outlives the database: whatever ends Procrastinate's own worker (a lost connection, a laptop's
sleep that made its heartbeat too old), another one is started after a pause.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from typing import LiteralString

import psycopg
from procrastinate import App

from api.db.listen import Listener
from api.db.pool import Database
from api.jobs.app import Job, build

HEARTBEAT_SECONDS = 10.0
# Three missed heartbeats, and its jobs are given to others.
STALLED_AFTER_SECONDS = 30.0
# A job that keeps killing its worker is given up.
MOST_ATTEMPTS = 12
_RESTART_PAUSE = 1.0
_LONGEST_PAUSE = 30.0
_log = logging.getLogger(__name__)

# One statement, so that two rescuers cannot give out the same job twice: the second finds the row
# locked, or no longer `doing` for a dead worker.
_RESCUE: LiteralString = """
WITH stalled AS (
  SELECT job.id, job.attempts FROM procrastinate_jobs job
  LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id
  WHERE job.status = 'doing'
    AND (worker.id IS NULL OR worker.last_heartbeat < now() - make_interval(secs => %(after)s))
  FOR UPDATE OF job SKIP LOCKED)
SELECT id, CASE WHEN attempts + 1 < %(most)s
  THEN procrastinate_retry_job_v2(id, now(), NULL, NULL, NULL)::text
  ELSE procrastinate_finish_job_v1(id, 'failed', false)::text END
FROM stalled
"""


async def rescue_stalled(
    database: Database, stalled_after: float = STALLED_AFTER_SECONDS
) -> list[int]:
    """Give the jobs of dead workers to others; gives their ids."""
    async with database.pool.connection() as connection:
        cursor = await connection.execute(_RESCUE, {"after": stalled_after, "most": MOST_ATTEMPTS})
        return [row[0] for row in await cursor.fetchall()]


async def run_worker(
    database: Database,
    listener: Listener,
    jobs: Iterable[Job],
    *,
    concurrency: int = 4,
    grace_seconds: float = 20.0,
    stalled_after: float = STALLED_AFTER_SECONDS,
) -> None:
    """Run jobs until cancelled, then let the running ones finish for `grace_seconds`.

    What does not finish is cancelled and done again by the next worker.
    """
    app = build(database, listener, jobs)
    async with app.open_async(pool=database.pool):
        rescuer = asyncio.create_task(
            _keep_rescuing(database, stalled_after), name="rescue of stalled jobs"
        )
        try:
            await _keep_working(app, concurrency, grace_seconds, stalled_after)
        finally:
            rescuer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await rescuer


async def stop_worker(worker: asyncio.Task[None], patience: float = 5.0) -> None:
    """Cancel the worker, and again while it goes on.

    A cancellation that meets it in the very moment a wait of its own ends is lost on it (Python
    3.11's `asyncio.wait_for`), and a process that stops would wait for it for ever.
    """
    while not worker.done():
        worker.cancel()
        await asyncio.wait([worker], timeout=patience)
    with contextlib.suppress(asyncio.CancelledError):
        await worker


async def _keep_working(
    app: App, concurrency: int, grace_seconds: float, stalled_after: float
) -> None:
    pause = _RESTART_PAUSE
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        try:
            await app.run_worker_async(
                concurrency=concurrency,
                install_signal_handlers=False,
                shutdown_graceful_timeout=grace_seconds,
                update_heartbeat_interval=min(HEARTBEAT_SECONDS, stalled_after / 3),
                stalled_worker_timeout=stalled_after,
                # What failed stays, to be looked at.
                delete_jobs="successful",
            )
            _log.warning("the worker stopped by itself; starting another")
        except Exception:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                # It failed while it stopped, and its error has taken the cancellation's place.
                _log.warning("the worker did not stop cleanly", exc_info=True)
                return
            _log.exception("the worker failed; starting another")
        pause = _RESTART_PAUSE if loop.time() - began > 60 else min(pause * 2, _LONGEST_PAUSE)
        await asyncio.sleep(pause)


async def _keep_rescuing(database: Database, stalled_after: float) -> None:
    while True:
        try:
            rescued = await rescue_stalled(database, stalled_after)
            if rescued:
                _log.warning("gave %d jobs of dead workers to others: %s", len(rescued), rescued)
        except (psycopg.Error, OSError) as error:
            _log.warning("could not look for stalled jobs: %s", type(error).__name__)
        await asyncio.sleep(stalled_after / 2)
