"""A walk through substitutions among shipments, receipts and transfers: no piece is lost.

Whatever is asked is done or refused as a rule: no constraint of the database is ever met.
"""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

import pytest

from api.db.pool import Database
from tests.devices.boxes import Boxes, pack, place
from tests.devices.conftest import Body, Caller, line, rows
from tests.devices.test_counts_walk import LINES

pytestmark = pytest.mark.usefixtures("acme")
STEPS = 60
AMENDED = """
SELECT l.sku FROM order_lines l
LEFT JOIN (SELECT substitutes_id, sum(quantity) AS pieces FROM amendments GROUP BY 1) s
  ON s.substitutes_id = l.id
WHERE l.substituted <> coalesce(s.pieces, 0)
"""


class Walk:
    def __init__(self, boxes: Boxes, chance: random.Random) -> None:
        self.boxes, self.chance = boxes, chance
        self.skus = ["LAPTOP", "CABLE"]
        self.added = 0

    def amendment(self, sku: str) -> Body:
        pieces = self.chance.choice([1, 3, 7, 20, 50])
        given = line(sku, pieces)
        del given["allocations"]
        if self.chance.random() < 0.8:
            given["substitutes"] = self.chance.choice(self.skus)
        if self.chance.random() < 0.3:
            school = self.chance.choice("ABC")
            quantity = self.chance.randint(0, pieces)
            given["allocations"] = [{"school": school, "quantity": quantity}]
        return {"lines": [given], "reason": "Because."}

    def step(self, at: int) -> tuple[str, Body]:
        kind = self.chance.choice(["amend", "amend", "ship", "receive", "move", "share"])
        sku, pieces = self.chance.choice(self.skus), self.chance.choice([1, 2, 9])
        order = self.boxes.order
        to = place(self.chance.choice(["A", "B", "C", "WH"]))
        if kind == "amend":
            return f"/orders/{order}/lines", self.amendment(f"N{at}")
        if kind == "ship":
            content = [{"sku": sku, "quantity": pieces}]
            number = {"carrier": "UPS", "tracking_number": f"T{at}"}
            return f"/orders/{order}/shipments", {**to, **number, "lines": content}
        if kind == "receive":
            body: Body = {**to, "lines": [{"sku": sku, "accepted": pieces}]}
            if self.chance.random() < 0.3:
                body["override_reason"] = "They are here."
            return f"/orders/{order}/receipts", body
        moved = {"sku": sku, "quantity": pieces}
        if kind == "move":
            moves = [moved | {"school": self.chance.choice("ABC")}]
            return "/transfers", {"order": order, "site": "WH", "transfers": moves}
        return f"/orders/{order}/reallocate", {"moves": [moved | {"to_school": "C"}]}


def planned(order: Body) -> dict[str, int]:
    """Pieces by school over all lines."""
    found: defaultdict[str, int] = defaultdict(int)
    for one in order["lines"]:
        for row in one["allocations"]:
            if row["school"]:
                found[row["school"]] += row["quantity"]
    return {school: pieces for school, pieces in found.items() if pieces}


def expected(order: Body) -> int:
    return sum(int(one["quantity"]) - int(one["substituted"]) for one in order["lines"])


def left(one: Body) -> int:
    """Of a line: pieces that neither came nor are in a shipment."""
    return int(one["outstanding"] - one["under_way"] - one["delivered"])


def judge(given: Body, before: Body, after: Body) -> None:
    """What one amendment may change, and what it leaves as it was."""
    [new] = given["lines"]
    if new.get("substitutes") is None:
        assert expected(after) == expected(before) + new["quantity"]
        return
    assert expected(after) == expected(before)
    was, now = (
        next(one for one in order["lines"] if one["sku"] == new["substitutes"])
        for order in (before, after)
    )
    assert left(was) - left(now) == new["quantity"]
    assert left(now) >= 0
    assert now["accepted"] == was["accepted"]
    for row in now["allocations"]:
        assert row["site"] or row["there"] <= row["quantity"] + row["over"]
    if "allocations" not in new:
        assert planned(after) == planned(before), "nobody gets more or fewer than before"


@pytest.mark.parametrize("seed", range(3))
async def test_sums_are_kept(admin: Caller, database: Database, seed: int) -> None:
    boxes = await pack(admin)
    walk = Walk(boxes, random.Random(seed))  # noqa: S311 (no secret: the same walk at every run)
    done: defaultdict[str, int] = defaultdict(int)
    order: Any = await admin.get(f"/orders/{boxes.order}")
    for at in range(STEPS):
        path, body = walk.step(at)
        answer = await admin.answer("POST", path, body, if_match="*")
        assert answer.status_code in (200, 201, 409), (path, body, answer.text)
        now = await admin.get(f"/orders/{boxes.order}")
        if answer.is_success:
            done[path.rpartition("/")[2]] += 1
            if path.endswith("/lines"):
                judge(body, order, now)
                walk.skus.append(body["lines"][0]["sku"])
        else:
            assert now == order, "what is refused changes nothing"
        order = now
        assert await rows(database, LINES) == []
        assert await rows(database, AMENDED) == []
    assert done["lines"] > 5, done
    tasks = {code: (await admin.tasks(code)).get("order:acme:PO-1") for code in "ABC"}
    totals = {code: task["progress_total"] for code, task in tasks.items() if task}
    assert totals == planned(order)
