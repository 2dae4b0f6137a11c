"""A newer version of a playbook adds to a rollout and keeps what people did there."""

from __future__ import annotations

from typing import Any

import pytest

from api.db.pool import Database
from tests.tasks.conftest import Body, Caller, edges, rows
from tests.tasks.small import add, small

REASON = {"reason": "x"}


@pytest.fixture
async def first(admin: Caller, school: Body) -> Body:
    """Version 1 applied to school A: a -> b -> c."""
    await add(admin, "x.a:2", "x.b:2<x.a", "x.c:2<x.b", title="Old")
    return await apply(admin)


async def apply(caller: Caller, status: int = 201) -> Body:
    body: Body = await caller.post("/schools/A/rollouts", {"playbook": "small"}, status)
    return body


async def newer(caller: Caller, *tasks: str, **given: Any) -> dict[str, Body]:
    await add(caller, *tasks, version=2, title="New", **given)
    rollout = await apply(caller)
    assert rollout["playbook_version"] == 2
    return await caller.tasks()


async def test_it_adds_tasks_and_edges_and_refreshes_the_untouched(
    admin: Caller, database: Database, first: Body
) -> None:
    before = await admin.tasks()
    tag = (await admin.answer("GET", f"/tasks/{before['x.a']['id']}")).headers["etag"]
    tasks = await newer(admin, "x.a:4", "x.b:2<x.a", "x.c:2<x.b", "x.d:1<x.c,x.a", x_a="gate: true")
    assert {key: task["id"] for key, task in tasks.items() if key != "x.d"} == {
        key: task["id"] for key, task in before.items()
    }
    assert (tasks["x.a"]["title"], tasks["x.a"]["duration_days"]) == ("New", 4)
    assert tasks["x.a"]["gate"] is True
    assert await edges(database) == {
        ("x.a", "x.b", 0),
        ("x.b", "x.c", 0),
        ("x.c", "x.d", 0),
        ("x.a", "x.d", 0),
    }
    # Friday before the 23rd is d; what was planned moves to make room.
    assert tasks["x.d"]["planned_finish"] == "2027-08-20"
    assert tasks["x.c"]["planned_finish"] == "2027-08-19"
    now = await admin.answer("GET", f"/tasks/{tasks['x.a']['id']}")
    assert now.headers["etag"] != tag
    count = "SELECT count(*) FROM history"
    written = await rows(database, count)
    await apply(admin)
    assert await rows(database, count) == written


async def test_a_persons_edits_stay(admin: Caller, first: Body) -> None:
    path = f"/tasks/{(await admin.tasks())['x.a']['id']}"
    await admin.patch(path, {"title": "Mine", "duration_days": 7, "planned_start": "2027-07-01"})
    tasks = await newer(admin, "x.a:4", "x.b:3<x.a", "x.c:2<x.b")
    assert (tasks["x.a"]["title"], tasks["x.a"]["duration_days"]) == ("Mine", 7)
    assert tasks["x.a"]["planned_start"] == "2027-07-01"
    assert (tasks["x.b"]["title"], tasks["x.b"]["duration_days"]) == ("New", 3)


async def test_a_new_lead_time_holds_until_evidence_brings_its_own(
    admin: Caller, school: Body
) -> None:
    key = "devices.receive"
    source = small(f"{key}:2", devices_receive="kind: devices\n    gate: true")
    found = []
    for version, days in ((1, 30), (2, 45), (3, 60)):
        text = source.replace("version: 1", f"version: {version}")
        text = text.replace("lead_days: 30", f"lead_days: {days}")
        await admin.post("/playbooks", {"source": text}, 201)
        await apply(admin)
        task = (await admin.tasks())[key]
        found.append(task["lead_days"])
        if version == 2:
            said = {"done": 0, "total": 5, "lead_days": 12}
            await admin.post(f"/tasks/{task['id']}/evidence", said)
    assert found == [30, 45, 12]


async def test_progress_and_status_stay(admin: Caller, first: Body) -> None:
    tasks = await admin.tasks()
    await admin.post(f"/tasks/{tasks['x.a']['id']}/complete")
    given = {"done": 2, "total": 3, "unit": "rooms"}
    await admin.post(f"/tasks/{tasks['x.b']['id']}/evidence", given)
    tasks = await newer(admin, "x.a", "x.b<x.a", "x.c<x.b")
    assert tasks["x.a"]["status"] == "done"
    now = tasks["x.b"]
    assert (now["status"], now["progress_done"], now["unit"]) == ("in_progress", 2, "rooms")
    assert (await admin.get("/schools/A/rollout"))["state"] == "active"


async def test_a_cancelled_task_stays_out_and_what_it_connected_in_order(
    admin: Caller, database: Database, first: Body
) -> None:
    b = (await admin.tasks())["x.b"]
    await admin.post(f"/tasks/{b['id']}/cancel", REASON)
    tasks = await newer(admin, "x.a", "x.b<x.a", "x.c<x.b", "x.d<x.b")
    assert (tasks["x.b"]["status"], tasks["x.b"]["title"]) == ("cancelled", "Old")
    assert await edges(database) == {("x.a", "x.c", 0), ("x.a", "x.d", 0)}


async def test_a_removed_edge_stays_removed(admin: Caller, database: Database, first: Body) -> None:
    tasks = await admin.tasks()
    await admin.delete(f"/tasks/{tasks['x.c']['id']}/dependencies/{tasks['x.b']['id']}")
    await newer(admin, "x.a", "x.b<x.a", "x.c<x.b", "x.d<x.c")
    assert await edges(database) == {("x.a", "x.b", 0), ("x.c", "x.d", 0)}


async def test_a_persons_tasks_and_edges_stay(
    admin: Caller, database: Database, first: Body
) -> None:
    mine = await admin.task("x.d", depends_on=["x.a"])
    tasks = await newer(admin, "x.a", "x.b<x.a", "x.c<x.b", "x.d<x.c")
    # The playbook now has a task of that key: the one a person made takes its place.
    assert {k: v for k, v in tasks["x.d"].items() if "planned" not in k} == {
        k: v for k, v in mine.items() if "planned" not in k
    }
    assert ("x.a", "x.d", 0) in await edges(database)
    assert ("x.c", "x.d", 0) in await edges(database)


async def test_a_persons_edge_that_would_close_a_circle_refuses_it(
    admin: Caller, database: Database, first: Body
) -> None:
    tasks = await admin.tasks()
    await admin.task("mine", depends_on=["x.c"])
    d = await admin.task("x.d", depends_on=["mine"])
    await add(admin, "x.a<x.d", "x.b", "x.c", "x.d", version=2)
    before = await rows(database, "SELECT count(*) FROM history")
    problem = await apply(admin, 409)
    assert problem["code"] == "dependency-cycle"
    circle = ["x.d", "x.a", "x.b", "x.c", "mine", "x.d"]
    assert set(problem["path"]) == set(circle)
    assert len(problem["path"]) == len(circle)
    answer = await admin.post("/networks/N/rollouts", {"playbook": "small"})
    assert [one["code"] for one in answer["refused"]] == ["dependency-cycle"]
    assert answer["changed"] == 0
    assert await rows(database, "SELECT count(*) FROM history") == before
    assert (await admin.get("/schools/A/rollout"))["playbook_version"] == 1
    assert (await admin.tasks())["x.a"] == tasks["x.a"]
    await admin.post(f"/tasks/{d['id']}/cancel", REASON)


async def test_a_model_somebody_chose_stays(admin: Caller, first: Body) -> None:
    await admin.patch("/schools/A/rollout", {"model": "lab_rotation"})
    await newer(admin, "x.a")
    assert (await admin.get("/schools/A/rollout"))["model"] == "lab_rotation"


async def test_whoever_read_the_rollout_before_reads_it_again(admin: Caller, first: Body) -> None:
    etag = (await admin.answer("GET", "/schools/A/rollout")).headers["etag"]
    await newer(admin, "x.a")
    answer = await admin.answer("PATCH", "/schools/A/rollout", {"wave": "w"}, if_match=etag)
    assert answer.status_code == 412


async def test_the_networks_own_version_takes_over_from_the_shared(
    admin: Caller, first: Body
) -> None:
    await add(admin, "x.a:5", "x.n", network="N", version=1, title="Own")
    await apply(admin)
    tasks = await admin.tasks()
    assert (tasks["x.a"]["title"], tasks["x.a"]["duration_days"]) == ("Own", 5)
    assert set(tasks) == {"x.a", "x.b", "x.c", "x.n"}
