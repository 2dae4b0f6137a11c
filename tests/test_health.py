"""`/healthz`, `/readyz` and `/metrics`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from prometheus_client.parser import text_string_to_metric_families

from api.app import create_app, stop_gracefully
from api.auth.rules import Right, Role
from api.auth.tokens import create_token
from api.db.pool import Database
from api.db.schema import newest_revision
from api.db.uow import writing
from api.health import is_trusted
from api.settings import Settings

LOOPBACK, STRANGER = "127.0.0.1", "203.0.113.9"


@pytest.fixture
def app(settings: Settings, database: Database) -> FastAPI:
    return create_app(settings, database)


@asynccontextmanager
async def calling(app: FastAPI, address: str = LOOPBACK) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(app, client=(address, 50000))
    async with AsyncClient(transport=transport, base_url="http://firstbell.test") as client:
        yield client


async def token(database: Database, role: Role, *scopes: Right) -> dict[str, str]:
    async with writing(database, "job:test") as session:
        text = await create_token(session, name="t", role=role, scopes=scopes or None)
    return {"Authorization": f"Bearer {text}"}


async def reasons(app: FastAPI) -> dict[str, str]:
    """What `/readyz` says is wrong, the answer being a problem document."""
    async with calling(app) as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["code"] == "not-ready"
    assert body["request_id"] == answer.headers["x-request-id"]
    assert all(reason in body["detail"] for reason in body["checks"].values())
    checks: dict[str, str] = body["checks"]
    return checks


async def test_a_living_process_says_so_even_without_its_database(app: FastAPI) -> None:
    await app.state.database.pool.close()
    async with calling(app) as client:
        answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_it_is_ready_with_its_database_and_nothing_left_to_do(app: FastAPI) -> None:
    async with calling(app) as client:
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_it_is_not_ready_without_its_database(app: FastAPI) -> None:
    await app.state.database.pool.close()
    assert await reasons(app) == {"database": "The database does not answer."}


async def test_it_is_not_ready_while_the_start_has_something_left_to_do(app: FastAPI) -> None:
    app.state.lifecycle.waiting_for["demo"] = "The demo is being loaded."
    assert await reasons(app) == {"demo": "The demo is being loaded."}


async def test_it_is_not_ready_once_told_to_stop(app: FastAPI) -> None:
    stop_gracefully(app)
    assert await reasons(app) == {"process": "It is stopping."}


async def test_it_is_not_ready_on_another_schema(app: FastAPI, database: Database) -> None:
    async with database.pool.connection() as connection:
        await connection.execute("UPDATE alembic_version SET version_num = 'elsewhere'")
    (reason,) = (await reasons(app)).values()
    assert "elsewhere" in reason
    assert newest_revision() in reason


async def test_it_is_not_ready_on_an_empty_database(app: FastAPI, database: Database) -> None:
    async with database.pool.connection() as connection:
        await connection.execute("DROP TABLE alembic_version")
    (reason,) = (await reasons(app)).values()
    assert "firstbell migrate" in reason


async def test_metrics_are_for_trusted_addresses_and_those_with_the_right(
    app: FastAPI, database: Database
) -> None:
    async with calling(app) as client:
        assert (await client.get("/metrics")).status_code == 200
    async with calling(app, STRANGER) as client:
        assert (await client.get("/metrics")).status_code == 401
        viewer = await token(database, Role.viewer)
        assert (await client.get("/metrics", headers=viewer)).status_code == 403
        narrow = await token(database, Role.admin, Right.readiness_read)
        assert (await client.get("/metrics", headers=narrow)).status_code == 403
        scraper = await token(database, Role.admin, Right.metrics_read)
        assert (await client.get("/metrics", headers=scraper)).status_code == 200


async def test_metrics_count_requests_by_template_and_status(app: FastAPI) -> None:
    async with calling(app) as client:
        await client.get("/healthz")
        await client.get("/healthz")
        await client.get("/v1/schools/SECRET-CODE")
        await client.get("/v1/no/such/thing")
        text = (await client.get("/metrics")).text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    counted = {
        (sample.labels["method"], sample.labels["path"], sample.labels["status"]): sample.value
        for sample in families["firstbell_request_seconds"].samples
        if sample.name.endswith("_count")
    }
    assert counted == {
        ("GET", "/healthz", "200"): 2,
        ("GET", "/v1/schools/{school}", "401"): 1,
        ("GET", "(unmatched)", "404"): 1,
    }
    assert "SECRET-CODE" not in text


async def test_metrics_tell_of_pool_and_queue(app: FastAPI, database: Database) -> None:
    async with database.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, status)"
            " VALUES ('firstbell', 'a', 'todo'), ('firstbell', 'b', 'todo'),"
            " ('firstbell', 'c', 'failed')"
        )
    async with calling(app) as client:
        text = (await client.get("/metrics")).text
    values = {
        (sample.name, sample.labels.get("state")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert values["firstbell_jobs", "todo"] == 2
    assert values["firstbell_jobs", "failed"] == 1
    assert values["firstbell_jobs", "doing"] == 0
    assert values["firstbell_workers", None] == 0
    assert values["firstbell_pool_size", None] >= 1
    assert values["firstbell_listening", None] == 0


async def test_metrics_answer_without_the_database(app: FastAPI) -> None:
    await app.state.database.pool.close()
    async with calling(app) as client:
        answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert "firstbell_pool_size" in answer.text


@pytest.mark.parametrize(
    ("host", "trusted", "expected"),
    [
        ("127.0.0.1", ("127.0.0.1", "::1"), True),
        ("::1", ("127.0.0.1", "::1"), True),
        ("::ffff:127.0.0.1", ("127.0.0.1",), True),
        ("10.1.2.3", ("10.0.0.0/8",), True),
        ("11.1.2.3", ("10.0.0.0/8",), False),
        ("127.0.0.2", ("127.0.0.1",), False),
        ("testclient", ("127.0.0.1",), False),
        ("", ("127.0.0.1",), False),
        ("127.0.0.1", (), False),
    ],
)
def test_trusted_addresses(host: str, trusted: tuple[str, ...], expected: bool) -> None:
    assert is_trusted(host, trusted) is expected
