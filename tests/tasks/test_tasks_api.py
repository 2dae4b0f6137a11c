"""Single tasks over HTTP: made, read, edited."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from api.auth.rules import Role
from tests.tasks.conftest import NETWORK, As, Body, Caller, edges

NOTHING: Body = {}


async def test_a_task_has_the_published_defaults(admin: Caller, school: Body) -> None:
    task = await admin.task("a")
    assert (task["workstream"], task["kind"], task["gate"]) == ("change", "manual", False)
    assert (task["duration_days"], task["status"], task["progress_done"]) == (1, "pending", 0)
    assert task["school_id"] == school["id"]
    answer = await admin.answer("GET", f"/tasks/{task['id']}")
    assert answer.json() == task
    assert answer.headers["etag"]
    assert (await admin.tasks()) == {"a": task}


async def test_a_school_without_a_rollout_gets_an_empty_one(admin: Caller, network: Body) -> None:
    await admin.school("B")
    await admin.get("/schools/B/rollout", 404)
    task = await admin.task("a", "B")
    rollout = await admin.get("/schools/B/rollout")
    assert rollout["id"] == task["rollout_id"]
    assert rollout["state"] == "planned"
    assert rollout["playbook"] is None
    assert rollout["first_bell"] is None


async def test_a_task_may_wait_from_the_start(admin: Caller, database: Any, school: Body) -> None:
    await admin.network_task("contract")
    await admin.task("a")
    await admin.task("b", depends_on=["a", "contract", "a"])
    assert await edges(database) == {("a", "b", 0), ("contract", "b", 0)}


async def test_its_own_task_is_meant_where_the_network_has_the_same_key(
    admin: Caller, school: Body
) -> None:
    await admin.network_task("a")
    own = await admin.task("a")
    b = await admin.task("b", depends_on=["a"])
    await admin.delete(f"/tasks/{b['id']}/dependencies/{own['id']}")


async def test_unknown_keys_are_named_and_nothing_is_made(admin: Caller, school: Body) -> None:
    await admin.task("a")
    given = {"key": "b", "title": "B", "depends_on": ["a", "nope", "b"]}
    problem = await admin.post("/schools/A/tasks", given, 422)
    assert problem["code"] == "task-unknown"
    assert [one["pointer"] for one in problem["errors"]] == ["/depends_on/1", "/depends_on/2"]
    assert set(await admin.tasks()) == {"a"}


async def test_a_key_is_unique_in_its_graph_only(admin: Caller, school: Body) -> None:
    await admin.task("a")
    assert (await admin.post("/schools/A/tasks", {"key": "a", "title": "A"}, 409))["code"] == (
        "key-taken"
    )
    await admin.school("B")
    await admin.task("a", "B")
    await admin.network_task("a")
    problem = await admin.post("/networks/N/tasks", {"key": "a", "title": "A"}, 409)
    assert problem["code"] == "key-taken"


async def test_a_change_names_the_version_it_is_of(admin: Caller, school: Body) -> None:
    path = f"/tasks/{(await admin.task('a'))['id']}"
    first = await admin.answer("GET", path)
    assert (await admin.answer("PATCH", path, {"title": "B"})).status_code == 428
    etag = first.headers["etag"]
    changed = await admin.answer("PATCH", path, {"title": "B"}, if_match=etag)
    assert changed.status_code == 200
    assert changed.json()["title"] == "B"
    assert changed.headers["etag"] != etag
    assert (await admin.answer("PATCH", path, {"title": "C"}, if_match=etag)).status_code == 412
    assert (await admin.get(path))["title"] == "B"


async def test_what_a_person_sets_is_remembered(admin: Caller, school: Body) -> None:
    path = f"/tasks/{(await admin.task('a'))['id']}"
    await admin.patch(path, {"title": "B", "not_before": "2027-08-02"})
    task = await admin.patch(path, {"not_before": None, "owner_email": "x@y.org"})
    assert task["edited"] == ["not_before", "owner_email", "title"]
    assert task["not_before"] is None


async def test_evidence_does_not_fail_a_clerks_change(admin: Caller, school: Body) -> None:
    path = f"/tasks/{(await admin.task('a'))['id']}"
    etag = (await admin.answer("GET", path)).headers["etag"]
    recorded = await admin.answer("POST", f"{path}/evidence", {"done": 1, "total": 3})
    assert recorded.headers["etag"] == etag
    assert (await admin.answer("PATCH", path, {"title": "B"}, if_match=etag)).status_code == 200
    assert (await admin.get(path))["progress_done"] == 1


@pytest.mark.parametrize(
    ("patch", "code"),
    [
        ({"title": None}, "not-removable"),
        ({"status": "done"}, "unknown-field"),
        ({"planned_start": "2027-08-03", "planned_finish": "2027-08-02"}, "before-start"),
        ({"duration_days": 2001}, "out-of-range"),
        ({"owner_email": "nobody"}, "pattern"),
    ],
)
async def test_an_impossible_change_changes_nothing(
    admin: Caller, school: Body, patch: Body, code: str
) -> None:
    path = f"/tasks/{(await admin.task('a'))['id']}"
    before = await admin.get(path)
    problem = await admin.patch(path, patch, 422)
    assert [one["code"] for one in problem["errors"]] == [code]
    assert await admin.get(path) == before


async def test_only_an_admin_makes_a_gate_none(admin: Caller, calling: As, school: Body) -> None:
    path = f"/tasks/{(await admin.task('a', gate=True))['id']}"
    async with calling(Role.ops) as ops:
        assert (await ops.patch(path, {"gate": False}, 403))["code"] == "admin-required"
        await ops.patch(path, {"gate": True, "title": "B"})
    assert (await admin.patch(path, {"gate": False}))["gate"] is False


async def test_a_hand_set_duration_drops_the_other_two_points(
    admin: Caller, network: Body, shipped: None
) -> None:
    await admin.school("B")
    await admin.post("/schools/B/rollouts", {"playbook": "one_to_one"}, 201)
    task = (await admin.tasks("B"))["devices.receive"]
    assert task["duration_low"] is not None
    task = await admin.patch(f"/tasks/{task['id']}", {"duration_days": 40})
    assert (task["duration_low"], task["duration_days"], task["duration_high"]) == (None, 40, None)


async def test_lists_filter_sort_and_page(admin: Caller, school: Body) -> None:
    for key, workstream in (("b", "pd"), ("a", "change"), ("c", "pd")):
        await admin.task(key, workstream=workstream, gate=key == "c")
    await admin.post(f"/tasks/{(await admin.tasks())['b']['id']}/start")

    async def keys(query: str) -> list[str]:
        return [task["key"] for task in (await admin.get(f"/schools/A/tasks?{query}"))["items"]]

    assert await keys("") == ["b", "a", "c"]
    assert await keys("sort=key") == ["a", "b", "c"]
    assert await keys("sort=-key&workstream=pd") == ["c", "b"]
    assert await keys("gate=true") == ["c"]
    assert await keys("status=in_progress") == ["b"]
    first = await admin.answer("GET", "/schools/A/tasks?sort=-key&limit=2")
    assert [task["key"] for task in first.json()["items"]] == ["c", "b"]
    rest = await admin.client.get(first.links["next"]["url"])
    assert [task["key"] for task in rest.json()["items"]] == ["a"]
    await admin.get("/schools/A/tasks?sort=secret", 422)
    await admin.get("/schools/A/tasks?colour=red", 422)


async def test_what_a_caller_may_not_see_is_not_there(
    admin: Caller, calling: As, lead: Caller, school: Body
) -> None:
    await admin.school("B")
    other = (await admin.task("a", "B"))["id"]
    own = (await admin.task("a"))["id"]
    ours = (await admin.network_task("contract"))["id"]
    await admin.post("/networks", NETWORK | {"code": "M"}, 201)
    foreign = (await admin.network_task("contract", "M"))["id"]
    assert (await lead.get(f"/tasks/{own}"))["key"] == "a"
    for path in (f"/tasks/{other}", f"/tasks/{foreign}", f"/tasks/{uuid4()}"):
        assert (await lead.get(path, 404))["code"] == "task-not-found"
        assert (await lead.post(f"{path}/start", status=404))["code"] == "task-not-found"
    await lead.get("/schools/B/tasks", 404)
    await lead.get("/networks/M/tasks", 404)
    # What precedes the school's own tasks may be read, and is the network's to change.
    assert [t["id"] for t in (await lead.get("/networks/N/tasks"))["items"]] == [ours]
    assert (await lead.get(f"/tasks/{ours}"))["key"] == "contract"
    for what, body in (("start", None), ("evidence", {"done": 1}), ("waivers", {"reason": "x"})):
        assert (await lead.post(f"/tasks/{ours}/{what}", body, 403))["code"] == "forbidden"


async def test_a_lead_works_and_does_not_plan(admin: Caller, lead: Caller, school: Body) -> None:
    task = await admin.task("a")
    path = f"/tasks/{task['id']}"
    before = await admin.task("b")
    await lead.post("/schools/A/tasks", {"key": "c", "title": "C"}, 403)
    await lead.patch(path, {"title": "B"}, 403)
    await lead.post(f"{path}/skip", {"reason": "x"}, 403)
    await lead.post(f"{path}/cancel", {"reason": "x"}, 403)
    await lead.put(f"{path}/dependencies/{before['id']}", status=403)
    await lead.delete(f"{path}/dependencies/{before['id']}", 403)
    assert (await lead.post(f"{path}/start"))["status"] == "in_progress"
    assert (await lead.post(f"{path}/complete"))["status"] == "done"
    assert (await lead.post(f"{path}/reopen"))["status"] == "pending"
    assert (await lead.post(f"{path}/evidence", {"done": 1}))["progress_done"] == 1


async def test_a_viewer_changes_nothing(admin: Caller, calling: As, school: Body) -> None:
    path = f"/tasks/{(await admin.task('a'))['id']}"
    async with calling(Role.viewer, network_id=UUID(school["network_id"])) as viewer:
        await viewer.get(path)
        for what in ("start", "complete", "reopen", "evidence", "waivers", "skip", "cancel"):
            body = {"done": 1} if what == "evidence" else {"reason": "x"}
            await viewer.post(f"{path}/{what}", body, 403)
        await viewer.post("/tasks/bulk", {"action": "start", "task_ids": [path[7:]]}, 403)
        await viewer.post("/schools/A/rollouts", NOTHING, 403)
        await viewer.post("/networks/N/first-bell", {"first_bell": "2027-08-30"}, 403)
