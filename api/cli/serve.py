"""`serve`, `worker`, `migrate` and `demo`: what runs, and what it runs on."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated

import typer
import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from api import logging_setup, memory, wiring
from api.app import create_app
from api.cli.common import Exit, console, opened, url_of, with_database
from api.cli.demo import WAITING, load_behind, load_in_process
from api.cli.people import first_sign_in
from api.db import schema
from api.db.listen import Listener
from api.db.pool import Database
from api.settings import Settings

# Longer than any request should take; after it the rest is cut off.
GRACE_SECONDS = 20
START_SECONDS = 60


class MakeApp:
    """Builds the application in a process of its own, to which this is sent."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def __call__(self) -> FastAPI:
        logging_setup.configure(self.settings)
        app = create_app(self.settings)
        memory.settle()
        return app


class Server(uvicorn.Server):
    """The one server of this process: says where it is, and loads the demo behind its back.

    The port answers while the demo is loaded; until it is in, `/readyz` is 503.
    """

    def __init__(self, config: uvicorn.Config, app: FastAPI, *, with_demo: bool) -> None:
        super().__init__(config)
        self._app = app
        self._with_demo = with_demo
        self._loading: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if self._with_demo:
            self._app.state.lifecycle.waiting_for["demo"] = WAITING
        await super().startup(sockets)
        if not self.started:
            return
        address = _address(self.config.host, self.servers[0].sockets[0].getsockname()[1])
        said = await announce(self._app.state.database, address, always=self._with_demo)
        if self._with_demo:
            loading = load_behind(self._app, address, again=said)
            self._loading = asyncio.create_task(loading, name="demo")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._loading is not None:
            # Its calls to ourselves would have to end first.
            self._loading.cancel()
            await asyncio.wait([self._loading])
        await super().shutdown(sockets)


async def announce(database: Database, address: str, *, always: bool) -> str:
    """Say where it is, and how to get in the first time (with `always`, every time)."""
    said = f"FirstBell is at {address}"
    secret = await first_sign_in(database, always)
    if secret is not None:
        said += f"\nSign in: {address}/sign-in#token={secret}"
    console.out(said, highlight=False)
    return said


def _address(host: str, port: int) -> str:
    shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 (only read)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


class Stopped(KeyboardInterrupt):
    """SIGTERM: unwinds everything, so that the embedded server is let go of."""


@contextmanager
def stops_on_sigterm() -> Iterator[None]:
    """Turn SIGTERM into an exception: uvicorn raises it again once it has stopped serving."""

    def stop(number: int, _: FrameType | None) -> None:
        # Whoever is impatient must not interrupt the unwinding.
        signal.signal(number, signal.SIG_IGN)
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
        if workers == 1:
            app = create_app(ready)
            memory.settle()
            server = Server(_config(ready, app), app, with_demo=demo)
            try:
                server.run()
            except SystemExit:
                # The log says why; uvicorn's own code would mean something else of ours.
                raise typer.Exit(Exit.failed) from None
        else:
            _serve_with(ready, workers, demo)


def _serve_with(settings: Settings, workers: int, demo: bool) -> None:
    """Several processes on one port. They share no memory, so the demo is loaded before them."""
    if demo:
        asyncio.run(load_in_process(settings))
    config = _config(settings, MakeApp(settings), workers=workers, factory=True)
    bound = config.bind_socket()
    # From now on a connection waits for the processes instead of being refused.
    bound.listen(config.backlog)

    async def say() -> None:
        async with Database(url_of(settings), settings) as database:
            await announce(database, _address(settings.host, bound.getsockname()[1]), always=demo)

    asyncio.run(say())
    Multiprocess(config, sockets=[bound]).run()


def _config(
    settings: Settings,
    app: FastAPI | MakeApp,
    *,
    workers: int = 1,
    factory: bool = False,
) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=factory,
        host=settings.host,
        port=settings.port,
        workers=workers,
        # Ours is set up already, and our middleware writes the access lines.
        log_config=None,
        access_log=False,
        proxy_headers=True,
        forwarded_allow_ips=settings.trusted_proxies,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=GRACE_SECONDS,
        # A process is not hung because it takes its time to start on a busy machine.
        timeout_worker_healthcheck=START_SECONDS,
    )


def worker(
    concurrency: Annotated[int, typer.Option(min=1, help="Jobs at a time.")] = 4,
) -> None:
    """Run jobs until stopped; needed where FIRSTBELL_EMBEDDED_WORKER is off."""
    logging_setup.configure(Settings())

    async def work(database: Database, settings: Settings) -> None:
        memory.settle()
        async with Listener(database, wiring.CHANNELS) as listener:
            task = asyncio.create_task(
                wiring.work(database, listener, settings, concurrency=concurrency)
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
