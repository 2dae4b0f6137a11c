"""A walk through receipts, transfers, returns and their reversals: counters are the facts' sums.

Whatever is asked is done or refused as a rule: no constraint of the database is ever met.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from api.db.pool import Database
from tests.devices.boxes import CABLE, LAPTOP, Boxes, pack, place
from tests.devices.conftest import Body, Caller, rows

pytestmark = pytest.mark.usefixtures("acme")
STEPS = 100
# Each row: what the facts add up to for a line at a place, beside what its counters say.
JUDGE = """
WITH moves AS (SELECT *, CASE WHEN reverses_id IS NULL THEN quantity ELSE -quantity END moved
  FROM transfers),
facts AS (
  SELECT l.line_id, coalesce(r.school_id, r.site_id) place,
    CASE WHEN r.reverses_id IS NULL THEN 1 ELSE -1 END * l.accepted accepted,
    CASE WHEN r.reverses_id IS NULL THEN 1 ELSE -1 END * l.rejected rejected,
    0 returned, 0 moved_in, 0 moved_out
  FROM receipts r JOIN receipt_lines l ON l.receipt_id = r.id
  UNION ALL SELECT line_id, coalesce(school_id, site_id), 0, 0,
    CASE WHEN reverses_id IS NULL THEN quantity ELSE -quantity END, 0, 0 FROM returns
  UNION ALL SELECT line_id, school_id, 0, 0, 0, moved, 0 FROM moves
  UNION ALL SELECT line_id, site_id, 0, 0, 0, 0, moved FROM moves),
sums AS (SELECT line_id, place, sum(accepted) accepted, sum(rejected) rejected,
  sum(returned) returned, sum(moved_in) moved_in, sum(moved_out) moved_out
  FROM facts GROUP BY line_id, place)
SELECT a.id FROM allocations a
LEFT JOIN sums s ON s.line_id = a.line_id AND s.place = coalesce(a.school_id, a.site_id)
WHERE (a.accepted, a.rejected, a.returned, a.moved_in, a.moved_out) IS DISTINCT FROM
  (coalesce(s.accepted, 0), coalesce(s.rejected, 0), coalesce(s.returned, 0),
   coalesce(s.moved_in, 0), coalesce(s.moved_out, 0))
"""
LINES = """
SELECT l.sku FROM order_lines l JOIN (
  SELECT line_id, sum(quantity) allocated, sum(accepted) accepted, sum(returned) returned,
    sum(over) AS beyond FROM allocations GROUP BY line_id) a ON a.line_id = l.id
WHERE (l.allocated, l.accepted, l.returned, l.over)
  IS DISTINCT FROM (a.allocated, a.accepted, a.returned, a.beyond)
"""


class Walk:
    def __init__(self, boxes: Boxes, chance: random.Random) -> None:
        self.boxes, self.chance = boxes, chance
        # Paths of what can be taken back, some of it twice.
        self.done: list[str] = []

    def lines(self, field: str) -> list[Body]:
        skus = self.chance.sample([LAPTOP, CABLE], k=self.chance.choice([1, 1, 2]))
        return [{"sku": sku, field: self.chance.choice([1, 2, 5, 20])} for sku in skus]

    def named(self) -> Body:
        return place(self.chance.choice(["A", "B", "C", "WH", "WH"]))

    def step(self) -> tuple[str, Body]:
        """The next call: its path and body."""
        kind = self.chance.choice(["receive", "receive", "reverse", "reverse", "move", "return"])
        if kind == "reverse" and self.done:
            return f"{self.chance.choice(self.done)}/reverse", {}
        if kind == "move":
            moves = [one | {"school": self.chance.choice("ABC")} for one in self.lines("quantity")]
            return "/transfers", {"order": self.boxes.order, "site": "WH", "transfers": moves}
        if kind == "return":
            body = {"order": self.boxes.order, "reason": "Dead.", **self.named()}
            replaced = {"replacement": self.chance.random() < 0.5}
            return "/returns", body | replaced | {"lines": self.lines("quantity")}
        body = {**self.named(), "lines": self.lines("accepted")}
        if self.chance.random() < 0.3:
            body["override_reason"] = "They are here."
        return f"/orders/{self.boxes.order}/receipts", body

    def learn(self, path: str, answer: Any) -> None:
        kind = path.rpartition("/")[2]
        if kind != "reverse":
            self.done += [f"/{kind}/{one['id']}" for one in answer.get("items", [answer])]


@pytest.mark.parametrize("seed", [1, 2])
async def test_counters_are_the_sums_of_the_facts(
    admin: Caller, database: Database, seed: int
) -> None:
    boxes = await pack(admin, over_tolerance_percent=10)
    walk = Walk(boxes, random.Random(seed))  # noqa: S311 (a walk, not a secret)
    done = refused = 0
    for _ in range(STEPS):
        path, body = walk.step()
        answer = await admin.answer("POST", path, body)
        assert answer.status_code in (201, 409), (path, body, answer.text)
        if answer.status_code == 201:
            done += 1
            walk.learn(path, answer.json())
        else:
            refused += 1
            assert answer.json()["code"] != "conflict", answer.text
        assert await rows(database, JUDGE) == []
        assert await rows(database, LINES) == []
    assert min(done, refused) > STEPS / 10, "the walk hardly did, or hardly refused, anything"
