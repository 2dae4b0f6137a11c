"""Lead times learned from real orders, and what they move."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from api import clock
from api.auth.rules import Role
from api.db.pool import Database
from api.devices.jobs import learn
from tests.devices.conftest import As, Body, Caller, line, placed

# A Monday; no public holiday of Illinois lies in the weeks after it.
PLACED = datetime(2026, 3, 2, 18, tzinfo=UTC)
LATER = datetime(2026, 4, 20, 18, tzinfo=UTC)


@pytest.fixture
async def delivered(admin: Caller, acme: Body) -> Body:
    """Placed on 2 March, promised for the 9th; A's half came on the 16th, B's on the 23rd."""
    with clock.moved_to(PLACED):
        order = await placed(admin, line(A=10, B=10, promised_on="2026-03-09"), number="PO-0")
    with clock.moved_to(LATER):
        # A later promise knows of the slip already.
        said = {"lines": [{"sku": "CB", "promised_on": "2026-03-23"}]}
        await admin.post(f"/orders/{order['id']}/promises", said)
        for school, day in (("A", "2026-03-16"), ("B", "2026-03-23")):
            lines = [{"sku": "CB", "accepted": 10}]
            counts = {"school": school, "received_on": day, "lines": lines}
            await admin.post(f"/orders/{order['id']}/receipts", counts, 201)
    return order


async def lead_times(caller: Caller) -> list[Body]:
    listed: list[Body] = (await caller.get("/vendors/acme/lead-times"))["items"]
    return listed


async def test_the_night_learns_working_days_from_placing_and_from_the_first_promise(
    admin: Caller, database: Database, delivered: Body
) -> None:
    assert await lead_times(admin) == []
    with clock.moved_to(LATER):
        await learn(database)
        (found,) = await lead_times(admin)
        assert found["learned_at"].startswith("2026-04-20")
    found.pop("learned_at")
    assert found == {"sku": "CB", "samples": 2, "lead_days": 15, "spread_days": 10}


async def test_what_was_learned_stands_in_for_a_missing_promise(
    admin: Caller, delivered: Body
) -> None:
    with clock.moved_to(LATER):
        await placed(admin, line(C=20), number="PO-2")
        task = (await admin.tasks("C"))["order:acme:PO-2"]
        assert (task["lead_days"], task["spread_days"]) == (30, None)
        assert await admin.post("/vendors/acme/lead-times") == {"changed": 1}
        task = (await admin.tasks("C"))["order:acme:PO-2"]
        assert (task["lead_days"], task["spread_days"]) == (15, 10)
        assert await admin.post("/vendors/acme/lead-times") == {"changed": 0}


async def test_a_broken_promise_slips_as_far_as_it_usually_does(
    admin: Caller, prepared: None, delivered: Body
) -> None:
    with clock.moved_to(LATER):
        await admin.post("/vendors/acme/lead-times")
        await placed(admin, line(C=108, promised_on="2026-04-17"), number="PO-2")
        answer = await admin.get("/schools/C/readiness")
        (waits,) = [one for one in answer["blockers"] if one["key"] == "order:acme:PO-2"]
        assert waits["why"].endswith("promise broken, no new date")
        graph = await admin.get("/schools/C/graph")
    (task,) = [one for one in graph["tasks"] if one["key"] == "order:acme:PO-2"]
    # Ten working days after Monday, 20 April.
    assert date.fromisoformat(task["finish"]) == date(2026, 5, 4)


async def test_what_was_taken_back_teaches_nothing(
    admin: Caller, database: Database, delivered: Body
) -> None:
    with clock.moved_to(LATER):
        await learn(database)
        shown = await admin.get(f"/orders/{delivered['id']}/receipts")
        for receipt in shown["items"]:
            await admin.post(f"/receipts/{receipt['id']}/reverse", status=201)
        await learn(database)
    assert await lead_times(admin) == []


async def test_old_deliveries_are_forgotten(
    admin: Caller, database: Database, delivered: Body
) -> None:
    with clock.moved_to(datetime(2029, 1, 1, tzinfo=UTC)):
        await learn(database)
    assert await lead_times(admin) == []


async def test_who_may_read_and_who_may_learn(calling: As, delivered: Body) -> None:
    async with calling(Role.viewer) as viewer:
        assert await lead_times(viewer) == []
        await viewer.post("/vendors/acme/lead-times", status=403)
        await viewer.get("/vendors/nobody/lead-times", 404)
