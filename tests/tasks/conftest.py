"""The whole application over a real database, and short words for what tests ask of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from api import wiring
from api.auth.passwords import hash_password
from api.auth.rules import Role
from api.auth.service import create_user
from api.auth.tokens import create_token
from api.db.pool import Database
from api.db.uow import writing
from api.settings import Settings
from api.tasks import library

As = Callable[..., AbstractAsyncContextManager["Caller"]]
Body = dict[str, Any]
BASE = "http://firstbell.test"
NETWORK = {
    "name": "A network",
    "timezone": "America/Chicago",
    "country": "US",
    "region": "IL",
}


class Caller:
    """A client with a token of its own; every call says which status it expects."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def answer(
        self, method: str, path: str, json: Body | None = None, **headers: str
    ) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.request(method, f"/v1{path}", json=json, headers=named)

    async def _body(self, method: str, path: str, json: Body | None, status: int) -> Any:
        answer = await self.answer(method, path, json)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def get(self, path: str, status: int = 200) -> Any:
        return await self._body("GET", path, None, status)

    async def post(self, path: str, json: Body | None = None, status: int = 200) -> Any:
        return await self._body("POST", path, json, status)

    async def put(self, path: str, json: Body | None = None, status: int = 200) -> Any:
        return await self._body("PUT", path, json, status)

    async def delete(self, path: str, status: int = 204) -> Any:
        return await self._body("DELETE", path, None, status)

    async def patch(self, path: str, json: Body, status: int = 200) -> Any:
        """Read, then change what was read."""
        etag = (await self.answer("GET", path)).headers["etag"]
        answer = await self.answer("PATCH", path, json, if_match=etag)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def school(self, code: str = "A", network: str = "N", **given: Any) -> Body:
        body = {"code": code, "name": f"School {code}", "network": network, **given}
        made: Body = await self.post("/schools", body, 201)
        return made

    async def task(self, key: str, school: str = "A", **given: Any) -> Body:
        body = {"key": key, "title": key.upper(), **given}
        made: Body = await self.post(f"/schools/{school}/tasks", body, 201)
        return made

    async def network_task(self, key: str, network: str = "N", **given: Any) -> Body:
        body = {"key": key, "title": key.upper(), **given}
        made: Body = await self.post(f"/networks/{network}/tasks", body, 201)
        return made

    async def tasks(self, school: str = "A") -> dict[str, Body]:
        """All tasks of a school's current rollout by key."""
        listed = await self.get(f"/schools/{school}/tasks?limit=1000")
        return {task["key"]: task for task in listed["items"]}


@pytest.fixture
async def database(settings: Settings, database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, settings, wiring.build_bus()) as opened:
        yield opened


@pytest.fixture
def calling(app: FastAPI, database: Database) -> As:
    """A caller with a token: `calling(Role.ops, network_id=...)`."""

    @asynccontextmanager
    async def opened(role: Role = Role.admin, **limits: Any) -> AsyncIterator[Caller]:
        async with writing(database, "job:test") as session:
            token = await create_token(session, name=role.value, role=role, **limits)
        headers = {"authorization": f"Bearer {token}"}
        async with _client(app, **headers) as client:
            yield Caller(client)

    return opened


@pytest.fixture
async def admin(calling: As) -> AsyncIterator[Caller]:
    async with calling() as opened:
        yield opened


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in, and makes tokens."""

    browser: Caller
    app: FastAPI

    async def token(self, by: Caller | None = None, **given: Any) -> Caller:
        """A script of theirs; `by` another of their scripts."""
        body = {"name": "script", "role": "admin", **given}
        made = await (by or self.browser).post("/tokens", body, 201)
        return Caller(_client(self.app, authorization=f"Bearer {made['token']}"))


def _client(app: FastAPI, **headers: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url=BASE, headers=headers, timeout=60
    )


@pytest.fixture
async def person(app: FastAPI, database: Database) -> Person:
    """An admin who signed in with a password."""
    async with writing(database, "job:test") as session:
        hashed = await hash_password("a password of hers")
        await create_user(
            session, email="ada@n.org", name="Ada", role=Role.admin, password_hash=hashed
        )
    browser = Caller(_client(app, origin=BASE))
    given = {"email": "ada@n.org", "password": "a password of hers"}
    await browser.post("/sign-in", given)
    return Person(browser, app)


@pytest.fixture
async def network(admin: Caller) -> Body:
    """The network N."""
    made: Body = await admin.post("/networks", NETWORK | {"code": "N"}, 201)
    return made


@pytest.fixture
async def school(admin: Caller, network: Body) -> Body:
    """School A of network N, which prepares 23 August 2027."""
    return await admin.school(first_bell="2027-08-23")


@pytest.fixture
async def lead(calling: As, school: Body) -> AsyncIterator[Caller]:
    """The lead of school A."""
    async with calling(
        Role.school_lead, network_id=UUID(school["network_id"]), school_ids=[UUID(school["id"])]
    ) as opened:
        yield opened


@pytest.fixture
async def shipped(database: Database) -> None:
    """The playbooks that ship are in the catalogue."""
    async with writing(database, "job:test") as session:
        await library.ship(session)


async def rows(database: Database, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """What a select sees, straight from the database."""
    async with database.raw() as connection:
        found = await connection.execute(statement.encode(), values)
        return await found.fetchall()


async def edges(database: Database) -> set[tuple[str, str, int]]:
    """Every dependency there is: (predecessor's key, successor's key, lag)."""
    found = await rows(
        database,
        "SELECT p.key, s.key, d.lag_days FROM dependencies d"
        " JOIN tasks p ON p.id = d.predecessor_id JOIN tasks s ON s.id = d.successor_id",
    )
    return {(row[0], row[1], row[2]) for row in found}
