"""Who gets how many pieces: set for a line, moved between schools, and what a dry run says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from api.db.pool import Database
from tests.devices.conftest import Body, Caller, line, ordered, placed, rows

pytestmark = pytest.mark.usefixtures("acme")


def shares(order: Body, sku: str = "CB") -> dict[str, int]:
    (found,) = [one for one in order["lines"] if one["sku"] == sku]
    return {one["school"]: one["quantity"] for one in found["allocations"] if one["quantity"]}


def given(**pieces: int) -> list[Body]:
    return [{"school": school, "quantity": count} for school, count in pieces.items()]


async def test_allocations_of_a_line_are_replaced_all_or_in_part(admin: Caller) -> None:
    order = await placed(admin, line("CB/11 G9", quantity=100, A=50, B=30))
    path = f"/orders/{order['id']}/lines/CB%2F11 G9/allocations"
    part = await admin.put(path, {"allocations": given(B=20, C=30), "replace": "part"})
    assert shares(part, "CB/11 G9") == {"A": 50, "B": 20, "C": 30}
    whole = await admin.put(path, {"allocations": given(D=100)})
    assert shares(whole, "CB/11 G9") == {"D": 100}


async def test_no_more_is_allocated_than_is_ordered(admin: Caller) -> None:
    order = await placed(admin, line(quantity=100, A=60))
    path = f"/orders/{order['id']}/lines/CB/allocations"
    body = {"allocations": given(B=41), "replace": "part"}
    problem = await admin.put(path, body, 409)
    assert (problem["code"], problem["allocated"]) == ("over-allocated", 101)
    await admin.put(f"/orders/{order['id']}/lines/NONE/allocations", body, 404)
    await admin.put(path, {"allocations": given(NOWHERE=1)}, 422)
    assert shares(await admin.get(f"/orders/{order['id']}")) == {"A": 60}


async def test_two_who_take_the_last_pieces_are_told_one_after_the_other(
    admin: Caller, other: Caller
) -> None:
    order = await placed(admin, line(quantity=100, A=60))
    path = f"/orders/{order['id']}/lines/CB/allocations"
    answers = await asyncio.gather(
        *(
            caller.answer("PUT", path, {"allocations": given(**{code: 40}), "replace": "part"})
            for caller, code in ((admin, "B"), (other, "C"), (admin, "D"))
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    assert sum(shares(await admin.get(f"/orders/{order['id']}")).values()) == 100


async def test_an_ended_order_keeps_its_allocations(admin: Caller) -> None:
    order = await placed(admin, line(A=1))
    await admin.post(f"/orders/{order['id']}/cancel", {"reason": "Twice."})
    path = f"/orders/{order['id']}/lines/CB/allocations"
    assert (await admin.put(path, {"allocations": []}, 409))["code"] == "order-state"


async def test_a_new_share_is_a_task_and_a_lost_one_is_none(admin: Caller, prepared: None) -> None:
    order = await placed(admin, line(A=60, B=40))
    path = f"/orders/{order['id']}/lines/CB/allocations"
    await admin.put(path, {"allocations": given(A=60, C=40)})
    assert (await admin.tasks("B"))["order:acme:PO-1"]["status"] == "cancelled"
    assert (await admin.tasks("C"))["order:acme:PO-1"]["progress_total"] == 40
    await admin.put(path, {"allocations": given(A=60, B=40)})
    assert (await admin.tasks("B"))["order:acme:PO-1"]["status"] == "pending"


def move(quantity: int, source: str | None, target: str | None, sku: str = "CB") -> Body:
    return {"sku": sku, "from_school": source, "to_school": target, "quantity": quantity}


async def test_a_dry_run_says_who_gains_and_loses_and_writes_nothing(
    admin: Caller, prepared: None, database: Database
) -> None:
    order = await placed(admin, line(quantity=220, A=120, B=80))
    path = f"/orders/{order['id']}"
    # 100 students with a device each, and 8 % spares.
    need = 108
    moves = [move(40, "A", "B"), move(10, None, "C")]
    before = await rows(database, "SELECT count(*) FROM history")
    preview = await admin.post(f"{path}/reallocate", {"moves": moves, "dry_run": True})
    assert await rows(database, "SELECT count(*) FROM history") == before
    assert (preview["gains"], preview["loses"]) == (["B", "C"], ["A"])
    assert preview["unallocated"] == {"CB": 10}
    by_school = {one["school"]: one for one in preview["schools"]}
    assert by_school["A"]["lines"] == [{"sku": "CB", "before": 120, "after": 80, "change": -40}]
    assert by_school["A"]["before"] == {"allocated": 120, "outstanding": 120, "gap": 0}
    assert by_school["A"]["after"]["gap"] == need - 80
    assert by_school["B"]["before"]["gap"] == need - 80
    assert by_school["B"]["after"]["gap"] == 0
    assert by_school["C"]["before"] == {"allocated": 0, "outstanding": 0, "gap": need}
    assert by_school["C"]["after"] == {"allocated": 10, "outstanding": 10, "gap": need - 10}

    done = await admin.post(f"{path}/reallocate", {"moves": moves})
    assert done == preview | {"dry_run": False}
    assert shares(await admin.get(path)) == {"A": 80, "B": 120, "C": 10}
    gap = (await admin.tasks("A"))["order:none"]
    assert gap["progress_total"] - gap["progress_done"] == need - 80


async def test_moves_go_together_or_not_at_all(admin: Caller) -> None:
    order = await placed(admin, line(quantity=100, A=60, B=40))
    path = f"/orders/{order['id']}"

    async def refused(moves: list[Body], status: int, code: str) -> None:
        for dry_run in (True, False):
            body: Any = {"moves": moves, "dry_run": dry_run}
            problem = await admin.post(f"{path}/reallocate", body, status)
            assert problem["code"] == code

    good = move(10, "A", "C")
    await refused([good, move(61, "A", "B")], 409, "not-allocated")
    await refused([good, move(1, None, "B")], 409, "over-allocated")
    await refused([good, move(1, "A", "B", "NONE")], 404, "line-not-found")
    await refused([good, move(1, "NOWHERE", "B")], 422, "school-unknown")
    await refused([move(1, None, None)], 422, "invalid")
    assert shares(await admin.get(path)) == {"A": 60, "B": 40}
    await admin.post(f"{path}/reallocate", {"moves": [move(60, "A", None)]})
    assert shares(await admin.get(path)) == {"B": 40}


async def test_what_a_school_has_is_not_moved_away(admin: Caller) -> None:
    order = await placed(admin, line(A=60, B=40))
    path = f"/orders/{order['id']}"
    received = {"school": "A", "lines": [{"sku": "CB", "accepted": 30}]}
    await admin.post(f"{path}/receipts", received, 201)
    for dry_run in (True, False):
        body = {"moves": [move(31, "A", "B")], "dry_run": dry_run}
        problem = await admin.post(f"{path}/reallocate", body, 409)
        assert (problem["code"], problem["school"], problem["received"]) == (
            "below-received",
            "A",
            30,
        )
    await admin.post(f"{path}/reallocate", {"moves": [move(30, "A", "B")]})
    assert shares(await admin.get(path)) == {"A": 30, "B": 70}
    await admin.post(f"{path}/cancel", {"reason": "Late."}, 409)


async def test_pieces_move_away_from_an_archived_school_and_none_to_it(admin: Caller) -> None:
    order = await placed(admin, line(A=60, B=40))
    path = f"/orders/{order['id']}"
    await admin.patch("/schools/B", {"archived": True})
    problem = await admin.post(f"{path}/reallocate", {"moves": [move(1, "A", "B")]}, 409)
    assert problem["code"] == "school-archived"
    await admin.post(f"{path}/reallocate", {"moves": [move(40, "B", "A")]})
    assert shares(await admin.get(path)) == {"A": 100}


async def test_a_draft_covers_no_need_however_it_is_shared(admin: Caller, prepared: None) -> None:
    draft = await ordered(admin, line(A=60, B=40))
    body = {"moves": [move(40, "B", "A")], "dry_run": True}
    preview = await admin.post(f"/orders/{draft['id']}/reallocate", body)
    for school in preview["schools"]:
        assert school["before"]["gap"] == school["after"]["gap"] > 0
