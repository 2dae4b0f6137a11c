"""Jobs: functions that run later, deferred in the caller's transaction, at least once.

A room describes its jobs as `Job` values, `wiring` lists them, `defer` puts one into the very
transaction that wants it: rolled back together, committed together. A worker that dies leaves its
job to be done again, so a job's work must stand being repeated. Arguments are JSON (ids as text)
and appear in logs: never a student's name.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, LiteralString

import psycopg
import structlog
from procrastinate import App, JobContext, PsycopgConnector, RetryStrategy
from procrastinate.connector import Notify
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.manager import JobManager
from procrastinate.tasks import configure_task
from psycopg_pool import PoolClosed

from api.db.listen import Listener
from api.db.pool import Database
from api.db.uow import WriteSession

QUEUE = "firstbell"
# Where Procrastinate's triggers announce every queue's jobs.
CHANNEL = "procrastinate_any_queue_v1"
_LOOK = '{"type": "job_inserted", "job_id": 0}'

# Shorter than the grace a stop is given, longer than a fail-over.
_INSIST_SECONDS = 15.0

Work = Callable[..., Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Job:
    """A named function `work(database, **arguments)`.

    `cron` (UTC, five or six fields) also runs it by the clock, without arguments, once however
    many workers there are. With `alone`, one waits and one runs at most. A failure is tried again
    after 2, 4, 8 ... seconds, `attempts` times in all.
    """

    name: str
    work: Work
    cron: str | None = None
    alone: bool = False
    attempts: int = 8


class SharedConnector(PsycopgConnector):
    """Procrastinate on the process's own pool and its one LISTEN connection."""

    def __init__(self, listener: Listener | None = None) -> None:
        super().__init__()
        self._listener = listener

    async def execute_query_async(self, query: LiteralString, **arguments: Any) -> None:
        """Again for a while when the connection was lost: these write how a job ended.

        A job whose end is not written would count as running for as long as its worker lives.
        """
        ends = time.monotonic() + _INSIST_SECONDS
        pause = 0.1
        while True:
            try:
                await super().execute_query_async(query, **arguments)
            except ConnectorException as error:
                cause = error.__cause__
                lost = isinstance(cause, psycopg.OperationalError)
                if not lost or isinstance(cause, PoolClosed) or time.monotonic() + pause > ends:
                    raise
            else:
                return
            await asyncio.sleep(pause)
            pause *= 2

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        """Pass on what the listener hears, until cancelled."""
        if self._listener is None:
            return
        heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

        def pass_on(channel: str, payload: str | None) -> None:
            # Where something may have been missed, the worker is told to look.
            heard.put_nowait((channel, payload or _LOOK))

        unsubscribes = [
            self._listener.subscribe(channel, partial(pass_on, channel)) for channel in channels
        ]
        try:
            while True:
                channel, payload = await heard.get()
                await on_notification(channel=channel, payload=payload)
        finally:
            for unsubscribe in unsubscribes:
                unsubscribe()


# Deferral only ever uses the caller's connection, so this one is never opened.
_deferring = JobManager(SharedConnector())


async def defer(
    session: WriteSession,
    job: Job,
    *,
    lock: str | None = None,
    once: str | None = None,
    at: datetime | None = None,
    **arguments: Any,
) -> int | None:
    """Have `job` run once this transaction is committed; gives the id of its row.

    Jobs with the same `lock` run one after another. While one with the same `once` waits, no
    second is added and None is given; `alone` jobs do so by themselves. `at` is the earliest
    moment.
    """
    if job.alone:
        lock, once = lock or job.name, once or job.name
    deferral = configure_task(
        name=job.name,
        job_manager=_deferring,
        queue=QUEUE,
        lock=lock,
        queueing_lock=once,
        schedule_at=at,
        connection=(connection := await session.psycopg()),
    )
    if once is None:
        return await deferral.defer_async(**arguments)
    try:
        # A savepoint, since the refusal of a second one would end the caller's transaction.
        async with connection.transaction():
            return await deferral.defer_async(**arguments)
    except AlreadyEnqueued:
        return None


def build(database: Database, listener: Listener | None, jobs: Iterable[Job]) -> App:
    """The Procrastinate app that can run these jobs; open it with `open_async(database.pool)`."""
    app = App(connector=SharedConnector(listener))
    for job in jobs:
        _register(app, job, database)
    return app


def _register(app: App, job: Job, database: Database) -> None:
    async def run(context: JobContext, /, timestamp: int | None = None, **arguments: Any) -> None:
        # `timestamp` is when the clock was to start it; the work asks `clock` instead.
        del timestamp
        with structlog.contextvars.bound_contextvars(job=job.name, job_id=context.job.id):
            await job.work(database, **arguments)

    task = app.task(
        name=job.name,
        queue=QUEUE,
        pass_context=True,
        lock=job.name if job.alone else None,
        queueing_lock=job.name if job.alone else None,
        retry=RetryStrategy(max_attempts=job.attempts - 1, exponential_wait=2),
    )(run)
    if job.cron is not None:
        app.periodic(cron=job.cron)(task)
