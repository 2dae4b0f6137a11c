"""The orders of the demo, at KIPP: one short, one late, one delivered and not counted, and one
that no school has a part in yet. Their seller posts signed events, as a real one would.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import orjson

from api import clock
from api.demo.calls import Calls
from api.devices.rules import Scheme
from api.webhooks.keys import key_of_secret
from api.webhooks.signatures import standard_signature

SELLER = {"slug": "acme", "name": "Acme Classroom (demo)"}
STUDENT, TEACHER = "CB-14", "NB-15"
# What schools wait for in their plans.
TASKS = tuple(f"order:acme:{number}" for number in ("PO-2101", "PO-2102", "PO-2103"))


@dataclass(frozen=True, slots=True)
class Devices:
    """What a school needs, and the day its seller promised the rest for."""

    code: str
    students: int
    teachers: int
    promised: date


async def tell(calls: Calls, ascend: Devices, bloom: Devices, one: Devices, today: date) -> None:
    """Place the four orders and bring them to where they stand. Raises: DemoRefused."""
    await calls.make("/v1/vendors", SELLER)
    secret = (await calls.post("/v1/vendors/acme/secrets", {"overlap_hours": 0}))["secret"]
    seller = _Seller(calls, key_of_secret(Scheme.STANDARD, secret))
    await _short(calls, seller, ascend, today)
    await _late(calls, bloom)
    await _not_counted(calls, seller, one, today)
    await _for_no_school_yet(calls, one.promised)
    await seller.says_shipment("PO-9999", "1Z0000000000000001", today - timedelta(days=1))


async def _short(calls: Calls, seller: _Seller, school: Devices, today: date) -> None:
    """KIPP Ascend: 600 were announced, 540 came; the seller has promised the rest."""
    order = await _place(calls, "PO-2101", school)
    lines = [_pieces(STUDENT, 600), _pieces(TEACHER, school.teachers)]
    shipment = await _ship(calls, order, school.code, "1Z9990000000002101", lines)
    came = today - timedelta(days=6)
    await seller.says_shipment("PO-2101", "1Z9990000000002101", came)
    counted = [
        {"sku": STUDENT, "accepted": 540},
        {"sku": TEACHER, "accepted": school.teachers},
    ]
    given = {"received_on": came.isoformat(), "lines": counted, "note": "60 fewer than announced."}
    await calls.make(f"/v1/shipments/{shipment}/receipts", given)


async def _late(calls: Calls, school: Devices) -> None:
    """KIPP Bloom: promised for a day that is too late."""
    await _place(calls, "PO-2102", school)


async def _not_counted(calls: Calls, seller: _Seller, school: Devices, today: date) -> None:
    """KIPP One: boxes stand in the office, and only a count makes them devices."""
    order = await _place(calls, "PO-2103", school, receiving="on_count")
    await _ship(calls, order, school.code, "1Z9990000000002103", [_pieces(STUDENT, 325)])
    await seller.says_shipment("PO-2103", "1Z9990000000002103", today - timedelta(days=2))


async def _for_no_school_yet(calls: Calls, promised: date) -> None:
    """Spares that nobody has shared out."""
    line = {"sku": STUDENT, "quantity": 120, "promised_on": promised.isoformat()}
    given = {"vendor": "acme", "number": "PO-2104", "network": "KIPP", "lines": [line]}
    await calls.make("/v1/orders", given)
    await calls.make(f"/v1/orders/{await _id_of(calls, 'PO-2104')}/place", {})


async def _place(calls: Calls, number: str, school: Devices, **more: str) -> str:
    """The order's id, placed."""
    lines = [
        _line(STUDENT, "Chromebook, 14 inch", 28_900, "student_device", school, school.students),
        _line(TEACHER, "Notebook, 15 inch", 64_900, "teacher_device", school, school.teachers),
    ]
    await calls.make("/v1/orders", {"vendor": "acme", "number": number, "lines": lines, **more})
    order = await _id_of(calls, number)
    await calls.make(f"/v1/orders/{order}/place", {})
    return order


def _line(
    sku: str, description: str, cents: int, counts_as: str, school: Devices, quantity: int
) -> dict[str, Any]:
    return {
        "sku": sku,
        "description": description,
        "quantity": quantity,
        "unit_price_cents": cents,
        "counts_as": counts_as,
        "promised_on": school.promised.isoformat(),
        "allocations": [{"school": school.code, "quantity": quantity}],
    }


def _pieces(sku: str, quantity: int) -> dict[str, Any]:
    return {"sku": sku, "quantity": quantity}


async def _id_of(calls: Calls, number: str) -> str:
    found = await calls.items("/v1/orders")
    return next(str(order["id"]) for order in found if order["number"] == number)


async def _ship(
    calls: Calls, order: str, school: str, tracking: str, lines: list[dict[str, Any]]
) -> str:
    """The shipment's id; a load that goes on finds the one it made."""
    listed = await calls.get("/v1/shipments", {"order": order})
    if listed["items"]:
        return str(listed["items"][0]["id"])
    parcel = {"carrier": "ups", "tracking_number": tracking, "school": school, "lines": lines}
    return str((await calls.post(f"/v1/orders/{order}/shipments", parcel))["id"])


@dataclass(frozen=True, slots=True)
class _Seller:
    """Posts signed events; the same one again is a duplicate."""

    calls: Calls
    key: bytes

    async def says_shipment(self, number: str, tracking: str, delivered: date) -> None:
        at = datetime.combine(delivered, time(19), UTC).isoformat()
        data: Mapping[str, Any] = {
            "order_number": number,
            "carrier": "ups",
            "tracking_number": tracking,
            "status": "delivered",
            "occurred_at": at,
        }
        body = orjson.dumps({"type": "shipment.updated", "timestamp": at, "data": data})
        event, stamp = f"demo-{tracking}", str(int(clock.now().timestamp()))
        signature = standard_signature(self.key, event.encode(), stamp.encode(), body)
        headers = {
            "content-type": "application/json",
            "webhook-id": event,
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1,{signature.decode()}",
        }
        await self.calls.deliver("/v1/webhooks/acme", body, headers)
