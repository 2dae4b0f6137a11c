"""Jobs: deferred with the transaction, run once by the clock, retried after a failure or a kill."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from api import clock, wiring
from api.db.listen import Listener
from api.db.pool import Database
from api.db.uow import writing
from api.http.models import IdempotencyKey
from api.jobs.app import CHANNEL, Job, defer
from api.jobs.worker import rescue_stalled, run_worker
from api.settings import Settings
from tests.jobs.waiting import PATIENCE, until

ROOT = Path(__file__).resolve().parents[2]


class Diary:
    """A job's work that writes down its arguments; fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.entries: list[dict[str, Any]] = []
        self.failures = failures

    async def __call__(self, _: Database, **arguments: Any) -> None:
        self.entries.append(arguments)
        if len(self.entries) <= self.failures:
            raise RuntimeError("not yet")


async def rows(database: Database, statement: str) -> list[Any]:
    async with database.pool.connection() as connection:
        return await (await connection.execute(statement.encode())).fetchall()


@asynccontextmanager
async def worker(
    database: Database, jobs: Sequence[Job], stalled_after: float = 30.0
) -> AsyncIterator[None]:
    async with Listener(database, [CHANNEL]) as listener:
        await asyncio.wait_for(listener.wait_live(), PATIENCE)
        running = asyncio.create_task(
            run_worker(database, listener, jobs, stalled_after=stalled_after)
        )
        try:
            yield
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


async def test_a_job_is_rolled_back_with_its_transaction(database: Database) -> None:
    job = Job("write", Diary())

    async def fail() -> None:
        async with writing(database, "job:test") as session:
            assert await defer(session, job) is not None
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await fail()
    assert await rows(database, "SELECT id FROM procrastinate_jobs") == []
    async with writing(database, "job:test") as session:
        number = await defer(session, job)
    assert await rows(database, "SELECT id FROM procrastinate_jobs") == [(number,)]


async def test_a_second_one_that_waits_is_refused_without_ending_the_transaction(
    database: Database,
) -> None:
    job = Job("write", Diary(), alone=True)
    async with writing(database, "job:test") as session:
        first = await defer(session, job)
        assert first is not None
        assert await defer(session, job) is None
        other = await defer(session, job, once="another", lock="another")
    assert await rows(database, "SELECT id FROM procrastinate_jobs ORDER BY id") == [
        (first,),
        (other,),
    ]


async def test_a_committed_job_runs_at_once_with_its_arguments(database: Database) -> None:
    diary = Diary()
    job = Job("write", diary)
    async with worker(database, [job]):
        async with writing(database, "job:test") as session:
            await defer(session, job, school="KIPP-ASCEND", count=3)
            await asyncio.sleep(0.3)
            assert diary.entries == []
        loop = asyncio.get_running_loop()
        began = loop.time()
        await until(lambda: bool(diary.entries))
        # The worker polls every 5 seconds: sooner than that, it was woken.
        assert loop.time() - began < 4
    assert diary.entries == [{"school": "KIPP-ASCEND", "count": 3}]
    assert await rows(database, "SELECT id FROM procrastinate_jobs") == []


async def test_a_job_for_later_waits(database: Database) -> None:
    soon, later = Diary(), Diary()
    jobs = [Job("soon", soon), Job("later", later)]
    async with worker(database, jobs):
        async with writing(database, "job:test") as session:
            await defer(session, jobs[1], at=clock.now() + timedelta(hours=1))
            await defer(session, jobs[0])
        await until(lambda: bool(soon.entries))
    assert later.entries == []


async def test_a_failed_job_is_tried_again_and_then_given_up(database: Database) -> None:
    mended, hopeless = Diary(failures=1), Diary(failures=9)
    jobs = [Job("mended", mended), Job("hopeless", hopeless, attempts=2)]
    async with worker(database, jobs):
        async with writing(database, "job:test") as session:
            for job in jobs:
                await defer(session, job)
        await until(lambda: len(mended.entries) == 2 and len(hopeless.entries) == 2)
    statement = "SELECT task_name, status::text FROM procrastinate_jobs"
    assert await rows(database, statement) == [("hopeless", "failed")]


async def test_the_clock_starts_a_job_once_however_many_workers_there_are(
    database: Database,
) -> None:
    diary = Diary()
    # A minute's job is due at the start of a worker: its last minute was less than ten ago.
    jobs = [Job("tick", diary, cron="* * * * *", alone=True)]
    async with worker(database, jobs), worker(database, jobs):
        await until(lambda: bool(diary.entries))
        await asyncio.sleep(1.5)
    ticks = await rows(database, "SELECT defer_timestamp FROM procrastinate_periodic_defers")
    assert len(ticks) == 1
    # A new minute may have begun meanwhile; never two runs for one.
    assert len(diary.entries) in (1, 2)
    assert diary.entries == [{}] * len(diary.entries)


@pytest.mark.slow
async def test_the_job_of_a_killed_worker_is_done_by_another(database: Database) -> None:
    diary = Diary()
    stalled_after = 1.5
    async with writing(database, "job:test") as session:
        await defer(session, Job("doomed", diary))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.jobs.doomed",
        database.url,
        str(stalled_after),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), PATIENCE) == b"working\n"
    # While its heart beats, nobody takes its job away.
    await asyncio.sleep(2 * stalled_after)
    assert await rescue_stalled(database, stalled_after) == []
    process.kill()
    await process.wait()
    async with worker(database, [Job("doomed", diary)], stalled_after=stalled_after):
        await until(lambda: bool(diary.entries))
    assert diary.entries == [{}]


async def test_a_job_that_keeps_killing_its_worker_is_given_up(database: Database) -> None:
    async with writing(database, "job:test") as session:
        await defer(session, Job("poison", Diary()))
    rescued = 0
    async with database.pool.connection() as connection:
        while True:
            # As a worker does that dies before it has registered its end.
            await connection.execute("UPDATE procrastinate_jobs SET status = 'doing'")
            await connection.commit()
            await rescue_stalled(database)
            cursor = await connection.execute("SELECT status::text FROM procrastinate_jobs")
            (state,) = await cursor.fetchone() or ("",)
            await connection.commit()
            if state == "failed":
                break
            rescued += 1
            assert rescued < 100
    assert rescued > 1


async def test_two_rescuers_give_a_job_out_once(database: Database) -> None:
    async with writing(database, "job:test") as session:
        for _ in range(50):
            await defer(session, Job("stalled", Diary()))
    await rows(database, "UPDATE procrastinate_jobs SET status = 'doing' RETURNING id")
    found = await asyncio.gather(*(rescue_stalled(database) for _ in range(4)))
    assert len([number for numbers in found for number in numbers]) == 50
    assert await rows(database, "SELECT DISTINCT attempts FROM procrastinate_jobs") == [(1,)]


async def test_the_worker_outlives_its_connections(database: Database) -> None:
    diary = Diary()
    job = Job("write", diary)
    async with worker(database, [job]):
        async with writing(database, "job:test") as session:
            await defer(session, job, n=1)
        await until(lambda: len(diary.entries) == 1)
        await rows(
            database,
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <>"
            " pg_backend_pid() AND datname = current_database() AND usename = current_user",
        )
        async with writing(database, "job:test") as session:
            await defer(session, job, n=2)
        await until(lambda: len(diary.entries) == 2)


async def test_the_worker_stops_even_without_its_database(database: Database) -> None:
    async with Listener(database, [CHANNEL]) as listener:
        running = asyncio.create_task(run_worker(database, listener, [Job("write", Diary())]))
        await asyncio.wait_for(listener.wait_live(), PATIENCE)
        await asyncio.sleep(0.2)
        await database.pool.close()
        running.cancel()
        await asyncio.wait([running], timeout=PATIENCE)
    assert running.done()


async def test_the_purge_deletes_what_has_expired_and_nothing_else(database: Database) -> None:
    now = clock.now()
    async with writing(database, "job:test") as session:
        for name, expires in (
            ("old", now - timedelta(seconds=1)),
            ("new", now + timedelta(hours=1)),
        ):
            session.add(
                IdempotencyKey(
                    caller="user:x",
                    method="POST",
                    route="/v1/things",
                    key=name,
                    fingerprint=bytes(32),
                    status=201,
                    headers={},
                    body=b"",
                    created_at=now - timedelta(hours=2),
                    expires_at=expires,
                )
            )
    await wiring.purge(database)
    assert await rows(database, "SELECT key FROM idempotency_keys") == [("new",)]


async def test_every_job_of_the_clock_can_be_run(database: Database, settings: Settings) -> None:
    for job in wiring.jobs(settings):
        if job.cron is not None:
            await job.work(database)
