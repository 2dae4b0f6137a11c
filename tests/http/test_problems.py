"""Every error is a problem document, whoever raised it, and none tells what it must not."""

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.db.pool import Database
from api.settings import Settings
from tests.http.app import LARGEST_BODY, make_app

pytestmark = pytest.mark.anyio


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The document of an answer, checked for what every one has and none may have."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert document["code"] == code
    assert document["type"] == f"/problems/{code}"
    assert document["title"]
    assert document["detail"]
    assert document["instance"] == answer.request.url.path
    assert document["request_id"] == answer.headers["x-request-id"]
    for word in ("Traceback", "psycopg", "SELECT", "INSERT", "Lovelace", "secret"):
        assert word not in answer.text
    return document


async def test_unknown_paths(client: httpx.AsyncClient) -> None:
    problem(await client.get("/nowhere"), 404, "not-found")
    problem(await client.get("/v1/nowhere"), 404, "not-found")
    problem(await client.get("/v1/things/nothing"), 404, "not-found")
    problem(await client.get("/v1/things/%00"), 404, "not-found")


async def test_wrong_method_names_the_right_ones(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/v1/boom")
    problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "GET, HEAD"


async def test_a_body_of_another_type(client: httpx.AsyncClient) -> None:
    for kind in ("text/csv", "application/merge-patch+json", "application/x-www-form-urlencoded"):
        answer = await client.post("/v1/things", content=b"x", headers={"content-type": kind})
        assert "application/json" in problem(answer, 415, "unsupported-media-type")["detail"]
    problem(await client.post("/v1/things", content=b"x"), 415, "unsupported-media-type")
    good = {"content-type": "Application/JSON; charset=utf-8"}
    answer = await client.post("/v1/things", content=b'{"name": "a"}', headers=good)
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"[]",
        b"1",
        b'"x"',
        b"null",
        b"{'a': 1}",
        b"\xff",
        b"[" * 1900,
    ],
)
async def test_a_body_that_is_no_document(client: httpx.AsyncClient, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = await client.post("/v1/things", content=body, headers=headers)
    problem(answer, 400, "malformed")


async def test_wrong_fields_are_pointed_at(client: httpx.AsyncClient) -> None:
    body = {
        "name": "",
        "n": "Lovelace",
        "weight": "Lovelace",
        "who": "Lovelace",
        "parts": [{"label": "ok"}, {"label": "Lovelace"}, {}, 7],
    }
    found = problem(await client.post("/v1/things", json=body), 422, "invalid")["errors"]
    assert {(e["pointer"], e["code"]) for e in found} == {
        ("/name", "too-short"),
        ("/n", "not-an-integer"),
        ("/weight", "not-a-number"),
        ("/weight", "not-an-integer"),
        ("/who", "unknown-field"),
        ("/parts/1/label", "too-long"),
        ("/parts/2/label", "missing"),
        ("/parts/3", "not-an-object"),
    }
    assert all(e.keys() == {"pointer", "code", "detail"} and e["detail"] for e in found)
    found = problem(await client.get("/v1/things?limit=many"), 422, "invalid")["errors"]
    assert [(e["in"], e["pointer"], e["code"]) for e in found] == [
        ("query", "/limit", "not-an-integer")
    ]
    found = problem(await client.post("/v1/races/often"), 422, "invalid")["errors"]
    assert [(e["in"], e["pointer"]) for e in found] == [("path", "/times")]


async def test_characters_that_text_cannot_hold(client: httpx.AsyncClient) -> None:
    for name in (rb"a\u0000b", rb"a\ud800b"):
        answer = await client.post(
            "/v1/things",
            content=b'{"name": "' + name + b'"}',
            headers={"content-type": "application/json"},
        )
        assert problem(answer, 422, "invalid")["errors"][0]["pointer"] == "/name"


async def test_too_large_said_at_the_start_or_found_on_the_way(client: httpx.AsyncClient) -> None:
    body = b"x" * (LARGEST_BODY + 1)

    async def chunks() -> Any:
        yield body[:1000]
        yield body[1000:]

    for content in (body, chunks()):
        answer = await client.post("/v1/upload", content=content)
        problem(answer, 413, "too-large")
        assert "content-security-policy" in answer.headers
    answer = await client.post(
        "/v1/things", content=body, headers={"content-type": "application/json"}
    )
    problem(answer, 413, "too-large")
    assert (await client.post("/v1/upload", content=body[1:])).json() == LARGEST_BODY


async def test_what_the_database_refuses(client: httpx.AsyncClient) -> None:
    async def make(**fields: Any) -> httpx.Response:
        return await client.post("/v1/things", json={"name": "a", **fields})

    assert (await make()).status_code == 201
    problem(await make(), 409, "conflict")
    problem(await make(name="b", parent="nobody"), 422, "invalid")
    problem(await make(name="b", n=1000), 422, "invalid")
    problem(await make(name="b", n=2**40), 422, "invalid")
    assert (await client.get("/v1/count-rows")).json() == 1


async def test_nothing_is_told_of_an_unforeseen_error(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await client.get("/v1/boom", headers={"x-request-id": "abc-1"})
    document = problem(answer, 500, "internal-error")
    assert document["request_id"] == "abc-1"
    assert document.keys() == {
        "type",
        "title",
        "status",
        "code",
        "detail",
        "instance",
        "request_id",
    }
    assert answer.headers["x-content-type-options"] == "nosniff"
    record = next(r for r in caplog.records if "abc-1" in r.getMessage())
    assert record.exc_info is not None
    problem(await client.get("/v1/statement"), 500, "internal-error")
    caplog.clear()
    problem(await client.get("/v1/wrong-answer"), 500, "internal-error")
    assert "response" in caplog.text
    assert "Lovelace" not in caplog.text


async def test_a_commit_that_fails_never_answers_success(client: httpx.AsyncClient) -> None:
    problem(await client.post("/v1/doomed"), 500, "internal-error")
    assert (await client.post("/v1/slots")).status_code == 201
    taken = problem(await client.post("/v1/slots"), 409, "place-taken")
    assert taken["errors"][0]["pointer"] == "/place"
    answer = await client.post("/v1/killed")
    problem(answer, 503, "database-unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert (await client.get("/v1/count-rows")).json() == 0


async def test_no_connection_to_be_had(app: FastAPI, database_url: str, settings: Settings) -> None:
    small = settings.model_copy(update={"pool_size": 2, "pool_timeout_seconds": 0.05})
    async with Database(database_url, small) as database:
        other = make_app(database)
        transport = httpx.ASGITransport(other)
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://school.test") as client,
            database.pool.connection(),
            database.pool.connection(),
        ):
            answer = await asyncio.wait_for(client.get("/v1/count-rows"), 5)
            problem(answer, 503, "database-unavailable")
            assert answer.headers["retry-after"]
            problem(
                await client.post("/v1/things", json={"name": "a"}), 503, "database-unavailable"
            )
