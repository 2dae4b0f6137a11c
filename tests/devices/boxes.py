"""An order to count boxes of: laptops for two schools, cables for nobody yet, and a warehouse."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from api import clock
from tests.devices.conftest import Body, Caller, line, placed

LAPTOP, CABLE = "LAPTOP", "CABLE"


def days_ago(days: int) -> str:
    """A day at the schools."""
    return (clock.today("America/Chicago") - timedelta(days=days)).isoformat()


def place(name: str) -> Body:
    return {"site" if name == "WH" else "school": name}


@dataclass(frozen=True, slots=True)
class Boxes:
    """Order PO-1 of acme, placed: 100 laptops (A 60, B 40) and 10 cables. WH is a site."""

    admin: Caller
    order: str

    async def at(self, name: str, sku: str = LAPTOP) -> Body:
        """What is planned and counted of a line at a school or site."""
        order = await self.admin.get(f"/orders/{self.order}")
        of_line = next(one for one in order["lines"] if one["sku"] == sku)
        found: Body = next(
            row for row in of_line["allocations"] if name in (row["school"], row["site"])
        )
        return found

    async def there(self, name: str, sku: str = LAPTOP) -> int:
        return int((await self.at(name, sku))["there"])

    async def receive(
        self,
        accepted: int,
        name: str = "A",
        status: int = 201,
        by: Caller | None = None,
        of: Body | None = None,
        **more: Any,
    ) -> Body:
        """Count laptops; `of` are more fields of the line, `more` of the receipt."""
        body: Body = {**place(name), "lines": [{"sku": LAPTOP, "accepted": accepted, **(of or {})}]}
        path = f"/orders/{self.order}/receipts"
        made: Body = await (by or self.admin).post(path, body | more, status)
        return made

    async def ship(
        self, pieces: int | None = 20, number: str = "1Z 999", name: str = "A", **more: Any
    ) -> Body:
        """Announce laptops on their way; without pieces nobody said what is in it."""
        body: Body = {"carrier": "UPS", "tracking_number": number, **place(name), **more}
        if pieces is not None:
            body.setdefault("lines", [{"sku": LAPTOP, "quantity": pieces}])
        made: Body = await self.admin.post(f"/orders/{self.order}/shipments", body, 201)
        return made

    async def done(self, school: str = "A") -> tuple[int, int]:
        """What the school's task says: pieces there, of how many."""
        task = (await self.admin.tasks(school))["order:acme:PO-1"]
        return task["progress_done"], task["progress_total"]


async def pack(admin: Caller, **given: Any) -> Boxes:
    await admin.post("/networks/N/sites", {"code": "WH", "name": "Warehouse"}, 201)
    cables = line(CABLE, quantity=10, counts_as="accessory")
    order = await placed(admin, line(LAPTOP, A=60, B=40), cables, **given)
    return Boxes(admin, order["id"])
