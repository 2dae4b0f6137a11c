"""Counts move the spine: orders, the gate, what is on no order, over HTTP."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

from api import clock
from api.db.pool import Database
from api.db.uow import writing
from api.devices.progress import project
from api.devices.rules import PromiseSource, ShipmentStatus
from api.devices.shipping import Statement, record_statements
from tests.devices.boxes import days_ago, pack
from tests.devices.conftest import Body, Caller, line, ordered, placed, rows
from tests.tasks.conftest import NETWORK

# One-to-one with 8 % spares, as it ships: a school of 100 students needs 108.
NEED = 108
GATE = "devices.receive"
_SCHOOL = "SELECT school_id::text FROM shipments WHERE id = %s"


def in_days(days: int) -> str:
    return days_ago(-days)


def known(task: Body) -> tuple[int, int | None, str]:
    return task["progress_done"], task["progress_total"], task["status"]


async def deliver(database: Database, shipment: Body) -> None:
    """The carrier says so, as the inbox would pass it on."""
    async with writing(database, "vendor:acme") as session:
        school_id = UUID((await rows(database, _SCHOOL, shipment["id"]))[0][0])
        await session.touch_schools([school_id])
        said = Statement(
            shipment_id=UUID(shipment["id"]),
            key="delivered",
            source=PromiseSource.EVENT,
            occurred_at=clock.now(),
            status=ShipmentStatus.DELIVERED,
        )
        await record_statements(session, [said])
        await project(session, [school_id])


async def receiving(admin: Caller, how: str) -> None:
    await admin.patch("/networks/N", {"receiving": how})


async def before_gate(database: Database, school: str = "A") -> set[str]:
    """Keys of the orders that a school's gate waits for."""
    found = await rows(
        database,
        "SELECT p.key FROM dependencies d JOIN tasks p ON p.id = d.predecessor_id"
        " JOIN tasks g ON g.id = d.successor_id JOIN schools s ON s.id = d.school_id"
        " WHERE g.key = %s AND s.code = %s AND p.kind = 'order'",
        GATE,
        school,
    )
    return {row[0] for row in found}


async def test_a_plan_without_an_order_says_how_many_devices_are_on_no_order(
    admin: Caller, database: Database, prepared: None
) -> None:
    tasks = await admin.tasks()
    assert known(tasks[GATE]) == (0, NEED, "pending")
    gap = tasks["order:none"]
    assert (known(gap), gap["lead_days"]) == ((0, NEED, "pending"), 30)
    assert await before_gate(database) == {"order:none"}
    blockers = (await admin.get("/schools/A/readiness"))["blockers"]
    assert "108 devices on no order" in {one["why"] for one in blockers}


async def test_an_order_is_awaited_from_its_placing_to_its_count(
    admin: Caller, database: Database, prepared: None
) -> None:
    draft = await ordered(admin, line(A=NEED, B=40, promised_on=in_days(10)))
    assert "order:acme:PO-1" not in await admin.tasks()
    await admin.post(f"/orders/{draft['id']}/place")
    tasks = await admin.tasks()
    order = tasks["order:acme:PO-1"]
    assert (order["kind"], order["gate"], order["title"]) == ("order", False, "Receive PO-1")
    assert (known(order), order["expected_on"]) == ((0, NEED, "pending"), in_days(10))
    assert known(tasks["order:none"]) == (NEED, NEED, "done")
    assert known((await admin.tasks("B"))["order:none"]) == (40, NEED, "in_progress")
    assert await before_gate(database) == {"order:none", "order:acme:PO-1"}
    counts = {"school": "A", "received_on": days_ago(0)}
    path = f"/orders/{draft['id']}/receipts"
    await admin.post(path, counts | {"lines": [{"sku": "CB", "accepted": 100}]}, 201)
    tasks = await admin.tasks()
    assert known(tasks["order:acme:PO-1"]) == (100, NEED, "in_progress")
    assert known(tasks[GATE]) == (100, NEED, "in_progress")
    await admin.post(path, counts | {"lines": [{"sku": "CB", "accepted": 8}]}, 201)
    tasks = await admin.tasks()
    assert known(tasks["order:acme:PO-1"]) == (NEED, NEED, "done")
    assert known(tasks[GATE]) == (NEED, NEED, "done")


async def test_who_answers_for_the_gate_answers_for_the_orders_it_waits_for(
    admin: Caller, prepared: None
) -> None:
    gate = (await admin.tasks())[GATE]
    await admin.patch(f"/tasks/{gate['id']}", {"owner_email": "kim@n.org"})
    await placed(admin, line(A=NEED, B=NEED))
    order = (await admin.tasks())["order:acme:PO-1"]
    assert (order["owner_email"], order["owner_role"]) == ("kim@n.org", gate["owner_role"])
    other = (await admin.tasks("B"))["order:acme:PO-1"]
    assert (other["owner_email"], other["owner_role"]) == (None, gate["owner_role"])
    actions = (await admin.get("/actions?owner=kim@n.org"))["items"]
    assert order["id"] in {one["task_id"] for one in actions}
    # What somebody says of the task itself holds.
    await admin.patch(f"/tasks/{order['id']}", {"owner_email": "lee@n.org"})
    await admin.patch(f"/tasks/{gate['id']}", {"owner_email": "pat@n.org"})
    await receiving(admin, "on_count")
    assert (await admin.tasks())["order:acme:PO-1"]["owner_email"] == "lee@n.org"


async def test_a_count_replaces_what_the_carrier_said(
    admin: Caller, database: Database, acme: Body
) -> None:
    boxes = await pack(admin)
    shipment = await boxes.ship(60)
    await deliver(database, shipment)
    assert await boxes.done() == (60, 60)
    await boxes.receive(50, received_on=days_ago(0))
    assert await boxes.done() == (50, 60)


async def test_a_delivery_is_only_told_where_counts_are_asked_for(
    admin: Caller, database: Database, acme: Body
) -> None:
    boxes = await pack(admin, receiving="on_count")
    shipment = await boxes.ship(60)
    await deliver(database, shipment)
    task = (await admin.tasks())["order:acme:PO-1"]
    assert known(task) == (0, 60, "pending")
    assert task["cause"].startswith("60 delivered on ")
    assert task["cause"].endswith(", not counted")
    assert (task["expected_on"], task["lead_days"]) == (None, None)


async def test_a_reversed_count_gives_the_word_back_to_the_carrier(
    admin: Caller, database: Database, acme: Body
) -> None:
    boxes = await pack(admin)
    shipment = await boxes.ship(60)
    await deliver(database, shipment)
    receipt = await boxes.receive(50, received_on=days_ago(0))
    await admin.post(f"/receipts/{receipt['id']}/reverse", status=201)
    assert await boxes.done() == (60, 60)


async def test_teachers_devices_do_not_stand_in_for_students(admin: Caller, prepared: None) -> None:
    await admin.patch("/schools/A", {"teacher_count": 10})
    await placed(admin, line("T", A=200, counts_as="teacher_device"))
    gap = (await admin.tasks())["order:none"]
    assert (known(gap), gap["cause"]) == (
        (11, NEED + 11, "in_progress"),
        "108 devices on no order",
    )


async def test_need_moves_with_enrollment_and_model(
    admin: Caller, database: Database, prepared: None
) -> None:
    await placed(admin, line(A=NEED))
    assert known((await admin.tasks())["order:none"])[2] == "done"
    await admin.patch("/schools/A", {"enrollment": 200})
    gap = (await admin.tasks())["order:none"]
    assert (gap["cause"], gap["status"]) == ("108 devices on no order", "in_progress")
    assert (await admin.tasks())[GATE]["progress_total"] == 216
    # A quarter of a device per student and 10 % spares, as the lab's playbook ships.
    await admin.patch("/schools/A/rollout", {"model": "lab_rotation"})
    tasks = await admin.tasks()
    assert tasks[GATE]["progress_total"] == 55
    assert tasks["order:none"]["status"] == "done"


async def test_an_import_of_enrollments_moves_need(admin: Caller, prepared: None) -> None:
    content = "code,name,network,enrollment\nA,School A,N,50\nB,School B,N,10\n"
    headers = {"content-type": "text/csv"}
    answer = await admin.client.post("/v1/schools/import", content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    assert (await admin.tasks("A"))[GATE]["progress_total"] == 54
    assert (await admin.tasks("B"))["order:none"]["cause"] == "11 devices on no order"


async def test_an_unknown_need_says_what_to_set(admin: Caller, prepared: None) -> None:
    await placed(admin, line(A=NEED))
    await admin.patch("/schools/A", {"enrollment": None})
    tasks = await admin.tasks()
    assert tasks[GATE]["progress_total"] is None
    assert "set the enrollment" in tasks[GATE]["cause"]
    assert tasks["order:none"]["status"] == "cancelled"
    await admin.patch("/schools/A", {"enrollment": 100})
    tasks = await admin.tasks()
    assert tasks[GATE]["progress_total"] == NEED
    assert tasks[GATE]["cause"] is None
    await admin.patch("/schools/A", {"enrollment": 101})
    assert (await admin.tasks())["order:none"]["cause"] == "2 devices on no order"


async def test_a_count_entered_by_hand_is_left_alone_where_there_are_no_orders(
    admin: Caller, prepared: None
) -> None:
    gate = (await admin.tasks())[GATE]
    said = {"done": 40, "total": 90, "unit": "devices", "expected_on": "2027-08-02"}
    await admin.post(f"/tasks/{gate['id']}/evidence", said)
    tasks = await admin.tasks()
    assert tasks["order:none"]["status"] == "cancelled"
    await admin.patch("/schools/A", {"enrollment": 500})
    assert known((await admin.tasks())[GATE]) == (40, 90, "in_progress")
    await placed(admin, line(A=NEED))
    tasks = await admin.tasks()
    assert known(tasks[GATE]) == (0, 540, "in_progress")
    assert tasks["order:none"]["cause"] == "432 devices on no order"


async def test_a_plan_that_comes_after_the_order_waits_for_it(
    admin: Caller, database: Database, acme: Body, shipped: None
) -> None:
    await placed(admin, line(A=50, promised_on=in_days(20)))
    assert known((await admin.tasks())["order:acme:PO-1"]) == (0, 50, "pending")
    await admin.post("/schools/A/rollouts", {"playbook": "one_to_one"}, 201)
    assert await before_gate(database) == {"order:none", "order:acme:PO-1"}
    assert (await admin.tasks())["order:none"]["cause"] == "58 devices on no order"


async def test_what_a_person_disconnected_stays_so(
    admin: Caller, database: Database, prepared: None
) -> None:
    order = await placed(admin, line(A=50))
    tasks = await admin.tasks()
    path = f"/tasks/{tasks[GATE]['id']}/dependencies/{tasks['order:acme:PO-1']['id']}"
    await admin.delete(path)
    lines = [{"sku": "CB", "accepted": 10}]
    counts = {"school": "A", "received_on": days_ago(0), "lines": lines}
    await admin.post(f"/orders/{order['id']}/receipts", counts, 201)
    assert await before_gate(database) == {"order:none"}


async def test_how_a_network_receives_moves_what_was_delivered_at_once(
    admin: Caller, database: Database, prepared: None
) -> None:
    boxes = await pack(admin)
    await deliver(database, await boxes.ship(60))
    before = await admin.get("/schools/A/readiness")
    assert await boxes.done() == (60, 60)
    await receiving(admin, "on_count")
    tasks = await admin.tasks()
    assert known(tasks["order:acme:PO-1"]) == (0, 60, "pending")
    assert tasks["order:acme:PO-1"]["cause"].endswith(", not counted")
    assert known(tasks[GATE])[:2] == (0, NEED)
    after = await admin.get("/schools/A/readiness")
    assert after["progress"] < before["progress"]
    await receiving(admin, "on_delivery")
    assert await boxes.done() == (60, 60)
    assert known((await admin.tasks())[GATE])[:2] == (60, NEED)


async def test_an_order_with_a_word_of_its_own_and_another_network_stay_as_they_are(
    admin: Caller, database: Database, prepared: None
) -> None:
    boxes = await pack(admin, receiving="on_delivery")
    await deliver(database, await boxes.ship(60))
    await admin.post("/networks", NETWORK | {"code": "M"}, 201)
    await admin.patch("/networks/M", {"receiving": "on_count"})
    revisions = "SELECT school_id, revision FROM school_state ORDER BY school_id"
    untouched = await rows(database, revisions)
    await admin.patch("/networks/N", {"name": "Renamed"})
    assert await rows(database, revisions) == untouched
    await receiving(admin, "on_count")
    assert await boxes.done() == (60, 60)


async def test_a_network_changes_how_it_receives_while_orders_are_placed_in_it(
    admin: Caller, database: Database, prepared: None
) -> None:
    drafts = [
        await ordered(admin, line(A=10, B=10, C=10), number=f"PO-{number}") for number in range(4)
    ]
    placing = [admin.post(f"/orders/{draft['id']}/place") for draft in drafts]
    await asyncio.gather(*placing, receiving(admin, "on_count"))
    for draft in drafts:
        path = f"/orders/{draft['id']}/shipments"
        body = {"carrier": "UPS", "tracking_number": draft["number"], "school": "A"}
        shipment = await admin.post(path, body | {"lines": [{"sku": "CB", "quantity": 10}]}, 201)
        await deliver(database, shipment)
        task = (await admin.tasks())[f"order:acme:{draft['number']}"]
        assert known(task) == (0, 10, "pending")


async def test_a_cancelled_order_leaves_the_plan(
    admin: Caller, database: Database, prepared: None
) -> None:
    order = await placed(admin, line(A=NEED))
    await admin.post(f"/orders/{order['id']}/cancel", {"reason": "too dear"})
    tasks = await admin.tasks()
    gone = tasks["order:acme:PO-1"]
    assert (gone["status"], gone["reason"]) == ("cancelled", "PO-1 was cancelled")
    assert await before_gate(database) == {"order:none"}
    assert tasks["order:none"]["cause"] == "108 devices on no order"


async def test_a_closed_rollout_stays_and_the_next_one_waits_for_what_is_open(
    admin: Caller, database: Database, prepared: None
) -> None:
    await placed(admin, line(A=NEED))
    await admin.patch("/schools/A/rollout", {"state": "closed"})
    await admin.get("/schools/A/rollout", 404)
    await admin.post("/schools/A/rollouts", {"playbook": "one_to_one"}, 201)
    assert await before_gate(database) == {"order:none", "order:acme:PO-1"}


async def test_a_promise_broken_or_kept_is_the_forecast_of_every_school_it_feeds(
    admin: Caller, prepared: None
) -> None:
    order = await placed(admin, line(A=NEED, B=NEED))
    late = (clock.now() + timedelta(days=700)).date().isoformat()
    await admin.post(
        f"/orders/{order['id']}/promises", {"lines": [{"sku": "CB", "promised_on": late}]}
    )
    for school in ("A", "B"):
        answer = await admin.get(f"/schools/{school}/readiness")
        assert answer["verdict"] == "late"
        assert answer["forecast"]["ready_on"] > late


async def test_projecting_again_writes_nothing(
    admin: Caller, database: Database, prepared: None
) -> None:
    boxes = await pack(admin)
    await boxes.ship(20)
    await boxes.receive(30, received_on=days_ago(1))
    count = "SELECT count(*) FROM history"
    before = await rows(database, count)
    ids = [UUID(str(row[0])) for row in await rows(database, "SELECT id FROM schools")]
    for _ in range(2):
        async with writing(database, "job:test") as session:
            await project(session, ids)
    assert await rows(database, count) == before


async def test_a_task_a_person_named_like_an_order_is_theirs(admin: Caller, prepared: None) -> None:
    given: dict[str, Any] = {"kind": "order", "title": "By phone"}
    mine = await admin.task("order:phone:7", **given)
    await placed(admin, line(A=NEED))
    assert (await admin.get(f"/tasks/{mine['id']}"))["status"] == "pending"
