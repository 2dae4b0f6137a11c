"""Accounts arrive at a real SCIM server, change there, leave it, and come back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from api.accounts.targets.sync import Syncing, sync_target
from api.accounts.undo import undo_import
from api.sealing import sealer_of
from tests.accounts.conftest import csv_of, student
from tests.accounts.targets.conftest import Scene
from tests.accounts.targets.proxy import answer, proxied
from tests.accounts.targets.scim_server import (
    TOKEN,
    add_user,
    change_user,
    remove_user,
    tenant,
    users,
)


async def test_accounts_arrive_change_leave_and_return(scene: Scene) -> None:
    base, caller = tenant(scene.scim), scene.rosters.caller
    roster = await scene.rosters.run(csv_of([student(n) for n in range(12)]))
    target = await scene.target(base)
    assert (await scene.status(target))["planned"]["create"] == 12
    assert await scene.sync(target) == {"done": 12}
    assert await scene.is_equal(target, base)
    assert await scene.sync(target) == {}, "what is as it is to be is not sent again"
    ids = {code: one["id"] for code, one in (await scene.rosters.accounts()).items()}
    await caller.patch(f"/accounts/{ids['s00001']}", {"family_name": "Married", "grade": "11"})
    await caller.patch(f"/accounts/{ids['s00002']}", {"status": "suspended"})
    await caller.patch(f"/accounts/{ids['s00003']}", {"grade": "12"})
    planned = (await scene.status(target))["planned"]
    assert (planned["update"], planned["suspend"]) == (1, 1), "a grade is not sent"
    assert await scene.sync(target) == {"done": 2}
    assert await scene.is_equal(target, base)
    await caller.patch(f"/accounts/{ids['s00002']}", {"status": "active"})
    # Somebody else writes to it there in the meantime.
    remote = {one["externalId"]: one for one in users(base)}
    change_user(base, remote[ids["s00002"]]["id"], displayName="Someone's idea")
    assert await scene.sync(target) == {"done": 1}
    assert await scene.is_equal(target, base)
    await caller.post(f"/account-imports/{roster['id']}/undo", status=202)
    await undo(scene, roster["id"])
    left = {"s00001", "s00002", "s00003"}
    assert (await scene.rosters.accounts()).keys() == left, "what was edited is kept"
    assert (await scene.status(target))["planned"]["delete"] == 9
    assert await scene.sync(target) == {"done": 9}
    assert await scene.is_equal(target, base)
    assert len(await scene.queue(target)) == 3, "of who is gone there is nothing left"


async def undo(scene: Scene, import_id: str) -> None:
    await undo_import(scene.rosters.database, scene.rosters.secret, UUID(import_id))


async def test_whoever_has_the_name_already_is_adopted_renamed_or_left_alone(scene: Scene) -> None:
    await scene.students(3)
    mine = {one["sourced_id"]: one for one in (await scene.rosters.accounts()).values()}
    name = mine["s00000"]["username"]
    adopted, renamed, refused = (tenant(scene.scim) for _ in range(3))
    theirs = {}
    for base in (adopted, renamed, refused):
        someone = {"givenName": "Some", "familyName": "Body"}
        theirs[base] = add_user(base, userName=name.upper(), name=someone)["id"]
    async with proxied(refused, _one_by_one) as proxy:
        targets = {
            "adopt": await scene.target(adopted, slug="adopt", policy="adopt"),
            "rename": await scene.target(renamed, slug="rename", policy="rename"),
            "refuse": await scene.target(proxy.address, slug="refuse"),
        }
        ended = {slug: await scene.sync(target) for slug, target in targets.items()}
    assert ended == {"adopt": {"done": 3}, "rename": {"done": 3}, "refuse": {"done": 2, "never": 1}}
    assert await scene.is_equal(targets["adopt"], adopted)
    [same] = [one for one in users(adopted) if one["id"] == theirs[adopted]]
    assert (same["externalId"], same["userName"]) == (mine["s00000"]["id"], name)
    there = {one.get("externalId"): one["userName"] for one in users(renamed)}
    assert there[None] == name.upper(), "who was there is left alone"
    assert there[mine["s00000"]["id"]].startswith(name)
    assert len(there) == 4
    [dead] = await scene.queue(targets["refuse"], "dead")
    assert (dead["error"], dead["sourced_id"]) == ("name-taken", "s00000")
    # Once the other has gone it is tried again, when somebody says so.
    remove_user(refused, theirs[refused])
    caller = scene.rosters.caller
    path = f"/targets/{targets['refuse']['id']}"
    assert await caller.post(f"{path}/retry", {"account_ids": [dead["account_id"]]}) == {
        "retried": 1
    }
    # A token is not sent to another server than it was given for.
    await caller.patch(path, {"base_url": refused}, 422)
    patched = await caller.patch(path, {"base_url": refused, "token": TOKEN})
    assert "token" not in patched
    assert await scene.sync(targets["refuse"]) == {"done": 1}
    assert await scene.is_equal(targets["refuse"], refused)


def _one_by_one(method: str, path: str) -> Any:
    """A server whose discovery offers Bulk, and which then has none."""
    del method
    return answer(501) if path.endswith("/Bulk") else "pass"


async def test_what_differs_at_the_target_is_found_and_put_right(scene: Scene) -> None:
    base, caller = tenant(scene.scim), scene.rosters.caller
    await scene.students(8)
    target = await scene.target(base)
    await scene.sync(target)
    before = {one["externalId"]: one for one in users(base)}
    ids = [one["account_id"] for one in await scene.queue(target)]
    change_user(base, before[ids[0]]["id"], active=False)
    change_user(base, before[ids[1]]["id"], userName="somebody-else")
    remove_user(base, before[ids[2]]["id"])
    add_user(base, userName="a-teacher", active=True)
    await caller.patch(f"/targets/{target['id']}", {"dry_run": True})
    assert (await caller.post(f"/targets/{target['id']}/drift", status=202))["drift"]["asked"]
    assert await scene.sync(target) == {}
    found = await scene.status(target)
    drift = found["drift"]
    assert (drift["asked"], drift["found"], drift["strangers"]) == (False, 3, 1)
    drifted = {one["account_id"]: one for one in await scene.queue(target, "drifted")}
    assert {key: one["drifted"] for key, one in drifted.items()} == {
        ids[0]: ["active"],
        ids[1]: ["userName"],
        ids[2]: ["missing"],
    }
    assert len(users(base)) == 8, "a dry run puts nothing right"
    assert found["waiting"] == 3
    await caller.patch(f"/targets/{target['id']}", {"dry_run": False})
    assert await scene.sync(target) == {"done": 3}
    there = users(base)
    assert {one.get("externalId") for one in there} == {None, *ids}
    assert (await scene.status(target))["drifted"] == 0
    assert all(one["active"] for one in there)


async def test_a_dry_run_writes_nothing(scene: Scene) -> None:
    await scene.students(3)
    async with proxied(tenant(scene.scim)) as proxy:
        target = await scene.target(proxy.address, dry_run=True)
        await scene.rosters.caller.post(f"/targets/{target['id']}/sync", status=202)
        assert await scene.sync(target) == {}
        assert {one[0] for one in proxy.seen} == {"GET"}
    status = await scene.status(target)
    assert status["planned"]["create"] == 3
    assert status["remaining_seconds"] is None


async def test_who_cannot_be_read_back_is_not_missing_and_still_written_to(scene: Scene) -> None:
    base, short = tenant(scene.scim), answer(200, b'{"totalResults": 9, "Resources": []}')
    await scene.students(4)

    def plan(method: str, path: str) -> Any:
        return short if method == "GET" and "startIndex" in path else "pass"

    async with proxied(base, plan) as proxy:
        target = await scene.target(proxy.address)
        await scene.sync(target)
        await scene.students(2, "B", start=20)
        await scene.rosters.caller.post(f"/targets/{target['id']}/drift", status=202)
        assert await scene.sync(target) == {"done": 2}
        status = await scene.status(target)
        assert (status["drift"]["asked"], status["drift"]["read_at"]) == (False, None)
        assert (status["drifted"], status["breaker"]["state"]) == (0, "closed")
        assert await scene.is_equal(target, base)
    # Under another secret key the token cannot be read: that is not the target's fault.
    await scene.students(1, "C", start=40)
    other = Syncing(scene.rosters.database, sealer_of("y" * 43), may_be_private=True)
    assert await sync_target(other, UUID(target["id"])) == {}
    status = await scene.status(target)
    assert status["breaker"]["error"] == "token-unreadable"
    assert (status["waiting"], len(users(base))) == (1, 6)
