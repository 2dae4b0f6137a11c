from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from api.db.pool import Database
from tests.http.app import TABLES, make_app


@pytest.fixture
async def app(database: Database) -> FastAPI:
    async with database.pool.connection() as connection:
        await connection.execute(TABLES.encode())
    return make_app(database)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://school.test") as opened:
        yield opened
