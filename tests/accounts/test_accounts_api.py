"""Accounts one by one: shown to who may see names, changed by hand, called by another id."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from api.accounts.merging import name_fresh
from api.auth.rules import Role
from tests.accounts.conftest import As, Body, Caller, Rosters, csv_of, rows, student

NAMES = ("given_name", "family_name", "username", "email")


async def account(admin: Caller, sourced_id: str) -> Body:
    found = await admin.get(f"/accounts?q={sourced_id}")
    [one] = found["items"]
    return dict(one)


async def disclosed(rosters: Rosters) -> list[tuple[Any, ...]]:
    return await rows(
        rosters.database, "SELECT purpose, students, fields, school_id FROM disclosures ORDER BY id"
    )


@pytest.fixture
async def applied(rosters: Rosters) -> Rosters:
    """Thirty students, ten at each school."""
    some = [student(n, "ABC"[n // 10]) for n in range(30)]
    await rosters.run(csv_of(some))
    return rosters


async def test_accounts_are_listed_filtered_and_paged(admin: Caller, applied: Rosters) -> None:
    async def ids(query: str) -> list[str]:
        return [one["sourced_id"] for one in (await admin.get(f"/accounts?{query}"))["items"]]

    assert len(await ids("")) == 30
    assert await ids("school=B&sort=sourced_id") == [f"s{n:05}" for n in range(10, 20)]
    assert await ids("school=b&sort=-sourced_id&limit=2") == ["s00019", "s00018"]
    assert await ids("network=N&q=s0000&sort=sourced_id") == [f"s{n:05}" for n in range(10)]
    assert await ids("source=default&status=active&q=ADA&sort=sourced_id") == [
        "s00000", "s00010", "s00020",
    ]  # fmt: skip
    assert await ids("source=other") == await ids("status=suspended") == []
    families = [
        one["family_name"]
        for one in (await admin.get("/accounts?sort=family_name&limit=30"))["items"]
    ]
    assert families == sorted(families)
    seen: list[str] = []
    query = "limit=7"
    while query:
        answer = await admin.answer("GET", f"/accounts?{query}")
        seen += [one["sourced_id"] for one in answer.json()["items"]]
        link = answer.headers.get("link", "")
        query = link.partition("?")[2].partition(">")[0]
    assert sorted(seen) == [f"s{n:05}" for n in range(30)]


async def test_one_account_says_all_that_is_kept(admin: Caller, applied: Rosters) -> None:
    listed = await account(admin, "s00011")
    answer = await admin.answer("GET", f"/accounts/{listed['id']}")
    assert answer.json() == listed
    kept = {name: listed[name] for name in ("source", "sourced_id", "school", "grade", "status")}
    assert kept == {
        "source": "default",
        "sourced_id": "s00011",
        "school": "B",
        "grade": "12",
        "status": "active",
    }
    assert (listed["given_name"], listed["family_name"]) == ("Ben", "Brook")
    assert listed["username"].startswith("bbrook")
    assert (listed["edited"], listed["missing_since"]) == ([], None)
    etag = answer.headers["etag"]
    again = await admin.answer("GET", f"/accounts/{listed['id']}", if_none_match=etag)
    assert again.status_code == 304


async def test_who_may_not_see_names_is_told_none(
    admin: Caller, applied: Rosters, calling: As, network: Body
) -> None:
    async with calling(Role.ops, network_id=UUID(network["id"])) as nameless:
        found = (await nameless.get("/accounts?limit=1000"))["items"]
        assert len(found) == 30
        assert all(one[name] is None for one in found for name in NAMES)
        one = await nameless.get(f"/accounts/{found[0]['id']}")
        assert all(one[name] is None for name in NAMES)
        assert (await nameless.get("/accounts?q=ada"))["items"] == [], "that would tell names"
        assert len((await nameless.get("/accounts?q=s00001"))["items"]) == 1
        await nameless.get("/accounts?sort=family_name", 422)
        changed = await nameless.patch(f"/accounts/{found[0]['id']}", {"given_name": "Zoë"})
        assert changed["given_name"] is None
        assert await disclosed(applied) == []
    async with calling(Role.viewer, network_id=UUID(network["id"])) as viewer:
        await viewer.get("/accounts", 403)


async def test_each_reading_of_names_is_recorded(
    admin: Caller, applied: Rosters, schools: dict[str, Body]
) -> None:
    one = await account(admin, "s00011")
    await admin.get("/accounts?limit=20")
    answer = await admin.answer("GET", f"/accounts/{one['id']}")
    await admin.answer("GET", f"/accounts/{one['id']}", if_none_match=answer.headers["etag"])
    await admin.get("/accounts?q=nobody")
    school = UUID(schools["B"]["id"])
    fields = list(NAMES)
    assert await disclosed(applied) == [
        ("list", 1, fields, school),
        ("list", 20, fields, None),
        ("read", 1, fields, school),
    ]
    [latest, *_] = (await admin.get("/disclosures?network=N"))["items"]
    assert (latest["purpose"], latest["network"], latest["school"]) == ("read", "N", "B")
    assert latest["actor"].startswith("token:")
    assert latest["students"] == 1
    assert len((await admin.get("/disclosures?limit=2"))["items"]) == 2


async def test_accounts_of_others_are_invisible(
    admin: Caller, applied: Rosters, calling: As, lead: Caller
) -> None:
    one = await account(admin, "s00011")
    assert {a["school"] for a in (await lead.get("/accounts"))["items"]} == {"A"}
    await lead.get(f"/accounts/{one['id']}", 404)
    await lead.get("/accounts?school=B", 404)
    await lead.get("/disclosures", 403)
    other = await admin.post(
        "/networks", {"code": "M", "name": "M", "timezone": "UTC", "country": "US"}, 201
    )
    async with calling(Role.ops, network_id=UUID(other["id"]), sees_names=True) as stranger:
        assert (await stranger.get("/accounts"))["items"] == []
        assert (await stranger.get("/disclosures"))["items"] == []
        answer = await stranger.answer(
            "PATCH", f"/accounts/{one['id']}", {"email": None}, if_match="*"
        )
        assert answer.status_code == 404
        await stranger.post(f"/accounts/{one['id']}/rekey", {"sourced_id": "x"}, 404)


async def test_what_a_person_changed_stands_until_the_source_says_something_new(
    admin: Caller, applied: Rosters
) -> None:
    one = await account(admin, "s00000")
    assert (
        await admin.answer("PATCH", f"/accounts/{one['id']}", {"grade": "3"})
    ).status_code == 428
    patch = {"given_name": "Adah", "grade": None, "email": "adah@example.org"}
    changed = await admin.patch(f"/accounts/{one['id']}", patch)
    assert {name: changed[name] for name in patch} == patch
    assert changed["edited"] == ["email", "given_name", "grade"]
    assert changed["version"] == 2
    assert await admin.patch(f"/accounts/{one['id']}", patch) == changed, "nothing has changed"
    same = [student(n, "ABC"[n // 10], email="") for n in range(30)]
    ended = await applied.run(csv_of(same))
    assert ended["rows"]["unchanged"] == 30
    assert await account(admin, "s00000") == changed
    same[0] |= {"given_name": "Adele"}
    await applied.run(csv_of(same))
    after = await account(admin, "s00000")
    assert (after["given_name"], after["grade"]) == ("Adele", None)
    assert after["edited"] == ["email", "grade"]
    # To say again what the source says is no edit any more.
    back = await admin.patch(f"/accounts/{one['id']}", {"grade": "1", "email": None})
    assert back["edited"] == []


async def test_who_is_changed_while_a_roster_is_merged_keeps_the_change(
    admin: Caller, applied: Rosters, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = await account(admin, "s00000"), await account(admin, "s00029")

    async def changed_meanwhile(*given: Any) -> None:
        """After the comparison, before anything of it is written."""
        await admin.patch(f"/accounts/{one['id']}", {"given_name": "Adah"})
        await admin.patch(f"/accounts/{other['id']}", {"email": "hayes@example.org"})
        await name_fresh(*given)

    monkeypatch.setattr("api.accounts.merging.name_fresh", changed_meanwhile)
    rows = [student(n, "ABC"[n // 10], family_name="Married") for n in range(29)]
    sent = await applied.send(csv_of(rows), snapshot="full")
    await applied.done(sent["id"], "held")
    await admin.post(f"/account-imports/{sent['id']}/approve", status=202)
    await applied.done(sent["id"])
    monkeypatch.undo()
    after = await account(admin, "s00000")
    assert (after["given_name"], after["family_name"]) == ("Adah", "Adler")
    assert after["edited"] == ["given_name"]
    assert (await account(admin, "s00001"))["family_name"] == "Married"
    assert (await account(admin, "s00029"))["status"] == "active"
    await applied.run(csv_of(rows))
    after = await account(admin, "s00000")
    assert (after["given_name"], after["family_name"]) == ("Adah", "Married")


async def test_a_username_that_is_given_up_is_nobody_elses(admin: Caller, applied: Rosters) -> None:
    one, other = await account(admin, "s00000"), await account(admin, "s00001")
    path, name = f"/accounts/{one['id']}", one["username"]
    taken = await admin.patch(path, {"username": other["username"].upper()}, 409)
    assert taken["code"] == "username-taken"
    await admin.patch(path, {"username": "ada.adler"})
    burnt = await admin.patch(f"/accounts/{other['id']}", {"username": name}, 409)
    assert burnt["code"] == "username-burnt"
    namesake = student(0, sourced_id="t1")
    await applied.run(csv_of([namesake]))
    assert (await account(admin, "t1"))["username"] == f"{name}-2"
    back = await admin.patch(path, {"username": name.upper()})
    assert back["username"] == name.upper(), "it was theirs"
    assert (await admin.patch(path, {"username": name}))["username"] == name
    assert len(await rows(applied.database, "SELECT * FROM burnt_usernames")) == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("username", None),
        ("username", "ada adler"),
        ("username", "postmaster"),
        ("given_name", ""),
        ("family_name", None),
        ("grade", "13"),
        ("status", "missing"),
        ("email", "nobody"),
        ("school", None),
        ("sourced_id", "x"),
        ("birth_date", "2015-01-01"),
    ],
)
async def test_a_wrong_field_is_refused(
    admin: Caller, applied: Rosters, field: str, value: object
) -> None:
    one = await account(admin, "s00000")
    refused = await admin.patch(f"/accounts/{one['id']}", {field: value}, 422)
    assert refused["errors"][0]["pointer"] == f"/{field}"
    assert await account(admin, "s00000") == one


async def test_schools_are_told_when_a_student_moves_or_is_suspended(
    admin: Caller, applied: Rosters, shipped: None
) -> None:
    body = {"playbook": "one_to_one", "first_bell": "2027-08-23"}
    for code in "AB":
        await admin.patch(f"/schools/{code}", {"enrollment": 10})
        await admin.post(f"/schools/{code}/rollouts", body, 201)

    async def done() -> list[int]:
        return [(await applied.gate(code))["progress_done"] for code in "AB"]

    one = await account(admin, "s00000")
    assert await done() == [10, 10]
    moved = await admin.patch(f"/accounts/{one['id']}", {"school": "b"})
    assert (moved["school"], moved["edited"]) == ("B", ["school"])
    assert await done() == [9, 11]
    await admin.patch(f"/accounts/{one['id']}", {"status": "suspended"})
    assert await done() == [9, 10]
    # The roster has not changed its mind, so neither move nor suspension is undone by it.
    await applied.run(csv_of([student(n, "ABC"[n // 10]) for n in range(30)]))
    assert await done() == [9, 10]
    await admin.patch(f"/accounts/{one['id']}", {"status": "active"})
    assert await done() == [9, 11]


async def test_a_student_cannot_leave_the_network_or_join_an_archived_school(
    admin: Caller, applied: Rosters
) -> None:
    await admin.post(
        "/networks", {"code": "M", "name": "M", "timezone": "UTC", "country": "US"}, 201
    )
    await admin.school("FAR", "M")
    await admin.patch("/schools/C", {"archived": True})
    path = f"/accounts/{(await account(admin, 's00000'))['id']}"
    assert (await admin.patch(path, {"school": "FAR"}, 422))["errors"][0]["pointer"] == "/school"
    assert (await admin.patch(path, {"school": "C"}, 409))["code"] == "school-archived"
    await admin.patch(path, {"school": "NOWHERE"}, 404)


async def test_a_student_whose_id_changes_stays_one_person(admin: Caller, applied: Rosters) -> None:
    one, other = await account(admin, "s00000"), await account(admin, "s00001")
    await admin.patch(f"/accounts/{one['id']}", {"username": "ada.adler"})
    taken = await admin.post(
        f"/accounts/{one['id']}/rekey", {"sourced_id": other["sourced_id"]}, 409
    )
    assert taken["code"] == "sourced-id-taken"
    rekeyed = await admin.post(f"/accounts/{one['id']}/rekey", {"sourced_id": "new-1"})
    assert (rekeyed["id"], rekeyed["sourced_id"], rekeyed["version"]) == (one["id"], "new-1", 3)
    again = await admin.post(f"/accounts/{one['id']}/rekey", {"sourced_id": "new-1"})
    assert again == rekeyed
    ended = await applied.run(csv_of([student(0, sourced_id="new-1")]))
    assert ended["rows"]["created"] == 0
    # As long as a roster may call somebody, and no longer.
    await admin.post(f"/accounts/{one['id']}/rekey", {"sourced_id": "x" * 255})
    await admin.post(f"/accounts/{one['id']}/rekey", {"sourced_id": "x" * 256}, 422)
    back = await admin.patch(f"/accounts/{one['id']}", {"username": one["username"]})
    assert back["username"] == one["username"], "what they were called once stays theirs"


async def test_the_answer_kept_for_a_repeated_call_has_no_names(
    admin: Caller, applied: Rosters
) -> None:
    one = await account(admin, "s00000")
    path, body = f"/accounts/{one['id']}/rekey", {"sourced_id": "new-1"}
    first = await admin.answer("POST", path, body, idempotency_key="k1")
    again = await admin.answer("POST", path, body, idempotency_key="k1")
    assert first.json()["given_name"] == "Ada"
    assert again.json() == first.json() | dict.fromkeys(NAMES)
