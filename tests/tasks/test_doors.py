"""The doors for workstreams: tasks made, brought back and taken out, for one school or many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from api.db.pool import Database
from api.db.uow import writing
from api.tasks.doors import Wanted, ensure_tasks, retire_tasks
from api.tasks.evidence import Progress, record_progress
from api.tasks.rules import TaskKind
from tests.tasks.conftest import Body, Caller, edges, rows
from tests.tasks.test_evidence_api import statements


def order(school: Body, key: str = "order:acme:1") -> Wanted:
    kind, before = TaskKind.ORDER, TaskKind.DEVICES
    return Wanted(UUID(school["id"]), key, "Receive 1", kind, unit="devices", before_kind=before)


async def ensure(database: Database, *wanted: Wanted) -> dict[tuple[UUID, str], UUID]:
    async with writing(database, "job:test") as session:
        return await ensure_tasks(session, wanted)


async def retire(database: Database, ids: Sequence[UUID], reason: str = "It is gone") -> None:
    async with writing(database, "job:test") as session:
        await retire_tasks(session, ids, reason)


async def gate(admin: Caller, key: str = "gate", **given: Any) -> Body:
    return await admin.task(key, kind="devices", gate=True, **given)


async def test_a_wanted_task_is_made_once_before_the_gates_of_its_kind(
    admin: Caller, database: Database, school: Body
) -> None:
    await gate(admin)
    await admin.task("later", kind="devices")
    await admin.task("checks", kind="check", gate=True)
    ids = await ensure(database, order(school))
    assert await ensure(database, order(school)) == ids
    task = (await admin.tasks())["order:acme:1"]
    assert ids == {(UUID(school["id"]), "order:acme:1"): UUID(task["id"])}
    assert (task["workstream"], task["unit"], task["gate"]) == ("devices", "devices", False)
    assert await edges(database) == {("order:acme:1", "gate", 0)}


async def test_a_made_task_has_the_owner_of_the_gate_that_has_one(
    admin: Caller, database: Database, school: Body
) -> None:
    await gate(admin, "a")
    await gate(admin, "b", owner_email="kim@n.org")
    gone = await gate(admin, "c", owner_email="gone@n.org")
    await admin.task("checks", kind="check", gate=True, owner_email="net@n.org")
    await admin.post(f"/tasks/{gone['id']}/cancel", {"reason": "Not here."})
    await ensure(database, order(school))
    assert (await admin.tasks())["order:acme:1"]["owner_email"] == "kim@n.org"


async def test_a_school_without_a_rollout_gets_an_empty_one_and_an_archived_one_nothing(
    admin: Caller, database: Database, network: Body
) -> None:
    bare, archived = await admin.school("B"), await admin.school("C")
    await admin.patch("/schools/C", {"archived": True})
    ids = await ensure(database, order(bare), order(archived))
    assert {school for school, _ in ids} == {UUID(bare["id"])}
    rollout = await admin.get("/schools/B/rollout")
    assert (rollout["playbook"], rollout["model"]) == (None, None)
    assert list(await admin.tasks("B")) == ["order:acme:1"]


async def test_a_task_that_was_there_first_is_put_before_a_gate_without_evidence(
    admin: Caller, database: Database, school: Body
) -> None:
    await ensure(database, order(school))
    first = await gate(admin)
    await ensure(database, order(school))
    assert await edges(database) == {("order:acme:1", "gate", 0)}
    tasks = await admin.tasks()
    await admin.delete(f"/tasks/{first['id']}/dependencies/{tasks['order:acme:1']['id']}")
    await admin.post(f"/tasks/{first['id']}/evidence", {"done": 0, "total": 9})
    await ensure(database, order(school))
    assert await edges(database) == set()


async def test_no_new_edge_closes_a_circle(admin: Caller, database: Database, school: Body) -> None:
    await ensure(database, order(school))
    await gate(admin)
    tasks = await admin.tasks()
    waits = f"/tasks/{tasks['order:acme:1']['id']}/dependencies/{tasks['gate']['id']}"
    await admin.put(waits)
    await ensure(database, order(school))
    assert await edges(database) == {("gate", "order:acme:1", 0)}


async def test_a_retired_task_leaves_its_order_behind_and_comes_back_fresh(
    admin: Caller, database: Database, school: Body
) -> None:
    await gate(admin)
    (task_id,) = (await ensure(database, order(school))).values()
    before = await admin.task("before")
    await admin.put(f"/tasks/{task_id}/dependencies/{before['id']}", {"lag_days": 3})
    async with writing(database, "job:test") as session:
        await record_progress(session, [Progress(task_id, 5, 9)])
    await retire(database, [task_id])
    gone = await admin.get(f"/tasks/{task_id}")
    assert (gone["status"], gone["reason"]) == ("cancelled", "It is gone")
    assert await edges(database) == {("before", "gate", 3)}
    await retire(database, [task_id], "Again")
    assert (await admin.get(f"/tasks/{task_id}"))["reason"] == "It is gone"
    assert list((await ensure(database, order(school))).values()) == [task_id]
    back = await admin.get(f"/tasks/{task_id}")
    assert (back["status"], back["reason"], back["progress_total"]) == ("pending", None, None)
    assert await edges(database) == {("before", "gate", 3), ("order:acme:1", "gate", 0)}


async def test_two_that_leave_together_are_bridged_both(
    admin: Caller, database: Database, school: Body
) -> None:
    await gate(admin)
    ids = await ensure(database, order(school, "order:acme:1"), order(school, "order:acme:2"))
    one, two = (ids[UUID(school["id"]), f"order:acme:{n}"] for n in (1, 2))
    before = await admin.task("before")
    await admin.put(f"/tasks/{one}/dependencies/{before['id']}", {"lag_days": 1})
    await admin.put(f"/tasks/{two}/dependencies/{one}", {"lag_days": 2})
    await retire(database, [one, two])
    assert await edges(database) == {("before", "gate", 3)}


async def test_what_a_person_cancelled_stays_so(
    admin: Caller, database: Database, school: Body
) -> None:
    await gate(admin)
    (task_id,) = (await ensure(database, order(school))).values()
    await admin.post(f"/tasks/{task_id}/cancel", {"reason": "not for us"})
    assert list((await ensure(database, order(school))).values()) == [task_id]
    assert (await admin.get(f"/tasks/{task_id}"))["status"] == "cancelled"
    assert await edges(database) == set()


async def test_a_closed_rollout_is_left_as_it_ended(
    admin: Caller, database: Database, school: Body
) -> None:
    (old,) = (await ensure(database, order(school))).values()
    await admin.patch("/schools/A/rollout", {"state": "closed"})
    await retire(database, [old])
    assert (await admin.get(f"/tasks/{old}"))["status"] == "pending"
    (new,) = (await ensure(database, order(school))).values()
    assert new != old
    assert list(await admin.tasks()) == ["order:acme:1"]


async def test_a_thousand_schools_take_as_many_statements_as_one(
    admin: Caller, database: Database, network: Body
) -> None:
    content = "code,name,network\n" + "".join(f"S{n},School {n},N\n" for n in range(1_000))
    headers = {"content-type": "text/csv"}
    await admin.client.post("/v1/schools/import", content=content, headers=headers)
    found = await rows(database, "SELECT id::text FROM schools ORDER BY id")
    wanted = [order({"id": row[0]}) for row in found]
    with statements(database) as one:
        await ensure(database, wanted[0])
    with statements(database) as many:
        ids = await ensure(database, *wanted[1:])
    assert len(ids) == 999
    assert len(many) <= len(one) + 2
    await retire(database, list(ids.values()))
    assert await rows(database, "SELECT status, count(*) FROM tasks GROUP BY 1 ORDER BY 1") == [
        ("cancelled", 999),
        ("pending", 1),
    ]
