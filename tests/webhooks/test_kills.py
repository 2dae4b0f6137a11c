"""A day of events, shuffled and doubled, posted to a server that is killed again and again."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from api import clock, wiring
from api.auth.rules import Role
from api.auth.tokens import create_token
from api.db import schema
from api.db.pool import Database
from api.db.uow import writing
from api.settings import Settings
from api.webhooks.backlog import any_waiting
from api.webhooks.jobs import drain
from api.webhooks.secrets import sealer_for
from tests.jobs.waiting import PATIENCE
from tests.mother import Mother
from tests.shelf import furnished
from tests.webhooks.conftest import Client, Sender, add_vendor, client_of, post_event, signed
from tests.webhooks.scene import (
    SCHOOLS,
    Told,
    day_of,
    make_schools,
    order_of,
    place,
    rows,
    shuffled,
    tables,
)

ORDERS = [(f"PO-{number}", dict.fromkeys(SCHOOLS, 2 + number)) for number in range(5)]
KILLS = 2
CONNECTIONS = 8


@asynccontextmanager
async def world(
    built_app: FastAPI, settings: Settings, url: str
) -> AsyncIterator[tuple[Database, Client, Sender]]:
    """A database with schools, a seller and its placed orders; and a way to ask about them."""
    async with Database(url, settings, wiring.build_bus()) as database:
        app = furnished(built_app, settings, database)
        async with app.router.lifespan_context(app):
            async with writing(database, "job:test") as session:
                token = await create_token(session, name="admin", role=Role.admin)
            async with client_of(app, token) as client:
                await make_schools(client)
                sender = await add_vendor(client)
                for number, shares in ORDERS:
                    await place(client, order_of("acme", number, shares))
                yield database, client, sender


@dataclass
class Mortal:
    """`firstbell serve` on a database that outlives it, always at the same address."""

    settings: Settings
    log: Path
    port: int
    mother: Mother
    kills: int = 0
    pid: int | None = None

    def start(self) -> None:
        key = self.settings.secret_key or SecretStr("")
        environment = {
            **os.environ,
            "FIRSTBELL_DATABASE_URL": self.settings.database_url or "",
            "FIRSTBELL_SECRET_KEY": key.get_secret_value(),
            "FIRSTBELL_DATA_DIR": str(self.settings.data_dir),
            "FIRSTBELL_PORT": str(self.port),
        }
        self.pid = self.mother.bear(["serve"], environment, self.log)

    def kill(self) -> None:
        """At once, in the middle of whatever it does."""
        assert self.pid is not None
        self.mother.kill(self.pid)
        self.kills += 1


@pytest.fixture
def mortal(settings: Settings, tmp_path: Path) -> Iterator[Mortal]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with Mother() as mother:
        yield Mortal(settings, tmp_path / "log", port, mother)


async def send(told: list[Told], sender: Sender, mortal: Mortal) -> dict[str, list[int]]:
    """Post everything until it is answered well, as vendors do; kill the server on the way."""
    left = list(reversed(told))
    answered: dict[str, list[int]] = {}
    points = [len(told) * (number + 1) // (KILLS + 1) for number in range(KILLS)]
    base = f"http://127.0.0.1:{mortal.port}"

    async def one_after_another(client: httpx.AsyncClient) -> None:
        while left:
            event_id, event = left.pop()
            status = 0
            while not status:
                status = await post(client, sender, event_id, event)
            answered.setdefault(event_id, []).append(status)
            if points and len(told) - len(left) >= points[0]:
                points.pop(0)
                await asyncio.to_thread(mortal.kill)
                mortal.start()

    async with httpx.AsyncClient(base_url=base, timeout=PATIENCE) as client:
        await asyncio.gather(*(one_after_another(client) for _ in range(CONNECTIONS)))
    return answered


async def post(client: httpx.AsyncClient, sender: Sender, event_id: str, event: object) -> int:
    """The status when it is taken; 0 when it has to be sent again."""
    body = json.dumps(event).encode()
    headers = signed(sender.secret, body, event_id)
    try:
        answer = await client.post(sender.path, content=body, headers=headers)
    except httpx.TransportError:
        # It is being started again.
        await asyncio.sleep(0.05)
        return 0
    return answer.status_code if answer.is_success else 0


async def settled(database: Database) -> None:
    """Return once nothing waits in the inbox."""
    async with asyncio.timeout(PATIENCE):
        while await any_waiting(database):  # noqa: ASYNC110 (another process applies it)
            await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_nothing_is_lost_or_doubled_while_the_server_is_killed(
    built_app: FastAPI,
    settings: Settings,
    database_url: str,
    empty_database_url: str,
    mortal: Mortal,
) -> None:
    told = day_of(ORDERS, clock.now().replace(microsecond=0) - timedelta(days=1))
    await asyncio.to_thread(schema.migrate, empty_database_url)
    async with world(built_app, settings, empty_database_url) as (database, client, sender):
        for number, (event_id, event) in enumerate(told, 1):
            assert (await post_event(client, sender, event, event_id)).status_code == 202
            if number % 10 == 0:
                await drain(database, sealer_for(settings))
        await drain(database, sealer_for(settings))
        expected = await tables(database)

    async with world(built_app, settings, database_url) as (database, _, sender):
        mortal.start()
        answered = await send(shuffled(told, seed=1), sender, mortal)
        # Once more, when the last were stored and may not have been applied.
        await asyncio.to_thread(mortal.kill)
        mortal.start()
        await settled(database)
        assert mortal.kills == KILLS + 1
        assert answered.keys() == {event_id for event_id, _ in told}
        assert {status for some in answered.values() for status in some} == {200, 202}
        inbox = await rows(database, "SELECT key, outcome FROM webhook_events")
        assert sorted(inbox) == sorted((event_id, "applied") for event_id, _ in told)
        assert await tables(database) == expected
        assert all(len(found) for found in expected.values())
