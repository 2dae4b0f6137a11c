"""Dependencies over HTTP: between graphs, cycles, and the gap a cancelled task leaves."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest

from api.auth.rules import Role
from api.db.pool import Database
from tests.tasks.conftest import NETWORK, As, Body, Caller, edges

REASON = {"reason": "not needed"}


async def connect(
    caller: Caller, before: Body, after: Body, lag: int = 0, status: int = 200
) -> Any:
    path = f"/tasks/{after['id']}/dependencies/{before['id']}"
    return await caller.put(path, {"lag_days": lag}, status)


async def chain(admin: Caller, *keys: str) -> list[Body]:
    """Tasks of school A, each after the one before it."""
    made: list[Body] = []
    for key in keys:
        made.append(await admin.task(key, depends_on=[made[-1]["key"]] if made else []))
    return made


async def test_an_edge_is_put_changed_and_deleted(
    admin: Caller, database: Database, school: Body
) -> None:
    a, b = await admin.task("a"), await admin.task("b")
    path = f"/tasks/{b['id']}/dependencies/{a['id']}"
    assert (await admin.put(path))["lag_days"] == 0
    for _ in range(2):
        edge = await admin.put(path, {"lag_days": 3})
        assert edge == {"predecessor_id": a["id"], "successor_id": b["id"], "lag_days": 3}
        assert await edges(database) == {("a", "b", 3)}
    await admin.delete(path)
    assert await edges(database) == set()
    assert (await admin.delete(path, 404))["code"] == "dependency-not-found"


async def test_a_direct_cycle_and_a_task_before_itself_are_refused(
    admin: Caller, database: Database, school: Body
) -> None:
    a, b = await chain(admin, "a", "b")
    problem = await connect(admin, b, a, status=409)
    assert problem["code"] == "dependency-cycle"
    assert problem["path"] in (["b", "a", "b"], ["a", "b", "a"])
    assert (await connect(admin, a, a, status=409))["path"] == ["a", "a"]
    assert await edges(database) == {("a", "b", 0)}


async def test_a_long_cycle_names_its_path(admin: Caller, school: Body) -> None:
    keys = [f"t{number}" for number in range(12)]
    tasks = await chain(admin, *keys)
    path = (await connect(admin, tasks[-1], tasks[0], status=409))["path"]
    assert path[0] == path[-1]
    assert sorted(path[:-1]) == sorted(keys)
    # Each waits for the one before it in the path, but for the edge that was refused.
    steps = set(pairwise(path))
    assert steps == {*pairwise(keys), (keys[-1], keys[0])}


@pytest.mark.parametrize("repeat", range(3))
async def test_of_two_writers_that_add_half_a_cycle_each_one_loses(
    admin: Caller, database: Database, school: Body, repeat: int
) -> None:
    a, b = await admin.task("a"), await admin.task("b")
    c = await admin.task("c", depends_on=["b"])
    answers = await asyncio.gather(
        *(
            admin.answer("PUT", f"/tasks/{after['id']}/dependencies/{before['id']}")
            for before, after in ((a, b), (c, a))
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    (lost,) = [answer.json() for answer in answers if answer.status_code == 409]
    assert lost["code"] == "dependency-cycle"
    assert len(await edges(database)) == 2


async def test_edges_stay_inside_a_graph(
    admin: Caller, calling: As, database: Database, school: Body
) -> None:
    await admin.school("B")
    a, b = await admin.task("a"), await admin.task("b", "B")
    await admin.post("/networks", NETWORK | {"code": "M"}, 201)
    ours, theirs = await admin.network_task("ours"), await admin.network_task("theirs", "M")
    for before, after in ((a, b), (a, ours), (theirs, a), (theirs, ours), (a, theirs)):
        problem = await connect(admin, before, after, status=422)
        assert [one["code"] for one in problem["errors"]] == ["other-graph"]
    assert (await connect(admin, {"id": uuid4()}, a, status=404))["code"] == "task-not-found"
    assert (await connect(admin, a, {"id": uuid4()}, status=404))["code"] == "task-not-found"
    async with calling(Role.ops, network_id=a["network_id"], school_ids=[a["school_id"]]) as ops:
        # What it may not see is not there, rather than in another graph.
        await connect(ops, b, a, status=404)
        await connect(ops, ours, a)
        await connect(ops, ours, ours, status=403)
    assert await edges(database) == {("ours", "a", 0)}


async def test_network_tasks_have_a_graph_of_their_own(admin: Caller, school: Body) -> None:
    first, second = await admin.network_task("first"), await admin.network_task("second")
    await connect(admin, first, second)
    a = await admin.task("a")
    await connect(admin, second, a)
    assert (await connect(admin, second, first, status=409))["code"] == "dependency-cycle"
    readiness = await admin.get("/schools/A/graph")
    assert {task["key"]: task["of_network"] for task in readiness["tasks"]} == {
        "a": False,
        "first": True,
        "second": True,
    }


async def test_a_cancelled_tasks_edges_are_bridged(
    admin: Caller, database: Database, school: Body
) -> None:
    a, b, x = await admin.task("a"), await admin.task("b"), await admin.task("x")
    c, d = await admin.task("c"), await admin.task("d")
    for before, after, lag in ((a, x, 2), (b, x, 0), (x, c, 1), (x, d, 0), (a, c, 9), (b, d, 0)):
        await connect(admin, before, after, lag)
    await admin.post(f"/tasks/{x['id']}/cancel", REASON)
    assert await edges(database) == {("a", "c", 9), ("a", "d", 2), ("b", "c", 1), ("b", "d", 0)}
    # It is in no total and no graph any more.
    shown = {task["key"] for task in (await admin.get("/schools/A/graph"))["tasks"]}
    assert shown == {"a", "b", "c", "d"}
    assert (await connect(admin, a, x, status=409))["code"] == "transition-refused"
    assert (await connect(admin, x, d, status=409))["code"] == "transition-refused"
    await admin.post("/schools/A/tasks", {"key": "e", "title": "E", "depends_on": ["x"]}, 422)


async def test_a_reopened_task_comes_back_without_edges(
    admin: Caller, database: Database, school: Body
) -> None:
    _, x, _ = await chain(admin, "a", "x", "c")
    await admin.post(f"/tasks/{x['id']}/cancel", REASON)
    await admin.post(f"/tasks/{x['id']}/reopen")
    assert await edges(database) == {("a", "c", 0)}
    assert (await admin.post(f"/tasks/{x['id']}/start"))["status"] == "in_progress"


async def test_lags_too_long_to_keep_are_kept_as_long_as_can_be(
    admin: Caller, database: Database, school: Body
) -> None:
    a, x, c = await admin.task("a"), await admin.task("x"), await admin.task("c")
    await connect(admin, a, x, 1500)
    await connect(admin, x, c, 1500)
    await admin.post(f"/tasks/{x['id']}/cancel", REASON)
    assert await edges(database) == {("a", "c", 2000)}


async def test_a_cancelled_network_task_is_bridged_into_every_school(
    admin: Caller, database: Database, school: Body
) -> None:
    first, second = await admin.network_task("first"), await admin.network_task("second")
    await connect(admin, first, second, 4)
    for code in "BC":
        await admin.school(code)
    tasks = {code: await admin.task(f"a.{code.lower()}", code) for code in "ABC"}
    for code in "AB":
        await connect(admin, second, tasks[code], 1)
    await connect(admin, first, tasks["B"], 20)
    before = await admin.get("/schools/A/readiness")
    await admin.post(f"/tasks/{second['id']}/cancel", REASON)
    assert await edges(database) == {("first", "a.a", 5), ("first", "a.b", 20)}
    assert (await admin.get("/schools/A/readiness"))["version"] != before["version"]
    problem = await admin.post(f"/tasks/{tasks['A']['id']}/start", status=409)
    assert problem["blocked_by"] == ["first"]


async def test_a_cancelled_network_task_leaves_closed_rollouts_as_they_ended(
    admin: Caller, database: Database, school: Body
) -> None:
    ours = await admin.network_task("ours")
    await connect(admin, ours, await admin.task("a"))
    await admin.patch("/schools/A/rollout", {"state": "closed"})
    await admin.post(f"/tasks/{ours['id']}/cancel", REASON)
    assert await edges(database) == {("ours", "a", 0)}


async def test_a_network_task_is_cancelled_and_waited_for_at_once(
    admin: Caller, database: Database, school: Body
) -> None:
    """Whoever is second sees what the first did: no task waits for a cancelled one."""
    for round_number in range(4):
        first = await admin.network_task(f"first{round_number}")
        ours = await admin.network_task(f"ours{round_number}")
        await connect(admin, first, ours)
        a = await admin.task(f"a{round_number}")
        cancelled, connected = await asyncio.gather(
            admin.answer("POST", f"/tasks/{ours['id']}/cancel", REASON),
            admin.answer("PUT", f"/tasks/{a['id']}/dependencies/{ours['id']}"),
        )
        assert cancelled.status_code == 200
        assert connected.status_code in (200, 409)
        mine = {edge for edge in await edges(database) if edge[1] == a["key"]}
        bridged = {(first["key"], a["key"], 0)}
        assert mine == (bridged if connected.status_code == 200 else set())
