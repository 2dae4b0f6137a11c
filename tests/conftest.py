"""One embedded PostgreSQL for the run, one migrated template a worker, one database a test."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from api.app import create_app
from api.db import embedded, schema
from api.db.pool import Database
from api.facts import Bus
from api.settings import Settings
from tests import compiled
from tests.authorization_world import World, populate
from tests.shelf import Shelf, furnished, made_once

_SECRET = SecretStr("x" * 43)
# Speed only: a test's data may vanish with the machine.
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: tests wait for servers and browsers for a third of it."""
    return (os.cpu_count() or 1) + 1


# Files of which single tests take longest: begun last, they would keep one processor waiting.
_FIRST = ("test_demo", "test_kills", "test_packaging", "test_batch", "test_serve")


def pytest_configure() -> None:
    compiled.share()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.stem not in _FIRST)


def pytest_collection_finish() -> None:
    """What is there for good is not looked through again by each full collection."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def server() -> Iterator[embedded.EmbeddedServer]:
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    with embedded.temporary(_FAST, shared=run) as started:
        yield started


def _execute(server: embedded.EmbeddedServer, statement: str) -> None:
    # As superuser: an autovacuum worker may be looking at a database that is dropped.
    url = server.url("postgres", user="postgres")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


@pytest.fixture(scope="session")
def template(server: embedded.EmbeddedServer) -> str:
    def migrated(url: str) -> str:
        schema.migrate(url)
        return "migrated"

    made_once(server.url, "newest", migrated)
    return "newest"


@pytest.fixture
def empty_database_url(server: embedded.EmbeddedServer) -> Iterator[str]:
    """A database without a schema."""
    name = f"empty_{uuid4().hex}"
    _execute(server, f"CREATE DATABASE {name} OWNER firstbell")
    yield server.url(name)
    _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def shelf(server: embedded.EmbeddedServer, template: str) -> Iterator[Shelf]:
    opened = Shelf(template, server.url)
    yield opened
    opened.close()


@pytest.fixture
def database_url(server: embedded.EmbeddedServer, shelf: Shelf) -> Iterator[str]:
    """A database of this test's own, at the newest revision."""
    name = shelf.take()
    yield server.url(name)
    shelf.give_back(name)


@pytest.fixture(scope="session")
def peopled(server: embedded.EmbeddedServer, built_app: FastAPI) -> tuple[str, World]:
    """A template with two networks in it, made once a run over HTTP, and the names in it."""

    def filled(url: str) -> str:
        schema.migrate(url)
        settings = Settings(
            database_url=url, secret_key=_SECRET, log_level="WARNING", embedded_worker=False
        )
        return asyncio.run(populate(built_app, settings, url)).to_text()

    return "peopled", World.from_text(made_once(server.url, "peopled", filled))


@pytest.fixture
def peopled_url(server: embedded.EmbeddedServer, peopled: tuple[str, World]) -> Iterator[str]:
    """A database of this test's own in which those networks are already."""
    name = f"test_{uuid4().hex}"
    _execute(server, f"CREATE DATABASE {name} TEMPLATE {peopled[0]} OWNER firstbell")
    yield server.url(name)
    _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings(
        data_dir=tmp_path,
        database_url=database_url,
        secret_key=_SECRET,
        log_level="WARNING",
    )


@pytest.fixture(scope="session")
def built_app() -> FastAPI:
    """An app to be furnished: building its routes' models takes longer than most tests."""
    return _build(opened=True)


def _build(*, opened: bool) -> FastAPI:
    nowhere = Settings(
        database_url="postgresql:///nowhere",
        secret_key=_SECRET,
        log_level="WARNING",
        embedded_worker=False,
    )
    return create_app(
        nowhere, Database("postgresql:///nowhere", nowhere, Bus()) if opened else None
    )


@pytest.fixture(scope="session")
def built_apart() -> FastAPI:
    """Another, for what is said of two at once."""
    return _build(opened=True)


@pytest.fixture(scope="session")
def built_opener() -> FastAPI:
    """One that opens its database itself when its lifespan begins, in the thread of its server."""
    return _build(opened=False)


@pytest.fixture
def app(built_app: FastAPI, database: Database, settings: Settings) -> FastAPI:
    """An app of this test's own database, which works nothing off by itself."""
    return furnished(built_app, settings, database)


@pytest.fixture
async def database(settings: Settings, database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, settings, Bus()) as opened:
        yield opened
