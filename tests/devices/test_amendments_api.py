"""Lines that an order gets once it is more than a draft, added or in place of others."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest

from api.auth.rules import Role
from api.db.pool import Database
from tests.devices.boxes import CABLE, LAPTOP, pack
from tests.devices.conftest import As, Body, Caller, Person, line, ordered, placed, rows
from tests.tasks.conftest import NETWORK

pytestmark = pytest.mark.usefixtures("acme")
WHY = "Discontinued."


def instead(sku: str, quantity: int, of: str = LAPTOP, **more: Any) -> Body:
    """A line in place of another; schools in capitals, else it says nothing of who gets it."""
    given = line(sku, quantity, substitutes=of, **more)
    return given if given["allocations"] else {**given, "allocations": None}


def body_of(*lines: Body, reason: str | None = WHY) -> Body:
    kept = [
        {name: value for name, value in one.items() if (name, value) != ("allocations", None)}
        for one in lines
    ]
    return {"lines": kept} | ({"reason": reason} if reason else {})


async def answer(
    caller: Caller, order: str, *lines: Body, reason: str | None = WHY, **headers: str
) -> httpx.Response:
    path = f"/orders/{order}/lines"
    return await caller.answer("POST", path, body_of(*lines, reason=reason), **headers)


async def amended(caller: Caller, order: str, *lines: Body, reason: str | None = WHY) -> Body:
    """The order once it has these lines."""
    given = await answer(caller, order, *lines, reason=reason, if_match="*")
    assert given.status_code == 201, given.text
    made: Body = given.json()
    return made


async def refused(caller: Caller, order: str, code: str, *lines: Body, status: int = 409) -> Body:
    """Refused with a sentence, and nothing changed."""
    before = await caller.get(f"/orders/{order}")
    given = await answer(caller, order, *lines, if_match="*")
    assert given.status_code == status, given.text
    problem: Body = given.json()
    assert problem["code"] == code, problem
    assert problem["detail"].endswith(".")
    assert await caller.get(f"/orders/{order}") == before
    return problem


def shares(order: Body, sku: str) -> dict[str, int]:
    """Who gets how many of a line; those that get none are left out."""
    one = next(one for one in order["lines"] if one["sku"] == sku)
    return {row["school"]: row["quantity"] for row in one["allocations"] if row["quantity"]}


def figures(order: Body, sku: str, *names: str) -> tuple[Any, ...]:
    one = next(one for one in order["lines"] if one["sku"] == sku)
    return tuple(one[name] for name in names)


async def test_a_placed_order_gets_a_line_and_its_schools_wait_for_it(admin: Caller) -> None:
    order = await placed(admin, line(A=10))
    more = line("DOCK", 6, A=2, B=3, counts_as="accessory", promised_on="2027-08-02")
    made = await amended(admin, order["id"], more, reason=None)
    assert [one["sku"] for one in made["lines"]] == ["CB", "DOCK"]
    assert shares(made, "DOCK") == {"A": 2, "B": 3}
    assert figures(made, "DOCK", "promised_on", "allocated", "counts_as") == (
        "2027-08-02",
        5,
        "accessory",
    )
    tasks = {code: (await admin.tasks(code))["order:acme:PO-1"] for code in "AB"}
    assert [tasks[code]["progress_total"] for code in "AB"] == [12, 3], "B has a task as well"
    assert tasks["B"]["expected_on"] == "2027-08-02"
    summaries = [one["summary"] for one in made["timeline"] if one["kind"] == "amendment"]
    assert summaries == ["6 of DOCK added"]


async def test_a_substitute_goes_to_those_who_waited_each_in_proportion(
    admin: Caller, database: Database
) -> None:
    boxes = await pack(admin)
    made = await amended(admin, boxes.order, instead("NEW", 50))
    assert (shares(made, "NEW"), shares(made, LAPTOP)) == ({"A": 30, "B": 20}, {"A": 30, "B": 20})
    names = ("quantity", "substituted", "short", "outstanding", "backordered")
    assert figures(made, LAPTOP, *names) == (100, 50, 0, 50, 50)
    assert figures(made, "NEW", "quantity", "counts_as") == (50, "student_device")
    assert [await boxes.done(school) for school in "AB"] == [(0, 60), (0, 40)]
    [told] = [one for one in made["timeline"] if one["kind"] == "amendment"]
    assert told["summary"] == f"50 of NEW added in place of {LAPTOP}: {WHY}"
    assert told["actor"].startswith("token:")
    assert await rows(database, "SELECT quantity, reason FROM amendments") == [(50, WHY)]
    # The rest of it as well, and then a line of which nothing is to come any more.
    made = await amended(admin, boxes.order, instead("NEWER", 50))
    assert figures(made, LAPTOP, *names) == (100, 100, 0, 0, 0)
    assert (shares(made, LAPTOP), shares(made, "NEWER")) == ({}, {"A": 30, "B": 20})
    receipt = {"school": "A", "lines": [{"sku": "NEW", "accepted": 30}]}
    await admin.post(f"/orders/{boxes.order}/receipts", receipt, 201)
    assert await boxes.done("A") == (30, 60)


async def test_what_came_or_is_on_its_way_stays(admin: Caller) -> None:
    """A has 20 and 10 are shipped to it; 5 lie in the warehouse, for nobody in particular."""
    boxes = await pack(admin)
    await boxes.receive(20, "A")
    await boxes.ship(10)
    await boxes.receive(5, "WH")
    problem = await refused(admin, boxes.order, "beyond-outstanding", instead("NEW", 66))
    assert (problem["sku"], problem["substitutable"]) == (LAPTOP, 65)
    made = await amended(admin, boxes.order, instead("NEW", 65))
    assert shares(made, "NEW") == {"A": 28, "B": 37}
    assert shares(made, LAPTOP) == {"A": 32, "B": 3}
    assert figures(made, LAPTOP, "outstanding", "under_way", "backordered") == (10, 10, 0)
    # What lies in the warehouse may still go to either.
    move = {"sku": LAPTOP, "school": "B", "quantity": 3}
    await admin.post("/transfers", {"order": boxes.order, "site": "WH", "transfers": [move]}, 201)
    await boxes.receive(10, "A")
    await refused(admin, boxes.order, "beyond-outstanding", instead("NEWER", 1))


async def test_who_names_schools_decides_who_gets_the_substitute(admin: Caller) -> None:
    boxes = await pack(admin)
    made = await amended(admin, boxes.order, instead("NEW", 40, A=40))
    assert (shares(made, "NEW"), shares(made, LAPTOP)) == ({"A": 40}, {"A": 20, "B": 40})
    # A school that does not wait for it takes nothing off anybody.
    problem = await refused(admin, boxes.order, "over-allocated", instead("NEWER", 10, C=10))
    assert (problem["sku"], problem["ordered"], problem["allocated"]) == (LAPTOP, 50, 60)
    nobody = {**instead("NEWER", 10), "allocations": []}
    await refused(admin, boxes.order, "over-allocated", nobody)
    # Of the cables nobody waits for one, so they can go to anybody.
    made = await amended(admin, boxes.order, instead("CABLE-2", 10, of=CABLE, C=4))
    assert shares(made, "CABLE-2") == {"C": 4}
    assert figures(made, "CABLE-2", "counts_as") == ("accessory",), "as the line it stands in for"
    assert (await admin.tasks("C"))["order:acme:PO-1"]["progress_total"] == 4


async def test_several_substitutes_share_one_line(admin: Caller) -> None:
    boxes = await pack(admin)
    two = (instead("N1", 60), instead("N2", 41))
    await refused(admin, boxes.order, "beyond-outstanding", *two)
    made = await amended(admin, boxes.order, instead("N1", 60), instead("N2", 40))
    assert (shares(made, "N1"), shares(made, "N2")) == ({"A": 36, "B": 24}, {"A": 24, "B": 16})
    assert figures(made, LAPTOP, "substituted", "allocated") == (100, 0)


async def test_what_cannot_be_is_told(admin: Caller, calling: As) -> None:
    boxes = await pack(admin)
    await refused(admin, boxes.order, "line-taken", line(LAPTOP, 1))
    await refused(admin, boxes.order, "line-taken", instead(CABLE, 1))
    unknown = await refused(admin, boxes.order, "invalid", instead("NEW", 1, of="OLD"), status=422)
    assert unknown["errors"][0]["pointer"] == "/lines/0/substitutes"
    twice = (line("NEW", 1), line("NEW", 1))
    assert (await refused(admin, boxes.order, "invalid", *twice, status=422))["errors"][0][
        "pointer"
    ] == "/lines/1/sku"
    await refused(admin, boxes.order, "over-allocated", line("NEW", 1, A=2))
    await refused(admin, boxes.order, "school-unknown", line("NEW", NOWHERE=2), status=422)
    await admin.post("/networks", NETWORK | {"code": "M"}, 201)
    await admin.school("E", "M")
    await refused(admin, boxes.order, "mixed-networks", line("NEW", E=2), status=422)
    speechless = await answer(admin, boxes.order, instead("NEW", 1), reason=None, if_match="*")
    assert speechless.status_code == 422
    assert speechless.json()["errors"][0]["code"] == "reason-required"
    missing = await answer(
        admin, "01890000-0000-7000-8000-000000000000", line("N", 1), if_match="*"
    )
    assert missing.status_code == 404


async def test_only_orders_that_stand_get_lines(admin: Caller) -> None:
    draft = (await ordered(admin, line(A=1), number="PO-2"))["id"]
    problem = await refused(admin, draft, "order-state", line("NEW", 1))
    assert "PATCH" in problem["detail"]
    await admin.post(f"/orders/{draft}/hold", {"reason": "Wait."})
    await refused(admin, draft, "order-state", line("NEW", 1))
    await admin.post(f"/orders/{draft}/hold", {"release": True})
    await admin.post(f"/orders/{draft}/approve")
    await amended(admin, draft, line("NEW", 1))
    await admin.post(f"/orders/{draft}/place")
    await admin.post(f"/orders/{draft}/hold", {"reason": "Wait."})
    held = await amended(admin, draft, line("NEWER", 1))
    assert (held["state"], held["reason"]) == ("on_hold", "Wait.")
    await admin.post(f"/orders/{draft}/hold", {"release": True})
    await admin.post(f"/orders/{draft}/close", {"reason": "Enough."})
    await refused(admin, draft, "order-state", line("NEWEST", 1))
    gone = (await placed(admin, line(A=1), number="PO-3"))["id"]
    await admin.post(f"/orders/{gone}/cancel", {"reason": "Twice."})
    await refused(admin, gone, "order-state", line("NEW", 1))


async def test_an_order_is_made_dearer_than_the_threshold_by_another_person(
    admin: Caller, other: Caller, database: Database
) -> None:
    await admin.patch("/networks/N", {"approval_threshold_cents": 10_000})
    order = (await placed(admin, line("CB", A=9, unit_price_cents=1_000)))["id"]
    dear = line("NEW", A=1, unit_price_cents=1_000)
    problem = await refused(admin, order, "approval-required", dear)
    assert (problem["total_cents"], problem["threshold_cents"]) == (10_000, 10_000)
    assert "somebody else" in problem["detail"]
    # What nobody may spend alone is not added alone either, nor what has no price.
    for many in (line("NEW", A=10, unit_price_cents=1_000), line("NEW", A=1)):
        for caller in (admin, other):
            problem = await refused(caller, order, "approval-required", many)
            assert "an order of its own" in problem["detail"]
    cheap = await amended(admin, order, line("PEN", 9, unit_price_cents=100))
    assert cheap["total_cents"] == 9_900
    made = await amended(other, order, dear)
    assert made["total_cents"] == 10_900
    assert made["approved_by"] != made["requested_by"]
    # What costs no more may be substituted by anybody, however dear the order is.
    same = instead("CB-2", 9, of="CB", unit_price_cents=1_000)
    assert (await amended(admin, order, same))["total_cents"] == 10_900
    dearer = instead("CB-3", 9, of="CB-2", unit_price_cents=1_001)
    await refused(admin, order, "approval-required", dearer)


async def test_a_persons_script_is_no_other_person(
    person: Person, schools: dict[str, Body], acme: Body
) -> None:
    mine = person.browser
    await mine.patch("/networks/N", {"approval_threshold_cents": 10})
    order = (await placed(mine, line(A=1, unit_price_cents=9)))["id"]
    script = await person.token()
    await refused(script, order, "approval-required", line("N", A=1, unit_price_cents=9))


async def test_an_amendment_names_the_version_it_is_of_and_is_sent_once(admin: Caller) -> None:
    boxes = await pack(admin)
    path = f"/orders/{boxes.order}"
    etag = (await admin.answer("GET", path)).headers["etag"]
    assert (await answer(admin, boxes.order, line("NEW", 1))).status_code == 428
    key = {"idempotency_key": "one", "if_match": etag}
    first = await answer(admin, boxes.order, instead("NEW", 10), **key)
    again = await answer(admin, boxes.order, instead("NEW", 10), **key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    stale = await answer(admin, boxes.order, line("MORE", 1), if_match=etag)
    assert stale.status_code == 412
    await amended(admin, boxes.order, line("MORE", 1))


async def test_who_is_limited_to_schools_amends_nothing(
    admin: Caller, calling: As, schools: dict[str, Body]
) -> None:
    boxes = await pack(admin)
    limits: Any = {
        "network_id": UUID(schools["A"]["network_id"]),
        "school_ids": [UUID(schools["A"]["id"])],
    }
    async with calling(Role.ops, **limits) as limited:
        given = await answer(limited, boxes.order, line("NEW", 1), if_match="*")
    assert given.status_code == 403


@pytest.mark.parametrize("matches", ["*", "read"])
async def test_two_clerks_substitute_one_line_at_once(
    admin: Caller, other: Caller, database: Database, matches: str
) -> None:
    boxes = await pack(admin)
    etag = (await admin.answer("GET", f"/orders/{boxes.order}")).headers["etag"]
    match = etag if matches == "read" else matches
    answers = await asyncio.gather(
        *(
            answer(clerk, boxes.order, instead(f"NEW-{at}", 60), if_match=match)
            for at, clerk in enumerate((admin, other))
        )
    )
    lost = 412 if matches == "read" else 409
    assert sorted(one.status_code for one in answers) == [201, lost]
    order = await admin.get(f"/orders/{boxes.order}")
    assert len(order["lines"]) == 3
    names = ("quantity", "substituted", "allocated", "outstanding")
    assert figures(order, LAPTOP, *names) == (100, 60, 40, 40)
    assert [await boxes.done(school) for school in "AB"] == [(0, 60), (0, 40)]


async def test_the_gate_waits_for_the_substitute_and_nothing_is_on_no_order(
    admin: Caller, prepared: None
) -> None:
    order = await placed(admin, line(A=100))
    before = await admin.tasks("A")
    await amended(admin, order["id"], instead("NEW", 100, of="CB"))
    after = await admin.tasks("A")
    for key in ("order:none", "order:acme:PO-1"):
        names = ("status", "progress_done", "progress_total")
        assert [after[key][one] for one in names] == [before[key][one] for one in names]
    receipt = {"school": "A", "lines": [{"sku": "NEW", "accepted": 100}]}
    await admin.post(f"/orders/{order['id']}/receipts", receipt, 201)
    assert (await admin.tasks("A"))["order:acme:PO-1"]["status"] == "done"
