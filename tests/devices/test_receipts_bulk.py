"""A thousand receipts in one call: each is written as a whole or refused with its reason."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from api.auth.rules import Role
from tests.devices.boxes import LAPTOP, days_ago, pack
from tests.devices.conftest import As, Body, Caller, line, placed

pytestmark = pytest.mark.usefixtures("acme")


def row(school: str | None, accepted: int, **given: object) -> Body:
    named: Body = {"vendor": "ACME", "number": "po-1", "school": school}
    return named | {"lines": [{"sku": LAPTOP, "accepted": accepted}]} | given


async def test_each_row_is_answered_by_itself(admin: Caller) -> None:
    boxes = await pack(admin)
    shipment = await boxes.ship(10)
    two_lines = [{"sku": LAPTOP, "accepted": 5}, {"sku": "NO-SUCH", "accepted": 1}]
    given = [
        {"shipment": shipment["id"]},
        row("A", 20, received_on=days_ago(1)),
        row("B", 41),
        row("B", 40),
        row("A", 1, lines=two_lines),
        row("ELSEWHERE", 1),
        row("A", 1, number="PO-9"),
        {"shipment": shipment["id"]},
        {"order": boxes.order, "site": "WH", "lines": [{"sku": LAPTOP, "accepted": 30}]},
        row("A", 1, received_on=days_ago(-2)),
    ]
    answer = await admin.post("/receipts/bulk", {"receipts": given})
    assert [one["code"] for one in answer["items"]] == [
        None,
        None,
        "over-received",
        None,
        "invalid",
        "school-not-found",
        "order-not-found",
        "counted-already",
        None,
        "invalid",
    ]
    assert (answer["received"], answer["refused"]) == (4, 6)
    assert [one["receipt_id"] is None for one in answer["items"]] == [
        one["code"] is not None for one in answer["items"]
    ]
    # Of the row with an unknown sku the known one was not counted either.
    assert [await boxes.there(name) for name in ("A", "B", "WH")] == [30, 40, 30]
    assert await boxes.done("A") == (30, 60)
    assert await boxes.done("B") == (40, 40)


async def test_rows_of_one_call_see_each_other(admin: Caller) -> None:
    boxes = await pack(admin)
    serial = [{"sku": LAPTOP, "accepted": 1, "serial_numbers": ["S1"]}]
    given = [row("A", 50), row("A", 10), row("A", 1), row("B", 1, lines=serial)]
    given.append(row("B", 1, lines=serial))
    answer = await admin.post("/receipts/bulk", {"receipts": given})
    assert [one["code"] for one in answer["items"]] == [
        None,
        None,
        "over-received",
        None,
        "serial-scanned",
    ]
    assert await boxes.there("A") == 60


async def test_a_lead_is_told_of_own_schools_only(admin: Caller, lead: Caller) -> None:
    boxes = await pack(admin)
    given = [row("A", 1), row("B", 1), row(None, 1, site="WH")]
    answer = await lead.post("/receipts/bulk", {"receipts": given})
    assert [one["code"] for one in answer["items"]] == [None, "school-not-found", "forbidden"]
    assert await boxes.there("A") == 1


@pytest.mark.parametrize(
    "bad",
    [
        {"receipts": []},
        {"receipts": [{"school": "A", "lines": [{"sku": LAPTOP, "accepted": 1}]}]},
        {"receipts": [row("A", 1, order="01a212cc-bde0-7548-bcb5-b8f4a235d28d")]},
        {"receipts": [row("A", 1, vendor=None)]},
        {"receipts": [row("A", 1, site="WH")]},
        {"receipts": [row("A", 1, lines=None)]},
        {"receipts": [row("A", 1)] * 1001},
    ],
)
async def test_a_call_of_another_shape_is_refused_as_a_whole(admin: Caller, bad: Body) -> None:
    problem = await admin.post("/receipts/bulk", bad, 422)
    assert problem["errors"][0]["pointer"].startswith("/receipts")


async def test_two_calls_that_share_orders_in_another_order_both_end(
    admin: Caller, calling: As, schools: dict[str, Body]
) -> None:
    numbers = [f"PO-{number}" for number in range(1, 7)]
    for number in numbers:
        await placed(admin, line(LAPTOP, A=20, B=20, C=20, D=20), number=number)
    given = [row(code, 5, number=number) for number in numbers for code in "ABCD"]
    limits = {"network_id": UUID(schools["A"]["network_id"])}
    async with calling(Role.ops, **limits) as ops:
        answers = await asyncio.gather(
            admin.post("/receipts/bulk", {"receipts": given}),
            ops.post("/receipts/bulk", {"receipts": given[::-1]}),
            admin.post("/receipts/bulk", {"receipts": given[::2]}),
        )
    # The same pieces at the same place that day, counted by somebody else, are the same box.
    assert sorted(answer["received"] for answer in answers[:2]) in ([0, 24], [12, 24])
    assert answers[2]["received"] in (0, 12)
