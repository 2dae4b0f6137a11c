"""ETags as RFC 9110 says: strong before a change, weak for a reader, If-Match first."""

import httpx
import pytest

from api.http.conditional import etag_of
from tests.http.test_problems import problem

pytestmark = pytest.mark.anyio

NOW, OTHER = etag_of("a", 0), etag_of("a", 1)


@pytest.fixture
async def thing(client: httpx.AsyncClient) -> str:
    await client.post("/v1/things", json={"name": "a"})
    return "/v1/things/a"


def test_a_tag_is_quoted_and_tells_versions_apart() -> None:
    tags = [etag_of("a", 0), etag_of("a", 1), etag_of("b", 0), etag_of("a"), etag_of("a0")]
    assert len(set(tags)) == len(tags)
    assert all(tag[0] == tag[-1] == '"' and tag[1:-1].isalnum() for tag in tags)
    assert etag_of("a", 0) == NOW


@pytest.mark.parametrize(
    "header",
    [NOW, "*", f"{OTHER}, {NOW}", f"{OTHER},{NOW}", f'"with,comma" ,{NOW}', f", {NOW},"],
)
async def test_a_change_of_the_version_that_was_read(
    client: httpx.AsyncClient, thing: str, header: str
) -> None:
    answer = await client.patch(thing, json={"n": 5}, headers={"if-match": header})
    assert (answer.status_code, answer.json()) == (200, {"n": 5})
    assert (await client.get(thing)).text == "5"


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 428, "precondition-required"),
        ({"if-match": OTHER}, 412, "precondition-failed"),
        ({"if-match": f"W/{NOW}"}, 412, "precondition-failed"),
        ({"if-match": ""}, 412, "precondition-failed"),
        ({"if-match": NOW, "if-none-match": f"W/{NOW}"}, 412, "precondition-failed"),
        ({"if-match": "*", "if-none-match": "*"}, 412, "precondition-failed"),
        ({"if-match": NOW.strip('"')}, 400, "malformed"),
        ({"if-match": f"{OTHER} {NOW}"}, 400, "malformed"),
        ({"if-match": f"w/{NOW}"}, 400, "malformed"),
        ({"if-match": NOW, "if-none-match": '"open'}, 400, "malformed"),
    ],
)
async def test_a_change_that_is_refused(
    client: httpx.AsyncClient, thing: str, headers: dict[str, str], status: int, code: str
) -> None:
    problem(await client.patch(thing, json={"n": 5}, headers=headers), status, code)
    assert (await client.get(thing)).text == "0"


async def test_several_lines_are_one_list(client: httpx.AsyncClient, thing: str) -> None:
    headers = [("if-match", OTHER), ("if-match", NOW)]
    assert (await client.patch(thing, json={"n": 5}, headers=headers)).status_code == 200


@pytest.mark.parametrize("header", [NOW, f"W/{NOW}", "*", f'W/"x", {NOW}', f"{OTHER}, W/{NOW}"])
async def test_a_reader_who_has_it(client: httpx.AsyncClient, thing: str, header: str) -> None:
    whole = await client.get(thing)
    answer = await client.get(thing, headers={"if-none-match": header})
    assert (answer.status_code, answer.content) == (304, b"")
    for name in ("etag", "cache-control", "vary"):
        assert answer.headers[name] == whole.headers[name]
    assert whole.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("header", [OTHER, f"W/{OTHER}", ""])
async def test_a_reader_who_has_another(client: httpx.AsyncClient, thing: str, header: str) -> None:
    answer = await client.get(thing, headers={"if-none-match": header})
    assert (answer.status_code, answer.text) == (200, "0")
    assert answer.headers["etag"] == NOW


async def test_if_match_is_looked_at_first(client: httpx.AsyncClient, thing: str) -> None:
    answer = await client.get(thing, headers={"if-match": OTHER, "if-none-match": NOW})
    problem(answer, 412, "precondition-failed")
    answer = await client.get(thing, headers={"if-match": NOW, "if-none-match": NOW})
    assert answer.status_code == 304
