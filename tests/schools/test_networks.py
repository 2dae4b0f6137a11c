"""Networks with their calendars, and sites."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlmodel import col

from api.auth.rules import Role
from api.db.pool import Database
from api.db.uow import reading
from api.schools.models import NetworkState
from tests.schools.conftest import CPS, As, Client, changed, made


async def revision(database: Database, network: dict[str, Any]) -> int:
    async with reading(database) as session:
        statement = select(col(NetworkState.revision)).where(
            col(NetworkState.network_id) == UUID(network["id"])
        )
        return (await session.scalars(statement)).one()


async def test_a_network_has_the_settings_of_its_design(client: Client) -> None:
    network = await made(client, "/v1/networks", CPS | {"code": "cps", "region": "illinois"})
    kept = {name: network[name] for name in CPS}
    assert kept == CPS, "codes are capitals, and regions are spelled as the library does"
    assert network["approval_threshold_cents"] is None
    assert (network["four_eyes"], network["receiving"]) == (False, "on_delivery")
    assert (network["weekend"], network["observe_holidays"]) == ([5, 6], True)
    assert network["blackout_days"] == []
    assert network["username_template"] == "{given:1}{family}{grad_year:2}"
    for name in (network["id"], "cps"):
        assert (await client.get(f"/v1/networks/{name}")).json() == network
    assert (await client.get("/v1/networks")).json() == {"items": [network]}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("country", "ZZ"),
        ("country", "Atlantis"),
        ("region", "XX"),
        ("timezone", "Chicago"),
        ("weekend", [7]),
        ("weekend", [5, 5]),
        ("weekend", [0, 1, 2, 3, 4, 5, 6]),
        ("weekend", [-1]),
        ("blackout_days", ["soon"]),
        ("blackout_days", ["2027-01-01"] * 2001),
        ("approval_threshold_cents", -1),
        ("approval_threshold_cents", 10**30),
        ("receiving", "sometimes"),
        ("username_template", "{given:1}{famliy}"),
        ("username_template", "{grad_year}"),
        ("code", ""),
        ("name", ""),
        ("color", "red"),
    ],
)
async def test_a_wrong_setting_is_named(client: Client, field: str, value: object) -> None:
    answer = await client.post("/v1/networks", json=CPS | {field: value})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"].startswith(f"/{field}")
    assert (await client.get("/v1/networks")).json() == {"items": []}
    await made(client, "/v1/networks", CPS)
    if field != "code":
        await changed(client, "/v1/networks/CPS", {field: value}, status=422)


async def test_an_unknown_country_or_region_is_answered_with_the_valid_ones(
    client: Client,
) -> None:
    answer = await client.post("/v1/networks", json=CPS | {"country": "ZZ"})
    assert " US," in answer.json()["errors"][0]["detail"]
    answer = await client.post("/v1/networks", json=CPS | {"region": "XX"})
    assert " IL," in answer.json()["errors"][0]["detail"]
    await made(client, "/v1/networks", CPS)
    # Illinois is no region of France, and a country may have to change together with it.
    await changed(client, "/v1/networks/CPS", {"country": "FR"}, status=422)
    after = await changed(client, "/v1/networks/CPS", {"country": "FR", "region": None})
    assert (after.json()["country"], after.json()["region"]) == ("FR", None)


async def test_a_username_template_is_refused_at_its_wrong_character(
    client: Client, cps: dict[str, Any]
) -> None:
    patch = {"username_template": "{given:1}{famliy}"}
    answer = await changed(client, "/v1/networks/CPS", patch, status=422)
    [error] = answer.json()["errors"]
    assert error["pointer"] == "/username_template"
    assert error["code"] == "username-template-invalid"
    assert error["detail"].startswith("At character 11: the placeholders are {given}, {family}")


async def test_settings_change_by_merge_patch_with_the_version_read(
    client: Client, cps: dict[str, Any]
) -> None:
    patch = {
        "name": "Chicago",
        "timezone": "America/New_York",
        "country": "CA",
        "region": "ON",
        "approval_threshold_cents": 500_000,
        "four_eyes": True,
        "receiving": "on_count",
        "username_template": "{family}.{given:2}",
        "weekend": [6, 4],
        "observe_holidays": False,
        "blackout_days": ["2027-12-24", "2027-12-23"],
    }
    assert (await client.patch("/v1/networks/CPS", json=patch)).status_code == 428
    after = await changed(client, "/v1/networks/CPS", patch)
    expected = patch | {"weekend": [4, 6], "blackout_days": ["2027-12-23", "2027-12-24"]}
    assert {name: after.json()[name] for name in patch} == expected
    assert (await client.get("/v1/networks/CPS")).json() == after.json()
    stale = await client.patch(
        "/v1/networks/CPS", json={"name": "B"}, headers={"if-match": '"old"'}
    )
    assert stale.status_code == 412
    for field in set(patch) - {"region", "approval_threshold_cents"}:
        await changed(client, "/v1/networks/CPS", {field: None}, status=422)
    cleared = await changed(client, "/v1/networks/CPS", {"approval_threshold_cents": None})
    assert cleared.json()["approval_threshold_cents"] is None


async def test_a_calendar_change_is_a_new_version_and_moves_the_revision(
    client: Client, cps: dict[str, Any], database: Database
) -> None:
    start = await revision(database, cps)
    etag = (await client.get("/v1/networks/CPS")).headers["etag"]
    await changed(client, "/v1/networks/CPS", {"four_eyes": True})
    assert await revision(database, cps) == start
    after = await changed(client, "/v1/networks/CPS", {"blackout_days": ["2027-01-04"]})
    assert after.headers["etag"] != etag
    assert after.json()["version"] == 3
    assert await revision(database, cps) == start + 1


async def test_a_code_is_taken_once(client: Client, cps: dict[str, Any]) -> None:
    answer = await client.post("/v1/networks", json=CPS)
    assert (answer.status_code, answer.json()["code"]) == (409, "code-taken")


async def test_only_an_admin_of_everything_adds_networks(
    client: Client, calling: As, cps: dict[str, Any]
) -> None:
    given = CPS | {"code": "NEW"}
    async with calling(Role.admin, network_id=cps["id"]) as own:
        assert (await own.post("/v1/networks", json=given)).status_code == 403
        await changed(own, "/v1/networks/CPS", {"name": "Ours"})
    async with calling(Role.ops) as ops:
        etag = (await ops.get("/v1/networks/CPS")).headers["etag"]
        answer = await ops.patch("/v1/networks/CPS", json={"name": "B"}, headers={"if-match": etag})
        assert answer.status_code == 403


async def test_sites_are_a_networks_own(
    client: Client, calling: As, cps: dict[str, Any], kipp: dict[str, Any]
) -> None:
    path = "/v1/networks/CPS/sites"
    site = await made(client, path, {"name": "Pershing Road"})
    assert (site["code"], site["kind"], site["network"]) == ("PERSHING-ROAD", "warehouse", "CPS")
    second = await made(client, path, {"name": "Pershing Road", "kind": "office"})
    assert second["code"] == "PERSHING-ROAD-2"
    answer = await client.post(path, json={"name": "C", "code": "pershing-road"})
    assert (answer.status_code, answer.json()["code"]) == (409, "code-taken")
    same = {"name": "C", "code": "PERSHING-ROAD"}
    assert (await made(client, "/v1/networks/KIPP/sites", same))["code"] == "PERSHING-ROAD"
    listed = (await client.get(path)).json()["items"]
    assert {one["id"] for one in listed} == {site["id"], second["id"]}
    after = await changed(client, f"{path}/pershing-road", {"name": "Pershing", "kind": "office"})
    assert (after.json()["name"], after.json()["kind"]) == ("Pershing", "office")
    assert (await client.get(f"/v1/networks/KIPP/sites/{site['id']}")).status_code == 404
    async with calling(Role.ops, network_id=kipp["id"]) as stranger:
        assert (await stranger.get(path)).status_code == 404
        assert (await stranger.post(path, json={"name": "D"})).status_code == 404
