"""The room's routers on a small application over the real database, with real tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.auth.rules import Role
from api.auth.tokens import create_token
from api.db.pool import Database
from api.db.uow import writing
from api.http import problems
from api.schools.routes import router, uploads
from api.settings import Settings

Client = httpx.AsyncClient
As = Callable[..., AbstractAsyncContextManager[Client]]
Call = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
def app(database: Database, settings: Settings) -> FastAPI:
    app = FastAPI(max_body_size=settings.max_body_bytes)
    app.state.database, app.state.settings = database, settings
    problems.install(app)
    app.include_router(router)
    app.include_router(uploads, max_body_size=settings.max_upload_bytes)
    return app


@pytest.fixture
def calling(app: FastAPI, database: Database) -> As:
    """A client with a token of its own: `calling(Role.ops, network_id=...)`."""

    @asynccontextmanager
    async def opened(role: Role = Role.admin, **limits: Any) -> AsyncIterator[Client]:
        async with writing(database, "job:test") as session:
            token = await create_token(session, name=role.value, role=role, **limits)
        transport = httpx.ASGITransport(app)
        headers = {"authorization": f"Bearer {token}"}
        async with Client(
            transport=transport, base_url="http://127.0.0.1", headers=headers
        ) as client:
            yield client

    return opened


@pytest.fixture
async def client(calling: As) -> AsyncIterator[Client]:
    """An admin of everything."""
    async with calling() as opened:
        yield opened


CPS = {
    "code": "CPS",
    "name": "Chicago Public Schools",
    "timezone": "America/Chicago",
    "country": "US",
    "region": "IL",
}


@pytest.fixture
async def cps(client: Client) -> dict[str, Any]:
    return await made(client, "/v1/networks", CPS)


@pytest.fixture
async def kipp(client: Client) -> dict[str, Any]:
    given = CPS | {"code": "KIPP", "name": "KIPP Chicago"}
    return await made(client, "/v1/networks", given)


async def made(client: Client, path: str, given: dict[str, Any]) -> dict[str, Any]:
    """What a POST made; fails unless it answered 201."""
    answer = await client.post(path, json=given)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def changed(
    client: Client, path: str, patch: dict[str, Any], status: int = 200
) -> httpx.Response:
    """Read, then change what was read."""
    etag = (await client.get(path)).headers["etag"]
    answer = await client.patch(path, json=patch, headers={"if-match": etag})
    assert answer.status_code == status, answer.text
    return answer


async def imported(client: Client, content: str | bytes, **query: str) -> httpx.Response:
    raw = content.encode() if isinstance(content, str) else content
    return await client.post(
        "/v1/schools/import", content=raw, params=query, headers={"content-type": "text/csv"}
    )
