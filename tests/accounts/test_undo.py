"""Runs that are taken back: what is reversed, what is kept, and that names stay burnt."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from api.accounts import undo
from api.accounts.undo import undo_import
from tests.accounts.conftest import Body, Caller, Rosters, csv_of, student


async def undone(rosters: Rosters, import_id: str) -> Any:
    """Ask for it, and do its job."""
    asked = await rosters.caller.post(f"/account-imports/{import_id}/undo", status=202)
    assert asked["undo"]["state"] == "running"
    await undo_import(rosters.database, rosters.secret, UUID(import_id))
    ended = await rosters.read(import_id)
    assert ended["state"] == "undone"
    return {name: count for name, count in ended["undo"].items() if name != "state"}


def without(accounts: dict[str, Body], *names: str) -> dict[str, Body]:
    left = ("version", "updated_at", *names)
    return {
        key: {name: value for name, value in one.items() if name not in left}
        for key, one in accounts.items()
    }


async def test_what_a_run_made_goes_and_what_it_changed_is_as_before(rosters: Rosters) -> None:
    some = [student(n, email=f"s{n}@example.org") for n in range(30)]
    await rosters.run(csv_of(some), snapshot="full")
    before = await rosters.accounts()
    next_year = [dict(one) for one in some[2:]]
    next_year[0]["family_name"] = "Married"
    next_year[1]["school"] = "B"
    next_year[2]["email"] = ""
    ended = await rosters.run(
        csv_of([*next_year, student(30, email=""), student(31, email="")]), snapshot="full"
    )
    assert (ended["rows"]["created"], ended["rows"]["updated"]) == (2, 3)
    assert ended["rows"]["missing"] == 2
    assert await undone(rosters, ended["id"]) == {"reversed": 7, "kept": 0, "failed": 0}
    assert without(await rosters.accounts()) == without(before)


async def test_what_later_rosters_said_is_found_however_much_it_is(
    rosters: Rosters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More of it than fits in memory was read anew for each account: days, for a million."""
    some = [student(n) for n in range(12_000)]
    first = await rosters.run(csv_of(some))
    await rosters.run(csv_of(some[1:]))
    timeout, _, *others = undo._SETTINGS
    assert "statement_timeout" in timeout
    little = ("SET LOCAL statement_timeout = '3s'", "SET LOCAL work_mem = '64kB'")
    monkeypatch.setattr(undo, "_SETTINGS", (*little, *others))
    assert await undone(rosters, first["id"]) == {"reversed": 1, "kept": 11_999, "failed": 0}


async def test_a_name_once_given_stays_burnt(rosters: Rosters) -> None:
    ended = await rosters.run(csv_of([student(0)]))
    name = (await rosters.accounts())["s00000"]["username"]
    await undone(rosters, ended["id"])
    assert await rosters.accounts() == {}
    ended = await rosters.run(csv_of([student(0), student(0, sourced_id="other")]))
    names = {one["username"] for one in (await rosters.accounts()).values()}
    assert len(names) == 2
    assert name not in names
    given = await rosters.run(csv_of([student(1, username=name)]))
    assert [one["code"] for one in await rosters.issues(given["id"])] == ["username-burnt"]
    # A source that names its students itself may give whom it was taken from theirs again.
    await undone(rosters, ended["id"])
    await rosters.run(csv_of([student(0, username=name)]))
    assert (await rosters.accounts())["s00000"]["username"] == name


async def test_what_a_person_edited_since_is_kept(rosters: Rosters, admin: Caller) -> None:
    ended = await rosters.run(csv_of(student(n) for n in range(3)))
    account = (await rosters.accounts())["s00001"]
    await admin.patch(f"/accounts/{account['id']}", {"given_name": "Benjamin"})
    assert await undone(rosters, ended["id"]) == {"reversed": 2, "kept": 1, "failed": 0}
    assert (await rosters.accounts()).keys() == {"s00001"}


async def test_a_later_run_over_the_same_accounts_counts_as_edited_since(
    rosters: Rosters,
) -> None:
    first = await rosters.run(csv_of(student(n) for n in range(4)))
    # Of these the second changes one and finds the other as it should be.
    await rosters.run(csv_of([student(0), student(1, given_name="Benno")]))
    assert await undone(rosters, first["id"]) == {"reversed": 2, "kept": 2, "failed": 0}
    assert (await rosters.accounts()).keys() == {"s00000", "s00001"}


async def test_only_what_was_applied_can_be_undone_and_only_once(rosters: Rosters) -> None:
    preview = await rosters.run(csv_of([student(0)]), "previewed", mode="dry_run")
    path = f"/account-imports/{preview['id']}/undo"
    refused = await rosters.caller.post(path, status=409)
    assert (refused["code"], refused["state"]) == ("import-state", "previewed")
    ended = await rosters.run(csv_of([student(0)]))
    path = f"/account-imports/{ended['id']}/undo"
    asked = await rosters.caller.post(path, status=202)
    assert await rosters.caller.post(path, status=202) == asked
    await undo_import(rosters.database, rosters.secret, UUID(ended["id"]))
    refused = await rosters.caller.post(path, status=409)
    assert refused["state"] == "undone"
    # The job again, as after a kill: nothing is left to do.
    await undo_import(rosters.database, rosters.secret, UUID(ended["id"]))
    assert (await rosters.read(ended["id"]))["undo"]["reversed"] == 1


async def test_what_is_older_than_what_is_kept_of_it_cannot_be_undone(rosters: Rosters) -> None:
    ended = await rosters.run(csv_of([student(0)]))
    await rosters.database_does(
        "UPDATE account_imports SET finished_at = finished_at - interval '15 days'"
    )
    refused = await rosters.caller.post(f"/account-imports/{ended['id']}/undo", status=409)
    assert (refused["code"], refused["state"]) == ("import-state", "applied")
    assert "14 days" in refused["detail"]


async def test_schools_expect_again_what_they_did_before(
    rosters: Rosters, shipped: None, admin: Caller
) -> None:
    body = {"playbook": "one_to_one", "first_bell": "2027-08-23"}
    await admin.post("/schools/A/rollouts", body, 201)
    await rosters.run(csv_of(student(n) for n in range(20)), snapshot="full")
    before = await rosters.gate()
    ended = await rosters.run(csv_of(student(n) for n in range(30)), snapshot="full")
    assert (await rosters.gate())["progress_total"] == 30
    await undone(rosters, ended["id"])
    assert (await rosters.gate())["progress_total"] == before["progress_total"] == 20
    assert (await rosters.gate())["progress_done"] == 20


async def test_a_school_that_had_no_other_accounts_has_none_again(
    rosters: Rosters, shipped: None, admin: Caller
) -> None:
    """A delta leaves no roster behind, so nothing but the accounts says how many there are."""
    body = {"playbook": "one_to_one", "first_bell": "2027-08-23"}
    await admin.post("/schools/A/rollouts", body, 201)
    ended = await rosters.run(csv_of(student(n) for n in range(20)))
    assert (await rosters.gate())["progress_done"] == 20
    await undone(rosters, ended["id"])
    assert (await rosters.gate())["progress_done"] == 0
