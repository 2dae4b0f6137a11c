"""A vendor, its orders and its events, as the tests of orders, the inbox and vendors need them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from playwright.sync_api import Page
from standardwebhooks import Webhook

from api import wiring
from api.db.pool import Database
from api.webhooks.jobs import drain
from api.webhooks.secrets import sealer_for
from tests.web.world import World, add_task, in_thread, post, task_id

if TYPE_CHECKING:
    # It has the fixture of a shop, and so needs this file.
    from tests.web.conftest import Visitor

SKU = "CB-3110"


@dataclass(frozen=True)
class Shop:
    """A vendor and how its events are signed."""

    slug: str
    secret: str

    def tell(self, world: World, number: str, tracking: str, **more: Any) -> None:
        """The vendor says that a parcel of an order is on its way; nobody applies it yet."""
        now = datetime.now(UTC)
        data = {
            "order_number": number,
            "carrier": "ups",
            "tracking_number": tracking,
            "status": "in_transit",
            "occurred_at": now.isoformat(),
            **more,
        }
        body = json.dumps({"type": "shipment.updated", "timestamp": now.isoformat(), "data": data})
        event = str(uuid4())
        headers = {
            "webhook-id": event,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(self.secret).sign(event, now, body),
            "content-type": "application/json",
        }
        answer = world.api.post(f"/v1/webhooks/{self.slug}", content=body, headers=headers)
        assert answer.status_code == 202, answer.text


def open_shop(world: World) -> Shop:
    made = post(world, "/v1/vendors", {"slug": "acme", "name": "Acme Devices"})
    return Shop("acme", made["secret"])


def apply_inbox(world: World) -> None:
    """What a worker does with what was posted."""

    async def work() -> None:
        url = world.settings.database_url
        assert url is not None
        async with Database(url, world.settings, wiring.build_bus()) as database:
            await drain(database, sealer_for(world.settings))

    in_thread(work)


def new_school(world: World, code: str) -> str:
    """A school whose only gate is that its devices are there; of this test's own."""
    bell = world.first_bell.isoformat()
    school = {"code": code, "name": f"School {code}", "network": "SOUTH", "first_bell": bell}
    post(world, "/v1/schools", {**school, "model": "one_to_one", "enrollment": 20})
    add_task(world, code, "devices.ready", "Devices are there", kind="devices", gate=True)
    return code


def new_order(world: World, number: str, shares: dict[str, int], **more: Any) -> str:
    """A placed order of one line, promised for in time."""
    line = {
        "sku": SKU,
        "description": "Chromebook, 11 inch",
        "quantity": sum(shares.values()),
        "promised_on": (world.first_bell - timedelta(days=14)).isoformat(),
        "allocations": [{"school": code, "quantity": count} for code, count in shares.items()],
        **more,
    }
    order = str(
        post(world, "/v1/orders", {"vendor": "acme", "number": number, "lines": [line]})["id"]
    )
    post(world, f"/v1/orders/{order}/place")
    return order


def gate_of(world: World, school: str) -> tuple[int, int]:
    task = world.api.get(f"/v1/tasks/{task_id(world, school, 'devices.ready')}").json()
    return task["progress_done"], task["progress_total"]


def open_order(visitor: Visitor, order: str, number: str) -> Page:
    visitor.open(f"/orders/{order}")
    visitor.page.get_by_role("heading", name=number, exact=True).wait_for()
    return visitor.page
