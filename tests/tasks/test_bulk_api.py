"""One decision about many tasks over HTTP."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any
from uuid import UUID, uuid4

import pytest

from api.auth.rules import Role
from api.db.pool import Database
from tests.tasks.conftest import As, Body, Caller, rows
from tests.tasks.small import add

Tasks = dict[str, Body]


@pytest.fixture
async def tasks(admin: Caller, network: Body) -> Tasks:
    """In schools A and B (wave one) and C (wave two) each: a, b after a, and a gate g."""
    for code, wave in (("A", "one"), ("B", "one"), ("C", "two")):
        await admin.school(code, wave=wave, first_bell="2027-08-23")
        await admin.task("a", code)
        await admin.task("b", code, depends_on=["a"])
        await admin.task("g", code, gate=True)
    return {
        f"{code}.{key}": task for code in "ABC" for key, task in (await admin.tasks(code)).items()
    }


async def bulk(caller: Caller, action: str, status: int = 200, **given: Any) -> Body:
    answered: Body = await caller.post("/tasks/bulk", {"action": action} | given, status)
    return answered


async def statuses(database: Database) -> dict[str, str]:
    found = await rows(
        database,
        "SELECT s.code || '.' || t.key, t.status FROM tasks t JOIN schools s ON s.id = t.school_id",
    )
    return {row[0]: row[1] for row in found}


async def test_by_ids(admin: Caller, database: Database, tasks: Tasks) -> None:
    ids = [tasks[name]["id"] for name in ("A.a", "B.a", "C.b", "A.a")]
    done = await bulk(admin, "start", task_ids=ids)
    assert (done["matched"], done["changed"], done["refused_total"]) == (3, 2, 1)
    (refused,) = done["refused"]
    assert (refused["task_id"], refused["code"]) == (tasks["C.b"]["id"], "task-blocked")
    assert "waits for a" in refused["detail"]
    now = await statuses(database)
    assert {name for name, status in now.items() if status == "in_progress"} == {"A.a", "B.a"}
    assert (await admin.get("/schools/A/rollout"))["state"] == "active"
    assert (await admin.get("/schools/C/rollout"))["state"] == "planned"


async def test_by_key_over_a_network_a_wave_and_names(admin: Caller, tasks: Tasks) -> None:
    async def matched(**given: Any) -> int:
        answer = await bulk(admin, "start", key="a", network="N", dry_run=True, **given)
        return int(answer["matched"])

    assert await matched() == 3
    assert await matched(wave="one") == 2
    assert await matched(schools=["C"]) == 1
    assert await matched(schools=["A", "C"], wave="one") == 1
    assert await matched(wave="none") == 0


async def test_one_refusal_refuses_all_with_abort(
    admin: Caller, database: Database, tasks: Tasks
) -> None:
    before = await rows(database, "SELECT count(*) FROM history")
    ids = [tasks["A.a"]["id"], tasks["C.b"]["id"]]
    problem = await bulk(admin, "complete", 409, task_ids=ids, on_error="abort")
    assert problem["code"] == "bulk-refused"
    assert [one["task_id"] for one in problem["refused"]] == [tasks["C.b"]["id"]]
    assert set((await statuses(database)).values()) == {"pending"}
    assert await rows(database, "SELECT count(*) FROM history") == before


async def test_a_dry_run_changes_nothing_and_makes_no_answer_stale(
    admin: Caller, database: Database, tasks: Tasks
) -> None:
    state = (
        "SELECT (SELECT count(*) FROM history), school_id, revision FROM school_state ORDER BY 2"
    )
    before = await rows(database, state)
    given: Body = {"key": "b", "network": "N", "dry_run": True}
    answer = await bulk(admin, "complete", **given)
    assert (answer["matched"], answer["changed"], answer["dry_run"]) == (3, 0, True)
    answer = await bulk(admin, "complete", reason="now", **given)
    assert answer["changed"] == 3
    assert await rows(database, state) == before


async def test_every_action(admin: Caller, database: Database, tasks: Tasks) -> None:
    given: Body = {"key": "a", "network": "N"}
    assert (await bulk(admin, "assign", owner_email="x@y.org", **given))["changed"] == 3
    assert (await bulk(admin, "assign", owner_email="x@y.org", **given))["changed"] == 0
    assert (await admin.tasks())["a"]["edited"] == ["owner_email"]
    assert (await bulk(admin, "skip", **given))["refused"][0]["code"] == "reason-required"
    assert (await bulk(admin, "skip", reason="x", **given))["changed"] == 3
    assert (await bulk(admin, "reopen", **given))["changed"] == 3
    assert (await bulk(admin, "start", **given))["changed"] == 3
    assert (await bulk(admin, "complete", **given))["changed"] == 3
    done = (await admin.tasks())["a"]
    assert done["done_at"] >= done["started_at"]
    assert (await bulk(admin, "start", **given))["refused_total"] == 3
    # Each task is judged by the state before the call: b was blocked when a was not done.
    await bulk(admin, "reopen", **given)
    both = [tasks["A.a"]["id"], tasks["A.b"]["id"]]
    assert (await bulk(admin, "complete", task_ids=both))["changed"] == 1


@pytest.mark.parametrize(
    "given",
    [
        {"action": "start"},
        {"action": "start", "key": "a"},
        {"action": "start", "key": "a", "network": "N", "task_ids": [str(uuid4())]},
        {"action": "cancel", "key": "a", "network": "N", "reason": "x"},
        {"action": "assign", "key": "a", "network": "N"},
        {"action": "start", "task_ids": []},
        {"action": "explode", "key": "a", "network": "N"},
        {"action": "start", "task_ids": [str(uuid4())]},
    ],
)
async def test_a_shape_that_means_nothing_is_refused(
    admin: Caller, tasks: Tasks, given: Body
) -> None:
    problem = await admin.post("/tasks/bulk", given, 422)
    assert problem["detail"]


async def test_unknown_tasks_are_named_and_nothing_is_done(
    admin: Caller, database: Database, tasks: Tasks
) -> None:
    nobody = str(uuid4())
    problem = await bulk(admin, "start", 422, task_ids=[tasks["A.a"]["id"], nobody])
    assert (problem["code"], problem["unknown"]) == ("task-unknown", [nobody])
    assert set((await statuses(database)).values()) == {"pending"}


async def test_a_lead_acts_on_its_own_schools(
    admin: Caller, calling: As, database: Database, tasks: Tasks
) -> None:
    ours = await admin.network_task("ours")
    own = tasks["A.a"]
    limits = {"network_id": UUID(own["network_id"]), "school_ids": [UUID(own["school_id"])]}
    async with calling(Role.school_lead, **limits) as lead:
        problem = await bulk(lead, "start", 422, task_ids=[own["id"], tasks["B.a"]["id"]])
        assert problem["unknown"] == [tasks["B.a"]["id"]]
        await bulk(lead, "start", 422, key="a", network="N", schools=["B"])
        await bulk(lead, "start", 403, task_ids=[own["id"], ours["id"]])
        await bulk(lead, "skip", 403, task_ids=[own["id"]], reason="x")
        await bulk(lead, "assign", 403, task_ids=[own["id"]], owner_email="x@y.org")
        assert (await bulk(lead, "start", key="a", network="N"))["matched"] == 1
    now = await statuses(database)
    assert {name for name, status in now.items() if status != "pending"} == {"A.a"}


async def test_network_tasks_are_among_them(admin: Caller, tasks: Tasks) -> None:
    ours = await admin.network_task("ours")
    ids = [ours["id"], tasks["A.a"]["id"]]
    assert (await bulk(admin, "start", task_ids=ids))["changed"] == 2
    assert (await admin.get(f"/tasks/{ours['id']}"))["status"] == "in_progress"


SECONDS = 4.0


@pytest.mark.slow
async def test_large_and_small_writers_at_once_see_no_deadlock(
    admin: Caller, database: Database, network: Body
) -> None:
    """Two writers of 1,000 schools against writers of 50 in any order, on real connections."""
    await add(admin, "x.a:1", "x.b:1")
    content = "code,name,network\n" + "".join(f"S{n},School {n},N\n" for n in range(1_000))
    headers = {"content-type": "text/csv"}
    await admin.client.post("/v1/schools/import", content=content, headers=headers)
    await admin.post("/networks/N/rollouts", {"playbook": "small"})
    found = await rows(database, "SELECT id::text FROM tasks WHERE key = 'x.a'")
    ids = [row[0] for row in found]
    until, chosen = time.monotonic() + SECONDS, random.Random(1)  # noqa: S311 (which tasks, no secret)
    answers: list[int] = []

    async def write(size: int, owner: str) -> None:
        number = 0
        while time.monotonic() < until:
            number += 1
            given = {"action": "assign", "owner_email": f"{owner}{number}@y.org"}
            some = chosen.sample(ids, size)
            answer = await admin.answer("POST", "/tasks/bulk", given | {"task_ids": some})
            answers.append(answer.status_code)
            assert answer.json().get("matched") == size, answer.text

    await asyncio.gather(
        *(write(1_000, f"large{n}") for n in range(2)), *(write(50, f"small{n}") for n in range(4))
    )
    assert set(answers) == {200}
    assert len(answers) > 6
    versions = await rows(database, "SELECT sum(version) - 1000 FROM tasks WHERE key = 'x.a'")
    written = await rows(
        database,
        "SELECT count(*) FROM history WHERE table_name = 'tasks' AND operation = 'update'",
    )
    # Nobody's change was lost, and each is recorded once.
    assert versions == written
