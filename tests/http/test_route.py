"""One transaction a request: run again when it lost a race, and only then."""

import asyncio
from contextlib import AsyncExitStack

import httpx
import pytest
from fastapi import FastAPI

from api.db.uow import ATTEMPTS
from tests.http.test_problems import problem

pytestmark = pytest.mark.anyio


async def _values(client: httpx.AsyncClient, *names: str) -> list[str]:
    return [(await client.get(f"/v1/things/{name}")).text for name in names]


async def test_a_deadlock_is_run_again(client: httpx.AsyncClient, app: FastAPI) -> None:
    for name in "ab":
        await client.post("/v1/things", json={"name": name})
    app.state.runs.started.clear()
    answers = await asyncio.gather(
        client.post("/v1/things/a/then/b"), client.post("/v1/things/b/then/a")
    )
    assert [answer.status_code for answer in answers] == [200, 200]
    # Both did hold one and wait for the other: one was ended by the server, and ran once more.
    assert len(app.state.runs.started) == 3
    assert await _values(client, "a", "b") == ["2", "2"]


async def test_a_serialization_failure_is_run_again(
    client: httpx.AsyncClient, app: FastAPI
) -> None:
    await client.post("/v1/things", json={"name": "a"})
    app.state.runs.started.clear()
    answers = await asyncio.gather(*(client.post("/v1/things/a/count") for _ in range(2)))
    assert sorted(answer.json() for answer in answers) == [1, 2]
    assert len(app.state.runs.started) == 3
    assert await _values(client, "a") == ["2"]


async def test_a_race_lost_at_the_commit_is_run_again(
    client: httpx.AsyncClient, app: FastAPI
) -> None:
    key = {"idempotency-key": "a"}
    answer = await client.post("/v1/contested", headers=key)
    assert (answer.status_code, answer.json()) == (201, 3)
    assert (await client.post("/v1/contested", headers=key)).json() == 3
    assert len(app.state.runs.started) == 3


async def test_it_gives_up_after_some_attempts(client: httpx.AsyncClient, app: FastAPI) -> None:
    answer = await client.post(f"/v1/races/{ATTEMPTS - 1}")
    assert (answer.status_code, answer.json()) == (201, ATTEMPTS)
    app.state.runs.started.clear()
    answer = await client.post(f"/v1/races/{ATTEMPTS}")
    problem(answer, 503, "transaction-busy")
    assert answer.headers["retry-after"]
    assert len(app.state.runs.started) == ATTEMPTS
    assert (await client.get("/v1/count-rows")).json() == 1


async def test_a_stream_is_not_run_again(client: httpx.AsyncClient, app: FastAPI) -> None:
    problem(await client.post("/v1/streams", content=b"rows"), 503, "database-unavailable")
    assert app.state.runs.started == ["stream"]


async def test_another_error_is_not_run_again(client: httpx.AsyncClient, app: FastAPI) -> None:
    await client.post("/v1/things", json={"name": "a"})
    problem(await client.post("/v1/things", json={"name": "a"}), 409, "conflict")
    assert app.state.runs.started == ["a", "a"]


@pytest.mark.parametrize("path", ["doomed", "killed", f"races/{ATTEMPTS}", "slots"])
async def test_no_connection_is_left_behind(
    client: httpx.AsyncClient, app: FastAPI, path: str
) -> None:
    for _ in range(2):
        await client.post(f"/v1/{path}")
    pool = app.state.database.pool
    async with AsyncExitStack() as held:
        for _ in range(pool.max_size):
            await held.enter_async_context(pool.connection(timeout=10))
