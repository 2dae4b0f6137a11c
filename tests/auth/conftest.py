"""The auth routers on a small application over the real database, and people to use them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI

from api import clock
from api.auth.caller import Caller
from api.auth.dependencies import Reading, Writing, allow
from api.auth.models import User
from api.auth.passwords import hash_password
from api.auth.routes import router
from api.auth.rules import Right, Role
from api.auth.service import create_user
from api.auth.sign_in_routes import elsewhere_router, open_router
from api.auth.tokens import create_token
from api.db.pool import Database
from api.db.uow import writing
from api.http import problems
from api.http.route import TransactionalRoute
from api.schools.models import Network, School
from api.settings import Settings

PASSWORD = "correct horse battery"
ORIGIN = "http://127.0.0.1:8000"

Client = httpx.AsyncClient
ClientMaker = Callable[..., AbstractAsyncContextManager[Client]]
TokenMaker = Callable[..., Awaitable[str]]
UserMaker = Callable[..., Awaitable[User]]


@dataclass(frozen=True, slots=True)
class World:
    """Two networks: `a` with two schools, `b` with one."""

    network_a: UUID
    network_b: UUID
    school_a1: UUID
    school_a2: UUID
    school_b1: UUID


probe = APIRouter(route_class=TransactionalRoute)


@probe.post("/v1/probe", status_code=201)
async def write_something(
    caller: Annotated[Caller, Depends(allow(Right.tasks_write))], session: Writing
) -> dict[str, str]:
    return {"actor": session.actor, "name": caller.name}


@probe.get("/v1/probe")
async def forget_to_ask_for_a_right(session: Reading) -> dict[str, bool]:
    return {"open": session.is_active}


def build_app(database: Database, settings: Settings) -> FastAPI:
    app = FastAPI()
    app.state.database, app.state.settings = database, settings
    problems.install(app)
    for each in (router, open_router, elsewhere_router, probe):
        app.include_router(each)
    return app


@pytest.fixture
def app(database: Database, settings: Settings) -> FastAPI:
    return build_app(database, settings)


@pytest.fixture
def connect(app: FastAPI) -> ClientMaker:
    """A client of the application: `token=` for a script, `address=` for where it comes from."""

    @asynccontextmanager
    async def opened(
        token: str | None = None, address: str = "192.0.2.1", origin: str | None = None
    ) -> AsyncIterator[Client]:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        if origin:
            headers["origin"] = origin
        transport = httpx.ASGITransport(app, client=(address, 40000))
        async with Client(transport=transport, base_url=ORIGIN, headers=headers) as client:
            yield client

    return opened


@pytest.fixture
async def client(connect: ClientMaker) -> AsyncIterator[Client]:
    """Nobody yet, with the origin header that a browser on our own page sends."""
    async with connect(origin=ORIGIN) as opened:
        yield opened


@pytest.fixture
async def world(database: Database) -> World:
    now = clock.now()
    times: dict[str, Any] = {"created_at": now, "updated_at": now}
    networks = [
        Network(code=code, name=code, timezone="America/Chicago", country="US", **times)
        for code in ("NET-A", "NET-B")
    ]
    schools = [
        School(network_id=network.id, code=code, name=code, timezone="America/Chicago", **times)
        for code, network in (("A1", networks[0]), ("A2", networks[0]), ("B1", networks[1]))
    ]
    async with writing(database, "job:test") as session:
        session.add_all(networks)
        await session.flush()
        await session.touch_networks(network.id for network in networks)
        session.add_all(schools)
    return World(*(network.id for network in networks), *(school.id for school in schools))


@pytest.fixture(scope="session")
async def password_hash() -> str:
    return await hash_password(PASSWORD)


@pytest.fixture
def make_user(database: Database, password_hash: str) -> UserMaker:
    """Makes a user with `PASSWORD`."""

    async def make(email: str, role: Role = Role.admin, **kwargs: Any) -> User:
        async with writing(database, "job:test") as session:
            return await create_user(
                session,
                email=email,
                name=email,
                role=role,
                password_hash=password_hash,
                **kwargs,
            )

    return make


@pytest.fixture
def make_token(database: Database) -> TokenMaker:
    async def make(role: Role = Role.admin, **kwargs: Any) -> str:
        async with writing(database, "job:test") as session:
            return await create_token(session, name=role.value, role=role, **kwargs)

    return make


@pytest.fixture
async def admin(make_token: TokenMaker, connect: ClientMaker) -> AsyncIterator[Client]:
    """An admin's token, for every network and all names."""
    async with connect(token=await make_token(sees_names=True)) as opened:
        yield opened


async def sign_in(client: Client, email: str, password: str = PASSWORD) -> httpx.Response:
    return await client.post("/v1/sign-in", json={"email": email, "password": password})
