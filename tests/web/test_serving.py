"""How the frontend's files are served, and what they may not contain."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.http import docs, problems
from api.http.middleware import Shell
from api.web.routes import STATIC, install, load

HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
SCRIPTS = sorted(STATIC.rglob("*.js"))
TEXTS = sorted(path for path in STATIC.rglob("*") if path.suffix in (".js", ".css", ".html"))
_IMPORT = re.compile(r"""(?:from|import)\s*\(?\s*["'](\.[^"']+)["']""")


def name(path: Path) -> str:
    return path.relative_to(STATIC).as_posix()


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI(docs_url=None, redoc_url=None)
    problems.install(app)
    docs.install(app)

    @app.get("/v1/here")
    async def here() -> dict[str, bool]:
        return {"here": True}

    install(app)
    app.add_middleware(Shell, access_log=None)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as opened:
        yield opened


@pytest.mark.parametrize(
    "path", ["/", "/sign-in", "/schools/KIPP-ASCEND", "/a/b/c", "/schools/x.y"]
)
async def test_every_page_path_answers_the_page(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path, headers=HTML)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert '<main id="main"' in answer.text


@pytest.mark.parametrize(
    "path",
    ["/v1/nothing", "/v1", "/docs/nothing.js", "/healthz", "/assets/x/nothing.js", "/metrics"],
)
async def test_the_services_own_paths_never_answer_the_page(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.get(path, headers=HTML)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_what_is_no_navigation_is_not_answered_with_a_page(
    client: httpx.AsyncClient,
) -> None:
    script = await client.get("/schools/KIPP-ASCEND", headers={"accept": "application/json"})
    written = await client.post("/schools/KIPP-ASCEND", headers=HTML)
    assert (script.status_code, written.status_code) == (404, 404)
    assert script.json()["code"] == "not-found"


async def test_routes_of_the_service_are_untouched(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/here", headers=HTML)).json() == {"here": True}
    assert (await client.post("/v1/here", headers=HTML)).status_code == 405
    assert "swagger" in (await client.get("/docs", headers=HTML)).text


async def test_assets_are_kept_for_ever_under_their_hash(client: httpx.AsyncClient) -> None:
    page = (await client.get("/", headers=HTML)).text
    addresses = re.findall(r'(?:href|src)="(/assets/[^"]+)"', page)
    assert len(addresses) > 5
    for address in addresses:
        answer = await client.get(address)
        assert answer.status_code == 200, address
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"


async def test_another_releases_address_is_served_but_not_kept(client: httpx.AsyncClient) -> None:
    answer = await client.get("/assets/0123456789abcdef/js/main.js")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"


async def test_a_known_version_is_not_sent_again(client: httpx.AsyncClient) -> None:
    first = await client.get("/", headers=HTML)
    again = await client.get("/", headers={**HTML, "if-none-match": first.headers["etag"]})
    other = await client.get("/", headers={**HTML, "if-none-match": '"other"'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert other.status_code == 200


async def test_packed_and_unpacked_hold_the_same_under_their_own_tags(
    client: httpx.AsyncClient,
) -> None:
    packed = await client.get("/", headers={**HTML, "accept-encoding": "br, gzip"})
    plain = await client.get("/", headers={**HTML, "accept-encoding": "gzip;q=0"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.text == plain.text
    assert packed.headers["etag"] != plain.headers["etag"]
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"])


async def test_head_answers_like_get_without_the_body(client: httpx.AsyncClient) -> None:
    answer = await client.head("/", headers=HTML)
    assert (answer.status_code, answer.content) == (200, b"")


async def test_no_path_leads_out_of_the_folder(client: httpx.AsyncClient) -> None:
    version = load().version
    for path in ("../routes.py", "%2e%2e/routes.py", "..%2froutes.py", "/etc/passwd"):
        answer = await client.get(f"/assets/{version}/{path}")
        assert answer.status_code == 404


def test_a_changed_file_changes_every_address(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<script src=/assets/%VERSION%/a.js></script>")
    (tmp_path / "a.js").write_text("1")
    before = load(tmp_path)
    (tmp_path / "a.js").write_text("2")
    after = load(tmp_path)
    assert before.version != after.version
    assert after.version.encode() in after.page.content


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_every_import_leads_to_a_file(path: Path) -> None:
    for wanted in _IMPORT.findall(path.read_text()):
        assert (path.parent / wanted).resolve().is_file(), wanted


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_no_markup_from_data_and_nothing_from_elsewhere(path: Path) -> None:
    text = path.read_text()
    for banned in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert banned not in text
    assert not re.search(r"\sstyle=|\son\w+=\"", text)
    addresses = set(re.findall(r"https?://[^\s\"')]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg"}
