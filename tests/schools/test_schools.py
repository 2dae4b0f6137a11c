"""Schools over HTTP: made, found, changed, archived, and invisible to strangers."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from api.auth.rules import Role
from api.db.pool import Database
from api.db.uow import ReadSession, reading
from api.facts import EnrollmentChanged, SchoolAdded
from api.schools.models import SchoolState
from tests.schools.conftest import As, Client, changed, made


async def revision(database: Database, school: dict[str, Any]) -> int:
    async with reading(database) as session:
        statement = select(col(SchoolState.revision)).where(
            col(SchoolState.school_id) == school["id"]
        )
        return (await session.scalars(statement)).one()


@pytest.fixture
async def ascend(client: Client, cps: dict[str, Any]) -> dict[str, Any]:
    given = {"name": "KIPP Ascend Charter School", "network": "CPS", "enrollment": 320}
    return await made(client, "/v1/schools", given)


async def test_a_school_takes_what_it_was_not_given_from_its_name_and_network(
    ascend: dict[str, Any], cps: dict[str, Any]
) -> None:
    assert ascend["code"] == "KIPP-ASCEND"
    assert ascend["timezone"] == "America/Chicago"
    assert ascend["network"] == "CPS"
    assert ascend["network_id"] == cps["id"]
    assert (ascend["enrollment"], ascend["teacher_count"]) == (320, None)
    assert not ascend["archived"]
    assert ascend["blackout_days"] == []


async def test_a_school_is_found_by_id_and_by_code_in_any_case(
    client: Client, ascend: dict[str, Any]
) -> None:
    for name in (ascend["id"], "KIPP-ASCEND", "kipp-ascend"):
        answer = await client.get(f"/v1/schools/{name}")
        assert (answer.status_code, answer.json()) == (200, ascend)


@pytest.mark.parametrize("name", ["NOBODY", "%00", "..%5C", "0" * 200, "%F0%9F%8F%AB", "import"])
async def test_what_names_no_school_is_not_found(client: Client, name: str) -> None:
    answer = await client.get(f"/v1/schools/{name}")
    assert answer.status_code == 404


async def test_adding_a_school_is_told_with_its_rollout(
    client: Client, cps: dict[str, Any], database: Database
) -> None:
    told: list[SchoolAdded] = []

    async def listen(session: ReadSession, fact: SchoolAdded) -> None:
        told.append(fact)

    database.bus.subscribe(SchoolAdded, listen)
    given = {"name": "A", "network": cps["id"], "model": "flexible", "first_bell": "2027-08-23"}
    await made(client, "/v1/schools", given | {"wave": "1"})
    (fact,) = told
    assert (str(fact.network_id), fact.model, str(fact.first_bell), fact.wave) == (
        cps["id"],
        "flexible",
        "2027-08-23",
        "1",
    )


async def test_same_names_get_codes_of_their_own(client: Client, cps: dict[str, Any]) -> None:
    given = {"name": "Lincoln School", "network": "CPS"}
    codes = [(await made(client, "/v1/schools", given))["code"] for _ in range(3)]
    assert codes == ["LINCOLN", "LINCOLN-2", "LINCOLN-3"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("name", "two\nlines"),
        ("name", "x" * 201),
        ("name", None),
        ("code", "-A"),
        ("code", "a b"),
        ("code", "x" * 41),
        ("code", "019a0000-0000-7000-8000-000000000000"),
        ("timezone", "Mars/Base"),
        ("timezone", "america/chicago"),
        ("timezone", "../etc/passwd"),
        ("enrollment", -1),
        ("enrollment", 10**12),
        ("teacher_count", 1.5),
        ("model", "lottery"),
        ("first_bell", "2027-02-30"),
        ("blackout_days", ["2027-02-30"]),
        ("students", 1),
    ],
)
async def test_a_wrong_field_is_named(
    client: Client, cps: dict[str, Any], field: str, value: object
) -> None:
    given = {"name": "A", "network": "CPS"} | {field: value}
    answer = await client.post("/v1/schools", json=given)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"].startswith(f"/{field}")
    assert (await client.get("/v1/schools")).json() == {"items": []}


async def test_codes_and_sourced_ids_are_taken_once(
    client: Client, cps: dict[str, Any], kipp: dict[str, Any]
) -> None:
    given = {"name": "A", "network": "CPS", "code": "one", "sourced_id": "7"}
    assert (await made(client, "/v1/schools", given))["code"] == "ONE"
    for wrong, code in (
        ({"network": "KIPP"}, "code-taken"),
        ({"code": "TWO"}, "sourced-id-taken"),
    ):
        answer = await client.post("/v1/schools", json=given | wrong)
        assert (answer.status_code, answer.json()["code"]) == (409, code)
    # A sourced id is the network's own.
    await made(client, "/v1/schools", given | {"network": "KIPP", "code": "TWO"})


async def test_changing_needs_the_version_that_was_read(
    client: Client, ascend: dict[str, Any]
) -> None:
    path = "/v1/schools/KIPP-ASCEND"
    before = (await client.get(path)).headers["etag"]
    assert (await client.patch(path, json={"enrollment": 1})).status_code == 428
    after = await changed(client, path, {"enrollment": 321})
    assert after.json()["enrollment"] == 321
    assert after.headers["etag"] != before
    stale = await client.patch(path, json={"enrollment": 1}, headers={"if-match": before})
    assert stale.status_code == 412
    assert (await client.get(path)).json() == after.json()
    fresh = await client.get(path, headers={"if-none-match": after.headers["etag"]})
    assert fresh.status_code == 304


async def test_a_merge_patch_changes_only_what_it_names(
    client: Client, ascend: dict[str, Any]
) -> None:
    patch = {
        "name": "Ascend",
        "timezone": "America/Denver",
        "sourced_id": "X1",
        "enrollment": None,
        "blackout_days": ["2027-03-02", "2027-03-01", "2027-03-02"],
        "staff_confirmed": True,
    }
    after = (await changed(client, "/v1/schools/KIPP-ASCEND", patch)).json()
    expected = ascend | patch | {"blackout_days": ["2027-03-01", "2027-03-02"], "version": 2}
    assert after | {"updated_at": ""} == expected | {"updated_at": ""}
    for field in ("name", "timezone", "blackout_days", "staff_confirmed", "archived"):
        await changed(client, "/v1/schools/KIPP-ASCEND", {field: None}, status=422)
    again = (await changed(client, "/v1/schools/KIPP-ASCEND", patch)).json()
    assert again == after, "what changes nothing is no new version"


async def test_only_what_readiness_reads_moves_the_revision(
    client: Client, ascend: dict[str, Any], database: Database
) -> None:
    path = "/v1/schools/KIPP-ASCEND"
    start = await revision(database, ascend)
    await changed(client, path, {"sourced_id": "9"})
    assert await revision(database, ascend) == start
    moving: list[dict[str, Any]] = [{"name": "B"}, {"blackout_days": ["2027-01-05"]}]
    # Who has to be trained depends on whether the list of staff is whole.
    for patch in (*moving, {"staff_confirmed": True}, {"archived": True}):
        await changed(client, path, patch)
        start += 1
        assert await revision(database, ascend) == start


async def test_a_recount_is_told(
    client: Client, ascend: dict[str, Any], database: Database
) -> None:
    told: list[EnrollmentChanged] = []

    async def listen(session: ReadSession, fact: EnrollmentChanged) -> None:
        told.append(fact)

    database.bus.subscribe(EnrollmentChanged, listen)
    await changed(client, "/v1/schools/KIPP-ASCEND", {"teacher_count": 20})
    await changed(client, "/v1/schools/KIPP-ASCEND", {"teacher_count": 20, "name": "Ascend"})
    assert [(fact.enrollment, fact.teacher_count) for fact in told] == [(320, 20)]


async def test_an_archived_school_leaves_the_list_and_can_come_back(
    client: Client, ascend: dict[str, Any]
) -> None:
    async def codes(**query: str) -> list[str]:
        items = (await client.get("/v1/schools", params=query)).json()["items"]
        return [school["code"] for school in items]

    after = (await changed(client, "/v1/schools/KIPP-ASCEND", {"archived": True})).json()
    assert after["archived"]
    assert after["archived_at"]
    assert await codes() == []
    assert await codes(archived="true") == ["KIPP-ASCEND"]
    assert (await client.get("/v1/schools/KIPP-ASCEND")).json() == after
    await changed(client, "/v1/schools/KIPP-ASCEND", {"archived": False})
    assert await codes() == ["KIPP-ASCEND"]


async def test_lists_filter_search_sort_and_page(
    client: Client, cps: dict[str, Any], kipp: dict[str, Any]
) -> None:
    rows = [("Ärztin 100%", "CPS", 10), ("Beta_x", "CPS", None), ("Gamma", "KIPP", 5)]
    for name, network, enrollment in rows:
        given = {"name": name, "network": network, "enrollment": enrollment}
        await made(client, "/v1/schools", given)

    async def names(**query: Any) -> list[str]:
        answer = await client.get("/v1/schools", params=query)
        assert answer.status_code == 200, answer.text
        return [school["name"] for school in answer.json()["items"]]

    assert await names(network="kipp") == ["Gamma"]
    assert await names(q="arz") == ["Ärztin 100%"], "the code is searched too"
    assert await names(q="%") == ["Ärztin 100%"]
    assert await names(q="_") == ["Beta_x"]
    assert await names(sort="-enrollment") == ["Ärztin 100%", "Gamma", "Beta_x"]
    assert await names(sort="enrollment") == ["Gamma", "Ärztin 100%", "Beta_x"]
    paged: list[str] = []
    url: str | None = "/v1/schools?sort=code&limit=1"
    while url:
        answer = await client.get(url)
        paged += [school["name"] for school in answer.json()["items"]]
        url = answer.links.get("next", {}).get("url")
    assert sorted(paged) == sorted(name for name, *_ in rows)
    for query in ({"sort": "students"}, {"wave": "1"}, {"limit": "0"}):
        assert (await client.get("/v1/schools", params=query)).status_code == 422
    assert (await client.get("/v1/schools", params={"network": "NONE"})).status_code == 404


async def test_a_foreign_school_cannot_be_told_from_none(
    client: Client, calling: As, ascend: dict[str, Any], kipp: dict[str, Any]
) -> None:
    await made(client, "/v1/schools", {"name": "Own", "network": "KIPP"})
    etag = (await client.get("/v1/schools/KIPP-ASCEND")).headers["etag"]
    async with calling(Role.ops, network_id=kipp["id"]) as stranger:
        for name in (ascend["id"], "KIPP-ASCEND"):
            absent = await stranger.get("/v1/schools/NOBODY")
            answer = await stranger.get(f"/v1/schools/{name}")
            assert (answer.status_code, answer.json()["code"]) == (404, absent.json()["code"])
            answer = await stranger.patch(
                f"/v1/schools/{name}", json={"name": "B"}, headers={"if-match": etag}
            )
            assert answer.status_code == 404
        listed = (await stranger.get("/v1/schools")).json()["items"]
        assert [school["name"] for school in listed] == ["Own"]
        given = {"name": "B", "network": "CPS"}
        assert (await stranger.post("/v1/schools", json=given)).status_code == 404
        assert (await stranger.get("/v1/networks/CPS")).status_code == 404
        assert (await stranger.get("/v1/schools?network=CPS")).status_code == 404


async def test_one_limited_to_a_school_changes_only_that(
    client: Client, calling: As, ascend: dict[str, Any], cps: dict[str, Any]
) -> None:
    other = await made(client, "/v1/schools", {"name": "Other", "network": "CPS"})
    limits = {"network_id": cps["id"], "school_ids": [ascend["id"]]}
    async with calling(Role.ops, **limits) as limited:
        await changed(limited, "/v1/schools/KIPP-ASCEND", {"enrollment": 5})
        assert (await limited.get(f"/v1/schools/{other['id']}")).status_code == 404
        given = {"name": "New", "network": "CPS"}
        assert (await limited.post("/v1/schools", json=given)).status_code == 403
    async with calling(Role.viewer, network_id=cps["id"]) as viewer:
        etag = (await viewer.get("/v1/schools/OTHER")).headers["etag"]
        answer = await viewer.patch(
            "/v1/schools/OTHER", json={"name": "B"}, headers={"if-match": etag}
        )
        assert answer.status_code == 403
