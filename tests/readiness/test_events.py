"""Open pages hear of changes: over a real socket, from another client's write."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from api.auth.rules import Role
from api.db.pool import Database
from tests.jobs.waiting import PATIENCE
from tests.readiness.conftest import Asker, Body, rows, token_of


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[tuple[uvicorn.Server, str]]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_level="warning", lifespan="on")
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve([listening]))
        async with asyncio.timeout(PATIENCE):
            while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
                await asyncio.sleep(0.01)
            await app.state.listener.wait_live()
        try:
            yield server, f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await asyncio.wait_for(running, PATIENCE)


class Page:
    """An open stream, and the events that came over it."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

    async def read(self, answer: httpx.Response) -> None:
        name = ""
        async for line in answer.aiter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                self.events.put_nowait((name, json.loads(line.removeprefix("data: "))))

    async def next(self, within: float = PATIENCE) -> tuple[str, Any]:
        return await asyncio.wait_for(self.events.get(), within)


@asynccontextmanager
async def page(base: str, token: str) -> AsyncIterator[tuple[Page, asyncio.Task[None]]]:
    headers = {"authorization": f"Bearer {token}"}
    async with (
        httpx.AsyncClient(base_url=base, headers=headers, timeout=PATIENCE) as client,
        client.stream("GET", "/v1/events") as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        opened = Page()
        reading = asyncio.create_task(opened.read(answer))
        assert (await opened.next())[0] == "hello"
        try:
            yield opened, reading
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def heard(opened: Page, within: float = PATIENCE) -> Any:
    """The next change, past what says only that something may have been missed."""
    while True:
        name, data = await opened.next(within)
        if name == "school changed" and data["schools"] is not None:
            return data["schools"]


async def test_a_write_is_heard_within_a_second_by_who_may_see_it(
    admin: Asker, app: FastAPI, database: Database, school: Body
) -> None:
    await admin.network("M")
    other = await admin.school("B", network="M")
    everywhere = await token_of(database)
    here = await token_of(database, Role.viewer, network_id=UUID(school["network_id"]))
    lead = await token_of(
        database,
        Role.school_lead,
        network_id=UUID(school["network_id"]),
        school_ids=[UUID(school["id"])],
    )
    async with (
        serving(app) as (_, base),
        page(base, everywhere) as (all_of_it, _),
        page(base, here) as (mine, _),
        page(base, lead) as (leads, _),
        httpx.AsyncClient(
            base_url=base, headers={"authorization": f"Bearer {everywhere}"}
        ) as writer,
    ):
        task = {"key": "t", "title": "T", "gate": True}
        began = time.monotonic()
        (await writer.post("/v1/schools/B/tasks", json=task)).raise_for_status()
        assert await heard(all_of_it) == [other["id"]]
        assert time.monotonic() - began < 1
        (await writer.post("/v1/schools/A/tasks", json=task)).raise_for_status()
        # The other network's school was not for them: this is the first they hear.
        assert await heard(all_of_it) == [school["id"]]
        assert await heard(mine) == [school["id"]]
        assert await heard(leads) == [school["id"]]


async def test_a_change_of_the_network_says_look_again(
    admin: Asker, app: FastAPI, database: Database, school: Body
) -> None:
    token = await token_of(database)
    async with serving(app) as (_, base), page(base, token) as (opened, _):
        await asyncio.sleep(0.1)
        while not opened.events.empty():
            opened.events.get_nowait()
        await admin.network_task("n")
        assert await opened.next() == ("school changed", {"schools": None})


async def test_an_open_stream_holds_no_connection_and_no_transaction(
    admin: Asker, app: FastAPI, database: Database, school: Body
) -> None:
    token = await token_of(database)
    async with serving(app) as (_, base), page(base, token), page(base, token):
        await asyncio.sleep(0.3)
        stats = database.pool.get_stats()
        assert stats["pool_available"] == stats["pool_size"]
        open_now = await rows(
            database,
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND state = 'idle in transaction'",
        )
        assert open_now == [(0,)]


async def test_streams_end_when_the_server_stops(
    admin: Asker, app: FastAPI, database: Database, school: Body
) -> None:
    token = await token_of(database)
    async with serving(app) as (server, base):
        async with page(base, token) as (_, reading):
            began = time.monotonic()
            app.state.listener.end_streams()
            await asyncio.wait_for(reading, PATIENCE)
            assert time.monotonic() - began < 5
        assert server.started


@pytest.mark.parametrize("token", [None, "fb_nobody_nothing"])
async def test_a_stranger_hears_nothing(app: FastAPI, database: Database, token: str) -> None:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with serving(app) as (_, base):
        answer = await asyncio.to_thread(httpx.get, f"{base}/v1/events", headers=headers)
        assert answer.status_code == 401
