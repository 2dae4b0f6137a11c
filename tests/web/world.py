"""The schools that the pages are tested on, made through the public API of a real server."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import psycopg
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from api import wiring
from api.app import furnish, stop_gracefully
from api.auth.passwords import hash_password
from api.auth.rules import Role
from api.auth.service import create_user, sign_in_link
from api.auth.tokens import create_token
from api.db import schema
from api.db.embedded import EmbeddedServer
from api.db.pool import Database
from api.db.uow import WriteSession, transact
from api.facts import Bus
from api.settings import Settings
from tests.shelf import made_once

T = TypeVar("T")
PASSWORD = "a bell rings at eight"
EMAIL = "dana@schools.example"
VIEWER = "vera@schools.example"
# So many that most of the board's rows are outside of any window.
CROWD = 150
STARTS_WITHIN_SECONDS = 30
CHICAGO = ZoneInfo("America/Chicago")


@dataclass(frozen=True)
class World:
    """A served FirstBell: its address, an API client with an admin's token, and first bell."""

    url: str
    api: httpx.Client
    first_bell: date
    settings: Settings


def in_thread(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine where no event loop runs: Playwright keeps one in the test's own thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(work())).result()


def in_database(settings: Settings, work: Callable[[WriteSession], Awaitable[T]]) -> T:
    async def run() -> T:
        assert settings.database_url is not None
        async with Database(settings.database_url, settings, Bus()) as database:
            return await transact(database, "job:test", work)

    return in_thread(run)


def one_time_link(world: World, email: str) -> str:
    """The secret of a link that signs this user in."""

    async def work(session: WriteSession) -> str:
        return await sign_in_link(session, email)

    return in_database(world.settings, work)


async def _people(session: WriteSession) -> str:
    hashed = await hash_password(PASSWORD)
    for email, name, role in (
        (EMAIL, "Dana Díaz", Role.admin),
        (VIEWER, "Vera Okafor", Role.viewer),
    ):
        await create_user(session, email=email, name=name, role=role, password_hash=hashed)
    return await create_token(session, name="tests", role=Role.admin)


@contextmanager
def served(server: EmbeddedServer, app: FastAPI, folder: Path) -> Iterator[World]:
    """FirstBell on a free port of loopback, with a database of its own and the test's schools.

    `app` has to open its database itself, and has none while it is not served.
    """

    def filled(url: str) -> str:
        """What does not change from one file of tests to the next is made once a run."""
        schema.migrate(url)
        settings = _settings(url, folder)
        token = in_database(settings, _people)
        with _calling(app, settings, token, _first_bell()) as world:
            fill(world)
        return json.dumps({"token": token, "first_bell": world.first_bell.isoformat()})

    known = json.loads(made_once(server.url, "schools_of_pages", filled))
    name = f"web_{uuid4().hex}"
    # As superuser: an autovacuum worker may be looking at it when it is dropped.
    with psycopg.connect(server.url("postgres", user="postgres"), autocommit=True) as connection:
        copy = f"CREATE DATABASE {name} TEMPLATE schools_of_pages OWNER firstbell"
        connection.execute(copy.encode())
        settings = _settings(server.url(name), folder)
        first_bell = date.fromisoformat(known["first_bell"])
        with _calling(app, settings, known["token"], first_bell) as world:
            yield world
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _settings(url: str, folder: Path) -> Settings:
    return Settings(
        data_dir=folder,
        database_url=url,
        secret_key=SecretStr("x" * 43),
        log_level="ERROR",
        embedded_worker=False,
        # Never asked: the page only offers it.
        oidc_issuer="https://identity.example",
        oidc_client_id="firstbell",
        oidc_client_secret=SecretStr("secret"),
    )


@contextmanager
def _calling(app: FastAPI, settings: Settings, token: str, first_bell: date) -> Iterator[World]:
    headers = {"authorization": f"Bearer {token}"}
    with (
        _running(app, settings) as url,
        httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False) as api,
    ):
        yield World(url, api, first_bell, settings)


@contextmanager
def _running(app: FastAPI, settings: Settings) -> Iterator[str]:
    assert settings.database_url is not None
    furnish(app, settings, Database(settings.database_url, settings, wiring.build_bus()))
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="on"
    )
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run)
    thread.start()
    waited = threading.Event()
    for _ in range(STARTS_WITHIN_SECONDS * 20):
        if running.started or not thread.is_alive():
            break
        waited.wait(0.05)
    assert running.started, "the server did not start"
    port = running.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        running.should_exit = True
        # Else it would wait for the browsers' event streams to end.
        stop_gracefully(app)
        thread.join()


def _first_bell() -> date:
    """A Monday."""
    day = datetime.now(CHICAGO).date() + timedelta(days=56)
    return day + timedelta(days=-day.weekday() % 7)


def post(world: World, path: str, body: Any = None) -> Any:
    answer = world.api.post(path, json={} if body is None else body)
    assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
    return answer.json()


def task_id(world: World, school: str, key: str) -> str:
    items = world.api.get(f"/v1/schools/{school}/tasks?limit=1000").json()["items"]
    return str(next(item["id"] for item in items if item["key"] == key))


def add_task(world: World, school: str, key: str, title: str, **fields: Any) -> str:
    body = {"key": key, "title": title, "workstream": key.partition(".")[0], **fields}
    return str(post(world, f"/v1/schools/{school}/tasks", body)["id"])


def fill(world: World) -> None:
    """Two networks: six schools with plans, and a crowd without."""
    for code, name in (("NORTH", "North Side Schools"), ("SOUTH", "South Side Schools")):
        body = {"code": code, "name": name, "timezone": "America/Chicago", "country": "US"}
        post(world, "/v1/networks", {**body, "region": "IL"})
    bell = world.first_bell.isoformat()
    for code, name, network in (
        ("ALPHA", "Alpha Academy", "NORTH"),
        ("BRAVO", "Bravo High School", "NORTH"),
        ("CHARLIE", "Charlie Elementary", "NORTH"),
        ("DELTA", "Delta School", "SOUTH"),
        ("ECHO", "Echo Charter School", "SOUTH"),
    ):
        post(
            world,
            "/v1/schools",
            {
                "code": code,
                "name": name,
                "network": network,
                "model": "one_to_one",
                "first_bell": bell,
                "wave": "A" if network == "NORTH" else "B",
            },
        )
    _late(world, "ALPHA")
    gate = add_task(world, "BRAVO", "change.go", "Go or no-go", gate=True)
    post(world, f"/v1/tasks/{gate}/complete")
    for school in ("CHARLIE", "DELTA", "ECHO"):
        _on_track(world, school)
    _crowd(world)


def _late(world: World, school: str) -> None:
    """Devices are promised for two days after first bell."""
    add_task(world, school, "devices.order", "Place the order", duration_days=2)
    receive = add_task(
        world,
        school,
        "devices.receive",
        "Receive PO-118",
        gate=True,
        depends_on=["devices.order"],
    )
    add_task(
        world,
        school,
        "devices.enroll",
        "Enroll in device management",
        gate=True,
        duration_days=1,
        depends_on=["devices.receive"],
    )
    evidence = {"done": 240, "total": 320, "unit": "devices"}
    promised = (world.first_bell + timedelta(days=2)).isoformat()
    post(world, f"/v1/tasks/{receive}/evidence", {**evidence, "expected_on": promised})
    order = task_id(world, school, "devices.order")
    post(world, f"/v1/tasks/{order}/complete")


def _on_track(world: World, school: str) -> None:
    add_task(world, school, "change.prepare", "Prepare the pilot", owner_email="lea@x.example")
    add_task(
        world, school, "change.pilot", "Teach a pilot", gate=True, depends_on=["change.prepare"]
    )
    add_task(world, school, "pd.core", "Core course", gate=True, duration_days=3)


def _crowd(world: World) -> None:
    rows = ["code,name,network"]
    rows += [f"CROWD-{number:03},Crowd School {number:03},SOUTH" for number in range(CROWD)]
    answer = world.api.post(
        "/v1/schools/import", content="\n".join(rows), headers={"content-type": "text/csv"}
    )
    assert answer.json()["rows"]["created"] == CROWD, answer.text
