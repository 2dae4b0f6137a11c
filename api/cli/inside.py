"""The public API called from a command: in this process, or where somebody serves it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

import httpx

from api import clock
from api.app import create_app
from api.auth.rules import Role
from api.auth.tokens import issue_token, revoke_token
from api.cli.common import opened, url_of
from api.cli.people import OPERATOR
from api.db import schema
from api.db.pool import Database
from api.db.uow import WriteSession, transact
from api.settings import Settings

T = TypeVar("T")
Work = Callable[[httpx.AsyncClient], Awaitable[T]]

# Some calls write thousands of rows, or send a country's roster.
CALL_SECONDS = 300.0
_TOKEN_HOURS = 6


@asynccontextmanager
async def passing_token(database: Database, name: str, *, sees_names: bool) -> AsyncIterator[str]:
    """An admin's token for as long as the block lasts."""

    async def make(session: WriteSession) -> tuple[UUID, str]:
        token, text = await issue_token(
            session,
            OPERATOR,
            name=name,
            role=Role.admin,
            scopes=None,
            network=None,
            schools=None,
            sees_names=sees_names,
            expires_at=clock.now() + timedelta(hours=_TOKEN_HOURS),
        )
        return token.id, text

    token_id, text = await transact(database, OPERATOR.actor, make)
    try:
        yield text
    finally:
        await transact(
            database, OPERATOR.actor, lambda session: revoke_token(session, OPERATOR, token_id)
        )


def call_inside(work: Work[T], *, sees_names: bool) -> T:
    """Run `work` with a client of the API on the database that the environment names.

    A worker runs beside it, so what it asks for is done even where nothing is served.
    """

    async def run(settings: Settings) -> T:
        app = create_app(settings.model_copy(update={"embedded_worker": True}))
        async with app.router.lifespan_context(app):
            database = app.state.database
            async with (
                passing_token(database, "command line", sees_names=sees_names) as token,
                httpx.AsyncClient(
                    base_url="http://firstbell.internal",
                    transport=httpx.ASGITransport(app),
                    headers={"Authorization": f"Bearer {token}"},
                    timeout=CALL_SECONDS,
                ) as client,
            ):
                return await work(client)

    with opened(Settings()) as settings:
        schema.check_revision(url_of(settings, direct=True))
        return asyncio.run(run(settings))


def call_elsewhere(work: Work[T], address: str, token: str) -> T:
    """Run `work` with a client of the API that is served at an address."""

    async def run() -> T:
        async with httpx.AsyncClient(
            base_url=address,
            headers={"Authorization": f"Bearer {token}"},
            timeout=CALL_SECONDS,
        ) as client:
            return await work(client)

    return asyncio.run(run())
