"""From the warehouse to the schools, and from a place back to the seller."""

from __future__ import annotations

import pytest

from tests.devices.boxes import CABLE, LAPTOP, days_ago, pack
from tests.devices.conftest import Body, Caller

pytestmark = pytest.mark.usefixtures("acme")


def move(school: str, quantity: int, sku: str = LAPTOP, **more: object) -> Body:
    return {"school": school, "sku": sku, "quantity": quantity, **more}


async def test_pieces_go_from_the_warehouse_to_schools_and_count_there(admin: Caller) -> None:
    boxes = await pack(admin)
    await boxes.receive(80, "WH")
    body: Body = {"vendor": "acme", "number": "po-1", "site": "WH", "moved_on": days_ago(1)}
    moves = [move("A", 50, serial_numbers=["s 1"]), move("B", 30)]
    made = await admin.post("/transfers", body | {"transfers": moves}, 201)
    assert [(one["school"], one["quantity"], one["serial_numbers"]) for one in made["items"]] == [
        ("A", 50, ["S1"]),
        ("B", 30, []),
    ]
    assert [await boxes.done(school) for school in "AB"] == [(50, 60), (30, 40)]
    assert await boxes.there("WH") == 0
    problem = await admin.post("/transfers", body | {"transfers": [move("A", 1)]}, 409)
    assert (problem["code"], problem["at_hand"]) == ("not-at-hand", 0)


async def test_all_of_a_transfer_goes_or_nothing(admin: Caller) -> None:
    boxes = await pack(admin)
    await boxes.receive(30, "WH")
    body: Body = {"order": boxes.order, "site": "WH"}
    moves = [move("A", 20), move("B", 20)]
    problem = await admin.post("/transfers", body | {"transfers": moves}, 409)
    assert (problem["sku"], problem["at_hand"]) == (LAPTOP, 30)
    await admin.post("/transfers", body | {"transfers": [move("ELSEWHERE", 1)]}, 404)
    await admin.post("/transfers", body | {"transfers": [move("A", 1, "NO-SUCH")]}, 422)
    late: Body = {"transfers": [move("A", 1)], "moved_on": days_ago(-2)}
    await admin.post("/transfers", body | late, 422)
    assert await boxes.there("WH") == 30
    assert await boxes.done() == (0, 60)


async def test_what_no_school_was_promised_becomes_the_schools_that_gets_it(
    admin: Caller,
) -> None:
    boxes = await pack(admin)
    cables = [{"sku": CABLE, "accepted": 10}]
    path = f"/orders/{boxes.order}/receipts"
    await admin.post(path, {"site": "WH", "lines": cables}, 201)
    body: Body = {"order": boxes.order, "site": "WH", "transfers": [move("C", 4, CABLE)]}
    await admin.post("/transfers", body, 201)
    at_c = await boxes.at("C", CABLE)
    assert (at_c["quantity"], at_c["there"], at_c["outstanding"]) == (4, 4, 0)
    assert await boxes.done("C") == (4, 4)


async def test_pieces_planned_for_one_school_are_not_moved_to_another(admin: Caller) -> None:
    boxes = await pack(admin)
    await boxes.receive(100, "WH")
    body: Body = {"order": boxes.order, "site": "WH", "transfers": [move("B", 41)]}
    problem = await admin.post("/transfers", body, 409)
    assert problem["code"] == "beyond-allocation"
    assert (problem["allocated"], problem["unallocated"]) == (40, 0)


async def test_a_lead_moves_nothing_out_of_the_warehouse(admin: Caller, lead: Caller) -> None:
    boxes = await pack(admin)
    await boxes.receive(10, "WH")
    body: Body = {"order": boxes.order, "site": "WH", "transfers": [move("A", 1)]}
    await lead.post("/transfers", body, 403)


async def returned(
    admin: Caller, order: str, quantity: int, status: int = 201, **more: object
) -> Body:
    pieces = {"sku": LAPTOP, "quantity": quantity}
    body: Body = {"order": order, "school": "A", "reason": "Dead on arrival.", "lines": [pieces]}
    made: Body = await admin.post("/returns", body | more, status)
    return made


async def test_a_return_to_be_replaced_is_outstanding_again(admin: Caller) -> None:
    boxes = await pack(admin)
    await boxes.receive(60)
    (back,) = (await returned(admin, boxes.order, 5, returned_on=days_ago(1)))["items"]
    assert (back["sku"], back["quantity"], back["replacement"]) == (LAPTOP, 5, True)
    assert await boxes.done() == (55, 60)
    await boxes.receive(5)
    assert await boxes.done() == (60, 60)
    assert (await boxes.receive(1, status=409))["code"] == "over-received"


async def test_a_return_without_replacement_is_off_the_order(admin: Caller) -> None:
    boxes = await pack(admin)
    await boxes.receive(62, override_reason="Two spares.")
    await returned(admin, boxes.order, 5, replacement=False)
    counted = await boxes.at("A")
    # The two that came beyond the order go first.
    assert [counted[key] for key in ("quantity", "there", "over", "outstanding")] == [57, 57, 0, 0]
    assert await boxes.done() == (57, 57)


async def test_no_more_goes_back_than_is_there(admin: Caller) -> None:
    boxes = await pack(admin)
    assert (await returned(admin, boxes.order, 1, 409))["at_hand"] == 0
    await boxes.receive(4)
    assert (await returned(admin, boxes.order, 5, 409))["at_hand"] == 4
    await returned(admin, boxes.order, 1, 422, returned_on=days_ago(-2))
    await returned(admin, boxes.order, 1, 422, reason=" ")
    assert await boxes.there("A") == 4


async def test_pieces_for_schools_are_not_taken_off_the_order_at_the_warehouse(
    admin: Caller,
) -> None:
    boxes = await pack(admin)
    await boxes.receive(50, "WH")
    at_site: Body = {"school": None, "site": "WH", "replacement": False}
    problem = await returned(admin, boxes.order, 5, 409, **at_site)
    assert (problem["code"], problem["unallocated"]) == ("beyond-allocation", 0)
    await returned(admin, boxes.order, 5, **(at_site | {"replacement": True}))
    assert await boxes.there("WH") == 45


async def test_a_lead_sends_back_what_is_at_the_own_school(admin: Caller, lead: Caller) -> None:
    boxes = await pack(admin)
    await boxes.receive(5)
    await boxes.receive(5, "B")
    await returned(lead, boxes.order, 1)
    await returned(lead, boxes.order, 1, 404, school="B")
    assert await boxes.there("A") == 4
