"""Staff over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from api.auth.rules import Role
from api.db.pool import Database
from api.db.uow import ReadSession
from api.facts import StaffChanged
from tests.schools.conftest import As, Client, changed, made

ADA = {
    "school": "KIPP-ASCEND",
    "sourced_id": "T-1",
    "given_name": "Ada",
    "family_name": "Okafor",
    "email": "ada@kipp.test",
    "role": "teacher",
}


@pytest.fixture(autouse=True)
async def schools(client: Client, cps: dict[str, Any], kipp: dict[str, Any]) -> None:
    for code, network in (("KIPP-ASCEND", "KIPP"), ("KIPP-ONE", "KIPP"), ("LANE", "CPS")):
        await made(client, "/v1/schools", {"name": code, "code": code, "network": network})


async def test_staff_are_added_listed_and_deactivated(client: Client, database: Database) -> None:
    told: list[StaffChanged] = []

    async def listen(session: ReadSession, fact: StaffChanged) -> None:
        told.append(fact)

    database.bus.subscribe(StaffChanged, listen)
    ada = await made(client, "/v1/staff", ADA)
    assert {name: ada[name] for name in ADA} == ADA
    assert ada["active"]
    await made(client, "/v1/staff", ADA | {"school": "LANE", "role": "tech", "email": None})

    async def names(**query: str) -> list[str]:
        answer = await client.get("/v1/staff", params=query)
        assert answer.status_code == 200, answer.text
        return [person["school"] for person in answer.json()["items"]]

    assert sorted(await names()) == ["KIPP-ASCEND", "LANE"]
    assert await names(school="kipp-ascend") == ["KIPP-ASCEND"]
    assert await names(role="tech") == ["LANE"]
    path = f"/v1/staff/{ada['id']}"
    assert (await client.patch(path, json={"active": False})).status_code == 428
    after = (await changed(client, path, {"active": False})).json()
    assert not after["active"]
    assert (await client.get(path)).json() == after
    assert await names(active="true") == ["LANE"]
    assert len(told) == 3
    await changed(client, path, {"active": False})
    assert len(told) == 3, "nothing has changed"
    await changed(client, path, {"school": "KIPP-ONE"})
    assert len({fact.school_id for fact in told[3:]}) == 2, "both schools' lists have"


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("school", "NOBODY", 404),
        ("role", "janitor", 422),
        ("email", "nobody", 422),
        ("given_name", "", 422),
        ("family_name", None, 422),
        ("sourced_id", " ", 422),
        ("active", True, 422),
    ],
)
async def test_a_wrong_field_is_refused(
    client: Client, field: str, value: object, status: int
) -> None:
    answer = await client.post("/v1/staff", json=ADA | {field: value})
    assert answer.status_code == status, answer.text
    assert (await client.get("/v1/staff")).json() == {"items": []}


async def test_rules_of_staff(client: Client) -> None:
    ada = await made(client, "/v1/staff", ADA)
    answer = await client.post("/v1/staff", json=ADA | {"school": "KIPP-ONE"})
    assert (answer.status_code, answer.json()["code"]) == (409, "sourced-id-taken")
    await made(client, "/v1/staff", ADA | {"school": "LANE"})
    moved = await changed(client, f"/v1/staff/{ada['id']}", {"school": "LANE"}, status=422)
    assert moved.json()["errors"][0]["code"] == "network-differs"
    await changed(client, "/v1/schools/KIPP-ONE", {"archived": True})
    answer = await client.post("/v1/staff", json=ADA | {"sourced_id": "T-2", "school": "KIPP-ONE"})
    assert (answer.status_code, answer.json()["code"]) == (409, "school-archived")


async def test_staff_of_foreign_schools_are_invisible(
    client: Client, calling: As, cps: dict[str, Any], kipp: dict[str, Any]
) -> None:
    ada = await made(client, "/v1/staff", ADA)
    async with calling(Role.ops, network_id=cps["id"]) as stranger:
        assert (await stranger.get(f"/v1/staff/{ada['id']}")).status_code == 404
        assert (await stranger.get("/v1/staff")).json() == {"items": []}
        assert (await stranger.get("/v1/staff?school=KIPP-ASCEND")).status_code == 404
        assert (await stranger.post("/v1/staff", json=ADA)).status_code == 404
    async with calling(Role.viewer, network_id=kipp["id"]) as nameless:
        assert (await nameless.get("/v1/staff")).status_code == 403
    async with calling(Role.viewer, network_id=kipp["id"], sees_names=True) as viewer:
        assert len((await viewer.get("/v1/staff")).json()["items"]) == 1
        assert (await viewer.post("/v1/staff", json=ADA)).status_code == 403
