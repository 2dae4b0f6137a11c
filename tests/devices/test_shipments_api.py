"""Shipments: announced by people, listed, received as announced."""

from __future__ import annotations

import pytest

from tests.devices.boxes import LAPTOP, pack
from tests.devices.conftest import Body, Caller

pytestmark = pytest.mark.usefixtures("acme")


async def test_a_shipment_is_announced_with_what_is_in_it(admin: Caller) -> None:
    boxes = await pack(admin)
    content = [{"sku": LAPTOP, "quantity": 2, "serial_numbers": [" s1", "S2"]}]
    made = await boxes.ship(lines=content, expected_on="2027-08-10")
    assert (made["school"], made["vendor"], made["number"]) == ("A", "acme", "PO-1")
    assert (made["status"], made["expected_on"], made["received"]) == (
        "unknown",
        "2027-08-10",
        False,
    )
    assert made["lines"] == [{"sku": LAPTOP, "quantity": 2, "serial_numbers": ["S1", "S2"]}]
    assert [scan["source"] for scan in made["scans"]] == ["call"]
    shown = await admin.get(f"/shipments/{made['id']}")
    assert shown == made
    assert await boxes.done() == (0, 60)


async def test_the_same_number_again_says_the_content_anew(admin: Caller) -> None:
    boxes = await pack(admin)
    first = await boxes.ship(5, number="1z999")
    assert (await boxes.ship(None, number="1Z-998"))["lines"] is None
    body: Body = {"carrier": "ups ", "tracking_number": "1Z 999", "school": "A"}
    body |= {"lines": [{"sku": LAPTOP, "quantity": 7}]}
    path = f"/orders/{boxes.order}/shipments"
    again = await admin.post(path, body, 200)
    assert again["id"] == first["id"]
    assert [one["quantity"] for one in again["lines"]] == [7]
    problem = await admin.post(path, {**body, "school": "B"}, 409)
    assert (problem["code"], problem["shipment_id"]) == ("shipment-elsewhere", first["id"])
    assert len((await admin.get("/shipments"))["items"]) == 2


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"school": "A", "site": "WH"}, 422),
        ({"school": None}, 422),
        ({"school": "ELSEWHERE"}, 404),
        ({"lines": [{"sku": "NO-SUCH", "quantity": 1}]}, 422),
        ({"lines": [{"sku": LAPTOP, "quantity": 0}]}, 422),
        ({"lines": []}, 422),
        ({"tracking_number": " "}, 422),
        ({"status": "delivered"}, 422),
    ],
)
async def test_a_shipment_that_makes_no_sense_is_refused(
    admin: Caller, given: Body, status: int
) -> None:
    boxes = await pack(admin)
    body = {"carrier": "UPS", "tracking_number": "1Z", "school": "A"} | given
    await admin.post(f"/orders/{boxes.order}/shipments", body, status)
    assert (await admin.get("/shipments"))["items"] == []


async def test_lists_are_filtered_and_a_lead_sees_own_schools(admin: Caller, lead: Caller) -> None:
    boxes = await pack(admin)
    at_a = await boxes.ship(5, number="1Z 111")
    at_b = await boxes.ship(5, number="1Z 222", name="B")
    at_site = await boxes.ship(5, number="9X 333", name="WH")
    await admin.post(f"/shipments/{at_b['id']}/receipts", {}, 201)

    async def found(query: str, by: Caller = admin) -> list[str]:
        return [one["id"] for one in (await by.get(f"/shipments?{query}"))["items"]]

    assert await found("") == [at_a["id"], at_b["id"], at_site["id"]]
    assert await found("school=b") == [at_b["id"]]
    assert await found("q=1z1") == [at_a["id"]]
    assert await found("q=%25") == []
    assert await found("received=true") == [at_b["id"]]
    assert await found("received=false&sort=-id") == [at_site["id"], at_a["id"]]
    assert await found("review=true") == []
    assert await found("status=delivered") == []
    assert await found(f"order={boxes.order}&limit=1") == [at_a["id"]]
    assert await found("", lead) == [at_a["id"]]
    await lead.get(f"/shipments/{at_b['id']}", 404)
    await lead.post(f"/orders/{boxes.order}/shipments", {}, 403)
    await admin.get("/shipments?carrier=UPS", 422)


async def test_received_without_lines_is_what_was_announced(admin: Caller) -> None:
    boxes = await pack(admin)
    known = await boxes.ship(12)
    receipt = await admin.post(f"/shipments/{known['id']}/receipts", {}, 201)
    assert [(one["sku"], one["accepted"]) for one in receipt["lines"]] == [(LAPTOP, 12)]
    unknown = await boxes.ship(None, number="1Z 2")
    path = f"/shipments/{unknown['id']}/receipts"
    assert (await admin.post(path, {}, 422))["errors"][0]["code"] == "lines-required"
    await admin.post(path, {"lines": [{"sku": LAPTOP, "accepted": 3}]}, 201)
    shown = await admin.get(f"/shipments/{unknown['id']}")
    assert (shown["received"], len(shown["receipts"])) == (True, 1)
    assert await boxes.done() == (15, 60)
