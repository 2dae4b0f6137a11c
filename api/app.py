"""The service as an ASGI application, put together and taken apart again.

app = create_app(settings)                  # opens its own database in the lifespan
app = create_app(settings, database)        # uses one that is open: for tests
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from importlib.metadata import PackageNotFoundError, version
from types import FrameType
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from api import health, wiring
from api.db.listen import Listener
from api.db.pool import Database
from api.db.schema import check_revision
from api.errors import Invalid
from api.health import Lifecycle, Metrics
from api.http import docs, problems
from api.http.middleware import AccessLog, Shell
from api.jobs.worker import stop_worker
from api.logging_setup import RequestContext
from api.settings import Settings
from api.web import routes as web

DESCRIPTION = (
    "Tells a school network, to the day, whether each school will be ready for its first bell,"
    " what stands in the way, and what to do next."
)
# Asked every few seconds by machines; a line each would hide the others.
_UNLOGGED = frozenset({"/healthz", "/readyz"})
# Every error of every operation, so each declares it in one line.
_PROBLEM = {
    "type": "object",
    "description": "What went wrong (RFC 9457), with a stable `code`.",
    "required": ["type", "title", "status", "code", "detail", "instance", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "in": {"type": "string"},
                    "pointer": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "A problem document.",
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }
}
_TAGS = [
    {"name": "auth", "description": "Signing in, users, API tokens."},
    {"name": "networks", "description": "Networks, their sites and calendars."},
    {"name": "schools", "description": "Schools, and their import from a file."},
    {"name": "staff", "description": "Who works at a school."},
    {"name": "rollouts", "description": "A school's way to its first bell; playbooks."},
    {"name": "tasks", "description": "The graph of what has to be done, with waivers."},
    {"name": "readiness", "description": "Whether schools will be ready, why not, by when."},
    {"name": "orders", "description": "Devices ordered line by line, and who gets how many."},
    {"name": "shipments", "description": "What is on its way, what was counted, moved, returned."},
    {"name": "accounts", "description": "Students' accounts, and the rosters they come from."},
    {"name": "targets", "description": "Where students sign in, and what waits to get there."},
    {"name": "checks", "description": "What is asked of buildings, and where schools stand."},
    {"name": "check-results", "description": "What was measured, and what people say of a check."},
    {"name": "probe", "description": "What a laptop in the building measures by itself."},
    {"name": "pd", "description": "Training: courses, sessions, who attends, calendars."},
    {"name": "vendors", "description": "Who sells and tracks; their secrets and webhooks."},
    {"name": "inbox", "description": "What vendors posted, and what became of it."},
    {"name": "ops", "description": "For those who run the service."},
]
_NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


def package_version() -> str:
    """The installed version, else the one of this checkout."""
    try:
        return version("firstbell")
    except PackageNotFoundError:
        return "0.1.0"


class Service(FastAPI):
    """FastAPI, with the problem document among the schemas it publishes."""

    def openapi(self) -> dict[str, Any]:
        schema = super().openapi()
        schema.setdefault("components", {}).setdefault("schemas", {})["Problem"] = _PROBLEM
        return schema


def create_app(settings: Settings, database: Database | None = None) -> FastAPI:
    """The application; nothing is connected before its lifespan begins.

    `database` is used as it is, open, and left open. Without it `settings.database_url` says
    where the database is; the lifespan refuses to start on another schema than ours.

    Raises: Invalid when neither names a database.
    """
    if database is None:
        if settings.database_url is None:
            raise Invalid("create_app needs settings.database_url, or an open database.")
        database, lifespan = Database(settings.database_url, settings, wiring.build_bus()), _owning
    else:
        lifespan = _sharing
    app = Service(
        title="FirstBell",
        version=package_version(),
        description=DESCRIPTION,
        openapi_tags=_TAGS,
        responses=_RESPONSES,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        telemetry=_telemetry(settings),
    )
    app.state.metrics = Metrics()
    furnish(app, settings, database)
    problems.install(app)
    # On the routers and not on the app, whose limit would answer outside of our middleware.
    for router in wiring.routers():
        app.include_router(router, max_body_size=settings.max_body_bytes)
    for router in wiring.upload_routers():
        app.include_router(router, max_body_size=settings.max_upload_bytes)
    for router in wiring.roster_routers():
        app.include_router(router, max_body_size=settings.max_roster_bytes)
    app.include_router(health.router)
    docs.install(app)
    web.install(app)
    # A trace names its spans by the routes that the router finds.
    if settings.otlp_endpoint is None:
        wiring.add_doors(app)
    app.add_middleware(RequestContext)
    app.add_middleware(Shell, access_log=_access_log(app.state.metrics))
    return app


def furnish(app: FastAPI, settings: Settings, database: Database) -> None:
    """Give the app what it works with; one that has ended its lifespan can be given other things.

    Limits on sizes and telemetry stay those it was made with.
    """
    app.state.settings = settings
    app.state.database = database
    channels = wiring.CHANNELS if settings.embedded_worker else wiring.PAGE_CHANNELS
    app.state.listener = Listener(database, channels)
    app.state.intake = wiring.build_intake(database, settings)
    app.state.lifecycle = Lifecycle()


def stop_gracefully(app: FastAPI) -> None:
    """Told to stop: `/readyz` says so, and open event streams end, or the server would wait."""
    app.state.lifecycle.stopping = True
    app.state.listener.end_streams()


@asynccontextmanager
async def _owning(app: FastAPI) -> AsyncIterator[None]:
    database: Database = app.state.database
    await asyncio.to_thread(check_revision, database.listen_url)
    async with database, _sharing(app):
        yield


@asynccontextmanager
async def _sharing(app: FastAPI) -> AsyncIterator[None]:
    state = app.state
    await wiring.prepare(state.database)
    async with AsyncExitStack() as stack:
        listener: Listener = await stack.enter_async_context(state.listener)
        if state.settings.embedded_worker:
            await stack.enter_async_context(_working(state.database, listener, state.settings))
        stack.enter_context(_hearing_signals(app))
        try:
            yield
        finally:
            stop_gracefully(app)
            await state.intake.drain()


@contextmanager
def _hearing_signals(app: FastAPI) -> Iterator[None]:
    """Learn of a stop when it is asked for: the server tells us only once every answer has ended.

    Its own handlers are called as before.
    """
    servers: dict[int, Callable[[int, FrameType | None], Any]] = {}
    if threading.current_thread() is threading.main_thread():
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            before = signal.getsignal(name)
            if callable(before) and before is not signal.default_int_handler:
                servers[int(name)] = before

        def heard(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(stop_gracefully, app)
            servers[number](number, frame)

        for number in servers:
            signal.signal(number, heard)
    try:
        yield
    finally:
        for number, server in servers.items():
            signal.signal(number, server)


@asynccontextmanager
async def _working(
    database: Database, listener: Listener, settings: Settings
) -> AsyncIterator[None]:
    worker = asyncio.create_task(wiring.work(database, listener, settings), name="worker")
    try:
        yield
    finally:
        await stop_worker(worker)


def _access_log(metrics: Metrics) -> AccessLog:
    record = metrics.record
    # Bound now, since a logger looked up at each line would cost half of what the line does.
    info = structlog.get_logger("firstbell.access").bind().info

    def log(method: str, path: str, status: int, milliseconds: float, request: str) -> None:
        record(method, path, status, milliseconds / 1000)
        if path not in _UNLOGGED:
            info(
                "request",
                method=method,
                # The template and no query: a path or a query may hold a secret.
                path=path or "(unmatched)",
                status=status,
                ms=round(milliseconds, 1),
                request_id=request,
            )

    return log


class _WithoutSecrets(BatchSpanProcessor):
    """A query may hold a secret or a name, so no span carries one; nor a path that is a secret."""

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        if span.attributes and "url.query" in span.attributes:
            span.set_attribute("url.query", "")
        if span.attributes and str(span.attributes.get("url.path")).endswith(wiring.SECRET_PATHS):
            span.set_attribute("url.path", "(secret)")
        super().on_start(span, parent_context)


def _telemetry(settings: Settings) -> TelemetryConfig:
    if settings.otlp_endpoint is None:
        return _NO_TELEMETRY
    provider = TracerProvider(resource=Resource.create({"service.name": "firstbell"}))
    exporter = OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(_WithoutSecrets(exporter))
    return {**_NO_TELEMETRY, "tracing": True, "tracer_provider": provider}
