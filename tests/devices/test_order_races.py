"""Two who write about one order: each waits for the other, and neither is lost."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from api.db.pool import Database
from api.db.uow import Overtaken, transact, writing
from api.devices.allocations import Share, write_allocations
from api.devices.holding import HeldOrder, hold_order, hold_orders
from tests.devices.conftest import Body, Caller, line, ordered, placed, rows
from tests.devices.test_order_import_api import HEADER, ROWS, imported

pytestmark = pytest.mark.usefixtures("acme")

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


async def until_somebody_waits(database: Database) -> None:
    async with asyncio.timeout(30):
        while await rows(database, WAITING) == [(0,)]:  # noqa: ASYNC110 (a lock sets no event)
            await asyncio.sleep(0.01)


async def test_who_waited_while_a_school_joined_the_order_begins_anew(
    admin: Caller, schools: dict[str, Body], database: Database
) -> None:
    order = await placed(admin, line(quantity=10, A=5))
    order_id, joining = UUID(order["id"]), UUID(schools["B"]["id"])

    async def hold() -> HeldOrder:
        async with writing(database, "job:second") as session:
            return await hold_order(session, order_id)

    async with writing(database, "job:first") as session:
        held = await hold_order(session, order_id, also=[joining])
        second = asyncio.create_task(hold())
        await until_somebody_waits(database)
        await write_allocations(session, held.order, [Share(held.lines[0].id, joining, 1)])
    with pytest.raises(Overtaken):
        await second
    again = await transact(database, "job:third", lambda session: hold_order(session, order_id))
    assert again.school_ids == {UUID(schools[code]["id"]) for code in "AB"}
    assert [one.allocated for one in again.lines] == [6], "the sums of triggers are seen"


async def test_many_orders_are_held_in_one_round(
    admin: Caller, schools: dict[str, Body], database: Database
) -> None:
    first = await placed(admin, line("X", B=1), line("CB", A=5), number="PO-1")
    second = await ordered(admin, line(quantity=3), number="PO-2", network="N")
    async with writing(database, "job:test") as session:
        ids = [UUID(first["id"]), UUID(second["id"])]
        held = await hold_orders(session, ids, also=[UUID(schools["D"]["id"])])
        assert session.held_schools == {UUID(schools[code]["id"]) for code in "ABD"}
    assert [one.sku for one in held[ids[0]].lines] == ["X", "CB"]
    assert (held[ids[1]].vendor.slug, held[ids[1]].network.code) == ("acme", "N")
    assert held[ids[1]].school_ids == frozenset()


async def test_one_file_sent_twice_at_once_goes_in_once(admin: Caller) -> None:
    answers = await asyncio.gather(*(imported(admin, HEADER + ROWS) for _ in range(3)))
    assert [answer.status_code for answer in answers] == [200] * 3, answers[0].text
    counts = [answer.json()["rows"] for answer in answers]
    assert sorted(one["created"] for one in counts) == [0, 0, 4]
    assert sorted(one["unchanged"] for one in counts) == [0, 4, 4]
    assert len((await admin.get("/orders"))["items"]) == 2


async def test_an_order_is_placed_once(admin: Caller, other: Caller) -> None:
    order = await ordered(admin, line(A=1))
    path = f"/orders/{order['id']}/place"
    answers = await asyncio.gather(*(caller.answer("POST", path) for caller in (admin, other)))
    assert sorted(answer.status_code for answer in answers) == [200, 409]


def shared_by(codes: str) -> Body:
    one_each: dict[str, Any] = dict.fromkeys(codes, 1)
    return line("CB", **one_each)


async def test_orders_that_share_schools_never_deadlock(admin: Caller, other: Caller) -> None:
    """Each touches all schools in its own order; the gate takes them in one."""
    orders = [
        await ordered(admin, shared_by(codes), number=f"PO-{number}")
        for number, codes in enumerate(("ABCD", "DCBA", "BADC", "CDAB"))
    ]
    answers = await asyncio.gather(
        *(
            caller.answer("POST", f"/orders/{order['id']}/place")
            for order, caller in zip(orders, (admin, other) * 2, strict=True)
        )
    )
    assert [answer.status_code for answer in answers] == [200] * 4
