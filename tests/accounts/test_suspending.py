"""Accounts that no roster names any more."""

from __future__ import annotations

from datetime import timedelta

import pytest

from api import clock
from api.accounts.suspending import GRACE, suspend_missing
from tests.accounts.conftest import Caller, Rosters, csv_of, student


async def test_a_missing_account_is_suspended_after_the_grace_period(
    admin: Caller, rosters: Rosters, shipped: None
) -> None:
    await admin.patch("/schools/A", {"enrollment": 20})
    body = {"playbook": "one_to_one", "first_bell": "2027-08-23"}
    await admin.post("/schools/A/rollouts", body, 201)
    everybody = [student(n) for n in range(20)]
    await rosters.run(csv_of(everybody), snapshot="full")
    await rosters.run(csv_of(everybody[1:]), snapshot="full")
    missing = (await rosters.accounts())["s00000"]
    assert missing["status"] == "missing"
    assert (await rosters.gate())["progress_done"] == 19
    with clock.moved_to(clock.now() + GRACE - timedelta(hours=1)):
        await suspend_missing(rosters.database)
    assert (await rosters.accounts())["s00000"] == missing
    with clock.moved_to(clock.now() + GRACE + timedelta(hours=1)):
        await suspend_missing(rosters.database)
        suspended = (await rosters.accounts())["s00000"]
        await suspend_missing(rosters.database)
    assert (suspended["status"], suspended["version"]) == ("suspended", missing["version"] + 1)
    assert suspended["missing_since"] == missing["missing_since"]
    assert (await rosters.accounts())["s00000"] == suspended, "once is enough"
    # Somebody who comes back has their account back.
    ended = await rosters.run(csv_of(everybody), snapshot="full")
    assert ended["rows"]["restored"] == 1
    restored = (await rosters.accounts())["s00000"]
    assert (restored["status"], restored["missing_since"]) == ("active", None)
    assert restored["username"] == missing["username"]


@pytest.mark.parametrize("days", [0, 15])
async def test_one_whom_a_person_brought_back_stays(
    admin: Caller, rosters: Rosters, days: int
) -> None:
    everybody = [student(n) for n in range(20)]
    await rosters.run(csv_of(everybody), snapshot="full")
    await rosters.run(csv_of(everybody[1:]), snapshot="full")
    with clock.moved_to(clock.now() + timedelta(days=days)):
        await suspend_missing(rosters.database)
    one = (await rosters.accounts())["s00000"]
    assert one["status"] == ("suspended" if days else "missing")
    back = await admin.patch(f"/accounts/{one['id']}", {"status": "active"})
    assert (back["status"], back["missing_since"], back["edited"]) == ("active", None, ["status"])
    ended = await rosters.run(csv_of(everybody[1:]), snapshot="full")
    assert ended["rows"]["missing"] == 0
    assert (await rosters.accounts())["s00000"]["status"] == "active"
