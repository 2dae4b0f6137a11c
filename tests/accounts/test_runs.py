"""Several uploads at once, the same one twice, one that is cut off, one that is cancelled."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from api import wiring
from api.accounts.keeping import MOST_REVIVALS, forget_uploads, look_after
from api.accounts.rules import FOLLOWS, OPEN_STATES, ImportState, may_follow
from api.auth.rules import Role
from api.db.listen import Listener
from api.db.uow import writing
from api.jobs.app import CHANNEL
from api.jobs.worker import run_worker
from api.settings import Settings
from tests.accounts.conftest import As, Caller, Rosters, csv_of, rows, student
from tests.jobs.waiting import PATIENCE

ENDED = set(ImportState) - OPEN_STATES


@asynccontextmanager
async def working(rosters: Rosters) -> AsyncIterator[None]:
    """A worker that does the jobs as they come."""
    database = rosters.database
    async with Listener(database, [CHANNEL], poll_seconds=0.2) as listener:
        jobs = [job for job in wiring.jobs(rosters.settings) if job.cron is None]
        worker = asyncio.create_task(run_worker(database, listener, jobs, grace_seconds=1))
        try:
            yield
        finally:
            worker.cancel()
            await asyncio.wait([worker])


async def ended(rosters: Rosters, import_id: str) -> Any:
    async with asyncio.timeout(PATIENCE):
        while True:
            run = await rosters.read(import_id)
            if run["state"] in ENDED or run["state"] == "held":
                return run
            await asyncio.sleep(0.05)


async def test_a_worker_does_the_runs_of_a_source_one_after_another(rosters: Rosters) -> None:
    """Of four rosters of one source, each moving everybody, the last one sent is what stands."""
    async with working(rosters):
        sent = [
            await rosters.send(csv_of([student(n, given_name=name) for n in range(50)]))
            for name in ("One", "Two", "Three", "Four")
        ]
        other = await rosters.send(csv_of([student(n) for n in range(50)]), source="other")
        runs = [await ended(rosters, one["id"]) for one in [*sent, other]]
    assert [run["state"] for run in runs] == ["applied"] * 5
    found = await rows(
        rosters.database,
        "SELECT s.slug, given_name, count(*), max(version) FROM accounts a"
        " JOIN account_sources s ON s.id = a.source_id WHERE s.slug = 'default' GROUP BY 1, 2",
    )
    assert found == [("default", "Four", 50, 4)]
    spans = sorted((run["started_at"], run["finished_at"]) for run in runs[:4])
    assert all(finished <= started for (_, finished), (started, _) in pairwise(spans))
    names = await rows(rosters.database, "SELECT count(DISTINCT username) FROM accounts")
    assert names == [(100,)]


async def test_the_same_upload_while_one_waits_is_one(rosters: Rosters) -> None:
    body = csv_of([student(n) for n in range(10)])
    sent = await asyncio.gather(*(rosters.send(body) for _ in range(4)))
    assert len({one["id"] for one in sent}) == 1
    chunks = await rows(rosters.database, "SELECT count(*) FROM account_import_chunks")
    jobs = await rows(rosters.database, "SELECT count(*) FROM procrastinate_jobs")
    assert (chunks, jobs) == ([(1,)], [(1,)])
    # Another query, another file, another source: another run.
    others = [
        await rosters.send(body, mode="dry_run"),
        await rosters.send(body, source="other"),
        await rosters.send(body + b"\n"),
    ]
    assert len({one["id"] for one in [*sent, *others]}) == 4
    await rosters.done(sent[0]["id"])
    assert (await rosters.send(body))["id"] != sent[0]["id"]


async def test_a_run_that_waits_is_cancelled_and_never_done(rosters: Rosters) -> None:
    sent = await rosters.send(csv_of([student(0)]))
    path = f"/account-imports/{sent['id']}/cancel"
    cancelled = await rosters.caller.post(path)
    assert (cancelled["state"], cancelled["problem"]["code"]) == ("cancelled", "cancelled")
    await rosters.work(sent["id"])
    assert (await rosters.read(sent["id"]))["state"] == "cancelled"
    assert await rosters.accounts() == {}
    assert (await rosters.caller.post(path))["state"] == "cancelled"


async def test_a_run_that_is_being_done_is_rolled_back_when_cancelled(
    rosters: Rosters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cancellation comes while its rows are merged, before it is written that they are."""
    some = [student(n) for n in range(50)]
    some[7]["sourced_id"] = some[6]["sourced_id"]
    sent = await rosters.send(csv_of(some))
    told: list[Any] = []

    async def cancelled_meanwhile(*_: object) -> None:
        if not told:
            told.append(await rosters.caller.post(f"/account-imports/{sent['id']}/cancel"))

    monkeypatch.setattr("api.accounts.deciding.project", cancelled_meanwhile)
    await rosters.work(sent["id"])
    assert told[0]["state"] == "cancelled"
    assert (await rosters.read(sent["id"]))["state"] == "cancelled"
    assert await rosters.accounts() == {}
    staging = "SELECT 1 FROM pg_class WHERE relnamespace = 'staging'::regnamespace"
    assert await rows(rosters.database, staging) == []


async def test_what_has_ended_is_not_cancelled(rosters: Rosters) -> None:
    run = await rosters.run(csv_of([student(0)]))
    refused = await rosters.caller.post(f"/account-imports/{run['id']}/cancel", status=409)
    assert (refused["code"], refused["state"]) == ("import-state", "applied")
    assert "undo" in refused["detail"]


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[int]:
    """The application behind a real socket; its port."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(PATIENCE):
        while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving


async def until_storing(rosters: Rosters, begun: bool) -> None:
    """Return once a transaction has stored a piece and waits for the next, or once none does."""
    storing = (
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database()"
        " AND state = 'idle in transaction' AND query LIKE '%%account_import_chunks%%'"
    )
    async with asyncio.timeout(PATIENCE):
        found = await rows(rosters.database, storing)
        while found != [(begun,)]:
            await asyncio.sleep(0.01)
            found = await rows(rosters.database, storing)


async def test_a_body_that_is_cut_off_leaves_nothing_behind(
    rosters: Rosters, app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    """Of two gigabytes five megabytes come, some of them stored already."""
    token = rosters.caller.client.headers["authorization"]
    async with served(app) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"POST /v1/account-imports HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n"
            "Content-Length: 1999999999\r\nContent-Type: text/csv\r\n\r\n".encode()
        )
        line = b"s00001,A,Ada,Adler,1\n"
        writer.write(b"sourced_id,school,given_name,family_name,grade\n" + line * 250_000)
        await writer.drain()
        await until_storing(rosters, True)
        writer.close()
        await until_storing(rosters, False)
    for table in ("account_imports", "account_import_chunks", "procrastinate_jobs"):
        assert await rows(rosters.database, f"SELECT * FROM {table}") == []
    assert (await rosters.run(csv_of([student(0)])))["rows"]["created"] == 1
    # Whoever goes away is no fault of ours, that somebody would be woken for.
    assert [one.message for one in caplog.records if one.levelno >= logging.ERROR] == []


async def test_slow_senders_leave_connections_for_others(
    rosters: Rosters, app: FastAPI, settings: Settings
) -> None:
    """Half of the process's connections are for uploads; the next one is told to wait."""
    body = csv_of([student(0)])
    answers: list[httpx.Response] = []

    async def another() -> AsyncIterator[bytes]:
        """Sends a little, and while its connection is held somebody else comes."""
        yield body[:10]
        if len(answers) < settings.pool_size // 2 + 1:
            answers.append(await send(another()))
        yield body[10:]

    async def send(content: AsyncIterator[bytes]) -> httpx.Response:
        return await rosters.caller.client.post("/v1/account-imports", content=content)

    outermost = await send(another())
    busy = [answer for answer in answers if answer.status_code == 503]
    assert outermost.status_code == 202
    assert [answer.json()["code"] for answer in busy] == ["uploads-busy"]
    assert busy[0].headers["retry-after"] == "5"


async def test_an_empty_body_is_no_file(rosters: Rosters) -> None:
    refused = await rosters.send(b"", 422)
    assert refused["code"] == "file-empty"
    assert await rows(rosters.database, "SELECT * FROM account_imports") == []


async def test_a_file_that_cannot_be_read_fails_with_the_reason(rosters: Rosters) -> None:
    run = await rosters.run(b"shoe,size\n1,2\n", "failed")
    assert run["problem"]["code"] == "header-missing"
    assert run["percent"] < 100


async def test_whose_a_roster_is_may_be_told_by_its_schools(
    rosters: Rosters, admin: Caller, calling: As
) -> None:
    other = {"code": "M", "name": "M", "timezone": "America/Chicago", "country": "US"}
    await admin.post("/networks", other, 201)
    sent = await rosters.send(csv_of([student(0)]))
    assert sent["network"] is None
    assert (await rosters.done(sent["id"]))["network"] == "N"
    # The source is known now, so its next file needs no looking into.
    assert (await rosters.send(csv_of([student(1)])))["network"] == "N"
    strange = await rosters.run(csv_of([student(0, school="Z")]), "failed", source="new")
    assert strange["problem"]["code"] == "network-unknown"
    async with calling(Role.viewer) as viewer:
        await viewer.get(f"/account-imports/{sent['id']}", 403)


async def test_a_run_whose_job_was_given_up_is_taken_up_again_a_few_times(
    rosters: Rosters,
) -> None:
    sent = await rosters.send(csv_of([student(0)]))
    for time in range(MOST_REVIVALS + 1):
        await rosters.database_does("UPDATE procrastinate_jobs SET status = 'failed'")
        await look_after(rosters.database)
        alive = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'"
        assert await rows(rosters.database, alive) == [(int(time < MOST_REVIVALS),)]
    run = await rosters.read(sent["id"])
    assert (run["state"], run["problem"]["code"]) == ("failed", "internal-error")


async def test_uploads_and_samples_are_forgotten_after_a_while(rosters: Rosters) -> None:
    run = await rosters.run(csv_of([student(0)]), "previewed", mode="dry_run")
    waiting = await rosters.send(csv_of([student(1)]))

    async def forget() -> tuple[list[Any], Any]:
        async with writing(rosters.database, "job:test") as session:
            await forget_uploads(session)
        kept = await rows(rosters.database, "SELECT import_id::text FROM account_import_chunks")
        return sorted(row[0] for row in kept), (await rosters.read(run["id"]))["samples"]

    ids, samples = await forget()
    assert ids == sorted([run["id"], waiting["id"]])
    assert samples["created"]
    await rosters.database_does(
        "UPDATE account_imports SET finished_at = finished_at - interval '15 days'"
    )
    await rosters.database_does("CREATE TABLE staging.account_rows_left (x int)")
    assert await forget() == ([waiting["id"]], {})
    staging = "SELECT 1 FROM pg_class WHERE relnamespace = 'staging'::regnamespace"
    assert await rows(rosters.database, staging) == []


@given(road=st.lists(st.sampled_from(list(ImportState)), max_size=12))
def test_whatever_is_tried_a_run_ends_only_once(road: list[ImportState]) -> None:
    state, ends = ImportState.queued, 0
    for wanted in road:
        if may_follow(state, wanted):
            ends += wanted in ENDED - {ImportState.undone}
            state = wanted
    assert ends <= 1
    assert state is not ImportState.undone or ends == 1


def test_every_state_can_be_reached_and_left_only_as_told() -> None:
    reached, new = set[ImportState](), {ImportState.queued}
    while new:
        reached |= new
        new = {after for state in new for after in FOLLOWS[state]} - reached
    assert reached == set(ImportState)
    assert all(FOLLOWS[state] <= {ImportState.undone} for state in ENDED)
