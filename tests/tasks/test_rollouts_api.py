"""Rollouts over HTTP: opened, edited, shifted, closed; next year."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from api import clock
from api.db.pool import Database
from api.readiness.jobs import open_schools
from tests.tasks.conftest import Body, Caller, rows
from tests.tasks.small import add

NOTHING: Body = {}
BELL = "/networks/N/first-bell"


def at(moment: str) -> datetime:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC)


@pytest.fixture
async def planned(admin: Caller, school: Body) -> dict[str, Body]:
    """School A with a plan for 23 August 2027: a, then b, and launch-day work."""
    await add(admin, "x.a:2", "x.b:2<x.a", "x.launch:1", x_launch="after_first_bell: true")
    await admin.post("/schools/A/rollouts", {"playbook": "small"}, 201)
    return await admin.tasks()


async def test_one_at_a_time_and_it_may_start_empty(admin: Caller, network: Body) -> None:
    await admin.school()
    given = {"first_bell": "2027-08-23", "model": "flexible", "wave": "w"}
    rollout = await admin.post("/schools/A/rollouts", given, 201)
    assert {name: rollout[name] for name in given} == given
    assert (rollout["playbook"], rollout["state"]) == (None, "planned")
    problem = await admin.post("/schools/A/rollouts", NOTHING, 409)
    assert (problem["code"], problem["rollout_id"]) == ("rollout-exists", rollout["id"])


async def test_a_change_names_the_version_it_is_of(admin: Caller, school: Body) -> None:
    path = "/schools/A/rollout"
    etag = (await admin.answer("GET", path)).headers["etag"]
    assert (await admin.answer("PATCH", path, {"wave": "w"})).status_code == 428
    changed = await admin.answer("PATCH", path, {"wave": "w"}, if_match=etag)
    assert changed.json()["wave"] == "w"
    assert (await admin.answer("PATCH", path, {"wave": "v"}, if_match=etag)).status_code == 412
    for patch in ({"state": "opened"}, {"state": None}, {"model": "x"}, {"playbook": "small"}):
        await admin.patch(path, patch, 422)


async def test_planned_dates_follow_first_bell(admin: Caller, planned: dict[str, Body]) -> None:
    path = f"/tasks/{planned['x.a']['id']}"
    by_hand = await admin.patch(path, {"planned_start": "2027-06-01", "planned_finish": None})
    await admin.patch("/schools/A/rollout", {"first_bell": "2027-08-30"})
    tasks = await admin.tasks()
    assert tasks["x.a"] == by_hand
    assert (tasks["x.b"]["planned_start"], tasks["x.b"]["planned_finish"]) == (
        "2027-08-26",
        "2027-08-27",
    )
    assert tasks["x.launch"]["not_before"] == tasks["x.launch"]["planned_start"] == "2027-08-30"
    await admin.patch("/schools/A/rollout", {"first_bell": None})
    tasks = await admin.tasks()
    assert tasks["x.a"] == by_hand
    for key in ("x.b", "x.launch"):
        assert tasks[key]["planned_start"] is None
        assert tasks[key]["not_before"] is None


async def test_a_hand_set_constraint_on_launch_day_work_stays(
    admin: Caller, planned: dict[str, Body]
) -> None:
    path = f"/tasks/{planned['x.launch']['id']}"
    await admin.patch(path, {"not_before": "2027-09-06"})
    await admin.patch("/schools/A/rollout", {"first_bell": "2027-08-30"})
    now = await admin.get(path)
    assert (now["not_before"], now["planned_start"]) == ("2027-09-06", "2027-08-30")


async def test_many_are_shifted_at_once(
    admin: Caller, database: Database, planned: dict[str, Body]
) -> None:
    for code, bell in (("B", "2027-08-23"), ("C", "2027-08-30"), ("D", None)):
        await admin.school(code, first_bell=bell, wave="w")
    await admin.school("E")
    await admin.post("/schools/B/rollouts", {"playbook": "small"}, 201)
    before = await rows(database, "SELECT count(*) FROM history")
    revisions = await rows(database, "SELECT * FROM school_state ORDER BY 1")
    given = {"first_bell": "2027-08-30"}
    would = await admin.post(BELL, given | {"dry_run": True})
    assert (would["matched"], would["changed"], would["dry_run"]) == (4, 3, True)
    assert await rows(database, "SELECT count(*) FROM history") == before
    assert await rows(database, "SELECT * FROM school_state ORDER BY 1") == revisions
    some = await admin.post(BELL, given | {"wave": "w"})
    assert (some["matched"], some["changed"], some["tasks_changed"]) == (3, 2, 3)
    assert await admin.tasks() == planned
    named = await admin.post(BELL, given | {"schools": ["A", "B"]})
    assert (named["matched"], named["changed"], named["tasks_changed"]) == (2, 1, 3)
    again = await admin.post(BELL, given)
    assert (again["matched"], again["changed"], again["tasks_changed"]) == (4, 0, 0)
    tasks = {code: await admin.tasks(code) for code in "AB"}
    assert tasks["A"]["x.b"]["planned_finish"] == tasks["B"]["x.b"]["planned_finish"]
    assert tasks["A"]["x.b"]["planned_finish"] == "2027-08-27"
    assert (await admin.get("/schools/D/rollout"))["first_bell"] == "2027-08-30"


async def test_another_first_bell_opens_anew(
    admin: Caller, database: Database, planned: dict[str, Body]
) -> None:
    with clock.moved_to(at("2027-08-23T12:00:00")):
        assert await open_schools(database) == 1
        rollout = await admin.get("/schools/A/rollout")
        assert (rollout["state"], rollout["opened_on"]) == ("opened", "2027-08-23")
        assert rollout["opened_ready"] is False
        await admin.post(BELL, {"first_bell": "2027-08-25"})
        rollout = await admin.get("/schools/A/rollout")
        assert (rollout["state"], rollout["opened_on"]) == ("active", None)
        assert rollout["opened_ready"] is None
    with clock.moved_to(at("2027-08-25T12:00:00")):
        await open_schools(database)
        rollout = await admin.get("/schools/A/rollout")
        assert (rollout["state"], rollout["opened_on"]) == ("opened", "2027-08-25")
        # Work goes on after first bell.
        await admin.post(f"/tasks/{planned['x.a']['id']}/start")
        assert (await admin.get("/schools/A/rollout"))["state"] == "opened"


async def test_next_year_is_a_new_rollout(admin: Caller, planned: dict[str, Body]) -> None:
    old = planned["x.a"]
    etag = (await admin.answer("GET", f"/tasks/{old['id']}")).headers["etag"]
    before = await admin.get("/schools/A/rollout")
    closed = await admin.patch("/schools/A/rollout", {"state": "closed"})
    assert closed["state"] == "closed"
    assert (await admin.get("/schools/A/rollout", 404))["code"] == "rollout-not-found"
    await admin.get("/schools/A/tasks", 404)
    given = {"playbook": "small", "first_bell": "2028-08-21"}
    now = await admin.post("/schools/A/rollouts", given, 201)
    assert now["id"] != before["id"]
    tasks = await admin.tasks()
    assert set(tasks) == set(planned)
    assert tasks["x.b"]["planned_finish"] == "2028-08-18"
    assert {task["rollout_id"] for task in tasks.values()} == {now["id"]}
    for what, body in (
        ("start", None),
        ("complete", None),
        ("evidence", {"done": 1}),
        ("waivers", {"reason": "x"}),
        ("cancel", {"reason": "x"}),
    ):
        problem = await admin.post(f"/tasks/{old['id']}/{what}", body, 409)
        assert problem["code"] == "rollout-closed"
    answer = await admin.answer("PATCH", f"/tasks/{old['id']}", {"title": "x"}, if_match=etag)
    assert (answer.status_code, answer.json()["code"]) == (409, "rollout-closed")
    new, edge = tasks["x.a"], f"/tasks/{old['id']}/dependencies/{planned['x.launch']['id']}"
    await admin.put(edge, status=409)
    await admin.put(f"/tasks/{new['id']}/dependencies/{old['id']}", status=422)
    assert await admin.get(f"/tasks/{old['id']}") == old
    bulk = {"action": "start", "task_ids": [old["id"], new["id"]]}
    answered = await admin.post("/tasks/bulk", bulk)
    assert [one["code"] for one in answered["refused"]] == ["rollout-closed"]
    assert answered["changed"] == 1
    bulk = {"action": "complete", "key": "x.a", "network": "N"}
    assert (await admin.post("/tasks/bulk", bulk))["matched"] == 1
