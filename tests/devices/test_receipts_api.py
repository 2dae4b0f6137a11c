"""Receipts: what came is counted at its place, on its day, and moves the school's task."""

from __future__ import annotations

import pytest

from api.db.pool import Database
from tests.devices.boxes import CABLE, LAPTOP, days_ago, pack
from tests.devices.conftest import Body, Caller, rows

pytestmark = pytest.mark.usefixtures("acme")


async def test_a_partial_receipt_moves_the_task_and_leaves_the_rest_outstanding(
    admin: Caller,
) -> None:
    boxes = await pack(admin)
    receipt = await boxes.receive(25, received_on=days_ago(2), note="Two pallets.")
    assert (receipt["received_on"], receipt["school"]) == (days_ago(2), "A")
    assert receipt["lines"] == [
        {
            "sku": LAPTOP,
            "accepted": 25,
            "rejected": 0,
            "over": 0,
            "reason": None,
            "serial_numbers": [],
        }
    ]
    assert await boxes.done() == (25, 60)
    await boxes.receive(35)
    assert await boxes.done() == (60, 60)
    assert (await boxes.at("A"))["outstanding"] == 0
    assert await boxes.done("B") == (0, 40)


async def test_rejected_pieces_say_why_and_stay_outstanding(admin: Caller) -> None:
    boxes = await pack(admin)
    problem = await boxes.receive(50, status=422, of={"rejected": 10})
    assert "why" in problem["errors"][0]["detail"]
    await boxes.receive(50, of={"rejected": 10, "reason": "Cracked screens."})
    counted = await boxes.at("A")
    assert (counted["rejected"], counted["outstanding"]) == (10, 10)
    assert await boxes.done() == (50, 60)


async def test_more_than_is_allocated_needs_a_reason(admin: Caller) -> None:
    boxes = await pack(admin)
    await boxes.receive(55)
    problem = await boxes.receive(8, status=409)
    assert problem["code"] == "over-received"
    named = {key: problem[key] for key in ("sku", "allocated", "received", "over")}
    assert named == {"sku": LAPTOP, "allocated": 60, "received": 55, "over": 3}
    assert await boxes.there("A") == 55
    receipt = await boxes.receive(8, override_reason="They sent three spares.")
    assert receipt["lines"][0]["over"] == 3
    assert await boxes.there("A") == 63
    assert await boxes.done() == (60, 60)


async def test_the_orders_tolerance_lets_a_few_more_in_and_no_further(admin: Caller) -> None:
    boxes = await pack(admin, over_tolerance_percent=5)
    await boxes.receive(63)
    assert (await boxes.at("A"))["over"] == 3
    await boxes.receive(1, status=409)


async def test_what_no_school_is_promised_counts_at_the_warehouse(admin: Caller) -> None:
    boxes = await pack(admin)
    await boxes.receive(100, "WH")
    problem = await boxes.receive(1, "WH", status=409)
    assert (problem["allocated"], problem["over"]) == (100, 1)
    # What lies in the warehouse is at no school.
    assert await boxes.done() == (0, 60)
    # Nor can a school take as many again.
    assert (await boxes.receive(1, status=409))["code"] == "over-received"


async def test_pieces_of_a_line_that_is_not_for_the_school_need_a_reason(admin: Caller) -> None:
    boxes = await pack(admin)
    body: Body = {"school": "C", "lines": [{"sku": CABLE, "accepted": 4}]}
    path = f"/orders/{boxes.order}/receipts"
    assert (await admin.post(path, body, 409))["allocated"] == 0
    await admin.post(path, body | {"override_reason": "C had none."}, 201)
    assert await boxes.there("C", CABLE) == 4


@pytest.mark.parametrize(
    ("received_on", "code"), [(days_ago(-2), "future"), ("1999-12-31", "out-of-range")]
)
async def test_a_day_to_come_or_of_another_century_is_refused(
    admin: Caller, received_on: str, code: str
) -> None:
    boxes = await pack(admin)
    problem = await boxes.receive(1, status=422, received_on=received_on)
    assert problem["errors"][0]["pointer"] == "/received_on"
    assert problem["errors"][0]["code"] == code


@pytest.mark.parametrize(
    "of",
    [
        {"accepted": 0},
        {"accepted": -1},
        {"accepted": 1.5},
        {"serial_numbers": ["S1", "S2", "S3"]},
        {"serial_numbers": ["S1", "s 1"]},
        {"sku": "NO-SUCH"},
        {"sku": "A\x00B"},
        {"counted": 5},
    ],
)
async def test_a_line_that_makes_no_sense_is_refused(admin: Caller, of: Body) -> None:
    boxes = await pack(admin)
    problem = await boxes.receive(2, status=422, of=of)
    assert problem["errors"][0]["pointer"].startswith("/lines")
    assert await boxes.done() == (0, 60)


async def test_a_line_twice_or_two_places_are_refused(admin: Caller) -> None:
    boxes = await pack(admin)
    twice = [{"sku": LAPTOP, "accepted": 1}, {"sku": LAPTOP, "accepted": 2}]
    await boxes.receive(1, status=422, lines=twice)
    await boxes.receive(1, status=422, site="WH")
    await boxes.receive(1, status=404, school="ELSEWHERE")


async def test_nothing_is_counted_of_a_draft_or_of_what_was_cancelled(
    admin: Caller, acme: Body
) -> None:
    body = {"vendor": "acme", "number": "D", "lines": [{"sku": LAPTOP, "quantity": 5}]}
    order = await admin.post("/orders", body | {"network": "N"}, 201)
    receipt = {"school": "A", "lines": [{"sku": LAPTOP, "accepted": 1}]}
    path = f"/orders/{order['id']}"
    problem = await admin.post(f"{path}/receipts", receipt, 409)
    assert (problem["code"], problem["state"]) == ("order-state", "draft")
    await admin.post(f"{path}/cancel", {"reason": "Too dear."})
    assert (await admin.post(f"{path}/receipts", receipt, 409))["state"] == "cancelled"


async def test_a_reversal_takes_back_line_for_line_and_only_once(admin: Caller) -> None:
    boxes = await pack(admin)
    wrong = await boxes.receive(
        63, of={"rejected": 2, "reason": "Wet."}, override_reason="Three spares."
    )
    path = f"/receipts/{wrong['id']}/reverse"
    reversal = await admin.post(path, {"note": "Counted the wrong pallet."}, 201)
    assert reversal["reverses_id"] == wrong["id"]
    counted = await boxes.at("A")
    assert [counted[key] for key in ("there", "rejected", "over")] == [0, 0, 0]
    assert await boxes.done() == (0, 60)
    again = await admin.post(path, None, 409)
    assert again["receipt_id"] == reversal["id"]
    assert (await admin.post(f"/receipts/{reversal['id']}/reverse", None, 409))["code"] == (
        "reversal-refused"
    )
    # Corrected: the same box, counted anew on the day it came.
    await boxes.receive(52, received_on=days_ago(3))
    assert await boxes.done() == (52, 60)
    listed = await admin.get(f"/orders/{boxes.order}/receipts?sort=recorded_at")
    assert [one["reversed_by"] for one in listed["items"]] == [reversal["id"], None, None]


async def test_what_has_left_a_place_is_not_reversed_there(admin: Caller) -> None:
    boxes = await pack(admin)
    receipt = await boxes.receive(30, "WH")
    move = {"school": "A", "sku": LAPTOP, "quantity": 10}
    await admin.post("/transfers", {"order": boxes.order, "site": "WH", "transfers": [move]}, 201)
    problem = await admin.post(f"/receipts/{receipt['id']}/reverse", None, 409)
    assert (problem["code"], problem["at_hand"]) == ("reversal-refused", 20)


async def test_a_lead_counts_at_the_own_school_and_nowhere_else(
    admin: Caller, lead: Caller
) -> None:
    boxes = await pack(admin)
    receipt = await boxes.receive(5, by=lead)
    await boxes.receive(5, "B", status=404, by=lead)
    await boxes.receive(5, "WH", status=403, by=lead)
    elsewhere = await boxes.receive(5, "B")
    await lead.post(f"/receipts/{elsewhere['id']}/reverse", None, 404)
    listed = await lead.get(f"/orders/{boxes.order}/receipts")
    assert [one["id"] for one in listed["items"]] == [receipt["id"]]
    await lead.post(f"/receipts/{receipt['id']}/reverse", None, 201)


async def test_a_late_piece_of_a_closed_order_needs_a_reason(admin: Caller) -> None:
    boxes = await pack(admin)
    await boxes.receive(50)
    await admin.post(f"/orders/{boxes.order}/close", {"reason": "The rest was refunded."})
    assert (await boxes.receive(1, status=409))["allocated"] == 50
    await boxes.receive(1, override_reason="One came after all.")
    assert await boxes.there("A") == 51


async def test_who_counted_is_kept_for_every_piece(admin: Caller, database: Database) -> None:
    boxes = await pack(admin)
    receipt = await boxes.receive(5)
    assert receipt["actor"].startswith("token:")
    statement = (
        "SELECT actor, after FROM history WHERE table_name = 'allocations' AND operation = 'update'"
    )
    assert await rows(database, statement) == [(receipt["actor"], {"accepted": 5})]
