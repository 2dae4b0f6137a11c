"""The application as a whole: starting, stopping, what it publishes, what it logs."""

from __future__ import annotations

import asyncio
import io
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import orjson
import psycopg
import pytest
import structlog
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from opentelemetry.sdk.trace import TracerProvider

from api import logging_setup, wiring
from api.app import create_app
from api.auth.rules import Role
from api.auth.tokens import create_token
from api.db.pool import Database
from api.db.schema import SchemaMismatch, newest_revision
from api.db.uow import writing
from api.errors import Invalid
from api.facts import Bus
from api.settings import Settings
from tests.jobs.waiting import PATIENCE


def client_of(app: FastAPI) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(app), base_url="http://firstbell.test")


def test_an_app_needs_to_know_its_database() -> None:
    with pytest.raises(Invalid, match="database_url"):
        create_app(Settings(database_url=None))


async def test_it_opens_and_closes_what_it_needs(settings: Settings) -> None:
    app = create_app(settings)
    database: Database = app.state.database
    async with app.router.lifespan_context(app):
        await asyncio.wait_for(app.state.listener.wait_live(), PATIENCE)
        async with client_of(app) as client:
            assert (await client.get("/readyz")).status_code == 200
    assert database.pool.closed
    assert app.state.lifecycle.stopping


async def test_the_embedded_worker_runs_unless_switched_off(
    settings: Settings, database: Database
) -> None:
    async def workers() -> int:
        async with database.pool.connection() as connection:
            cursor = await connection.execute("SELECT count(*) FROM procrastinate_workers")
            return (await cursor.fetchone() or (0,))[0]

    quiet = create_app(settings.model_copy(update={"embedded_worker": False}), database)
    async with quiet.router.lifespan_context(quiet):
        await asyncio.wait_for(quiet.state.listener.wait_live(), PATIENCE)
        assert await workers() == 0
    app = create_app(settings, database)
    async with app.router.lifespan_context(app), asyncio.timeout(PATIENCE):
        while await workers() == 0:  # noqa: ASYNC110 (it happens in the database)
            await asyncio.sleep(0.02)
    # A worker that stops says so; one that is killed is missed after its heartbeat.
    assert await workers() == 0


async def test_it_refuses_to_start_without_a_schema(
    settings: Settings, empty_database_url: str
) -> None:
    app = create_app(settings.model_copy(update={"database_url": empty_database_url}))
    with pytest.raises(SchemaMismatch, match=f"none.*{newest_revision()}.*firstbell migrate"):
        async with app.router.lifespan_context(app):
            pass


async def test_it_refuses_to_start_on_a_newer_schema(settings: Settings, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    app = create_app(settings)
    with pytest.raises(SchemaMismatch, match=f"9999.*{newest_revision()}.*newer version"):
        async with app.router.lifespan_context(app):
            pass


async def test_open_streams_end_when_it_stops(settings: Settings, database: Database) -> None:
    app = create_app(settings, database)
    async with app.router.lifespan_context(app):
        stream = app.state.listener.stream("school_changed")
        reading = asyncio.ensure_future(anext(stream, "ended"))
        # What follows the start may be heard first.
        await asyncio.wait_for(app.state.listener.wait_live(), PATIENCE)
    while (heard := await asyncio.wait_for(reading, PATIENCE)) != "ended":
        assert heard == ("school_changed", None)
        reading = asyncio.ensure_future(anext(stream, "ended"))


async def test_bodies_are_limited_and_files_may_be_larger(
    settings: Settings, database: Database
) -> None:
    app = create_app(
        settings.model_copy(update={"max_body_bytes": 1000, "max_upload_bytes": 5000}), database
    )
    async with writing(database, "job:test") as session:
        token = await create_token(session, name="t", role=Role.admin)
    async with client_of(app) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        too_large = await client.post("/v1/schools", content=b" " * 2000)
        assert too_large.status_code == 413
        assert too_large.json()["code"] == "too-large"
        csv = {"Content-Type": "text/csv"}
        file = await client.post("/v1/schools/import", content=b" " * 2000, headers=csv)
        assert file.status_code != 413
        file = await client.post("/v1/schools/import", content=b" " * 6000, headers=csv)
        assert file.status_code == 413


async def test_what_is_published(settings: Settings, database: Database) -> None:
    async with client_of(create_app(settings, database)) as client:
        document = (await client.get("/openapi.json")).json()
        assert (await client.get("/docs")).status_code == 200
        assert "text/html" in (await client.get("/")).headers["content-type"]
    assert document["info"]["title"] == "FirstBell"
    assert document["info"]["description"]
    explained = {tag["name"] for tag in document["tags"] if tag["description"]}
    assert document["components"]["securitySchemes"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            assert set(operation["tags"]) <= explained, where
            problem = operation["responses"]["default"]["content"]["application/problem+json"]
            assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}, where
    assert "request_id" in document["components"]["schemas"]["Problem"]["properties"]


async def test_a_problem_is_as_published(settings: Settings, database: Database) -> None:
    async with client_of(create_app(settings, database)) as client:
        document = (await client.get("/openapi.json")).json()
        problem = (await client.get("/v1/schools")).json()
    schema = document["components"]["schemas"]["Problem"]
    assert set(schema["required"]) <= set(problem)


def test_every_fact_that_is_listened_to_has_its_listener() -> None:
    bus = wiring.build_bus()
    assert isinstance(bus, Bus)
    assert {fact for fact, _ in wiring.LISTENERS} == set(bus._listeners)


def test_jobs_have_names_of_their_own(settings: Settings) -> None:
    names = [job.name for job in wiring.jobs(settings)]
    assert len(names) == len(set(names))


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[io.StringIO]:
    """What the process logs, as JSON; the loggers are as before afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    logging_setup.configure(settings.model_copy(update={"log_json": True, "log_level": "info"}))
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


async def test_a_line_has_the_request_id_and_no_query(
    settings: Settings, database: Database, log: io.StringIO
) -> None:
    app = create_app(settings, database)
    async with client_of(app) as client:
        answer = await client.get("/v1/schools?name=Ada%20Lovelace")
        await client.get("/healthz")
    lines = [orjson.loads(line) for line in log.getvalue().splitlines()]
    (line,) = [line for line in lines if line["event"] == "request"]
    assert line["request_id"] == answer.headers["x-request-id"]
    assert (line["method"], line["path"], line["status"]) == (
        "GET",
        "/v1/schools",
        answer.status_code,
    )
    assert "Ada" not in log.getvalue()


async def test_other_loggers_speak_in_the_same_way_of_the_same_request(
    settings: Settings, database: Database, log: io.StringIO
) -> None:
    app = create_app(settings, database)

    @app.get("/test/fail")
    async def fail() -> None:
        async with database.pool.connection() as connection:
            await connection.execute("CREATE TEMP TABLE t (name text UNIQUE)")
            name = "".join(("Ada", " Lovelace"))
            await connection.execute("INSERT INTO t VALUES (%s)", (name,))
            try:
                await connection.execute("INSERT INTO t VALUES (%s)", (name,))
            except psycopg.Error:
                logging.getLogger("some.library").exception("it failed")
                await connection.rollback()

    async with client_of(app) as client:
        answer = await client.get("/test/fail")
    lines = [orjson.loads(line) for line in log.getvalue().splitlines()]
    (line,) = [line for line in lines if line["event"] == "it failed"]
    assert line["request_id"] == answer.headers["x-request-id"]
    assert line["level"] == "error"
    assert line["logger"] == "some.library"
    assert "UniqueViolation" in line["exception"]
    # PostgreSQL's DETAIL repeats the row.
    assert "Lovelace)" not in log.getvalue()


def test_a_plain_line_keeps_everything() -> None:
    event = {
        "timestamp": "2026-01-01T00:00:00Z",
        "level": "info",
        "event": "it happened",
        "n": 3,
        "exception": "Traceback\nValueError",
    }
    assert logging_setup.as_text(None, "info", event) == (
        "2026-01-01T00:00:00Z info     it happened n=3\nTraceback\nValueError"
    )


def test_an_unknown_level_is_refused(settings: Settings) -> None:
    with pytest.raises(Invalid, match="LOUD"):
        logging_setup.configure(settings.model_copy(update={"log_level": "LOUD"}))


async def test_traces_are_only_made_when_somebody_takes_them(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    assert not create_app(settings, database)._native_telemetry.enabled()
    traced = create_app(
        settings.model_copy(update={"otlp_endpoint": "http://127.0.0.1:1"}), database
    )
    assert traced._native_telemetry.enabled()
    provider = traced._telemetry["tracer_provider"]
    assert isinstance(provider, TracerProvider)
    provider.shutdown()


async def test_no_trace_holds_a_query_or_a_calendar_link(
    settings: Settings, database: Database
) -> None:
    traced: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            traced.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
            pass

    with HTTPServer(("127.0.0.1", 0), Collector) as collector:
        threading.Thread(target=collector.serve_forever).start()
        endpoint = f"http://127.0.0.1:{collector.server_port}"
        app = create_app(settings.model_copy(update={"otlp_endpoint": endpoint}), database)
        async with client_of(app) as client:
            await client.get("/v1/calendars/a-secret-link.ics")
            await client.get("/healthz?a-secret-query")
        provider = app._telemetry["tracer_provider"]
        assert isinstance(provider, TracerProvider)
        await asyncio.to_thread(provider.shutdown)
        collector.shutdown()
    spans = b"".join(traced)
    assert b"/v1/calendars/{token}.ics" in spans
    assert b"a-secret" not in spans
