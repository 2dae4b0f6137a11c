"""Orders over HTTP: drawn up, changed, decided, ended; and whose they are."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from api.auth.rules import Role
from api.db.pool import Database
from tests.devices.conftest import As, Body, Caller, Person, line, ordered, placed, rows, vendor
from tests.tasks.conftest import NETWORK

pytestmark = pytest.mark.usefixtures("acme")


async def refused(caller: Caller, path: str, body: Any, status: int, code: str) -> Body:
    problem: Body = await caller.post(path, body, status)
    assert problem["code"] == code, problem
    assert problem["detail"].endswith(".")
    return problem


async def test_an_order_is_drawn_up_line_by_line(admin: Caller) -> None:
    cases = line("CASE", 150, counts_as="accessory", unit_price_cents=1_500, A=100)
    devices = line("CB", A=100, B=50, unit_price_cents=29_900, promised_on="2027-08-13")
    order = await ordered(admin, devices, cases, number=" PO-118 ")
    assert (order["number"], order["state"], order["vendor"], order["network"]) == (
        "PO-118",
        "draft",
        "acme",
        "N",
    )
    assert order["total_cents"] == 150 * 29_900 + 150 * 1_500
    assert (order["receiving"], order["receiving_from"]) == ("on_delivery", "network")
    first, second = order["lines"]
    assert (first["sku"], first["quantity"], first["allocated"]) == ("CB", 150, 150)
    assert first["promised_on"] == "2027-08-13"
    assert [(one["school"], one["quantity"]) for one in first["allocations"]] == [
        ("A", 100),
        ("B", 50),
    ]
    assert (second["counts_as"], second["allocated"], second["outstanding"]) == (
        "accessory",
        100,
        150,
    )
    assert await admin.get(f"/orders/{order['id']}") == order


async def test_a_number_is_one_sellers_own(admin: Caller) -> None:
    await vendor(admin, "other")
    await ordered(admin, line(A=1), number="PO-1")
    body = {"vendor": "acme", "number": "po-1", "lines": [line(A=1)]}
    await refused(admin, "/orders", body, 409, "number-taken")
    await admin.post("/orders", body | {"vendor": "other"}, 201)


async def test_what_cannot_be_an_order_is_told(admin: Caller) -> None:
    await vendor(admin, "tracker", kind="tracker", tracks=["acme"])

    async def wrong(status: int, code: str, **given: Any) -> Body:
        body = {"vendor": "acme", "number": "PO-9", "lines": [line(A=1)]} | given
        return await refused(admin, "/orders", body, status, code)

    await wrong(404, "vendor-not-found", vendor="nobody")
    assert (await wrong(422, "invalid", vendor="tracker"))["errors"][0]["pointer"] == "/vendor"
    problem = await wrong(422, "school-unknown", lines=[line(A=1, NOWHERE=1)])
    assert [one["pointer"] for one in problem["errors"]] == ["/lines/0/allocations/1/school"]
    await wrong(422, "invalid", lines=[line(A=1), line(B=1)])
    await wrong(422, "invalid", lines=[])
    await wrong(422, "invalid", lines=[line(quantity=5)])
    await wrong(422, "invalid", lines=[line(quantity=0)])
    twice = line(A=1, quantity=9)
    twice["allocations"] *= 2
    problem = await wrong(422, "invalid", lines=[twice])
    assert problem["errors"][0]["pointer"] == "/lines/0/allocations/1/school"
    over = await wrong(409, "over-allocated", lines=[line(quantity=5, A=4, B=2)])
    assert (over["ordered"], over["allocated"]) == (5, 6)
    assert (await admin.get("/orders"))["items"] == []


async def test_an_order_belongs_to_the_network_of_its_schools(admin: Caller, calling: As) -> None:
    second = await admin.post("/networks", NETWORK | {"code": "M"}, 201)
    await admin.school("E", "M")
    body = {"vendor": "acme", "number": "PO-1", "lines": [line(A=1, E=1)]}
    problem = await refused(admin, "/orders", body, 422, "mixed-networks")
    assert "A, E" in problem["detail"]
    await refused(
        admin, "/orders", body | {"lines": [line(A=1)], "network": "M"}, 422, "mixed-networks"
    )
    assert (await ordered(admin, line(E=1), number="PO-2"))["network"] == "M"
    assert (await ordered(admin, line(quantity=5), number="PO-3", network="M"))["network"] == "M"
    async with calling(Role.ops, network_id=UUID(second["id"])) as ops:
        assert (await ordered(ops, line(quantity=5), number="PO-4"))["network"] == "M"


async def test_a_draft_is_changed_as_a_whole_and_keeps_what_was_promised(admin: Caller) -> None:
    draft = await ordered(
        admin, line("CB", A=10, B=10, promised_on="2027-08-01"), line("CASE", A=10)
    )
    changed = await admin.patch(
        f"/orders/{draft['id']}",
        {"number": "PO-2", "lines": [line("NEW", C=3), line("CB", A=10, C=5)]},
    )
    assert changed["number"] == "PO-2"
    new, kept = changed["lines"]
    assert (new["sku"], kept["sku"], kept["quantity"]) == ("NEW", "CB", 15)
    assert kept["id"] == draft["lines"][0]["id"]
    assert kept["promised_on"] is None
    assert [one["school"] for one in kept["allocations"]] == ["A", "C"]
    summaries = [event["summary"] for event in changed["timeline"]]
    assert {"CB promised for 2027-08-01", "CB no longer promised"} <= set(summaries)


async def test_once_approved_only_receiving_and_tolerance_change(admin: Caller) -> None:
    order = await placed(admin, line(A=1))
    path = f"/orders/{order['id']}"
    problem = await admin.patch(path, {"lines": [line(A=2)]}, 409)
    assert problem["code"] == "order-state"
    await admin.patch(path, {"number": "PO-9"}, 409)
    changed = await admin.patch(path, {"receiving": "on_count", "over_tolerance_percent": 5})
    assert (changed["receiving"], changed["receiving_from"]) == ("on_count", "order")
    assert changed["over_tolerance_percent"] == 5
    assert (await admin.patch(path, {"receiving": None}))["receiving"] == "on_delivery"
    await admin.post(f"{path}/cancel", {"reason": "Twice."})
    await admin.patch(path, {"receiving": "on_count"}, 409)


async def test_a_change_names_the_version_it_is_of(admin: Caller) -> None:
    order = await ordered(admin, line(A=1))
    path = f"/orders/{order['id']}"
    etag = (await admin.answer("GET", path)).headers["etag"]
    assert (await admin.answer("PATCH", path, {})).status_code == 428
    await admin.patch(path, {"over_tolerance_percent": 1})
    stale = await admin.answer("PATCH", path, {"over_tolerance_percent": 2}, if_match=etag)
    assert stale.status_code == 412
    fresh = (await admin.answer("GET", path)).headers["etag"]
    promise = {"lines": [{"sku": "CB", "promised_on": "2027-08-13"}]}
    await admin.post(f"{path}/promises", promise)
    assert (await admin.answer("GET", path)).headers["etag"] == fresh, "a promise is no edit"


async def test_below_the_threshold_placing_approves_as_well(admin: Caller, network: Body) -> None:
    await admin.patch("/networks/N", {"approval_threshold_cents": 10_000})
    order = await placed(admin, line(A=1, unit_price_cents=9_999))
    assert (order["state"], order["approved_by"]) == ("placed", order["requested_by"])
    assert order["placed_at"] is not None


@pytest.mark.parametrize("price", [10_000, None])
async def test_from_the_threshold_on_another_person_approves(
    admin: Caller, other: Caller, price: int | None
) -> None:
    """Without a price nobody can say that it is below."""
    await admin.patch("/networks/N", {"approval_threshold_cents": 10_000})
    order = await ordered(admin, line(A=1, unit_price_cents=price))
    path = f"/orders/{order['id']}"
    problem = await refused(admin, f"{path}/place", None, 409, "approval-required")
    assert problem["threshold_cents"] == 10_000
    await refused(admin, f"{path}/approve", None, 409, "approval-required")
    await refused(other, f"{path}/place", None, 409, "approval-required")
    assert (await other.post(f"{path}/approve"))["state"] == "approved"
    assert (await admin.post(f"{path}/place"))["state"] == "placed"


async def test_who_changed_the_lines_last_cannot_approve_them(admin: Caller, other: Caller) -> None:
    await admin.patch("/networks/N", {"approval_threshold_cents": 1})
    order = await ordered(admin, line(A=1, unit_price_cents=100))
    path = f"/orders/{order['id']}"
    await other.patch(path, {"lines": [line(A=1, unit_price_cents=1_000_000)]})
    await refused(other, f"{path}/approve", None, 409, "approval-required")
    await admin.post(f"{path}/approve")


async def test_a_person_and_the_own_tokens_are_not_two_people(
    person: Person, other: Caller, schools: dict[str, Body], acme: Body
) -> None:
    mine = person.browser
    await mine.patch("/networks/N", {"approval_threshold_cents": 1})
    script = await person.token()
    second = await person.token(by=script)
    for number, (drawer, approver) in enumerate(
        [(mine, script), (script, mine), (script, second), (second, script), (second, mine)]
    ):
        share = line(A=1, unit_price_cents=100)
        path = f"/orders/{(await ordered(drawer, share, number=f'PO-{number}'))['id']}"
        await refused(approver, f"{path}/approve", None, 409, "approval-required")
    assert (await other.post(f"{path}/approve"))["state"] == "approved"


async def test_a_hold_is_released_to_what_the_order_was(admin: Caller) -> None:
    for number, start in (("PO-1", "draft"), ("PO-2", "approved"), ("PO-3", "placed")):
        path = f"/orders/{(await ordered(admin, line(A=1), number=number))['id']}"
        if start != "draft":
            await admin.post(f"{path}/approve")
        if start == "placed":
            await admin.post(f"{path}/place")
        await refused(admin, f"{path}/hold", {"release": True}, 409, "order-state")
        await refused(admin, f"{path}/hold", {}, 422, "invalid")
        held = await admin.post(f"{path}/hold", {"reason": "The budget."})
        assert (held["state"], held["held_from"], held["reason"]) == (
            "on_hold",
            start,
            "The budget.",
        )
        await refused(admin, f"{path}/place", None, 409, "order-state")
        await refused(admin, f"{path}/hold", {"reason": "Again."}, 409, "order-state")
        released = await admin.post(f"{path}/hold", {"release": True})
        assert (released["state"], released["held_from"], released["reason"]) == (start, None, None)


async def test_an_order_is_cancelled_for_a_reason(admin: Caller) -> None:
    order = await placed(admin, line(A=1))
    path = f"/orders/{order['id']}"
    await refused(admin, f"{path}/cancel", {}, 422, "invalid")
    cancelled = await admin.post(f"{path}/cancel", {"reason": "Ordered twice."})
    assert (cancelled["state"], cancelled["reason"]) == ("cancelled", "Ordered twice.")
    assert cancelled["lines"][0]["outstanding"] == 0
    for call in ("approve", "place", "close"):
        await refused(admin, f"{path}/{call}", None, 409, "order-state")


async def test_closing_short_needs_a_reason_and_gives_up_the_rest(admin: Caller) -> None:
    order = await placed(admin, line("CB", quantity=12, A=5, B=5), line("CASE", A=5))
    path = f"/orders/{order['id']}"
    problem = await refused(admin, f"{path}/close", None, 409, "pieces-outstanding")
    assert problem["lines"] == {"CB": 12, "CASE": 5}
    closed = await admin.post(f"{path}/close", {"reason": "Sold out."})
    assert (closed["state"], closed["reason"]) == ("closed", "Sold out.")
    first = closed["lines"][0]
    assert (first["short"], first["outstanding"], first["allocated"]) == (12, 0, 0)
    assert [one["quantity"] for one in first["allocations"]] == [0, 0]


async def test_a_draft_is_not_closed(admin: Caller) -> None:
    order = await ordered(admin, line(A=1))
    problem = await refused(admin, f"/orders/{order['id']}/close", None, 409, "order-state")
    assert problem["state"] == "draft"


async def test_lists_are_narrowed_by_seller_state_school_and_number(admin: Caller) -> None:
    await vendor(admin, "other")
    await placed(admin, line(A=1), number="PO-1")
    await ordered(admin, line(B=1), number="PO-2")
    body = {"vendor": "other", "number": "X-3", "lines": [line(A=1)]}
    await admin.post("/orders", body, 201)

    async def numbers(query: str) -> list[str]:
        return [one["number"] for one in (await admin.get(f"/orders?{query}"))["items"]]

    assert await numbers("") == ["PO-1", "PO-2", "X-3"]
    assert await numbers("vendor=other") == ["X-3"]
    assert await numbers("state=draft") == ["PO-2", "X-3"]
    assert await numbers("school=A&sort=-number") == ["X-3", "PO-1"]
    assert await numbers("q=po-") == ["PO-1", "PO-2"]
    await admin.get("/orders?vendor=nobody", 404)
    await admin.get("/orders?school=nowhere", 404)


async def test_an_order_is_shown_to_its_schools_and_its_network_only(
    admin: Caller, lead: Caller, calling: As
) -> None:
    second = await admin.post("/networks", NETWORK | {"code": "M"}, 201)
    mine = await placed(admin, line(A=10, B=20), number="PO-1")
    theirs = await placed(admin, line(B=1), number="PO-2")
    seen = await lead.get(f"/orders/{mine['id']}")
    assert [one["school"] for one in seen["lines"][0]["allocations"]] == ["A"]
    assert [one["id"] for one in (await lead.get("/orders"))["items"]] == [mine["id"]]
    await lead.get(f"/orders/{theirs['id']}", 404)
    async with calling(Role.admin, network_id=UUID(second["id"])) as elsewhere:
        assert (await elsewhere.get("/orders"))["items"] == []
        await elsewhere.get(f"/orders/{mine['id']}", 404)
        await elsewhere.post(f"/orders/{mine['id']}/hold", {"reason": "Mine."}, 404)
    school = await admin.get("/schools/A")
    limits = {"network_id": UUID(school["network_id"]), "school_ids": [UUID(school["id"])]}
    async with calling(Role.ops, **limits) as limited:
        await limited.post(f"/orders/{mine['id']}/hold", {"reason": "Mine."}, 403)
        body = {"vendor": "acme", "number": "PO-3", "lines": [line(A=1)]}
        await limited.post("/orders", body, 403)


async def test_an_archived_school_gets_nothing_new(admin: Caller) -> None:
    await admin.patch("/schools/B", {"archived": True})
    body = {"vendor": "acme", "number": "PO-1", "lines": [line(A=1, B=1)]}
    await refused(admin, "/orders", body, 409, "school-archived")


async def test_the_timeline_tells_what_happened_newest_first(admin: Caller) -> None:
    order = await placed(admin, line(A=1, promised_on="2027-08-13"))
    path = f"/orders/{order['id']}"
    await admin.post(f"{path}/hold", {"reason": "The budget."})
    await admin.post(f"{path}/hold", {"release": True})
    told = (await admin.get(path))["timeline"]
    assert [event["summary"] for event in told if event["kind"] == "state"] == [
        "placed",
        "on hold: The budget.",
        "placed",
        "draft",
    ]
    assert all(event["actor"] == order["requested_by"] for event in told)
    assert [event["summary"] for event in told if event["kind"] == "promise"] == [
        "CB promised for 2027-08-13"
    ]


async def test_a_placed_order_is_a_task_of_each_of_its_schools(
    admin: Caller, prepared: None, database: Database
) -> None:
    order = await ordered(admin, line(A=60, B=40, promised_on="2027-08-13"))
    assert "order:acme:PO-1" not in await admin.tasks("A")
    await admin.post(f"/orders/{order['id']}/place")
    task = (await admin.tasks("A"))["order:acme:PO-1"]
    assert (task["progress_done"], task["progress_total"], task["unit"]) == (0, 60, "devices")
    assert task["expected_on"] == "2027-08-13"
    await admin.post(f"/orders/{order['id']}/hold", {"reason": "The budget."})
    assert "budget" in (await admin.tasks("A"))["order:acme:PO-1"]["cause"]
    await admin.post(f"/orders/{order['id']}/cancel", {"reason": "Twice."})
    for code in ("A", "B"):
        assert (await admin.tasks(code))["order:acme:PO-1"]["status"] == "cancelled"
    told = await rows(database, "SELECT count(*) FROM history WHERE actor IS NULL")
    assert told == [(0,)]
