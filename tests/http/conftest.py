from collections.abc import AsyncIterator, Iterator

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from api.db import schema
from api.db.embedded import EmbeddedServer
from api.db.pool import Database
from tests.http.app import TABLES, make_app
from tests.shelf import Shelf, made_once


@pytest.fixture(scope="session")
def shelf(server: EmbeddedServer) -> Iterator[Shelf]:
    """Databases with the tables of the small application, which each test would make anew."""

    def filled(url: str) -> str:
        schema.migrate(url)
        with psycopg.connect(url) as connection:
            connection.execute(TABLES.encode())
        return "things"

    made_once(server.url, "things", filled)
    opened = Shelf("things", server.url)
    yield opened
    opened.close()


@pytest.fixture
async def app(database: Database) -> FastAPI:
    return make_app(database)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://school.test") as opened:
        yield opened
