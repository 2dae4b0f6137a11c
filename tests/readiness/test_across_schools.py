"""What to do next, the graph as the document has it, and who sees the history of changes."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from api import clock
from api.auth.rules import Role
from api.db.pool import Database
from api.readiness import service
from tests.readiness.conftest import As, Asker, Body

JULY = datetime(2027, 7, 1, 15, tzinfo=UTC)


async def test_actions_come_by_the_last_day_they_can_start(admin: Asker, school: Body) -> None:
    await admin.school("SOON", first_bell="2027-07-26", wave="W1")
    await admin.school("NEVER")
    for code in ("A", "SOON", "NEVER"):
        await admin.task("long", code, duration_days=5, owner_email="Long@school.example")
        await admin.task("short", code, owner_email="short@school.example")
        await admin.task("after", code, depends_on=["short"])
    with clock.moved_to(JULY):
        found = (await admin.get("/actions"))["items"]
        shown = [(one["school"]["code"], one["title"], one["do_by"]) for one in found]
        assert shown == [
            ("SOON", "LONG", "2027-07-19"),
            ("SOON", "SHORT", "2027-07-22"),
            ("A", "LONG", "2027-08-16"),
            ("A", "SHORT", "2027-08-19"),
            # Without a day, what others wait for comes first.
            ("NEVER", "SHORT", None),
            ("NEVER", "LONG", None),
        ]
        owned = (await admin.get("/actions?owner=long@school.example"))["items"]
        assert {one["title"] for one in owned} == {"LONG"}
        assert len(owned) == 3
        waved = (await admin.get("/actions?wave=W1&limit=1"))["items"]
        assert [one["school"]["code"] for one in waved] == ["SOON"]


async def test_an_owner_finds_work_beyond_the_first_ten(admin: Asker, school: Body) -> None:
    for number in range(12):
        await admin.task(f"t{number}", duration_days=3, owner_email="many@school.example")
    mine = await admin.task("mine", owner_email="one@school.example")
    assert len((await admin.readiness())["next_actions"]) == 10
    assert len((await admin.get("/actions"))["items"]) == 10
    found = (await admin.get("/actions?owner=one@school.example"))["items"]
    assert [one["task_id"] for one in found] == [mine["id"]]


async def test_too_many_schools_are_asked_about_by_network(
    admin: Asker, school: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    await admin.network("M")
    await admin.school("B", network="M", first_bell="2027-08-23")
    monkeypatch.setattr(service, "MOST_SCHOOLS", 1)
    problem = await admin.get("/actions", 422)
    assert "network" in problem["detail"]
    assert (await admin.get("/actions?network=M"))["items"] == []


async def test_the_graph_is_the_documents(admin: Asker, school: Body, shipped: None) -> None:
    for model in ("one_to_one", "station_rotation"):
        code = model[:3].upper()
        await admin.school(code, first_bell="2027-08-23")
        await admin.post(f"/schools/{code}/rollouts", {"playbook": model}, 201)
        # A Saturday: milestones that nothing holds up lie before today's first working day.
        for moment in (JULY, datetime(2027, 7, 3, 15, tzinfo=UTC)):
            with clock.moved_to(moment):
                await _same(admin, code)
                free = (await admin.readiness(code))["blockers"][:3]
                for blocker in free:
                    await admin.post(
                        f"/tasks/{blocker['task_id']}/evidence",
                        {"done": 1, "total": 4, "expected_on": "2027-07-20"},
                    )
                await _same(admin, code)


async def _same(admin: Asker, code: str) -> None:
    document = await admin.readiness(code)
    graph = await admin.get(f"/schools/{code}/graph")
    tasks = {task["id"]: task for task in graph["tasks"]}
    path = document["critical_path"]
    assert {step["task_id"] for step in path} == {
        task["id"] for task in graph["tasks"] if task["critical"]
    }
    for step in path:
        task = tasks[step["task_id"]]
        assert (task["start"], task["finish"]) == (step["start"], step["finish"])
    for blocker in document["blockers"]:
        assert tasks[blocker["task_id"]]["late_finish"] == blocker["must_finish_by"]
    assert path[-1]["finish"] == document["forecast"]["ready_on"]
    floats = {tasks[step["task_id"]]["float_days"] for step in path[-1:]}
    assert floats == {document["forecast"]["float_days"]}
    known = set(tasks)
    assert all({e["predecessor_id"], e["successor_id"]} <= known for e in graph["edges"])


async def test_the_history_of_changes_is_for_whom_it_concerns(
    admin: Asker, lead: Asker, asking: As, school: Body, database: Database
) -> None:
    await admin.network("M")
    await admin.school("B", network="M")
    task = await admin.task("t")
    rows = (await admin.get("/audit?limit=1000"))["items"]
    assert {row["school_id"] for row in rows} > {school["id"], None}
    assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)
    mine = (await admin.get(f"/audit?school=A&row={task['id']}"))["items"]
    assert [(row["operation"], row["table_name"]) for row in mine] == [("insert", "tasks")]
    assert (await lead.get("/audit", 403))["code"] == "forbidden"
    network = UUID(school["network_id"])
    async with asking(Role.ops, network_id=network) as ops:
        seen = (await ops.get("/audit?limit=1000"))["items"]
        assert {row["network_id"] for row in seen} == {school["network_id"]}
        await ops.get("/audit?school=B", 404)
    async with asking(Role.ops, network_id=network, school_ids=[UUID(school["id"])]) as clerk:
        seen = (await clerk.get("/audit?limit=1000"))["items"]
        assert {row["school_id"] for row in seen} == {school["id"]}
