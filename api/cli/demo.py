"""The demo: made through the public API, like anything a customer makes."""

from __future__ import annotations

import asyncio
import logging
from typing import Annotated

import httpx
import typer
from fastapi import FastAPI

from api import logging_setup
from api.app import create_app
from api.cli.common import console, opened, url_of
from api.cli.inside import CALL_SECONDS, passing_token
from api.db import schema
from api.db.pool import Database
from api.demo.load import load_demo
from api.settings import Settings

WAITING = "The demo is being loaded."
FAILED = "The demo could not be loaded; the log says why."
_log = logging.getLogger(__name__)


async def load_through(
    database: Database, address: str, transport: httpx.AsyncBaseTransport | None = None
) -> None:
    """Load the demo by calling the API at `address`; what is there already stays.

    `transport` reaches an application in this process instead.
    """
    async with (
        passing_token(database, "demo", sees_names=True) as token,
        httpx.AsyncClient(
            base_url=address,
            transport=transport,
            headers={"Authorization": f"Bearer {token}"},
            timeout=CALL_SECONDS,
            # Of the environment, a proxy would only be in the way of a call to ourselves.
            trust_env=False,
        ) as client,
    ):
        await load_demo(client)


async def load_in_process(settings: Settings) -> None:
    """Load the demo before anything is served."""
    # With a worker, since some of what is asked for is done in the background.
    app = create_app(settings.model_copy(update={"embedded_worker": True}))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        await load_through(app.state.database, "http://firstbell.internal", transport)


async def load_behind(app: FastAPI, address: str, *, again: str) -> None:
    """Load the demo while `app` serves at `address`; it is ready for traffic afterwards.

    `again` is said once more then: the lines of the loading have pushed it off the screen.
    """
    try:
        await load_through(app.state.database, address)
    except Exception:
        _log.exception("the demo could not be loaded")
        app.state.lifecycle.waiting_for["demo"] = FAILED
        return
    app.state.lifecycle.waiting_for.pop("demo", None)
    console.out(f"The demo is in.\n{again}", highlight=False)


def demo(
    reset: Annotated[
        bool, typer.Option("--reset", help="Delete everything first: all data, users too.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Load the demo: Chicago's schools, with dates relative to today."""
    settings = Settings()
    # Of the calls to ourselves only what goes wrong is worth a line.
    logging_setup.configure(settings.model_copy(update={"log_level": "WARNING"}))
    if reset and not yes:
        where = "the database of DATABASE_URL" if settings.database_url else settings.data_dir
        typer.confirm(f"Delete everything in {where}?", abort=True)
    with opened(settings) as ready:
        url = url_of(ready, direct=True)
        if reset:
            schema.migrate(url, "base")
            schema.migrate(url)
        with console.status("Loading the demo"):
            asyncio.run(load_in_process(ready))
    console.print("The demo is in.")
