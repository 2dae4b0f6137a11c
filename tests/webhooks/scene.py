"""Schools, orders and vendors for the inbox: what vendors tell, and what the tables then say."""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

from api import clock
from api.db.pool import Database
from api.settings import Settings
from api.webhooks.jobs import drain
from api.webhooks.secrets import sealer_for

Body = dict[str, Any]
# An event of Standard Webhooks: its id, and its body.
Told = tuple[str, Body]
SCHOOLS = ("A", "B", "C", "D")
NETWORK = {"code": "N", "name": "N", "timezone": "America/Chicago", "country": "US"}
ROAD = ("pre_transit", "in_transit", "in_transit", "out_for_delivery", "delivered")

# What the tables say, by names instead of ids and without the moments of our own.
TABLES = {
    "shipments": """
        SELECT o.number, s.tracking_key, s.carrier_key, c.code, s.status, s.raw_status,
          s.status_at, s.expected_on, s.delivered_at, s.review
        FROM shipments s JOIN orders o ON o.id = s.order_id
        LEFT JOIN schools c ON c.id = s.school_id""",
    "contents": """
        SELECT s.tracking_key, l.sku, n.quantity, n.serial_numbers FROM shipment_lines n
        JOIN shipments s ON s.id = n.shipment_id JOIN order_lines l ON l.id = n.line_id""",
    "scans": """
        SELECT s.tracking_key, n.key, n.occurred_at, n.status FROM scans n
        JOIN shipments s ON s.id = n.shipment_id""",
    "lines": """
        SELECT o.number, l.sku, l.promised_on FROM order_lines l
        JOIN orders o ON o.id = l.order_id""",
    "promises": """
        SELECT o.number, l.sku, p.promised_on, p.stated_at FROM promises p
        JOIN order_lines l ON l.id = p.line_id JOIN orders o ON o.id = l.order_id""",
    "tasks": """
        SELECT c.code, t.key, t.status, t.progress_done, t.progress_total, t.expected_on, t.cause
        FROM tasks t JOIN schools c ON c.id = t.school_id""",
}
Tables = dict[str, list[tuple[Any, ...]]]


async def rows(database: Database, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    async with database.raw() as connection:
        return await (await connection.execute(statement.encode(), values)).fetchall()


async def tables(database: Database) -> Tables:
    found = {name: await rows(database, statement) for name, statement in TABLES.items()}
    return {name: sorted(some, key=repr) for name, some in found.items()}


async def make(client: httpx.AsyncClient, path: str, body: Body | None = None) -> Any:
    answer = await client.post(f"/v1{path}", json=body)
    assert answer.is_success, answer.text
    return answer.json()


async def make_schools(client: httpx.AsyncClient, codes: Iterable[str] = SCHOOLS) -> None:
    """Schools of network N, each with a rollout of its own."""
    await make(client, "/networks", NETWORK)
    for code in codes:
        await make(
            client,
            "/schools",
            {"code": code, "name": f"School {code}", "network": "N", "first_bell": "2027-08-23"},
        )


def order_of(vendor: str, number: str, shares: dict[str, int], sku: str = "CB") -> Body:
    """A body for POST /v1/orders with one line: pieces by school."""
    allocations = [{"school": school, "quantity": share} for school, share in shares.items()]
    line = {"sku": sku, "quantity": sum(shares.values()), "allocations": allocations}
    return {"vendor": vendor, "number": number, "lines": [line]}


async def place(client: httpx.AsyncClient, body: Body) -> Body:
    order = await make(client, "/orders", body)
    placed: Body = await make(client, f"/orders/{order['id']}/place")
    return placed


def shipment_event(
    number: str, tracking: str, status: str, occurred_at: datetime, **more: Any
) -> Body:
    """What a seller tells of a shipment."""
    return {
        "type": "shipment.updated",
        "timestamp": occurred_at.isoformat(),
        "data": {
            "order_number": number,
            "carrier": "UPS",
            "tracking_number": tracking,
            "status": status,
            "occurred_at": occurred_at.isoformat(),
            **more,
        },
    }


def promise_event(
    number: str, promised_on: str | None, stated_at: datetime, sku: str = "CB"
) -> Body:
    lines = [{"sku": sku, "promised_on": promised_on}]
    return {
        "type": "order.promised",
        "timestamp": stated_at.isoformat(),
        "data": {"order_number": number, "lines": lines},
    }


def day_of(orders: Sequence[tuple[str, dict[str, int]]], begin: datetime) -> list[Told]:
    """24 hours of events about orders and their pieces by school, in the order they happened.

    Each school's pieces come in one box, that the seller says is on its way to it, and whose
    scans and expected day change on the way; twice the seller promises another day.
    """
    told: list[tuple[datetime, Body]] = []
    for number, shares in orders:
        for hour, day in ((0, 20), (9, 24)):
            stated = begin + timedelta(hours=hour, seconds=len(told))
            told.append((stated, promise_event(number, f"2027-06-{day}", stated)))
        for school, pieces in shares.items():
            tracking = f"1Z {number} {school}"
            for step, status in enumerate(ROAD):
                moment = begin + timedelta(hours=1 + 5 * step, seconds=len(told))
                more: Body = {"school": school, "expected_on": f"2027-06-{10 + step}"}
                if step in (0, 2):
                    serials = [f"{number}-{school}-{piece}" for piece in range(pieces)]
                    line = {"sku": "CB", "quantity": pieces, "serial_numbers": serials[: step + 1]}
                    more["lines"] = [line]
                told.append((moment, shipment_event(number, tracking, status, moment, **more)))
    told.sort(key=lambda one: one[0])
    return [(f"msg_{uuid4().hex}", body) for _, body in told]


def shuffled(told: Sequence[Told], seed: int, share: float = 0.3) -> list[Told]:
    """The same in any order, a share of them twice."""
    chance = random.Random(seed)  # noqa: S311 (not a secret)
    many = [*told, *chance.sample(list(told), int(len(told) * share))]
    chance.shuffle(many)
    return many


@dataclass
class Scene:
    """Four schools, and whoever tells of their orders."""

    client: httpx.AsyncClient
    tell: Callable[..., Coroutine[Any, Any, httpx.Response]]
    database: Database
    settings: Settings
    begin: datetime = field(
        default_factory=lambda: (
            clock.now().astimezone(UTC).replace(microsecond=0) - timedelta(days=1)
        )
    )

    async def apply(self) -> int:
        """What a worker does when it is woken."""
        return await drain(self.database, sealer_for(self.settings))

    async def told(self, *events: Body) -> None:
        """Post acme's events and apply them."""
        for event in events:
            answer = await self.tell(event)
            assert answer.status_code == 202, answer.text
        await self.apply()

    async def tables(self) -> Tables:
        return await tables(self.database)

    async def outcomes(self) -> list[tuple[str, str | None]]:
        """Outcome and reason of every event, oldest first."""
        found = await rows(self.database, "SELECT outcome, reason FROM webhook_events ORDER BY id")
        return [(row[0], row[1]) for row in found]

    async def tasks(self, school: str = "A") -> dict[str, Body]:
        answer = await self.client.get(f"/v1/schools/{school}/tasks?limit=1000")
        return {task["key"]: task for task in answer.json()["items"]}
