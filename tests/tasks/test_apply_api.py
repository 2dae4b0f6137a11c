"""Playbooks over HTTP: kept, shadowed, applied to one school and to many."""

from __future__ import annotations

from datetime import date, timedelta

from api.auth.rules import Role
from api.db.pool import Database
from tests.tasks.conftest import NETWORK, As, Body, Caller, edges, rows
from tests.tasks.small import add, small

NOTHING: Body = {}
ABC = ("x.a:2", "x.b:3<x.a", "x.c:1<x.b")


async def apply(caller: Caller, code: str = "A", status: int = 201, **given: object) -> Body:
    body = {"playbook": "small"} | given
    answered: Body = await caller.post(f"/schools/{code}/rollouts", body, status)
    return answered


async def history(database: Database) -> int:
    return int((await rows(database, "SELECT count(*) FROM history"))[0][0])


async def test_the_shipped_are_listed_and_read(admin: Caller, shipped: None) -> None:
    listed = (await admin.get("/playbooks"))["items"]
    assert {one["model"] for one in listed} == {
        "station_rotation",
        "lab_rotation",
        "flexible",
        "individual_rotation",
        "one_to_one",
    }
    assert all(one["shipped"] and one["gates"] and one["source"] is None for one in listed)
    one = await admin.get(f"/playbooks/{listed[0]['id']}")
    assert one["source"].count("key:") >= one["tasks"]


async def test_a_version_only_goes_up(admin: Caller) -> None:
    await add(admin, "x.a", version=2)
    for version in (1, 2):
        problem = await admin.post("/playbooks", {"source": small("x.a", version=version)}, 409)
        assert problem["code"] == "playbook-version-taken"
    await add(admin, "x.a", "x.b", version=3)
    (listed,) = (await admin.get("/playbooks"))["items"]
    assert (listed["version"], listed["tasks"], listed["shipped"]) == (3, 2, False)


async def test_a_networks_playbook_is_its_own_and_comes_before_the_shared_one(
    admin: Caller, calling: As, network: Body
) -> None:
    await admin.post("/networks", NETWORK | {"code": "M"}, 201)
    shared = await add(admin, "x.shared", version=7)
    own = await add(admin, "x.own", network="N", version=1)
    for code, of in (("A", "N"), ("B", "M")):
        await admin.school(code, of)
        await apply(admin, code)
    assert set(await admin.tasks("A")) == {"x.own"}
    assert set(await admin.tasks("B")) == {"x.shared"}
    async with calling(Role.ops, network_id=network["id"]) as ops:
        assert [one["id"] for one in (await ops.get("/playbooks"))["items"]] == [
            shared["id"],
            own["id"],
        ]
        # The shared catalogue is not one network's to change.
        await ops.post("/playbooks", {"source": small("x.a", version=9)}, 403)
        await ops.post("/playbooks", {"source": small("x.a", version=9), "network": "N"}, 201)
        await ops.post("/playbooks", {"source": small("x.a", version=9), "network": "M"}, 404)
    async with calling(Role.ops, network_id=(await admin.get("/networks/M"))["id"]) as other:
        await other.get(f"/playbooks/{own['id']}", 404)


async def test_planned_dates_lie_backward_from_first_bell(admin: Caller, network: Body) -> None:
    await add(admin, *ABC, "x.d:2", "x.launch:2", x_launch="after_first_bell: true")
    await admin.school(first_bell="2027-09-08")
    await apply(admin)
    tasks = await admin.tasks()
    planned = {key: (t["planned_start"], t["planned_finish"]) for key, t in tasks.items()}
    # 8 September 2027 is a Wednesday; the Monday before it is Labor Day.
    assert planned == {
        "x.c": ("2027-09-07", "2027-09-07"),
        "x.b": ("2027-09-01", "2027-09-03"),
        "x.a": ("2027-08-30", "2027-08-31"),
        "x.d": ("2027-09-03", "2027-09-07"),
        "x.launch": ("2027-09-08", "2027-09-09"),
    }
    assert tasks["x.launch"]["not_before"] == "2027-09-08"
    assert all(t["not_before"] is None for key, t in tasks.items() if key != "x.launch")


async def test_applying_again_changes_nothing(
    admin: Caller, database: Database, school: Body
) -> None:
    await add(admin, *ABC)
    rollout = await apply(admin)
    assert (rollout["playbook"], rollout["playbook_version"]) == ("small", 1)
    assert rollout["model"] == "flexible"
    before, tasks, there = await history(database), await admin.tasks(), await edges(database)
    assert len(tasks) == 3
    assert there == {("x.a", "x.b", 0), ("x.b", "x.c", 0)}
    assert await apply(admin) == rollout
    many = await admin.post("/networks/N/rollouts", {"playbook": "small"})
    assert (many["matched"], many["changed"], many["tasks_added"]) == (1, 0, 0)
    assert many["tasks_changed"] == 0
    assert await history(database) == before
    assert await admin.tasks() == tasks
    assert await edges(database) == there


async def test_one_school_may_bring_its_own_first_bell_model_and_wave(
    admin: Caller, network: Body
) -> None:
    await add(admin, "x.a:1")
    await admin.school()
    rollout = await apply(admin)
    assert rollout["first_bell"] is None
    assert (await admin.tasks())["x.a"]["planned_finish"] is None
    rollout = await apply(admin, first_bell="2027-09-02", model="lab_rotation", wave="w")
    assert (rollout["first_bell"], rollout["wave"]) == ("2027-09-02", "w")
    assert rollout["model"] == "lab_rotation"
    assert (await admin.tasks())["x.a"]["planned_finish"] == "2027-09-01"
    # What was said stays said.
    assert await apply(admin) == rollout


async def test_what_cannot_be_applied_says_why(admin: Caller, school: Body) -> None:
    await add(admin, "x.a")
    await add(admin, "x.a", name="other")
    problem = await apply(admin, playbook="nope", status=404)
    assert problem["code"] == "playbook-not-found"
    await apply(admin)
    assert (await apply(admin, playbook="other", status=409))["code"] == "other-playbook"
    assert (await apply(admin, playbook=None, status=409))["code"] == "rollout-exists"
    await admin.patch("/schools/A", {"archived": True})
    assert (await apply(admin, status=409))["code"] == "school-archived"
    assert (await apply(admin, "NOPE", 404))["code"] == "school-not-found"


async def test_many_schools_by_name_and_by_wave(admin: Caller, network: Body) -> None:
    await add(admin, *ABC)
    for code, wave in (("A", "one"), ("B", "two"), ("C", "two"), ("D", None)):
        await admin.school(code, wave=wave, first_bell="2027-08-23")
    await admin.school("E", "N")
    await admin.school("F")
    await admin.patch("/schools/F", {"archived": True})

    async def many(**given: object) -> tuple[int, int, int]:
        answer = await admin.post("/networks/N/rollouts", {"playbook": "small", **given})
        return answer["matched"], answer["changed"], answer["tasks_added"]

    assert await many(wave="two") == (2, 2, 6)
    assert await many(schools=["A"], wave="three") == (1, 1, 3)
    assert (await admin.get("/schools/A/rollout"))["wave"] == "three"
    assert await many(first_bell="2027-08-30") == (5, 5, 6)
    assert (await admin.get("/schools/B/rollout"))["first_bell"] == "2027-08-30"
    assert (await admin.tasks("B"))["x.c"]["planned_finish"] == "2027-08-27"
    assert (await admin.tasks("E"))["x.c"]["planned_finish"] == "2027-08-27"
    await admin.get("/schools/F/rollout", 404)
    answer = await admin.post("/networks/N/rollouts", {"playbook": "small", "schools": ["F", "A"]})
    assert [(one["school"], one["code"]) for one in answer["refused"]] == [("F", "school-archived")]


async def test_schools_that_are_not_the_networks_are_named(admin: Caller, school: Body) -> None:
    await add(admin, "x.a")
    await admin.post("/networks", NETWORK | {"code": "M"}, 201)
    await admin.school("B", "M")
    for path, body in (
        ("/networks/N/rollouts", {"playbook": "small"}),
        ("/networks/N/first-bell", {"first_bell": "2027-08-30"}),
        ("/tasks/bulk", {"action": "start", "key": "x.a", "network": "N"}),
    ):
        problem = await admin.post(path, body | {"schools": ["A", "B", "NOPE"]}, 422)
        assert problem["unknown"] == ["NOPE"]
        problem = await admin.post(path, body | {"schools": ["A", "B"]}, 422)
        assert (problem["code"], problem["unknown"]) == ("school-unknown", ["B"])
    assert (await admin.get("/schools/A/rollout"))["first_bell"] == "2027-08-23"
    assert await admin.tasks() == {}


async def test_schools_that_cannot_follow_are_named_and_the_others_do(
    admin: Caller, school: Body
) -> None:
    await add(admin, *ABC)
    await add(admin, "x.z", name="other")
    # B: its own edge runs the other way. C follows another playbook. D never works.
    for code in "BC":
        await admin.school(code, first_bell="2027-08-23")
    await admin.task("x.b", "B")
    await admin.task("x.a", "B", depends_on=["x.b"])
    await apply(admin, "C", playbook="other")
    bell = date(2027, 8, 23)
    idle = [str(bell - timedelta(days=n)) for n in range(1, 1_990)]
    await admin.school("D", first_bell="2027-08-23", blackout_days=idle)
    answer = await admin.post("/networks/N/rollouts", {"playbook": "small"})
    refused = {one["school"]: one["code"] for one in answer["refused"]}
    assert refused == {
        "B": "dependency-cycle",
        "C": "other-playbook",
        "D": "no-working-day",
    }
    assert (answer["matched"], answer["changed"], answer["tasks_added"]) == (4, 1, 3)
    assert set(await admin.tasks("A")) == {"x.a", "x.b", "x.c"}
    assert set(await admin.tasks("B")) == {"x.a", "x.b"}
    assert await admin.tasks("D") == {}
    assert (await admin.get("/schools/B/rollout"))["playbook"] is None
    problem = await apply(admin, "B", 409)
    assert problem["code"] == "dependency-cycle"
    assert problem["path"] in (["x.a", "x.b", "x.a"], ["x.b", "x.a", "x.b"])
    assert (await apply(admin, "D", 422))["code"] == "no-working-day"


async def test_a_playbook_and_a_first_bell_reach_a_whole_network_in_one_call(
    admin: Caller, network: Body, shipped: None
) -> None:
    content = "code,name,network,first_bell\n"
    content += "".join(f"S{n},School {n},N,2027-08-{20 + n % 7}\n" for n in range(60))
    headers = {"content-type": "text/csv"}
    imported = await admin.client.post("/v1/schools/import", content=content, headers=headers)
    assert imported.json()["rows"]["created"] == 60
    answer = await admin.post("/networks/N/rollouts", {"playbook": "one_to_one"})
    tasks = len(await admin.tasks("S0"))
    assert (answer["changed"], answer["tasks_added"]) == (60, 60 * tasks)
    again = await admin.post("/networks/N/rollouts", {"playbook": "one_to_one"})
    assert (again["matched"], again["changed"]) == (60, 0)
    moved = await admin.post("/networks/N/first-bell", {"first_bell": "2027-09-13"})
    assert (moved["changed"], moved["tasks_changed"]) == (60, 60 * tasks)
