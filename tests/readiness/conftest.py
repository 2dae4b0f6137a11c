"""The whole application over a real database, with a caller who says what it expects."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from api import wiring
from api.auth.rules import Role
from api.auth.tokens import create_token
from api.db.pool import Database
from api.db.uow import writing
from api.settings import Settings
from api.tasks import library

Body = dict[str, Any]


class Asker:
    """A client with a token of its own; a call fails unless it is answered as expected."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def ask(
        self, method: str, path: str, body: Body | None = None, **headers: str
    ) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.request(method, f"/v1{path}", json=body, headers=named)

    async def get(self, path: str, status: int = 200) -> Any:
        answer = await self.ask("GET", path)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def post(self, path: str, body: Body | None = None, status: int = 200) -> Any:
        answer = await self.ask("POST", path, body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def change(self, path: str, body: Body) -> Any:
        """Read, then change what was read."""
        etag = (await self.ask("GET", path)).headers["etag"]
        answer = await self.ask("PATCH", path, body, if_match=etag)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def network(self, code: str = "N", **given: Any) -> Body:
        body = {
            "code": code,
            "name": f"Network {code}",
            "timezone": "America/Chicago",
            "country": "US",
            "region": "IL",
        }
        made: Body = await self.post("/networks", body | given, 201)
        return made

    async def school(self, code: str = "A", network: str = "N", **given: Any) -> Body:
        body = {"code": code, "name": f"School {code}", "network": network, **given}
        made: Body = await self.post("/schools", body, 201)
        return made

    async def task(self, key: str, school: str = "A", **given: Any) -> Body:
        body = {"key": key, "title": key.upper(), "gate": True, **given}
        made: Body = await self.post(f"/schools/{school}/tasks", body, 201)
        return made

    async def network_task(self, key: str, network: str = "N", **given: Any) -> Body:
        body = {"key": key, "title": key.upper(), **given}
        made: Body = await self.post(f"/networks/{network}/tasks", body, 201)
        return made

    async def complete(self, task: Body) -> Body:
        path = f"/tasks/{task['id']}/complete"
        done: Body = await self.post(path, {"override_reason": "seen"})
        return done

    async def evidence(self, task: Body, **known: Any) -> Body:
        moved: Body = await self.post(f"/tasks/{task['id']}/evidence", known)
        return moved

    async def readiness(self, school: str = "A") -> Body:
        answer: Body = await self.get(f"/schools/{school}/readiness")
        return answer

    async def board(self, query: str = "") -> Body:
        answer: Body = await self.get(f"/readiness{query}")
        return answer


As = Callable[..., AbstractAsyncContextManager[Asker]]


@pytest.fixture
async def database(settings: Settings, database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, settings, wiring.build_bus()) as opened:
        yield opened


async def token_of(database: Database, role: Role = Role.admin, **limits: Any) -> str:
    async with writing(database, "job:test") as session:
        return await create_token(session, name=role.value, role=role, **limits)


@pytest.fixture
def asking(app: FastAPI, database: Database) -> As:
    """An asker with a token: `asking(Role.ops, network_id=...)`."""

    @asynccontextmanager
    async def opened(role: Role = Role.admin, **limits: Any) -> AsyncIterator[Asker]:
        token = await token_of(database, role, **limits)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://firstbell.test",
            headers={"authorization": f"Bearer {token}"},
            timeout=60,
        ) as client:
            yield Asker(client)

    return opened


@pytest.fixture
async def admin(asking: As) -> AsyncIterator[Asker]:
    async with asking() as opened:
        yield opened


@pytest.fixture
async def school(admin: Asker) -> Body:
    """School A of network N, which prepares 23 August 2027."""
    await admin.network()
    return await admin.school(first_bell="2027-08-23")


@pytest.fixture
async def lead(asking: As, school: Body) -> AsyncIterator[Asker]:
    """The lead of school A."""
    async with asking(
        Role.school_lead, network_id=UUID(school["network_id"]), school_ids=[UUID(school["id"])]
    ) as opened:
        yield opened


@pytest.fixture
async def shipped(database: Database) -> None:
    """The playbooks that ship are in the catalogue."""
    async with writing(database, "job:test") as session:
        await library.ship(session)


async def rows(database: Database, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """What a statement answers, straight from the database."""
    async with database.raw() as connection:
        found = await connection.execute(statement.encode(), values)
        return await found.fetchall() if found.description else []
