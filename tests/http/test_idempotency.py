"""The same POST twice: done once, answered the same, stored with the work or not at all."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from api import clock
from api.db.pool import Database
from api.db.uow import reading, writing
from api.http.idempotency import purge_expired
from tests.http.test_problems import problem

pytestmark = pytest.mark.anyio

KEY = {"idempotency-key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}


async def count(database: Database, table: str) -> int:
    async with reading(database) as session:
        return int(await session.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


async def make(
    client: httpx.AsyncClient, name: str = "a", path: str = "", **headers: str
) -> httpx.Response:
    return await client.post(f"/v1/things{path}", json={"name": name}, headers={**KEY, **headers})


async def test_the_second_gets_the_first_answer(
    client: httpx.AsyncClient, app: FastAPI, database: Database
) -> None:
    first, second = await make(client), await make(client)
    assert first.status_code == second.status_code == 201
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    for name in ("location", "etag", "content-type"):
        assert second.headers[name] == first.headers[name]
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert app.state.runs.started == ["a"]
    assert await count(database, "things") == await count(database, "idempotency_keys") == 1


async def test_secrets_are_answered_once_and_never_stored(
    client: httpx.AsyncClient, database: Database
) -> None:
    first, second = await make(client), await make(client)
    assert first.json() == {"name": "a", "secret": "s3cret", "deep": [{"secret": "s3cret"}]}
    assert second.json() == {"name": "a", "secret": None, "deep": [{"secret": None}]}
    async with reading(database) as session:
        stored = await session.scalar(text("SELECT body FROM idempotency_keys"))
    assert b"s3cret" not in stored


async def test_quoted_and_bare_are_the_same_key(client: httpx.AsyncClient) -> None:
    await make(client, **{"idempotency-key": "a\\b"})
    again = await make(client, **{"idempotency-key": r'"a\\b"'})
    assert again.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize("key", ["", " ", '"', '""', "a b", '"a', 'a"b', "é", "x" * 256, '"a";p=1'])
async def test_a_key_that_is_none(client: httpx.AsyncClient, database: Database, key: str) -> None:
    headers = [(b"idempotency-key", key.encode("latin-1"))]
    answer = await client.post("/v1/things", json={"name": "a"}, headers=headers)
    problem(answer, 400, "idempotency-key-malformed")
    assert await count(database, "things") == 0


async def test_two_keys_are_no_key(client: httpx.AsyncClient) -> None:
    headers = [("idempotency-key", "a"), ("idempotency-key", "b")]
    answer = await client.post("/v1/things", json={"name": "a"}, headers=headers)
    problem(answer, 400, "idempotency-key-malformed")


async def test_the_longest_key(client: httpx.AsyncClient) -> None:
    for _ in range(2):
        answer = await make(client, **{"idempotency-key": "x" * 255})
    assert answer.headers["idempotency-replayed"] == "true"


async def test_another_request_under_the_same_key(client: httpx.AsyncClient) -> None:
    await make(client)
    problem(await make(client, "b"), 422, "idempotency-key-reused")
    assert (await make(client)).status_code == 201


async def test_a_key_is_the_callers_and_the_routes_own(
    client: httpx.AsyncClient, database: Database
) -> None:
    await make(client)
    other = await make(client, "b", **{"x-caller": "user:ben"})
    assert other.json()["name"] == "b"
    elsewhere = await client.post("/v1/slots", headers=KEY)
    assert elsewhere.status_code == 201
    assert await count(database, "idempotency_keys") == 3


async def test_an_expired_answer_is_none(client: httpx.AsyncClient, database: Database) -> None:
    with clock.moved_to(clock.now() - timedelta(hours=24, seconds=1)):
        await make(client)
    again = await make(client, "b")
    assert again.status_code == 201
    assert "idempotency-replayed" not in again.headers
    assert await count(database, "idempotency_keys") == 1
    assert (await make(client, "b")).headers["idempotency-replayed"] == "true"


async def test_purging_leaves_what_still_counts(
    client: httpx.AsyncClient, database: Database
) -> None:
    with clock.moved_to(clock.now() - timedelta(hours=25)):
        await make(client, **{"idempotency-key": "old"})
    await make(client, "b")
    async with writing(database, "job:purge") as session:
        assert await purge_expired(session, clock.now()) == 1
    assert await count(database, "idempotency_keys") == 1
    assert (await make(client, "b")).headers["idempotency-replayed"] == "true"


async def test_an_error_is_not_stored(client: httpx.AsyncClient, database: Database) -> None:
    for _ in range(2):
        problem(await make(client, path="/fails"), 409, "conflict")
    answer = await client.post("/v1/doomed", headers=KEY)
    problem(answer, 500, "internal-error")
    answer = await client.post("/v1/killed", headers=KEY)
    problem(answer, 503, "database-unavailable")
    assert await count(database, "things") == await count(database, "idempotency_keys") == 0


async def test_two_at_once_are_one(
    client: httpx.AsyncClient, app: FastAPI, database: Database
) -> None:
    first = asyncio.create_task(make(client, path="/slow"))
    await asyncio.wait_for(app.state.runs.arrived.wait(), 10)
    waiting = await make(client, path="/slow")
    problem(waiting, 409, "idempotency-key-in-use")
    assert int(waiting.headers["retry-after"]) > 0
    # Another caller's key of the same name is free.
    app.state.runs.arrived.clear()
    other = asyncio.create_task(make(client, "b", "/slow", **{"x-caller": "user:ben"}))
    await asyncio.wait_for(app.state.runs.arrived.wait(), 10)
    app.state.runs.may_go_on.set()
    assert (await other).status_code == 201
    assert (await first).status_code == 201
    again = await make(client, path="/slow")
    assert again.headers["idempotency-replayed"] == "true"
    assert again.content == (await first).content
    assert await count(database, "things") == await count(database, "idempotency_keys") == 2


async def test_a_crowd_is_one(client: httpx.AsyncClient, database: Database) -> None:
    answers = await asyncio.gather(*(make(client) for _ in range(8)))
    done = [a for a in answers if "idempotency-replayed" not in a.headers and a.is_success]
    assert len(done) == 1
    for answer in answers:
        if not answer.is_success:
            problem(answer, 409, "idempotency-key-in-use")
    assert await count(database, "things") == await count(database, "idempotency_keys") == 1


async def test_a_rerun_stores_the_answer_that_was_committed(
    client: httpx.AsyncClient, database: Database
) -> None:
    first = await client.post("/v1/races/2", headers=KEY)
    again = await client.post("/v1/races/2", headers=KEY)
    assert first.json() == again.json() == 3
    assert again.headers["idempotency-replayed"] == "true"
    assert await count(database, "things") == await count(database, "idempotency_keys") == 1
