"""A target without an interface: files for its people, what they say, and what tasks say."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from uuid import uuid4

from api import clock
from tests.accounts.conftest import Body, Caller, Rosters, csv_of, student
from tests.accounts.targets.conftest import Scene
from tests.tasks.conftest import As, rows


async def planned(admin: Caller, students: int) -> None:
    """School A is to have so many students, and a gate that waits for them."""
    await admin.patch("/schools/A", {"enrollment": students})
    plan = {"playbook": "one_to_one", "first_bell": "2027-08-23"}
    await admin.post("/schools/A/rollouts", plan, 201)


async def file_of(admin: Caller, target: Body, made: Body) -> list[dict[str, str]]:
    path = f"/v1/targets/{target['id']}/hand-offs/{made['id']}/file"
    answer = await admin.client.get(path)
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


async def sent_results(admin: Caller, target: Body, made: Body, body: str) -> Body:
    path = f"/v1/targets/{target['id']}/hand-offs/{made['id']}/results"
    answer = await admin.client.post(path, content=body, headers={"content-type": "text/csv"})
    assert answer.status_code == 200, answer.text
    given: Body = answer.json()
    return given


async def test_accounts_are_handed_off_and_confirmed(
    admin: Caller, calling: As, rosters: Rosters, scim: str, shipped: None
) -> None:
    scene = Scene(rosters, scim)
    await planned(admin, 6)
    await scene.students(6)
    assert (await rosters.gate())["progress_done"] == 6, "without a target, who is made is done"
    given = {"network": "N", "slug": "library", "kind": "csv"}
    target = await admin.post("/targets", given, 201)
    gate = await rosters.gate()
    assert (gate["status"], gate["progress_done"], gate["expected_on"]) == ("pending", 0, None)
    assert gate["cause"].endswith("6 wait for library (no file was handed over)")
    async with calling() as nameless:
        made = await nameless.post(f"/targets/{target['id']}/hand-offs", status=201)
        refused = f"/targets/{target['id']}/hand-offs/{made['id']}/file"
        await nameless.get(refused, 403)
    assert (made["students"], made["waiting"]) == (6, 6)
    gate = await rosters.gate()
    assert (gate["status"], gate["progress_done"]) == ("done", 6)
    await admin.post(f"/targets/{target['id']}/hand-offs", status=409)
    lines = await file_of(admin, target, made)
    assert [(one["sourced_id"], one["status"], one["grade"]) for one in lines] == [
        (f"s{n:05}", "active", str(n % 12 + 1)) for n in range(6)
    ]
    assert lines[0]["username"] == (await rosters.accounts())["s00000"]["username"]
    await confirmed(scene, target, made, [one["account_id"] for one in lines])
    told_of = await rows(
        rosters.database,
        "SELECT recipient, students FROM disclosures WHERE purpose = 'sync' ORDER BY at",
    )
    assert told_of == [("library", 6), ("library", 2)]


async def confirmed(scene: Scene, target: Body, made: Body, ids: list[str]) -> None:
    """The target's people tell of three, then that all is in; who is left is in another file."""
    rosters, admin = scene.rosters, scene.rosters.caller
    first, second, third, *_ = ids
    await admin.patch(f"/accounts/{third}", {"family_name": "Married"})
    results = (
        f"account_id,result,detail\n{first},ok,\n{second},REFUSED,no seat\n{uuid4()},ok,\n"
        f"{third},ok,\n"
    )
    told = await sent_results(admin, target, made, results)
    assert told == {"confirmed": 1, "refused": 1, "unknown": 2}, "the third has changed since"
    gate = await rosters.gate()
    assert (gate["status"], gate["progress_done"]) == ("in_progress", 5)
    assert "1 were given up at library" in gate["cause"]
    settled = await admin.post(f"/targets/{target['id']}/hand-offs/{made['id']}/confirm")
    assert settled["confirmed_by"].startswith("token:")
    assert {one["observed"] for one in await scene.queue(target)} == {
        "active",
        "handed_off",
        "none",
    }
    assert await admin.post(f"/targets/{target['id']}/retry", {}) == {"retried": 1}
    again = await admin.post(f"/targets/{target['id']}/hand-offs", status=201)
    assert {one["account_id"] for one in await file_of(admin, target, again)} == {second, third}
    await admin.post(f"/targets/{target['id']}/hand-offs/{again['id']}/confirm")
    assert {one["observed"] for one in await scene.queue(target)} == {"active"}
    assert (await rosters.gate())["status"] == "done"
    listed = await admin.get(f"/targets/{target['id']}/hand-offs")
    assert [one["waiting"] for one in listed["items"]] == [0, 0]


async def test_a_gate_says_what_waits_where_and_until_when(
    admin: Caller, rosters: Rosters, scim: str, shipped: None
) -> None:
    scene = Scene(rosters, scim)
    await planned(admin, 20)
    await rosters.run(csv_of(student(n) for n in range(20)), snapshot="full")
    target = await scene.target(rate_per_minute=1)
    gate = await rosters.gate()
    assert gate["cause"] == (
        "20 of 20 accounts missing by the last full roster; 20 wait for login (about 20 minutes)"
    )
    soon = {clock.now(), clock.now() + timedelta(minutes=20)}
    assert gate["expected_on"] in {
        clock.local_day("America/Chicago", moment).isoformat() for moment in soon
    }
    path = f"/targets/{target['id']}"
    await admin.patch(path, {"paused": True, "required": False})
    gate = await rosters.gate()
    assert (gate["status"], gate["progress_done"], gate["expected_on"]) == ("done", 20, None)
    await admin.patch(path, {"required": True})
    gate = await rosters.gate()
    assert (gate["progress_done"], gate["expected_on"]) == (0, None)
    assert gate["cause"].endswith("20 wait for login (it is paused)")
    await admin.patch(path, {"paused": False, "rate_per_minute": 1_000_000})
    await scene.sync(target)
    assert (await rosters.gate())["status"] == "done"
    # Nobody is known to be there any more once they are not.
    accounts = await rosters.accounts()
    await admin.patch(f"/accounts/{accounts['s00000']['id']}", {"status": "suspended"})
    assert (await rosters.gate())["progress_done"] == 19
