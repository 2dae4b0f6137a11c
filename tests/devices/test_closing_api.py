"""Ending an order that was received in part, too much in one place, or at a site."""

from __future__ import annotations

import pytest

from tests.devices.conftest import Body, Caller, line, placed

pytestmark = pytest.mark.usefixtures("acme")


async def receive(admin: Caller, order: Body, pieces: int, **where: str) -> None:
    body = {**where, "lines": [{"sku": "CB", "accepted": pieces}], "override_reason": "Kept."}
    await admin.post(f"/orders/{order['id']}/receipts", body, 201)


async def test_a_complete_order_closes_without_a_word(admin: Caller) -> None:
    order = await placed(admin, line(A=5, B=5))
    await receive(admin, order, 5, school="A")
    await receive(admin, order, 5, school="B")
    closed = await admin.post(f"/orders/{order['id']}/close", {"reason": "Not needed."})
    assert (closed["state"], closed["reason"]) == ("closed", None)
    assert closed["lines"][0]["short"] == 0


async def test_what_one_school_has_too_many_does_not_close_another(
    admin: Caller, prepared: None
) -> None:
    order = await placed(admin, line(A=5, B=5))
    await receive(admin, order, 8, school="A")
    await receive(admin, order, 2, school="B")
    path = f"/orders/{order['id']}/close"
    problem = await admin.post(path, None, 409)
    assert (problem["code"], problem["lines"]) == ("pieces-outstanding", {"CB": 3})
    closed = await admin.post(path, {"reason": "A keeps them."})
    (told,) = closed["lines"]
    assert (told["short"], told["accepted"]) == (0, 10)
    assert [(one["school"], one["quantity"]) for one in told["allocations"]] == [("A", 5), ("B", 2)]
    task = (await admin.tasks("B"))["order:acme:PO-1"]
    assert (task["progress_done"], task["progress_total"], task["status"]) == (2, 2, "done")


async def test_a_school_that_got_nothing_waits_for_a_closed_order_no_more(
    admin: Caller, prepared: None
) -> None:
    order = await placed(admin, line(A=5, B=5))
    await receive(admin, order, 5, school="A")
    closed = await admin.post(f"/orders/{order['id']}/close", {"reason": "Sold out."})
    assert closed["lines"][0]["short"] == 5
    assert (await admin.tasks("B"))["order:acme:PO-1"]["status"] == "cancelled"
    gap = (await admin.tasks("B"))["order:none"]
    assert gap["progress_done"] == 0, "what never came is on no order any more"


async def test_pieces_at_a_site_go_to_schools_before_the_order_ends(admin: Caller) -> None:
    await admin.post("/networks/N/sites", {"name": "Warehouse", "code": "WH"}, 201)
    order = await placed(admin, line(A=5))
    await receive(admin, order, 5, site="WH")
    problem = await admin.post(f"/orders/{order['id']}/close", {"reason": "Done."}, 409)
    assert (problem["code"], problem["lines"]) == ("pieces-at-site", {"CB": 5})


async def test_after_a_reversal_the_order_can_be_cancelled(admin: Caller) -> None:
    order = await placed(admin, line(A=5))
    path = f"/orders/{order['id']}"
    body = {"school": "A", "lines": [{"sku": "CB", "accepted": 5}]}
    receipt = await admin.post(f"{path}/receipts", body, 201)
    problem = await admin.post(f"{path}/cancel", {"reason": "Twice."}, 409)
    assert problem["code"] == "already-received"
    await admin.post(f"/receipts/{receipt['id']}/reverse", {"note": "Wrong box."}, 201)
    await admin.post(f"{path}/cancel", {"reason": "Twice."})
