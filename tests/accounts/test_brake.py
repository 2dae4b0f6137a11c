"""Full rosters: who is missing, what is held, and how it goes on."""

from __future__ import annotations

from typing import Any

from tests.accounts.conftest import Body, Caller, Rosters, csv_of, student


def roster(leaving: int = 0, count: int = 60) -> list[Body]:
    """Sixty students at A and B, the first ones gone."""
    return [student(n, school="AB"[n % 2]) for n in range(leaving, count)]


async def full(rosters: Rosters, some: list[Body], state: str = "applied", **query: str) -> Any:
    return await rosters.run(csv_of(some), state, snapshot="full", **query)


def codes(ended: Any) -> list[tuple[str, str | None]]:
    return [(one["code"], one["school"]) for one in ended["held_reasons"]]


async def statuses(rosters: Rosters) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in (await rosters.accounts()).values():
        found[one["status"]] = found.get(one["status"], 0) + 1
    return found


async def test_who_is_not_named_is_missing_and_who_comes_back_is_restored(
    rosters: Rosters,
) -> None:
    await full(rosters, roster())
    ended = await full(rosters, roster(leaving=6))
    assert (ended["rows"]["missing"], ended["rows"]["unchanged"]) == (6, 54)
    accounts = await rosters.accounts()
    assert accounts["s00000"]["status"] == "missing"
    assert accounts["s00000"]["missing_since"] is not None
    ended = await full(rosters, roster(leaving=3))
    assert (ended["rows"]["restored"], ended["rows"]["updated"]) == (3, 3)
    back = (await rosters.accounts())["s00003"]
    assert (back["status"], back["missing_since"]) == ("active", None)
    assert back["id"] == accounts["s00003"]["id"]
    # Those missing already are not counted again.
    assert ended["rows"]["missing"] == 0
    assert await statuses(rosters) == {"active": 57, "missing": 3}


async def test_a_delta_never_makes_anybody_missing(rosters: Rosters) -> None:
    await full(rosters, roster())
    ended = await rosters.run(csv_of(roster(leaving=59)))
    assert ended["rows"]["missing"] == 0
    assert await statuses(rosters) == {"active": 60}


async def test_too_many_missing_hold_the_run_until_somebody_approves(
    rosters: Rosters, admin: Caller
) -> None:
    await full(rosters, roster())
    before = await rosters.accounts()
    held = await full(rosters, roster(leaving=7), "held")
    assert codes(held) == [("too-many-missing", None)]
    assert held["held_reasons"][0] | {"count": 7, "of": 60, "limit": 10} == held["held_reasons"][0]
    assert (held["rows"]["missing"], held["rows"]["unchanged"]) == (7, 53)
    assert held["samples"]["missing"][0]["sourced_id"] == "s00000"
    assert await rosters.accounts() == before
    approved = await admin.post(f"/account-imports/{held['id']}/approve", status=202)
    assert approved["state"] == "queued"
    ended = await rosters.done(held["id"])
    assert (ended["rows"]["missing"], ended["approved_by"]) == (7, ended["actor"])
    # What was approved is what the next one is compared with.
    assert (await full(rosters, roster(leaving=12)))["rows"]["missing"] == 5


async def test_a_school_that_is_gone_holds(rosters: Rosters) -> None:
    await full(rosters, [*roster(), student(100, school="C")])
    held = await full(rosters, roster(), "held")
    assert codes(held) == [("school-gone", "C")]


async def test_an_august_of_new_grades_is_not_held_but_new_names_are(rosters: Rosters) -> None:
    await full(rosters, roster())
    august = [one | {"grade": "12"} for one in roster()]
    assert (await full(rosters, august))["rows"]["updated"] == 55
    renamed = [one | {"family_name": "Changed"} for one in august[:46]] + august[46:]
    held = await full(rosters, renamed, "held")
    assert codes(held) == [("too-many-changed", None)]


async def test_a_first_roster_applies_and_accounts_of_deltas_count_as_before(
    rosters: Rosters,
) -> None:
    assert (await full(rosters, roster(), source="first"))["state"] == "applied"
    some = [one | {"sourced_id": f"x{one['sourced_id']}"} for one in roster()]
    await rosters.run(csv_of(some), source="second")
    held = await full(rosters, some[30:], "held", source="second")
    assert ("too-many-missing", None) in codes(held)


async def test_an_empty_roster_fails_and_removes_nobody(rosters: Rosters) -> None:
    await full(rosters, roster())
    ended = await rosters.run(csv_of([], student(0)), "failed", snapshot="full")
    assert ended["problem"]["code"] == "empty-snapshot"
    assert await statuses(rosters) == {"active": 60}


async def test_a_newer_roster_takes_the_place_of_a_held_one(rosters: Rosters) -> None:
    await full(rosters, roster())
    held = await full(rosters, roster(leaving=30), "held")
    await full(rosters, roster(leaving=2))
    ended = await rosters.read(held["id"])
    assert (ended["state"], ended["problem"]["code"]) == ("cancelled", "superseded")
    refused = await rosters.caller.post(f"/account-imports/{held['id']}/approve", status=409)
    assert (refused["code"], refused["state"]) == ("import-state", "cancelled")


async def test_another_school_s_roster_leaves_a_held_one_alone(rosters: Rosters) -> None:
    """A source whose schools send a file each: what is held at A is not news of B."""
    await full(rosters, roster())
    at = {code: [one for one in roster() if one["school"] == code] for code in "AB"}
    held = await full(rosters, at["A"][:10], "held", scope="school:A")
    await full(rosters, at["B"], scope="school:B")
    assert (await rosters.read(held["id"]))["state"] == "held"
    await full(rosters, at["A"], scope="school:A")
    assert (await rosters.read(held["id"]))["problem"]["code"] == "superseded"
    held = await full(rosters, at["A"][:10], "held", scope="school:A")
    await full(rosters, roster())
    assert (await rosters.read(held["id"]))["problem"]["code"] == "superseded"


async def test_one_that_is_approved_while_a_newer_one_is_done_does_not_overwrite_it(
    rosters: Rosters,
) -> None:
    await full(rosters, roster())
    held = await full(rosters, roster(leaving=30), "held")
    newer = await rosters.send(csv_of(roster(leaving=2)), snapshot="full")
    await rosters.caller.post(f"/account-imports/{held['id']}/approve", status=202)
    await rosters.done(newer["id"])
    ended = await rosters.done(held["id"], "cancelled")
    assert (ended["problem"]["code"], ended["problem"]["by"]) == ("superseded", newer["id"])
    assert await statuses(rosters) == {"active": 58, "missing": 2}
    # Of a preview, and of a delta, nobody is told that they come too late.
    late = await rosters.send(csv_of(roster(leaving=1)), snapshot="full", mode="dry_run")
    delta = await rosters.send(csv_of(roster(leaving=1)))
    await full(rosters, roster(leaving=3))
    await rosters.done(late["id"], "previewed")
    await rosters.done(delta["id"])


async def test_one_school_s_file_is_about_that_school_only(rosters: Rosters) -> None:
    await full(rosters, roster())
    of_a = [one for one in roster() if one["school"] == "A"]
    stray = student(200, school="B")
    ended = await full(rosters, [*of_a[1:], stray], scope="school:A")
    assert (ended["rows"]["missing"], ended["rows"]["rejected"]) == (1, 1)
    assert [one["code"] for one in await rosters.issues(ended["id"])] == ["out-of-scope"]
    assert await statuses(rosters) == {"active": 59, "missing": 1}


async def test_who_is_refused_is_not_missing(rosters: Rosters) -> None:
    await full(rosters, roster())
    some = roster(leaving=1)
    some[0]["grade"] = "97"
    some[1]["school"] = "NOWHERE"
    ended = await full(rosters, some)
    assert (ended["rows"]["rejected"], ended["rows"]["missing"]) == (2, 1)
    assert (await rosters.accounts())["s00001"]["status"] == "active"


async def test_while_a_row_may_be_anybody_s_nobody_is_missing(rosters: Rosters) -> None:
    await full(rosters, roster())
    some = roster(leaving=1)
    some[0]["sourced_id"] = ""
    ended = await full(rosters, some)
    assert (ended["rows"]["rejected"], ended["rows"]["missing"]) == (1, 0)
    assert await statuses(rosters) == {"active": 60}
