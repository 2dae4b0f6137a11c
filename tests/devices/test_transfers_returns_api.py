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


async def test_a_transfer_is_taken_back_once_with_what_it_allocated(admin: Caller) -> None:
    boxes = await pack(admin)
    cables = [{"sku": CABLE, "accepted": 10}]
    await admin.post(f"/orders/{boxes.order}/receipts", {"site": "WH", "lines": cables}, 201)
    body: Body = {"order": boxes.order, "site": "WH"}
    moves = [move("C", 4, CABLE, serial_numbers=["C 1"])]
    (moved,) = (await admin.post("/transfers", body | {"transfers": moves}, 201))["items"]
    path = f"/transfers/{moved['id']}/reverse"
    back = await admin.post(path, {"note": "The wrong van."}, 201)
    assert (back["reverses_id"], back["note"]) == (moved["id"], "The wrong van.")
    assert [back[key] for key in ("school", "sku", "quantity", "moved_on", "serial_numbers")] == [
        moved[key] for key in ("school", "sku", "quantity", "moved_on", "serial_numbers")
    ]
    at_c = await boxes.at("C", CABLE)
    assert [at_c[key] for key in ("quantity", "there", "moved_in")] == [0, 0, 0]
    assert await boxes.there("WH", CABLE) == 10
    assert (await admin.tasks("C"))["order:acme:PO-1"]["status"] == "cancelled"
    again = await admin.post(path, None, 409)
    assert (again["code"], again["transfer_id"]) == ("reversal-refused", back["id"])
    await admin.post(f"/transfers/{back['id']}/reverse", None, 409)
    await admin.post(f"/transfers/{boxes.order}/reverse", None, 404)
    # The pieces are at hand for the school that was meant.
    await admin.post("/transfers", body | {"transfers": [move("D", 10, CABLE)]}, 201)
    timeline = (await admin.get(f"/orders/{boxes.order}"))["timeline"]
    told = [one["summary"] for one in timeline if one["kind"] == "transfer"]
    day = moved["moved_on"]
    assert told == [
        f"10 of CABLE from WH to D on {day}",
        f"4 of CABLE from WH to C on {day} taken back",
        f"4 of CABLE from WH to C on {day}",
    ]


async def test_a_reversed_transfer_leaves_what_was_planned_for_the_school_before(
    admin: Caller,
) -> None:
    boxes = await pack(admin)
    await boxes.receive(50, "WH")
    body: Body = {"order": boxes.order, "site": "WH", "transfers": [move("A", 50)]}
    (moved,) = (await admin.post("/transfers", body, 201))["items"]
    await admin.post(f"/transfers/{moved['id']}/reverse", None, 201)
    assert await boxes.done() == (0, 60)
    assert [await boxes.there(name) for name in ("A", "WH")] == [0, 50]


async def test_what_was_returned_since_is_not_moved_back(admin: Caller, lead: Caller) -> None:
    boxes = await pack(admin)
    await boxes.receive(20, "WH")
    body: Body = {"order": boxes.order, "site": "WH", "transfers": [move("A", 20)]}
    (moved,) = (await admin.post("/transfers", body, 201))["items"]
    await returned(admin, boxes.order, 1)
    path = f"/transfers/{moved['id']}/reverse"
    problem = await admin.post(path, None, 409)
    assert (problem["code"], problem["at_hand"]) == ("reversal-refused", 19)
    assert await boxes.there("A") == 19
    await lead.post(path, None, 403)


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


async def test_a_return_is_taken_back_once_and_expects_nothing_again(admin: Caller) -> None:
    boxes = await pack(admin)
    await boxes.receive(60)
    (sent,) = (await returned(admin, boxes.order, 5))["items"]
    path = f"/returns/{sent['id']}/reverse"
    back = await admin.post(path, {"note": "It was the charger."}, 201)
    assert (back["reverses_id"], back["quantity"], back["reason"]) == (
        sent["id"],
        5,
        "Dead on arrival.",
    )
    assert await boxes.done() == (60, 60)
    assert (await admin.post(path, None, 409))["return_id"] == back["id"]
    await admin.post(f"/returns/{back['id']}/reverse", None, 409)
    await admin.post(f"/returns/{boxes.order}/reverse", None, 404)
    timeline = (await admin.get(f"/orders/{boxes.order}"))["timeline"]
    day = sent["returned_on"]
    assert [one["summary"] for one in timeline if one["kind"] == "return"] == [
        f"5 of LAPTOP sent back from A on {day} taken back",
        f"5 of LAPTOP sent back from A on {day}: Dead on arrival.",
    ]


async def test_a_return_off_the_order_is_on_it_again_with_those_that_came_beyond(
    admin: Caller,
) -> None:
    boxes = await pack(admin)
    await boxes.receive(62, override_reason="Two spares.")
    (sent,) = (await returned(admin, boxes.order, 5, replacement=False))["items"]
    await admin.post(f"/returns/{sent['id']}/reverse", None, 201)
    counted = await boxes.at("A")
    assert [counted[key] for key in ("quantity", "there", "over")] == [60, 62, 2]
    laptops = (await admin.get(f"/orders/{boxes.order}"))["lines"][0]
    assert (laptops["short"], laptops["allocated"]) == (0, 100)
    assert await boxes.done() == (60, 60)


async def test_a_return_whose_replacement_was_counted_stays(admin: Caller) -> None:
    boxes = await pack(admin)
    await boxes.receive(60)
    (sent,) = (await returned(admin, boxes.order, 5))["items"]
    replaced = await boxes.receive(3)
    path = f"/returns/{sent['id']}/reverse"
    problem = await admin.post(path, None, 409)
    assert (problem["code"], problem["sku"], problem["over"]) == ("reversal-refused", LAPTOP, 3)
    assert await boxes.done() == (58, 60)
    await admin.post(f"/receipts/{replaced['id']}/reverse", None, 201)
    await admin.post(path, None, 201)
    assert await boxes.done() == (60, 60)


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
    (mine,) = (await returned(lead, boxes.order, 1))["items"]
    await returned(lead, boxes.order, 1, 404, school="B")
    assert await boxes.there("A") == 4
    (theirs,) = (await returned(admin, boxes.order, 1, school="B"))["items"]
    await lead.post(f"/returns/{theirs['id']}/reverse", None, 404)
    await lead.post(f"/returns/{mine['id']}/reverse", None, 201)
    timeline = (await lead.get(f"/orders/{boxes.order}"))["timeline"]
    assert {one["id"] for one in timeline if one["kind"] == "return"} >= {mine["id"]}
    assert theirs["id"] not in {one["id"] for one in timeline}
