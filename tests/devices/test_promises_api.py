"""Promises over HTTP: every one is kept, and the latest that was stated is the line's."""

from __future__ import annotations

from datetime import timedelta

import pytest

from api import clock
from api.db.pool import Database
from tests.devices.conftest import Body, Caller, line, ordered, placed, rows

pytestmark = pytest.mark.usefixtures("acme")


def said(day: str | None, sku: str = "CB", **more: object) -> Body:
    return {"lines": [{"sku": sku, "promised_on": day}], **more}


async def test_every_promise_is_kept_and_the_latest_holds(admin: Caller) -> None:
    order = await placed(admin, line(A=1))
    path = f"/orders/{order['id']}/promises"
    yesterday = (clock.now() - timedelta(days=1)).isoformat()
    await admin.post(path, said("2027-08-13"))
    answer = await admin.post(path, said("2027-07-01", stated_at=yesterday, source="estimate"))
    assert answer["recorded"] == 1
    (told,) = answer["lines"]
    assert told["promised_on"] == "2027-08-13", "what was said yesterday does not hold today"
    assert [(one["promised_on"], one["source"]) for one in told["history"]] == [
        ("2027-08-13", "call"),
        ("2027-07-01", "estimate"),
    ]
    withdrawn = await admin.post(path, said(None))
    assert withdrawn["lines"][0]["promised_on"] is None
    assert len(withdrawn["lines"][0]["history"]) == 3


async def test_the_same_promise_again_is_no_other(admin: Caller) -> None:
    order = await placed(admin, line(A=1))
    path = f"/orders/{order['id']}/promises"
    stated = said("2027-08-13", stated_at=clock.now().isoformat())
    assert [(await admin.post(path, stated))["recorded"] for _ in range(3)] == [1, 0, 0]


async def test_a_promise_nobody_can_have_made_is_refused(admin: Caller) -> None:
    order = await placed(admin, line(A=1))
    path = f"/orders/{order['id']}/promises"
    tomorrow = (clock.now() + timedelta(days=1)).isoformat()
    await admin.post(path, said("2027-08-13", stated_at=tomorrow), 422)
    await admin.post(path, said("2027-08-13", sku="NONE"), 422)
    await admin.post(path, said("1927-08-13"), 422)
    twice = said("2027-08-13")
    twice["lines"] *= 2
    await admin.post(path, twice, 422)
    assert (await admin.get(f"/orders/{order['id']}"))["lines"][0]["promised_on"] is None


async def test_no_state_of_an_order_refuses_a_promise(admin: Caller) -> None:
    order = await ordered(admin, line(A=1))
    path = f"/orders/{order['id']}"
    await admin.post(f"{path}/promises", said("2027-08-13"))
    await admin.post(f"{path}/cancel", {"reason": "Twice."})
    assert (await admin.post(f"{path}/promises", said("2027-08-14")))["recorded"] == 1


async def test_a_promise_moves_the_tasks_of_every_school_it_feeds(
    admin: Caller, prepared: None, database: Database
) -> None:
    order = await placed(admin, line("CB", A=1, B=1), line("CASE", C=1))
    await admin.post(f"/orders/{order['id']}/promises", said("2027-08-13"))
    days = await rows(
        database, "SELECT expected_on::text FROM tasks WHERE key = 'order:acme:PO-1' ORDER BY id"
    )
    assert sorted(str(day[0]) for day in days) == ["2027-08-13", "2027-08-13", "None"]


async def test_an_overdue_line_is_told_until_its_pieces_are_there(admin: Caller) -> None:
    yesterday = str(clock.today("America/Chicago") - timedelta(days=1))
    order = await placed(admin, line(A=10, promised_on=yesterday))
    (before,) = (await admin.get(f"/orders/{order['id']}"))["lines"]
    assert (before["outstanding"], before["overdue"], before["backordered"]) == (10, 10, 10)
    received = {"school": "A", "lines": [{"sku": "CB", "accepted": 10}]}
    await admin.post(f"/orders/{order['id']}/receipts", received, 201)
    (after,) = (await admin.get(f"/orders/{order['id']}"))["lines"]
    assert (after["outstanding"], after["overdue"], after["backordered"]) == (0, 0, 0)
