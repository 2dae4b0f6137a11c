"""`serve`, `worker`, `migrate` and `demo`: what runs, and what it runs on."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated

import typer
import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from api import logging_setup, wiring
from api.app import create_app
from api.cli.common import Exit, console, opened, url_of, with_database
from api.cli.people import first_sign_in
from api.db import schema
from api.db.listen import Listener
from api.db.pool import Database
from api.jobs.worker import run_worker
from api.settings import Settings

# Longer than any request should take; after it the rest is cut off.
GRACE_SECONDS = 20


class MakeApp:
    """Builds the application in whichever process serves it; can be sent to a new process."""

    def __init__(self, settings: Settings, configure_logging: bool) -> None:
        self.settings = settings
        self.configure_logging = configure_logging

    def __call__(self) -> FastAPI:
        if self.configure_logging:
            logging_setup.configure(self.settings)
        return create_app(self.settings)


class Server(uvicorn.Server):
    """Says when it has begun to serve."""

    def __init__(self, config: uvicorn.Config, started: Callable[[str], Awaitable[None]]) -> None:
        super().__init__(config)
        self._on_start = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            port = self.servers[0].sockets[0].getsockname()[1]
            await self._on_start(_address(self.config.host, port))


def _address(host: str, port: int) -> str:
    shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 (only read)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


class Stopped(KeyboardInterrupt):
    """SIGTERM: unwinds everything, so that the embedded server is let go of."""


@contextmanager
def stops_on_sigterm() -> Iterator[None]:
    """Turn SIGTERM into an exception: uvicorn raises it again once it has stopped serving."""

    def stop(_: int, __: FrameType | None) -> None:
        raise Stopped

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except Stopped:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)


def serve(
    demo: Annotated[bool, typer.Option("--demo", help="Load the Chicago schools.")] = False,
    host: Annotated[str | None, typer.Option(help="Default: FIRSTBELL_HOST, 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="Default: FIRSTBELL_PORT, 8000.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that serve.")] = 1,
) -> None:
    """Serve API and frontend, with a worker, until stopped."""
    given = {"host": host, "port": port}
    settings = Settings().model_copy(update={k: v for k, v in given.items() if v is not None})
    logging_setup.configure(settings)
    with stops_on_sigterm(), opened(settings) as ready:
        schema.check_revision(url_of(ready, direct=True))
        config = uvicorn.Config(
            MakeApp(ready, configure_logging=workers > 1),
            factory=True,
            host=ready.host,
            port=ready.port,
            workers=workers,
            log_config=None,
            access_log=False,
            proxy_headers=True,
            forwarded_allow_ips=ready.trusted_proxies,
            server_header=False,
            lifespan="on",
            timeout_graceful_shutdown=GRACE_SECONDS,
        )

        async def announce(address: str) -> None:
            console.out(f"FirstBell is at {address}", highlight=False)
            async with Database(url_of(ready), ready) as database:
                secret = await first_sign_in(database, always=demo)
            if secret is not None:
                console.out(f"Sign in: {address}/sign-in#token={secret}", highlight=False)

        if workers == 1:
            server = Server(config, announce)
            server.run()
            if not server.started:
                raise typer.Exit(Exit.failed)
        else:
            bound = config.bind_socket()
            asyncio.run(announce(_address(ready.host, bound.getsockname()[1])))
            Multiprocess(config, sockets=[bound]).run()


def worker(
    concurrency: Annotated[int, typer.Option(min=1, help="Jobs at a time.")] = 4,
) -> None:
    """Run jobs until stopped; needed where FIRSTBELL_EMBEDDED_WORKER is off."""
    logging_setup.configure(Settings())

    async def work(database: Database, _: Settings) -> None:
        async with Listener(database, wiring.CHANNELS) as listener:
            task = asyncio.create_task(
                run_worker(database, listener, wiring.jobs(), concurrency=concurrency)
            )
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, task.cancel)
            with contextlib.suppress(asyncio.CancelledError):
                await task

    with stops_on_sigterm():
        with_database(work)


def migrate(
    revision: Annotated[str, typer.Option(help="Which revision, upward or downward.")] = "head",
) -> None:
    """Bring the database's schema to the newest revision; safe from several hosts at once."""
    with opened(Settings(), migrates=False) as settings:
        url = url_of(settings, direct=True)
        before = schema.current_revision(url)
        schema.migrate(url, revision)
        after = schema.current_revision(url)
    console.print(f"Schema: {before or 'none'} -> {after or 'none'}", highlight=False)
