"""Statements about shipments: told late, twice, out of order and at once, they fold the same."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

import pytest

from api import clock
from api.db.pool import Database
from api.db.uow import WriteSession, transact
from api.devices import progress
from api.devices.fold import ScanFacts, fold
from api.devices.rules import PromiseSource
from api.devices.rules import ShipmentStatus as S
from api.devices.shipping import Statement, record_statements
from tests.devices.boxes import CABLE, LAPTOP, Boxes, pack
from tests.devices.conftest import Body, Caller, rows

pytestmark = pytest.mark.usefixtures("acme")


def shuffled(statements: Sequence[Statement], seed: int) -> list[Statement]:
    chance = random.Random(seed)  # noqa: S311 (no secret: the same order at every run)
    return chance.sample(statements, k=len(statements))


def told(
    shipment: Body, hours_ago: int, status: S | None, key: str = "", **more: object
) -> Statement:
    """What an event says of a shipment, so many hours ago."""
    return Statement(
        shipment_id=UUID(shipment["id"]),
        key=key or f"{hours_ago}:{status}",
        source=PromiseSource.EVENT,
        occurred_at=clock.now() - timedelta(hours=hours_ago),
        status=status,
        **more,  # type: ignore[arg-type]  # fields of a statement
    )


async def tell(database: Database, school: Body, statements: Sequence[Statement]) -> list[bool]:
    """As the inbox does: the school first, then the statements, then its progress."""
    school_id = UUID(school["id"])

    async def work(session: WriteSession) -> list[bool]:
        await session.touch_schools([school_id])
        new = await record_statements(session, statements)
        await progress.project(session, [school_id])
        return new

    return await transact(database, "vendor:acme", work)


async def line_id(admin: Caller, boxes: Boxes, sku: str = LAPTOP) -> UUID:
    order = await admin.get(f"/orders/{boxes.order}")
    return next(UUID(one["id"]) for one in order["lines"] if one["sku"] == sku)


async def test_a_delivery_counts_until_somebody_counts_and_then_no_longer(
    admin: Caller, schools: dict[str, Body], database: Database
) -> None:
    boxes = await pack(admin)
    shipment = await boxes.ship(20)
    await tell(database, schools["A"], [told(shipment, 5, S.DELIVERED)])
    assert await boxes.done() == (20, 60)
    receipt = {"lines": [{"sku": LAPTOP, "accepted": 17}]}
    counted = await admin.post(f"/shipments/{shipment['id']}/receipts", receipt, 201)
    assert await boxes.done() == (17, 60)
    await admin.post(f"/receipts/{counted['id']}/reverse", None, 201)
    assert await boxes.done() == (20, 60)


async def test_statements_fold_by_occurrence_whatever_their_order(
    admin: Caller, schools: dict[str, Body], database: Database
) -> None:
    boxes = await pack(admin)
    laptops, cables = await line_id(admin, boxes), await line_id(admin, boxes, CABLE)
    shipment = await boxes.ship(None)
    # A line named twice is one.
    content = ((laptops, 9, ("s1", "S1")), (cables, 2, ()), (laptops, 1, ("s2",)))
    stream = [
        told(shipment, 90, S.PRE_TRANSIT, expected_on=date(2027, 8, 9), lines=((laptops, 30, ()),)),
        told(shipment, 70, S.IN_TRANSIT, raw_status="IT"),
        told(shipment, 60, S.UNKNOWN, raw_status="??"),
        told(shipment, 50, None, expected_on=date(2027, 8, 12)),
        told(shipment, 40, None, lines=content),
        told(shipment, 30, S.OUT_FOR_DELIVERY, raw_status="OD"),
        told(shipment, 20, S.DELIVERED, raw_status="DL"),
        told(shipment, 10, S.EXCEPTION, raw_status="EX"),
    ]
    mixed = shuffled([*stream, *stream[::2]], seed=5)
    batches = [mixed[:1], mixed[1:6], mixed[6:], stream]
    new = [await tell(database, schools["A"], batch) for batch in batches]
    # Each counts once, however often it is told.
    assert sum(map(sum, new)) == len(stream)
    shown = await admin.get(f"/shipments/{shipment['id']}")
    assert (shown["status"], shown["raw_status"]) == ("delivered", "DL")
    assert shown["expected_on"] == "2027-08-12"
    assert "exception" in shown["review"]
    assert shown["lines"] == [
        {"sku": LAPTOP, "quantity": 10, "serial_numbers": ["S1", "S2"]},
        {"sku": CABLE, "quantity": 2, "serial_numbers": []},
    ]
    assert [scan["raw_status"] for scan in shown["scans"]] == [
        *(None, "IT", "??", None, None, "OD", "DL", "EX"),
    ]
    assert [one["id"] for one in (await admin.get("/shipments?review=true"))["items"]] == [
        shipment["id"]
    ]
    assert await boxes.done() == (10, 60)


async def test_a_statement_of_an_empty_box_takes_its_content_back(
    admin: Caller, schools: dict[str, Body], database: Database
) -> None:
    boxes = await pack(admin)
    shipment = await boxes.ship(20)
    await tell(database, schools["A"], [told(shipment, -1, None, lines=())])
    assert (await admin.get(f"/shipments/{shipment['id']}"))["lines"] is None


async def test_writers_who_tell_the_same_in_another_order_do_not_block_each_other(
    admin: Caller, schools: dict[str, Body], database: Database
) -> None:
    boxes = await pack(admin)
    shipments = [await boxes.ship(1, number=f"1Z {n}", name="WH") for n in range(8)]
    stream = [
        told(shipment, hours, status)
        for hours, status in ((9, S.IN_TRANSIT), (5, S.DELIVERED), (7, S.OUT_FOR_DELIVERY))
        for shipment in shipments
    ]

    async def once(seed: int) -> int:
        some = shuffled(stream, seed)

        async def work(session: WriteSession) -> int:
            return sum(await record_statements(session, some))

        return await transact(database, "vendor:acme", work)

    new = await asyncio.gather(*(once(seed) for seed in range(4)))
    assert sum(new) == len(stream)
    found = await rows(database, "SELECT DISTINCT status, version > 1 FROM shipments")
    assert found == [("delivered", True)]


async def test_the_rows_say_what_the_fold_says(
    admin: Caller, schools: dict[str, Body], database: Database
) -> None:
    boxes = await pack(admin)
    made = [await boxes.ship(None, number=f"1Z {n}") for n in range(12)]
    # Strides that have no divisor in common with the statuses meet every pair of them.
    stream = shuffled(
        [
            told(one, 5 * n % 7, (None, *S)[(5 * of + 3 * n) % 13], key=f"{of}-{n}")
            for of, one in enumerate(made)
            for n in range(6)
        ],
        seed=3,
    )
    for start in range(0, len(stream), 7):
        await tell(database, schools["A"], stream[start : start + 7])
    statement = "SELECT id, status, review FROM shipments ORDER BY id"
    for shipment_id, status, review in await rows(database, statement):
        heard = [one for one in stream if one.shipment_id == shipment_id]
        state = fold(ScanFacts(shipment_id, s.key, s.occurred_at, s.status) for s in heard)
        assert (status, review) == (state.status, state.review)


async def test_serial_numbers_ordered_announced_and_scanned_are_compared(
    admin: Caller, schools: dict[str, Body], database: Database
) -> None:
    boxes = await pack(admin)

    def content(*serials: str) -> list[Body]:
        return [{"sku": LAPTOP, "quantity": len(serials), "serial_numbers": list(serials)}]

    here = await boxes.ship(lines=content("S1", "S2", "S3"))
    await boxes.ship(lines=content("S3", "S8"), number="1Z on its way")
    await tell(database, schools["A"], [told(here, 1, S.DELIVERED)])
    await boxes.receive(3, of={"serial_numbers": ["S1", "S9", "S2"]})
    await boxes.receive(1, of={"serial_numbers": ["S1"]}, override_reason="Scanned twice.")
    laptops, cables = (await admin.get(f"/orders/{boxes.order}/serials"))["items"]
    assert laptops == {
        "sku": LAPTOP,
        "ordered": 100,
        "announced": 4,
        "scanned": 3,
        "returned": 0,
        "missing": ["S3"],
        "unexpected": ["S9"],
        "repeated": ["S1", "S3"],
    }
    assert (cables["ordered"], cables["missing"]) == (10, [])
