"""Two who count the same, and a device that is scanned twice: told, and nothing doubled."""

from __future__ import annotations

import asyncio

import pytest

from api.db.pool import Database
from tests.devices.boxes import CABLE, LAPTOP, days_ago, pack
from tests.devices.conftest import Body, Caller, line, placed, rows

pytestmark = pytest.mark.usefixtures("acme")
BOX = {"lines": [{"sku": LAPTOP, "accepted": 20}]}


async def test_of_two_clerks_who_open_one_box_the_second_is_told_who_was_first(
    admin: Caller, lead: Caller
) -> None:
    boxes = await pack(admin)
    shipment = await boxes.ship(20)
    path = f"/shipments/{shipment['id']}/receipts"
    answers = await asyncio.gather(
        *(caller.answer("POST", path, BOX) for caller in (admin, lead) for _ in range(3))
    )
    (first,) = [answer.json() for answer in answers if answer.status_code == 201]
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert len(refused) == 5
    for problem in refused:
        assert problem["code"] == "counted-already"
        assert problem["receipt_id"] == first["id"]
        assert problem["received_by"] in ("admin", "school_lead")
        assert first["received_on"] in problem["detail"]
        assert problem["received_by"] in problem["detail"]
    assert await boxes.there("A") == 20
    assert await boxes.done() == (20, 60)


async def test_the_same_count_of_another_clerk_that_day_is_taken_for_the_same_box(
    admin: Caller, lead: Caller
) -> None:
    boxes = await pack(admin)
    await boxes.receive(20, received_on=days_ago(1))
    problem = await boxes.receive(20, status=409, by=lead, received_on=days_ago(1))
    assert (problem["code"], problem["received_by"]) == ("counted-already", "admin")
    # Another day, another number, the same clerk, or who says so: another box.
    await boxes.receive(20, by=lead)
    await boxes.receive(5, by=lead, received_on=days_ago(1))
    await boxes.receive(5, by=lead, received_on=days_ago(1))
    await boxes.receive(5, received_on=days_ago(1), override_reason="A second box of five.")
    assert await boxes.there("A") == 55


async def test_a_box_may_be_counted_in_two_parts_when_somebody_says_so(admin: Caller) -> None:
    boxes = await pack(admin)
    shipment = await boxes.ship(30)
    path = f"/shipments/{shipment['id']}/receipts"
    await admin.post(path, BOX, 201)
    second: Body = {"lines": [{"sku": LAPTOP, "accepted": 10}]}
    await admin.post(path, second, 409)
    await admin.post(path, second | {"override_reason": "The second pallet of it."}, 201)
    assert await boxes.there("A") == 30


async def test_who_take_the_last_pieces_at_once_do_not_take_them_twice(
    admin: Caller, database: Database
) -> None:
    boxes = await pack(admin)
    body = {"school": "A", "lines": [{"sku": LAPTOP, "accepted": 15}]}
    path = f"/orders/{boxes.order}/receipts"
    answers = await asyncio.gather(*(admin.answer("POST", path, body) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201] * 4 + [409] * 2
    assert await boxes.done() == (60, 60)
    sums = "SELECT accepted, over FROM order_lines WHERE sku = 'LAPTOP'"
    assert await rows(database, sums) == [(60, 0)]


async def test_a_receipt_is_reversed_once_however_many_try(admin: Caller) -> None:
    boxes = await pack(admin)
    receipt = await boxes.receive(30)
    await boxes.receive(10)
    path = f"/receipts/{receipt['id']}/reverse"
    answers = await asyncio.gather(*(admin.answer("POST", path) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert await boxes.there("A") == 10


async def test_a_device_is_scanned_once_unless_somebody_says_why(admin: Caller) -> None:
    boxes = await pack(admin)
    first = await boxes.receive(2, of={"serial_numbers": ["5CD 1", "5cd2"]})
    assert first["lines"][0]["serial_numbers"] == ["5CD1", "5CD2"]
    problem = await boxes.receive(2, "B", status=409, of={"serial_numbers": ["5CD9", "5cd 2"]})
    assert (problem["code"], problem["serial_numbers"]) == ("serial-scanned", ["5CD2"])
    assert problem["receipt_id"] == first["id"]
    assert (problem["order_number"], problem["place"]) == ("PO-1", "A")
    assert "at A for PO-1 by admin" in problem["detail"]
    again = {"serial_numbers": ["5CD9", "5CD2"]}
    await boxes.receive(2, "B", of=again, override_reason="A's scan was of the wrong box.")
    assert await boxes.there("B") == 2


async def test_a_device_whose_receipt_was_reversed_or_that_went_back_is_scanned_anew(
    admin: Caller,
) -> None:
    boxes = await pack(admin)
    wrong = await boxes.receive(1, of={"serial_numbers": ["S1"]})
    await admin.post(f"/receipts/{wrong['id']}/reverse", None, 201)
    await boxes.receive(1, of={"serial_numbers": ["S1"]})
    broken = {"sku": LAPTOP, "quantity": 1, "serial_numbers": ["S1"]}
    back = {"order": boxes.order, "school": "A", "reason": "Dead.", "lines": [broken]}
    await admin.post("/returns", back, 201)
    await boxes.receive(1, of={"serial_numbers": ["S1"]})
    await boxes.receive(1, status=409, of={"serial_numbers": ["S1"]})


async def orders_for(admin: Caller, schools: str) -> list[str]:
    """An order of its own for each of the schools."""
    orders = []
    for school in schools:
        share: Body = {school: 5}
        orders.append((await placed(admin, line(LAPTOP, **share), number=f"PO-{school}"))["id"])
    return orders


def scan(school: str, *serials: str) -> Body:
    counted = {"sku": LAPTOP, "accepted": len(serials), "serial_numbers": list(serials)}
    return {"school": school, "lines": [counted]}


AT_HAND = """
SELECT s.serial, count(*), min(h.code) FROM receipt_lines l JOIN receipts r ON r.id = l.receipt_id
CROSS JOIN LATERAL unnest(l.serial_numbers) s(serial) JOIN schools h ON h.id = r.school_id
GROUP BY s.serial ORDER BY s.serial
"""


async def test_one_device_scanned_for_several_orders_at_once_counts_for_one(
    admin: Caller, database: Database
) -> None:
    orders = await orders_for(admin, "ABCD")
    answers = await asyncio.gather(
        *(
            admin.answer("POST", f"/orders/{order}/receipts", scan(school, "S1", f"OWN{school}"))
            if school != "D"
            else admin.answer(
                "POST", "/receipts/bulk", {"receipts": [{"order": order, **scan("D", "S1")}]}
            )
            for order, school in zip(orders, "ABCD", strict=True)
        )
    )
    ((_, times, first),) = [row for row in await rows(database, AT_HAND) if row[0] == "S1"]
    assert times == 1
    for answer, school in zip(answers, "ABCD", strict=True):
        told = answer.json()
        if school == "D":
            assert answer.status_code == 200
            (told,) = told["items"]
        if school == first:
            assert told.get("code") is None
        else:
            assert told["code"] == "serial-scanned"
            assert f"at {first} for PO-{first} by admin" in told["detail"]


async def test_what_else_was_scanned_beside_a_device_of_another_can_be_sent_again(
    admin: Caller, database: Database
) -> None:
    one, other = await orders_for(admin, "AB")
    bodies = [scan("A", "X", "Y"), scan("B", "Z", "X")]
    paths = [f"/orders/{order}/receipts" for order in (one, other)]
    answers = await asyncio.gather(
        *(admin.answer("POST", path, body) for path, body in zip(paths, bodies, strict=True))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    lost = [answer.status_code for answer in answers].index(409)
    assert answers[lost].json()["serial_numbers"] == ["X"]
    left = [serial for serial in bodies[lost]["lines"][0]["serial_numbers"] if serial != "X"]
    await admin.post(paths[lost], scan("AB"[lost], *left), 201)
    assert [row[:2] for row in await rows(database, AT_HAND)] == [("X", 1), ("Y", 1), ("Z", 1)]


async def test_a_serial_number_on_two_lines_of_one_receipt_is_refused(admin: Caller) -> None:
    boxes = await pack(admin)
    lines = [{"sku": sku, "accepted": 1, "serial_numbers": ["s 1"]} for sku in (LAPTOP, CABLE)]
    problem = await boxes.receive(1, "WH", status=422, lines=lines, override_reason="Both.")
    assert "S1 is named twice" in problem["errors"][0]["detail"]
    assert (await admin.get(f"/orders/{boxes.order}/receipts"))["items"] == []


async def test_who_holds_a_device_follows_reversals_and_returns(admin: Caller) -> None:
    boxes = await pack(admin)
    s1: Body = {"serial_numbers": ["S1"]}
    await boxes.receive(1, "A", of=s1)
    second = await boxes.receive(1, "B", of=s1, override_reason="A's was a typing error.")
    assert (await boxes.receive(1, "B", 409, of=s1))["place"] == "B"
    await admin.post(f"/receipts/{second['id']}/reverse", None, 201)
    # The first still stands.
    assert (await boxes.receive(1, "B", 409, of=s1))["place"] == "A"
    broken = {"sku": LAPTOP, "quantity": 1, **s1}
    back = {"order": boxes.order, "school": "A", "reason": "Dead.", "lines": [broken]}
    (sent,) = (await admin.post("/returns", back, 201))["items"]
    undo = f"/returns/{sent['id']}/reverse"
    await admin.post(undo, None, 201)
    assert (await boxes.receive(1, "B", 409, of=s1))["place"] == "A"
    (sent,) = (await admin.post("/returns", back, 201))["items"]
    repaired = await boxes.receive(1, "B", of=s1)
    undo = f"/returns/{sent['id']}/reverse"
    problem = await admin.post(undo, None, 409)
    assert (problem["code"], problem["receipt_id"]) == ("reversal-refused", repaired["id"])
    await admin.post(f"/receipts/{repaired['id']}/reverse", None, 201)
    await admin.post(undo, None, 201)
    assert (await boxes.receive(1, "B", 409, of=s1))["place"] == "A"


async def test_a_return_is_taken_back_while_its_device_is_scanned_again(
    admin: Caller, database: Database
) -> None:
    boxes = await pack(admin)
    await boxes.receive(1, "A", of={"serial_numbers": ["S1"]})
    broken = {"sku": LAPTOP, "quantity": 1, "serial_numbers": ["S1"]}
    back = {"order": boxes.order, "school": "A", "reason": "Dead.", "lines": [broken]}
    (sent,) = (await admin.post("/returns", back, 201))["items"]
    other = (await placed(admin, line(LAPTOP, C=5), number="PO-C"))["id"]
    answers = await asyncio.gather(
        admin.answer("POST", f"/returns/{sent['id']}/reverse"),
        admin.answer("POST", f"/orders/{other}/receipts", scan("C", "S1")),
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    holders = "SELECT count(*) FROM serials_at_hand WHERE serial = 'S1'"
    assert await rows(database, holders) == [(1,)]
