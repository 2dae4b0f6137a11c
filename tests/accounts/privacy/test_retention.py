"""What is kept too long goes by itself, and no sooner."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from api import clock, wiring
from api.accounts.privacy.retention import keep_to_schedule
from api.accounts.privacy.rules import (
    DISCLOSURE_DAYS,
    ISSUE_DAYS,
    LEFT_DAYS,
    UNDO_DAYS,
    UPLOAD_DAYS,
)
from tests.accounts.conftest import Caller, Rosters, csv_of, rows, student

_COUNTS = {
    "uploads": "SELECT count(*) FROM account_import_chunks",
    "previews": "SELECT count(*) FROM account_imports WHERE samples IS NOT NULL",
    "rejected values": "SELECT count(*) FROM account_import_issues WHERE got IS NOT NULL",
    "quotes": "SELECT count(*) FROM account_imports WHERE problem::text ~ 'Jonas'",
    "issues": "SELECT count(*) FROM account_import_issues",
    "changes": "SELECT count(*) FROM account_changes",
    "disclosures": "SELECT count(*) FROM disclosures",
    "their students": "SELECT count(*) FROM disclosure_students",
    "accounts": "SELECT count(*) FROM accounts",
    "runs": "SELECT count(*) FROM account_imports",
}
GONE_FIRST = {"uploads", "previews", "rejected values", "quotes", "changes"}


async def kept(rosters: Rosters) -> dict[str, int]:
    return {
        name: (await rows(rosters.database, counted))[0][0] for name, counted in _COUNTS.items()
    }


async def after(rosters: Rosters, days: int) -> dict[str, int]:
    """What is kept once the clock's jobs have run so many days from now."""
    with clock.moved_to(clock.now() + timedelta(days=days)):
        await wiring.purge(rosters.database)
        await keep_to_schedule(rosters.database, rosters.secret)
        return await kept(rosters)


@pytest.fixture
async def used(rosters: Rosters, admin: Caller) -> Rosters:
    """Runs of every end, one student who left, and names that were read."""
    some = [student(n) for n in range(6)]
    await rosters.run(csv_of(some), snapshot="full")
    await rosters.run(csv_of([student(0, grade="12"), student(1, grade="x")]))
    await rosters.run(csv_of([student(2, grade="12")]), "previewed", mode="dry_run")
    await rosters.run(b"sourced_id,Jonas,4\n", "failed", network="N")
    one = (await rosters.accounts())["s00005"]["id"]
    await admin.patch(f"/accounts/{one}", {"status": "suspended"})
    return rosters


async def test_each_thing_is_kept_as_long_as_the_schedule_says(used: Rosters) -> None:
    before = await kept(used)
    assert all(before.values()), before

    def less(found: dict[str, int]) -> set[str]:
        return {name for name in before if found[name] == 0}

    assert await after(used, UPLOAD_DAYS - 1) == before
    assert less(await after(used, UPLOAD_DAYS + 1)) == GONE_FIRST
    left = await after(used, min(LEFT_DAYS, ISSUE_DAYS) - 1)
    assert left["accounts"] == before["accounts"]
    left = await after(used, max(LEFT_DAYS, ISSUE_DAYS) + 1)
    assert left["accounts"] == before["accounts"] - 1
    assert less(left) == GONE_FIRST | {"issues"}
    left = await after(used, DISCLOSURE_DAYS + 1)
    assert less(left) == GONE_FIRST | {"issues", "disclosures", "their students"}
    assert left["runs"] == before["runs"]


async def test_who_left_long_ago_may_come_back_by_their_old_name(
    used: Rosters, admin: Caller
) -> None:
    name = (await used.accounts())["s00005"]["username"]
    await after(used, LEFT_DAYS + 1)
    taken = await used.run(csv_of([student(9, username=name)]))
    assert [one["code"] for one in await used.issues(taken["id"])] == ["username-burnt"]
    back = await used.run(csv_of([student(5, username=name)]))
    assert back["rows"]["created"] == 1
    assert (await used.accounts())["s00005"]["username"] == name
    assert (await admin.get("/erasures"))["items"] == [], "nobody asked for it"


async def test_what_cannot_be_told_any_more_is_not_undone_by_half(used: Rosters) -> None:
    found = await used.caller.get("/account-imports?state=applied")
    newest = found["items"][0]["id"]
    with clock.moved_to(clock.now() + timedelta(days=UNDO_DAYS + 1)):
        refused: Any = await used.caller.post(f"/account-imports/{newest}/undo", status=409)
    assert str(UNDO_DAYS) in refused["detail"]
