"""What surrounds every request, over real connections."""

import asyncio
import socket
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from tests.http.test_problems import problem

pytestmark = pytest.mark.anyio


@pytest.fixture
async def served(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """The application behind uvicorn on a free port of the loopback."""
    config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        running = asyncio.create_task(server.serve(sockets=[listening]))
        # The socket listens from here on, so a request waits until the server takes it.
        listening.listen()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            yield client
        server.should_exit = True
        await running


async def test_an_id_is_kept_when_sane_and_made_otherwise(client: httpx.AsyncClient) -> None:
    kept = await client.get("/v1/count-rows", headers={"x-request-id": "Trace_1.a-b"})
    assert kept.headers["x-request-id"] == "Trace_1.a-b"
    seen = set()
    for odd in ("", "a b", "x" * 65, "<script>", "a;b"):
        made = await client.get("/v1/count-rows", headers={"x-request-id": odd})
        assert UUID(made.headers["x-request-id"]).version == 7
        seen.add(made.headers["x-request-id"])
    assert len(seen) == 5


async def test_security_headers_are_on_everything(client: httpx.AsyncClient) -> None:
    for path in ("/v1/count-rows", "/nowhere", "/v1/boom", "/docs", "/v1/things?x=1"):
        headers = (await client.get(path)).headers
        policy = dict(
            part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";")
        )
        assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert "strict-transport-security" not in headers
    secure = await client.get("https://school.test/v1/count-rows")
    assert "max-age" in secure.headers["strict-transport-security"]


async def test_answers_are_kept_by_no_cache_unless_they_say_so(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/count-rows")).headers["cache-control"] == "no-store"
    await client.post("/v1/things", json={"name": "a"})
    assert (await client.get("/v1/things/a")).headers["cache-control"] == "private, no-cache"


async def test_a_line_a_request_without_what_may_be_secret(
    client: httpx.AsyncClient, app: FastAPI
) -> None:
    await client.get("/v1/things/a-secret?near=a-secret")
    await client.get("/links/a-secret")
    await client.get("/v1/boom")
    await client.head("/v1/count-rows")
    lines = app.state.lines
    assert [(method, path, status) for method, path, status, _, _ in lines] == [
        ("GET", "/v1/things/{name}", 422),
        ("GET", "", 404),
        ("GET", "/v1/boom", 500),
        ("HEAD", "/v1/count-rows", 200),
    ]
    assert all(ms > 0 and UUID(request) for _, _, _, ms, request in lines)
    assert "a-secret" not in str(lines)


async def test_head_answers_as_get_would_without_a_body(served: httpx.AsyncClient) -> None:
    for path, status in (("/v1/count-rows", 200), ("/nowhere", 404), ("/v1/boom", 500)):
        get, head = await served.get(path), await served.head(path)
        assert (head.status_code, head.content) == (status, b"")
        for name in ("content-type", "content-length", "content-security-policy"):
            assert head.headers[name] == get.headers[name]
    endless = await asyncio.wait_for(served.head("/v1/forever"), 10)
    assert (endless.status_code, endless.content) == (200, b"")
    # The connection is still good for another request.
    assert (await served.get("/v1/count-rows")).json() == 0


async def test_an_answer_that_breaks_off_is_cut(served: httpx.AsyncClient) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await served.get("/v1/breaks-off")
    assert (await served.get("/v1/count-rows")).json() == 0


async def test_problems_over_the_wire(served: httpx.AsyncClient) -> None:
    problem(await served.post("/v1/upload", content=b"x" * 100_000), 413, "too-large")
    problem(await served.get("/v1/boom"), 500, "internal-error")
    problem(await served.delete("/v1/boom"), 405, "method-not-allowed")
    problem(await served.post("/v1/doomed"), 500, "internal-error")
    made = await served.post("/v1/things", json={"name": "a"})
    assert made.status_code == 201


async def test_the_docs_need_nobody_else(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "http" not in page.text
    assert "onclick" not in page.text
    for name, kind in (
        ("swagger-ui.css", "text/css"),
        ("swagger-ui-bundle.js", "text/javascript"),
        ("start.js", "text/javascript"),
        ("favicon-32x32.png", "image/png"),
    ):
        assert f"docs/{name}" in page.text
        file = await client.get(f"/docs/{name}")
        assert (file.status_code, file.headers["content-type"].split(";")[0]) == (200, kind)
        assert len(file.content) > 50
    schema = (await client.get("/openapi.json")).json()
    assert "/v1/things/{name}" in schema["paths"]
    assert not any(path.startswith("/docs") for path in schema["paths"])
