"""Lists and strictness: what is unknown is refused by name, pages link to the next."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import ValidationError

from api.http.conditional import etag_of
from api.http.strict import PatchIn, Strict
from tests.http.test_problems import problem

pytestmark = pytest.mark.anyio


class Loose(Strict):
    words: dict[str, Any] = {}
    weight: float = 0
    name: str = ""


class Change(PatchIn):
    never_null = frozenset({"name"})
    name: str | None = None
    note: str | None = None


async def test_an_unknown_query_parameter_is_named_with_the_known(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/v1/things?limt=3&near=x&cursor=&who/is=Lovelace&limt=4")
    document = problem(answer, 422, "invalid")
    assert [(e["in"], e["pointer"], e["code"]) for e in document["errors"]] == [
        ("query", "/limt", "unknown-parameter"),
        ("query", "/who~1is", "unknown-parameter"),
    ]
    assert "cursor, limit, near, sort" in document["detail"]
    document = problem(await client.get("/v1/count-rows?x"), 422, "invalid")
    assert "none" in document["detail"]
    problem(await client.post("/v1/slots?x=1"), 422, "invalid")
    problem(await client.get("/v1/things?near=a%00b"), 422, "invalid")


async def test_pages_are_bounded_and_linked(client: httpx.AsyncClient) -> None:
    for wrong in (0, 1001, -1):
        problem(await client.get(f"/v1/things?limit={wrong}"), 422, "invalid")
    last = await client.get("/v1/things")
    assert last.json() == {"items": [0, 1, 2]}
    assert "link" not in last.headers
    page = await client.get("/v1/things?limit=2&near=%3E%20x&cursor=old&sort=-name")
    link = page.links["next"]["url"]
    parts = urlsplit(link)
    assert (parts.scheme, parts.netloc, parts.path) == ("http", "school.test", "/v1/things")
    assert parse_qs(parts.query) == {
        "limit": ["2"],
        "near": ["> x"],
        "sort": ["-name"],
        "cursor": ["x y"],
    }
    odd = await client.get("/v1/things?limit=1", headers={"host": "evil.test>; rel=x"})
    assert odd.links["next"]["url"].startswith("/v1/things?")


async def test_a_merge_patch(client: httpx.AsyncClient) -> None:
    for name in "ab":
        await client.post("/v1/things", json={"name": name})

    async def patch(body: str, kind: str = "application/merge-patch+json") -> httpx.Response:
        headers = {"content-type": kind, "if-match": etag_of("a", 0)}
        return await client.patch("/v1/things/a", content=body, headers=headers)

    assert (await patch('{"parent": "b"}')).json() == {"parent": "b"}
    assert (await patch('{"parent": null}', "application/json")).json() == {"parent": None}
    assert (await patch("{}")).json() == {}
    refused = problem(await patch('{"n": null}'), 422, "invalid")
    assert [(e["pointer"], e["code"]) for e in refused["errors"]] == [("/n", "not-removable")]
    problem(await patch('{"name": "c"}'), 422, "invalid")
    problem(await patch("{}", "application/json-patch+json"), 415, "unsupported-media-type")


def test_changes_are_what_was_named() -> None:
    assert Change.model_validate({"note": None}).changes() == {"note": None}
    assert Change.model_validate({}).changes() == {}
    assert Change(name=" x ").changes() == {"name": "x"}


@pytest.mark.parametrize(
    "given",
    [
        {"name": "a\x00"},
        {"words": {"a": ["b", {"c": "\x00"}]}},
        {"words": {"\x00": 1}},
        {"weight": float("nan")},
        {"weight": float("inf")},
        {"other": 1},
    ],
)
def test_what_no_row_should_hold(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Loose.model_validate(given)


def test_a_document_nested_without_end_is_refused() -> None:
    def nested(levels: int) -> Any:
        value: Any = "leaf"
        for number in range(levels):
            value = [value] if number % 2 else {"x": value}
        return value

    Loose.model_validate({"words": {"x": nested(49)}})
    for levels in (50, 900):
        with pytest.raises(ValidationError, match="flatten it"):
            Loose.model_validate({"words": {"x": nested(levels)}})
