"""The whole application, vendors in it, and events signed as vendors sign them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import standardwebhooks
from fastapi import FastAPI
from sqlalchemy import select
from sqlmodel import col

from api import clock, wiring
from api.auth.rules import Role
from api.auth.tokens import create_token
from api.db.pool import Database
from api.db.uow import reading, writing
from api.settings import Settings
from api.webhooks.models import WebhookEvent
from tests.webhooks.scene import Scene, make_schools

Client = httpx.AsyncClient


@pytest.fixture
async def database(settings: Settings, database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, settings, wiring.build_bus()) as opened:
        yield opened


@pytest.fixture
async def app(app: FastAPI) -> AsyncIterator[FastAPI]:
    async with app.router.lifespan_context(app):
        yield app


def client_of(app: FastAPI, token: str | None = None) -> Client:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return Client(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1", headers=headers, timeout=60
    )


@pytest.fixture
async def client(app: FastAPI, database: Database) -> AsyncIterator[Client]:
    """An admin of everything."""
    async with writing(database, "job:test") as session:
        token = await create_token(session, name="admin", role=Role.admin)
    async with client_of(app, token) as opened:
        yield opened


@pytest.fixture
async def stranger(app: FastAPI) -> AsyncIterator[Client]:
    """Who posts webhooks: nobody known."""
    async with client_of(app) as opened:
        yield opened


@dataclass(frozen=True, slots=True)
class Sender:
    """A vendor's end: its slug, and its secret where it has one."""

    slug: str
    secret: str

    @property
    def path(self) -> str:
        return f"/v1/webhooks/{self.slug}"


async def add_vendor(client: Client, slug: str = "acme", **given: Any) -> Sender:
    answer = await client.post("/v1/vendors", json={"slug": slug, "name": slug.title(), **given})
    assert answer.status_code == 201, answer.text
    return Sender(slug, answer.json()["secret"] or "")


@pytest.fixture
async def acme(client: Client) -> Sender:
    """A seller that signs as Standard Webhooks."""
    return await add_vendor(client)


def signed(secret: str, body: bytes, event_id: str | None = None) -> dict[str, str]:
    """The headers of a body as `standardwebhooks`, which is not ours, signs it now."""
    event_id, now = event_id or f"msg_{uuid4().hex}", clock.now()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": standardwebhooks.Webhook(secret).sign(event_id, now, body.decode()),
        "content-type": "application/json",
    }


async def post_event(
    stranger: Client, sender: Sender, document: object, event_id: str | None = None
) -> httpx.Response:
    """Post what a Standard Webhooks vendor sends: bytes as they are, anything else as JSON."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    headers = signed(sender.secret, body, event_id)
    return await stranger.post(sender.path, content=body, headers=headers)


async def events_of(database: Database) -> list[WebhookEvent]:
    """Everything in the inbox, oldest first."""
    async with reading(database) as session:
        found = await session.scalars(select(WebhookEvent).order_by(col(WebhookEvent.id)))
        return list(found.all())


async def vendor_id_of(client: Client, slug: str) -> UUID:
    return UUID((await client.get(f"/v1/vendors/{slug}")).json()["id"])


async def all_of(*calls: Any) -> list[Any]:
    """At once, as vendors post."""
    return list(await asyncio.gather(*calls))


@pytest.fixture
async def scene(
    client: Client, stranger: Client, acme: Sender, database: Database, settings: Settings
) -> Scene:
    """Four schools, and acme to tell of their orders."""
    await make_schools(client)
    return Scene(client, partial(post_event, stranger, acme), database, settings)
