"""Targets removed: what is forgotten, what stays, and who is not forgotten by mistake."""

from __future__ import annotations

from typing import Any

from tests.accounts.conftest import Body, Rosters, csv_of, student
from tests.accounts.targets.conftest import Scene
from tests.accounts.targets.scim_server import tenant, users
from tests.tasks.conftest import rows


async def _kept(rosters: Rosters) -> tuple[Any, ...]:
    """Rows of the four tables of targets."""
    found = await rows(
        rosters.database,
        "SELECT (SELECT count(*) FROM targets), (SELECT count(*) FROM target_states),"
        " (SELECT count(*) FROM target_accounts), (SELECT count(*) FROM target_hand_offs)",
    )
    return found[0]


async def _removed(scene: Scene, target: Body, status: int = 204, query: str = "") -> Any:
    return await scene.rosters.caller.delete(f"/targets/{target['id']}{query}", status)


async def _disclosed(scene: Scene) -> list[Body]:
    found = (await scene.rosters.caller.get("/disclosures?limit=1000"))["items"]
    return [one for one in found if one["recipient"] == "login"]


async def test_a_removed_target_is_forgotten_and_its_accounts_are_left_there(scene: Scene) -> None:
    await scene.students(5)
    base = tenant(scene.scim)
    target = await scene.target(base)
    await scene.sync(target)
    there = users(base)
    assert len(there) == 5
    told = await _disclosed(scene)
    assert told
    await _removed(scene, target)
    assert await _kept(scene.rosters) == (0, 0, 0, 0)
    assert users(base) == there
    assert await _disclosed(scene) == told
    assert len(await scene.rosters.accounts()) == 5
    await scene.rosters.caller.get(f"/targets/{target['id']}", 404)
    await _removed(scene, target, 404)
    # Its name is free again, and its accounts are known there by our ids.
    again = await scene.target(base, policy="adopt")
    await scene.sync(again)
    assert len(users(base)) == 5


async def test_schools_wait_for_a_required_target_no_more_once_it_is_removed(
    scene: Scene, shipped: None
) -> None:
    plan = {"playbook": "one_to_one", "first_bell": "2027-08-16"}
    await scene.rosters.caller.post("/schools/A/rollouts", plan, 201)
    await scene.rosters.run(csv_of(student(n) for n in range(3)), snapshot="full")
    target = await scene.target(paused=True)
    gate = await scene.rosters.gate()
    assert (gate["progress_done"], gate["progress_total"]) == (0, 3)
    assert "login" in gate["cause"]
    await _removed(scene, target)
    gate = await scene.rosters.gate()
    assert (gate["progress_done"], gate["progress_total"]) == (3, 3)


async def test_hand_offs_go_with_a_target_of_files(scene: Scene) -> None:
    await scene.students(3)
    caller = scene.rosters.caller
    target, other = [
        await caller.post("/targets", {"network": "N", "slug": slug, "kind": "csv"}, 201)
        for slug in ("files", "others")
    ]
    for one in (target, other):
        await caller.post(f"/targets/{one['id']}/hand-offs", {}, 201)
    assert await _kept(scene.rosters) == (2, 2, 6, 2)
    await _removed(scene, target)
    assert await _kept(scene.rosters) == (1, 1, 3, 1)


async def test_erased_students_are_not_left_at_a_target_unawares(scene: Scene) -> None:
    await scene.students(2)
    base = tenant(scene.scim)
    target = await scene.target(base)
    await scene.sync(target)
    accounts = await scene.rosters.accounts()
    erased = accounts[student(0)["sourced_id"]]["id"]
    await scene.rosters.caller.post(f"/accounts/{erased}/erase", {})
    refused = await _removed(scene, target, 409)
    assert refused["code"] == "deletions-wait"
    assert "1 who were erased" in refused["detail"]
    await _removed(scene, target, query="?abandon=true")
    assert len(users(base)) == 2


async def test_who_read_an_older_version_does_not_remove_another_ones_target(
    scene: Scene,
) -> None:
    target = await scene.target(paused=True)
    path = f"/v1/targets/{target['id']}"
    client = scene.rosters.caller.client
    etag = (await client.get(path)).headers["etag"]
    changed = await client.patch(path, json={"paused": False}, headers={"if-match": etag})
    assert changed.status_code == 200
    assert (await client.delete(path, headers={"if-match": etag})).status_code == 412
    now = changed.headers["etag"]
    assert (await client.delete(path, headers={"if-match": now})).status_code == 204


async def test_what_happens_to_a_target_is_in_the_history_without_its_token(scene: Scene) -> None:
    target = await scene.target(paused=True)
    path, client = f"/v1/targets/{target['id']}", scene.rosters.caller.client
    for change in ({"rate_per_minute": 60}, {"token": "another-secret"}):
        answer = await client.patch(path, json=change, headers={"if-match": "*"})
        assert answer.status_code == 200
    await _removed(scene, target)
    told = (await scene.rosters.caller.get(f"/audit?row={target['id']}"))["items"]
    by_act = sorted(told, key=lambda one: one["id"])
    assert [one["operation"] for one in by_act] == ["insert", "update", "update", "delete"]
    assert by_act[1]["after"] == {"rate_per_minute": 60}
    assert by_act[2]["after"].keys() == {"sealed"}
    assert by_act[2]["after"] != by_act[2]["before"]
    assert len(by_act[3]["before"]["sealed"]) == 12
    assert all(one["actor"] for one in by_act)
