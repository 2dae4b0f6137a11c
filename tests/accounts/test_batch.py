"""A few students in one request: each is answered, by the rules of a file."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from api.accounts.undo import undo_import
from tests.accounts.conftest import Body, Caller, Rosters, csv_of, rows, student


async def batch(caller: Caller, *some: Body, status: int = 200, **given: Any) -> Any:
    return await caller.post("/accounts/batch", {"rows": list(some), **given}, status)


async def test_each_row_is_answered(rosters: Rosters, admin: Caller) -> None:
    await rosters.run(csv_of([student(0), student(1)]))
    wrong, twice = student(3, school="NOWHERE"), student(2, given_name="Other")
    answered = await batch(
        admin, student(0), student(1, grade=7), student(2), wrong, twice, network="N"
    )
    results = answered["results"]
    assert [one["outcome"] for one in results] == [
        "unchanged", "updated", "created", "rejected", "rejected",
    ]  # fmt: skip
    assert [(one["column"], one["code"]) for one in results[3:]] == [
        ("school", "school-unknown"), ("sourced_id", "row-twice"),
    ]  # fmt: skip
    accounts = await rosters.accounts()
    assert results[2]["id"] == accounts["s00002"]["id"]
    assert results[2]["username"] == accounts["s00002"]["username"]
    assert accounts["s00001"]["grade"] == 7
    assert answered["rows"] == {
        "total": 5, "created": 1, "updated": 1, "unchanged": 1, "restored": 0, "missing": 0,
        "rejected": 2,
    }  # fmt: skip
    assert await rows(rosters.database, "SELECT relname FROM pg_class c JOIN pg_namespace n"
                      " ON n.oid = c.relnamespace WHERE n.nspname = 'staging'") == []  # fmt: skip


async def test_usernames_it_answers_are_recorded_and_not_kept_for_a_repeated_call(
    rosters: Rosters, admin: Caller
) -> None:
    given = {"rows": [student(0), student(1, school="NOWHERE")]}
    first = await admin.answer("POST", "/accounts/batch", given, idempotency_key="k1")
    again = await admin.answer("POST", "/accounts/batch", given, idempotency_key="k1")
    made, repeated = (answer.json()["results"][0] for answer in (first, again))
    assert made["username"] is not None
    assert repeated == made | {"username": None}
    found = "SELECT d.purpose, d.students, s.students::text[] FROM disclosures d"
    assert await rows(
        rosters.database, f"{found} JOIN disclosure_students s ON s.disclosure_id = d.id"
    ) == [("import", 1, [made["id"]])]


async def test_a_first_batch_makes_its_source(rosters: Rosters, admin: Caller) -> None:
    answered = await batch(admin, student(0), student(1), source="by-hand")
    assert [one["outcome"] for one in answered["results"]] == ["created", "created"]
    found = await rows(rosters.database, "SELECT slug FROM account_sources")
    assert found == [("by-hand",)]


async def test_what_a_row_leaves_out_stays(rosters: Rosters, admin: Caller) -> None:
    await rosters.run(csv_of([student(0, email="s0@example.org")]))
    await batch(admin, {"sourced_id": "s00000", "school": "A", "family_name": "Married"})
    account = (await rosters.accounts())["s00000"]
    assert (account["family_name"], account["email"]) == ("Married", "s0@example.org")
    assert (account["grade"], account["given_name"]) == (1, "Ada")


async def test_a_batch_is_a_run_that_can_be_undone(rosters: Rosters, admin: Caller) -> None:
    first = await batch(admin, student(0), student(1))
    await batch(admin, student(1))
    await admin.post(f"/account-imports/{first['import_id']}/undo", status=202)
    await undo_import(rosters.database, rosters.secret, UUID(first["import_id"]))
    ended = await rosters.read(first["import_id"])
    assert (ended["undo"]["reversed"], ended["undo"]["kept"]) == (1, 1)


async def test_a_batch_has_a_limit_and_its_own_fields(admin: Caller, rosters: Rosters) -> None:
    await batch(admin, *(student(n) for n in range(1001)), status=422)
    await batch(admin, status=422)
    await batch(admin, student(0, shoe_size=43), status=422)
    assert await rosters.accounts() == {}


async def test_nobody_limited_to_schools_sends_accounts(lead: Caller, rosters: Rosters) -> None:
    await batch(lead, student(0), status=403)
    answer = await lead.client.post("/v1/account-imports", content=csv_of([student(0)]))
    assert answer.status_code == 403
    assert await rows(rosters.database, "SELECT * FROM account_imports") == []
