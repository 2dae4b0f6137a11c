"""Intake beside others: several processes, secrets that change meanwhile, a database that fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from fastapi import FastAPI
from psycopg import AsyncConnection
from psycopg import errors as pg
from pydantic import SecretStr

from api import clock
from api.db.pool import Database
from api.settings import Settings
from api.webhooks.errors import IntakeFull
from api.webhooks.group_commit import GroupCommit
from tests.shelf import furnished
from tests.webhooks.conftest import (
    Client,
    Sender,
    add_vendor,
    all_of,
    client_of,
    events_of,
    post_event,
    signed,
)

EVENT = {"type": "test.one", "data": {}}


@pytest.fixture
async def other(
    built_apart: FastAPI, settings: Settings, database_url: str
) -> AsyncIterator[FastAPI]:
    """Another process, with a pool and with knowledge of its own."""
    async with Database(database_url, settings) as database:
        yield furnished(built_apart, settings, database)


async def test_a_secret_that_ended_is_refused_by_a_process_that_still_knows_it(
    client: Client, acme: Sender, other: FastAPI, database: Database
) -> None:
    async with client_of(other) as elsewhere:
        assert (await post_event(elsewhere, acme, EVENT)).status_code == 202
        rotated = await client.post("/v1/vendors/acme/secrets", json={"overlap_hours": 0})
        assert (await post_event(elsewhere, acme, EVENT)).status_code == 401
        new = Sender("acme", rotated.json()["secret"])
        assert (await post_event(elsewhere, new, EVENT)).status_code == 202
    assert len(await events_of(database)) == 2


async def test_a_new_secret_is_good_at_once_in_a_process_that_does_not_know_it(
    client: Client, acme: Sender, other: FastAPI
) -> None:
    async with client_of(other) as elsewhere:
        assert (await post_event(elsewhere, acme, EVENT)).status_code == 202
        rotated = await client.post("/v1/vendors/acme/secrets", json={})
        new = Sender("acme", rotated.json()["secret"])
        for sender in (new, acme):
            assert (await post_event(elsewhere, sender, EVENT)).status_code == 202


async def test_a_flood_of_bad_signatures_reads_the_vendor_a_few_times_only(
    stranger: Client, acme: Sender, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await post_event(stranger, acme, EVENT)).status_code == 202
    known, reads = app.state.intake.known, 0
    read = known.read

    async def counted(slug: str) -> Any:
        nonlocal reads
        reads += 1
        return await read(slug)

    monkeypatch.setattr(known, "read", counted)
    bad = Sender("acme", "whsec_" + "A" * 32)
    answers = await all_of(*(post_event(stranger, bad, EVENT) for _ in range(200)))
    assert {answer.status_code for answer in answers} == {401}
    assert 1 <= reads < 100


async def test_events_that_meet_a_rotation_are_all_kept_and_none_with_an_ended_secret(
    client: Client, acme: Sender, other: FastAPI, database: Database
) -> None:
    """Posting to two processes goes on while the secret is replaced with an overlap."""
    sent: list[tuple[str, int]] = []

    async def post(to: Client, name: str) -> None:
        for number in range(30):
            event_id = f"{name}_{number}"
            answer = await post_event(to, acme, EVENT, event_id)
            sent.append((event_id, answer.status_code))

    async def rotate() -> None:
        for _ in range(5):
            answer = await client.post("/v1/vendors/acme/secrets", json={"secret": acme.secret})
            assert answer.status_code == 201, answer.text

    async with client_of(other) as elsewhere:
        await all_of(post(client, "a"), post(elsewhere, "b"), rotate())
    assert {status for _, status in sent} == {202}
    assert sorted(event.key for event in await events_of(database)) == sorted(k for k, _ in sent)


async def test_two_processes_that_get_the_same_events_store_each_once(
    app: FastAPI, acme: Sender, other: FastAPI, database: Database
) -> None:
    async with client_of(app) as here, client_of(other) as there:
        ids = [f"msg_{number}" for number in range(60)]
        answers = await all_of(
            *(post_event(here, acme, EVENT, one) for one in ids),
            *(post_event(there, acme, EVENT, one) for one in reversed(ids)),
        )
    assert {answer.status_code for answer in answers} == {200, 202}
    assert [answer.status_code for answer in answers].count(202) == 60
    events = await events_of(database)
    assert (len(events), {event.deliveries for event in events}) == (60, {2})


async def test_a_duplicate_of_an_event_that_is_being_applied_holds_up_nobody_else(
    stranger: Client, acme: Sender, database: Database
) -> None:
    assert (await post_event(stranger, acme, EVENT, "held")).status_code == 202
    async with database.pool.connection() as connection, connection.transaction():
        await connection.execute("SELECT 1 FROM webhook_events WHERE key = 'held' FOR UPDATE")
        waits = asyncio.create_task(post_event(stranger, acme, EVENT, "held"))
        # Behind it in the queue, and answered before it.
        for number in range(5):
            assert (await post_event(stranger, acme, EVENT, f"free_{number}")).status_code == 202
        assert not waits.done()
    assert (await waits).json()["outcome"] == "duplicate"


async def test_an_answer_means_that_it_is_committed(
    stranger: Client, acme: Sender, database: Database, database_url: str
) -> None:
    """Seen by another connection the moment the answer is there."""
    with psycopg.connect(database_url, autocommit=True) as beside:
        for number in range(20):
            answer = await post_event(stranger, acme, EVENT)
            found = beside.execute("SELECT count(*) FROM webhook_events").fetchone()
            assert (answer.status_code, found) == (202, (number + 1,))


async def test_without_its_database_it_answers_503_and_goes_on_afterwards(
    stranger: Client, acme: Sender, database: Database, database_url: str
) -> None:
    assert (await post_event(stranger, acme, EVENT)).status_code == 202
    with psycopg.connect(database_url, autocommit=True) as beside:
        beside.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <>"
            " pg_backend_pid() AND datname = current_database() AND usename = current_user"
        )
    answers = [await post_event(stranger, acme, EVENT) for _ in range(30)]
    statuses = {answer.status_code for answer in answers}
    assert statuses <= {202, 503}
    assert answers[-1].status_code == 202
    kept = [answer for answer in answers if answer.status_code == 202]
    assert len(await events_of(database)) == 1 + len(kept)


async def test_what_waits_is_written_before_the_process_ends(
    built_apart: FastAPI, settings: Settings, database: Database, acme: Sender
) -> None:
    app = furnished(built_apart, settings, database)
    async with client_of(app) as stranger:
        async with app.router.lifespan_context(app):
            under_way = [
                asyncio.create_task(post_event(stranger, acme, EVENT, f"msg_{number}"))
                for number in range(20)
            ]
            await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
        statuses = [(await one).status_code for one in under_way]
        assert set(statuses) <= {202, 503}
        late = await post_event(stranger, acme, EVENT)
        assert (late.status_code, late.json()["code"]) == (503, "intake-full")
        assert late.headers["retry-after"] == "1"
    assert len(await events_of(database)) == statuses.count(202) > 0


Connection = AsyncConnection[Any]


async def test_a_full_queue_refuses_and_says_when_to_come_again(database: Database) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    batches: list[list[int]] = []

    async def write(_: Connection, items: Sequence[int]) -> list[int]:
        batches.append(list(items))
        begun.set()
        await go_on.wait()
        return [10 * item for item in items]

    commits = GroupCommit(database, write, most=3, most_bytes=100)
    first = asyncio.create_task(commits.put(1, 1))
    await begun.wait()
    waiting = [asyncio.create_task(commits.put(item, 30)) for item in (2, 3, 4)]
    await asyncio.sleep(0)
    with pytest.raises(IntakeFull) as by_count:
        await commits.put(5, 1)
    assert (by_count.value.status, by_count.value.extra) == (503, {"retry_after": 1})
    gone = waiting.pop()
    gone.cancel()
    go_on.set()
    assert [await first, *[await one for one in waiting]] == [10, 20, 30]
    # All that came meanwhile went together, also for the client that did not wait.
    assert batches == [[1], [2, 3, 4]]
    with pytest.raises(IntakeFull):
        await commits.put(6, 101)
    assert await commits.put(7, 100) == 70
    await commits.drain()
    with pytest.raises(IntakeFull):
        await commits.put(8, 1)


async def test_a_batch_that_loses_a_race_is_written_again_and_one_that_fails_is_told_to_each(
    database: Database,
) -> None:
    attempts = 0

    async def write(connection: Connection, items: Sequence[str]) -> Sequence[str]:
        nonlocal attempts
        attempts += 1
        if "deadlock" in items and attempts < 3:
            raise pg.DeadlockDetected
        if "bad" in items:
            await connection.execute("SELECT 1/0")
        return items

    commits = GroupCommit(database, write)
    assert await commits.put("deadlock", 1) == "deadlock"
    assert attempts == 3
    both = await asyncio.gather(
        commits.put("bad", 1), commits.put("good", 1), return_exceptions=True
    )
    assert [type(one) for one in both] == [pg.DivisionByZero, pg.DivisionByZero]
    assert await commits.put("good", 1) == "good"


async def test_an_unopenable_secret_is_told_and_believes_nobody(
    acme: Sender,
    built_apart: FastAPI,
    settings: Settings,
    database_url: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A host that was started with another FIRSTBELL_SECRET_KEY."""
    wrong = settings.model_copy(update={"secret_key": SecretStr("y" * 43)})
    async with (
        Database(database_url, wrong) as database,
        client_of(furnished(built_apart, wrong, database)) as stranger,
    ):
        assert (await post_event(stranger, acme, EVENT)).status_code == 401
    assert "FIRSTBELL_SECRET_KEY" in caplog.text


async def test_a_vendor_made_after_a_404_is_there_at_once(client: Client, stranger: Client) -> None:
    assert (await stranger.post("/v1/webhooks/late", content=b"{}")).status_code == 404
    late = await add_vendor(client, "late")
    assert (await post_event(stranger, late, EVENT)).status_code == 202


async def test_a_retry_that_is_signed_anew_is_the_same_event(
    stranger: Client, acme: Sender
) -> None:
    first = await post_event(stranger, acme, EVENT, "msg_1")
    with clock.moved_to(clock.now() + timedelta(hours=75)):
        again = await post_event(stranger, acme, EVENT, "msg_1")
        stale = signed(acme.secret, b"{}")
    assert (first.status_code, again.status_code) == (202, 200)
    assert (await stranger.post(acme.path, content=b"{}", headers=stale)).status_code == 401
