"""Passwords at targets that refuse them, lose answers or have accounts already; and workers killed
in between: none is lost, none replaces what a student has already, none is told to anybody else.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from api.accounts.cards.service import revealer
from api.accounts.targets.adapter import Order, Result
from api.accounts.targets.models import Target
from api.accounts.targets.queue import settle, take
from api.accounts.targets.rules import Action, Desired, Outcome
from api.db.uow import WriteSession, transact
from tests.accounts.conftest import Body, rows
from tests.accounts.privacy.scan import tables_naming
from tests.accounts.targets.conftest import Scene
from tests.accounts.targets.proxy import Fault, Proxy, answer, proxied
from tests.accounts.targets.scim_server import add_user, tenant, users, who_has
from tests.accounts.targets.sealed import delivered, disclosed, has_all, make, passwords, sent
from tests.accounts.targets.test_faults import Plans, synced
from tests.accounts.targets.test_kills import PATIENCE, born, mother

THEIRS = "Long-theirs-77"


class Refusing:
    """A server that takes no password that it is sent, alone or within a Bulk request."""

    def __init__(self, password: str, *, bulk: bool) -> None:
        self.password, self.bulk = password.encode(), bulk
        self.proxy: Proxy | None = None

    def __call__(self, method: str, path: str) -> Fault:
        del method
        assert self.proxy is not None
        body = self.proxy.bodies[-1]
        if path.endswith("/Bulk") and not self.bulk:
            return answer(404)
        if self.password not in body:
            return "pass"
        error = {"status": "400", "scimType": "invalidValue", "detail": self.password.decode()}
        if not path.endswith("/Bulk"):
            return answer(400, orjson.dumps(error))
        done = [
            {"method": "POST", "bulkId": one["bulkId"], "status": "400", "response": error}
            for one in orjson.loads(body)["Operations"]
        ]
        return answer(200, orjson.dumps({"Operations": done}))


@pytest.mark.parametrize("bulk", [True, False])
async def test_a_refused_password_is_a_dead_row_that_does_not_tell_it(
    scene: Scene, bulk: bool
) -> None:
    rosters, base = scene.rosters, tenant(scene.scim)
    await scene.students(2)
    await make(rosters, grade="1")
    [(account_id, password)] = (await passwords(rosters)).items()
    plan = Refusing(password, bulk=bulk)
    async with proxied(base, plan) as proxy:
        plan.proxy = proxy
        if bulk:
            await make(rosters, grade="2")
            plan.password = b"password"
        target = await scene.target(proxy.address, sends_passwords=True)
        ended = await scene.sync(target)
        assert ended == ({"never": 2} if bulk else {"never": 1, "done": 1})
        dead = {one["account_id"]: one for one in await scene.queue(target, "dead")}
        assert dead[account_id]["error"] == "password-refused"
        status = await scene.status(target)
        assert status["errors"] == {"password-refused": ended["never"]}
        assert password not in str([status, dead])
        assert await tables_naming(rosters.database, password.lower()) == set()
        assert await delivered(rosters) == set()
        assert await scene.sync(target) == {}, "it is not tried again and again"
        plan.password = password.encode()
        await make(rosters, renew=True)
        assert (await scene.status(target))["dead"] == 0
        await synced(scene, target)
    expected = await passwords(rosters)
    assert has_all(base, expected)
    assert await delivered(rosters) == expected.keys()


async def test_other_refusals_are_called_what_they_are(scene: Scene) -> None:
    await scene.students(1)
    invalid = answer(400, b'{"scimType": "invalidValue"}')
    async with proxied(tenant(scene.scim), Plans(POST=invalid)) as proxy:
        target = await scene.target(proxy.address, sends_passwords=True)
        await scene.sync(target)
        assert (await scene.status(target))["errors"] == {"rejected-400": 1}


async def test_an_account_that_was_there_keeps_its_password_until_another_is_made(
    scene: Scene,
) -> None:
    """Whatever becomes of the answer to the request by which it is adopted."""
    rosters, base, caller = scene.rosters, tenant(scene.scim), scene.rosters.caller
    await scene.students(3)
    await make(rosters)
    old = await passwords(rosters)
    mine = {one["id"]: one for one in (await rosters.accounts()).values()}
    theirs = sorted(mine)[0]
    name = {"givenName": "Some", "familyName": "Body"}
    add_user(base, userName=mine[theirs]["username"], name=name, password=THEIRS)
    async with proxied(base, Plans(PATCH=iter(["lose", "drop", *["pass"] * 99]))) as proxy:
        target = await scene.target(proxy.address, policy="adopt", sends_passwords=True)
        await synced(scene, target)
        assert proxy.count("PATCH") >= 2
        assert await scene.is_equal(target, base)
        assert who_has(base, THEIRS) == {theirs}
        assert has_all(base, {key: one for key, one in old.items() if key != theirs})
        assert await delivered(rosters) == old.keys() - {theirs}
        assert (await caller.post("/schools/A/login-cards", {}, 409))["undelivered"] == 1
        # A change of the account brings the old one no nearer.
        await caller.patch(f"/accounts/{theirs}", {"family_name": "Married"})
        assert await scene.sync(target) == {"done": 1}
        assert who_has(base, THEIRS) == {theirs}
        # Nor does a target that says once that it is not there.
        proxy.plan = Plans(PATCH=iter([answer(404), *["pass"] * 99]))
        await caller.patch(f"/accounts/{theirs}", {"family_name": "Parted"})
        await synced(scene, target)
        assert await scene.is_equal(target, base)
        assert who_has(base, THEIRS) == {theirs}
        await make(rosters, renew=True)
        assert await scene.sync(target) == {"done": 3}
    assert has_all(base, await passwords(rosters))
    assert await delivered(rosters) == old.keys()


async def test_what_was_adopted_before_the_setting_was_on_keeps_its_password(scene: Scene) -> None:
    rosters, base, caller = scene.rosters, tenant(scene.scim), scene.rosters.caller
    await scene.students(2)
    await make(rosters)
    old = await passwords(rosters)
    theirs, other = sorted(old)
    mine = {one["id"]: one for one in (await rosters.accounts()).values()}
    add_user(base, userName=mine[theirs]["username"], password=THEIRS)
    async with proxied(base, Plans(PATCH=iter(["lose", *["pass"] * 99]))) as proxy:
        target = await scene.target(proxy.address, policy="adopt")
        await synced(scene, target)
    await caller.patch(f"/targets/{target['id']}", {"base_url": base, "token": "x"})
    given = {"token": "a token of the target's", "sends_passwords": True}
    await caller.patch(f"/targets/{target['id']}", given)
    assert await scene.sync(target) == {"done": 1}
    assert who_has(base, THEIRS) == {theirs}
    assert has_all(base, {other: old[other]})


async def test_lost_answers_have_the_same_password_sent_again(scene: Scene) -> None:
    rosters, base = scene.rosters, tenant(scene.scim)
    await scene.students(6)
    await make(rosters)
    expected = await passwords(rosters)
    lost = iter(["lose", "drop", answer(500), answer(201, b"<html>"), *["pass"] * 99])
    async with proxied(base, Plans(POST=lost, PATCH=iter(["lose", *["pass"] * 99]))) as proxy:
        target = await scene.target(proxy.address, sends_passwords=True, concurrency=1)
        await synced(scene, target)
        told = sent(proxy)
        assert len(told) > len(expected)
        assert set(told) == set(expected.items())
    assert await scene.is_equal(target, base)
    assert has_all(base, expected)
    assert await delivered(rosters) == expected.keys()


@pytest.mark.parametrize("later", [False, True])
async def test_a_killed_worker_loses_no_password(scene: Scene, later: bool) -> None:
    """Killed when the target has taken it, and nobody else knows; `later`: by an update."""
    rosters, base = scene.rosters, tenant(scene.scim)
    await scene.students(3)
    killed, worker, method = asyncio.Event(), 0, "PATCH" if later else "POST"

    def plan(asked: str, path: str) -> Fault:
        if path.endswith("/Bulk"):
            return answer(404)
        if asked == method and worker and not killed.is_set():
            os.kill(worker, signal.SIGKILL)
            killed.set()
            return "lose"
        return "pass"

    async with proxied(base, plan) as proxy:
        target = await scene.target(proxy.address, sends_passwords=True, concurrency=1)
        if later:
            await scene.sync(target)
        await make(rosters)
        expected = await passwords(rosters)
        async with mother(scene, target) as process:
            worker = await born(process)
            async with asyncio.timeout(PATIENCE):
                await killed.wait()
        before = sent(proxy, "/Users")
        assert await delivered(rosters) == set()
        await synced(scene, target)
        assert len(before) == 1
        assert set(sent(proxy)) == set(expected.items())
        assert sent(proxy, "/Users").count(before[0]) >= 2
    assert has_all(base, expected)
    assert await scene.is_equal(target, base)
    assert await delivered(rosters) == expected.keys()


async def leased(scene: Scene, target: Body, meanwhile: Callable[[], Any]) -> list[Order]:
    """A batch by hand: taken, something happens, and all of it has succeeded."""
    database, reveal = scene.rosters.database, revealer(scene.syncing.sealer)

    async def taking(session: WriteSession) -> Any:
        found = await session.get_one(Target, UUID(target["id"]))
        return found, await take(session, found, 100, timedelta(minutes=3), reveal)

    found, lease = await transact(database, "job:test", taking)
    orders: list[Order] = [row.order for row in lease.rows]
    await meanwhile()
    results = [
        Result(
            one.account_id,
            Outcome.done,
            remote_id=one.remote_id or one.key,
            told=one.password is not None,
        )
        for one in orders
    ]

    async def settling(session: WriteSession) -> None:
        await settle(session, found, lease, results, outage=False)

    await transact(database, "job:test", settling)
    return orders


async def test_a_password_made_while_another_is_on_its_way_follows_it(scene: Scene) -> None:
    rosters = scene.rosters
    await scene.students(2)
    target = await scene.target(paused=True, sends_passwords=True)

    async def nothing() -> None: ...

    async def renew() -> None:
        await make(rosters, renew=True)

    orders = await leased(scene, target, renew)
    assert [one.password for one in orders] == [None, None]
    first = await passwords(rosters)
    assert len(await scene.queue(target, "waiting")) == 2, "made while the rows were leased"
    orders = await leased(scene, target, renew)
    assert {one.key: one.password for one in orders} == first
    assert await delivered(rosters) == set(), "it was not this one that the target was told"
    second = await passwords(rosters)
    orders = await leased(scene, target, nothing)
    assert {one.key: one.password for one in orders} == second
    assert await delivered(rosters) == second.keys()
    assert await scene.queue(target, "waiting") == []
    assert [one[0] for one in await disclosed(rosters)] == [False, True, True]
    assert not [one for one in orders if str(one.password) in repr(one)]


async def test_what_waits_when_the_setting_is_turned_on_follows_what_is_on_its_way(
    scene: Scene,
) -> None:
    rosters = scene.rosters
    await scene.students(2)
    await make(rosters)
    target = await scene.target(paused=True)

    async def turn_on() -> None:
        await rosters.caller.patch(f"/targets/{target['id']}", {"sends_passwords": True})

    orders = await leased(scene, target, turn_on)
    assert [one.password for one in orders] == [None, None]
    orders = await leased(scene, target, turn_on)
    assert {one.key: one.password for one in orders} == await passwords(rosters)


async def test_a_password_that_cannot_be_read_is_told_to_nobody(scene: Scene) -> None:
    rosters, base = scene.rosters, tenant(scene.scim)
    await scene.students(2)
    target = await scene.target(base, sends_passwords=True)
    await scene.sync(target)
    await make(rosters, grade="1")
    await rosters.database_does("UPDATE initial_passwords SET sealed = sealed || 'x'")
    assert await scene.sync(target) == {"never": 1}
    [dead] = await scene.queue(target, "dead")
    assert (dead["error"], bool(dead["remote_id"])) == ("password-unreadable", True)
    assert [one for one in await disclosed(rosters) if one[0]] == []
    await make(rosters, grade="1", renew=True)
    assert await scene.sync(target) == {"done": 1}
    assert has_all(base, await passwords(rosters))
    assert len(users(base)) == 2


async def test_a_password_that_has_expired_is_not_sent(scene: Scene) -> None:
    rosters, base = scene.rosters, tenant(scene.scim)
    await scene.students(1)
    await make(rosters)
    [password] = (await passwords(rosters)).values()
    await rosters.database_does(
        "UPDATE initial_passwords SET made_at = made_at - interval '61 days',"
        " expires_at = expires_at - interval '61 days'"
    )
    target = await scene.target(base, sends_passwords=True)
    assert await scene.sync(target) == {"done": 1}
    assert who_has(base, password) == set()


async def test_two_who_make_and_settle_at_once_lose_no_password(scene: Scene) -> None:
    """Whoever is the later sees what the other did, in every order there is."""
    rosters, base = scene.rosters, tenant(scene.scim)
    await scene.students(30)
    target = await scene.target(base, sends_passwords=True)
    for _ in range(6):
        await asyncio.gather(scene.sync(target), make(rosters, renew=True))
    await scene.sync(target)
    expected = await passwords(rosters)
    assert has_all(base, expected)
    assert await delivered(rosters) == expected.keys()
    found = await rows(
        rosters.database,
        "SELECT count(*) FROM target_accounts r JOIN initial_passwords p USING (account_id)"
        " WHERE r.password_at <> p.made_at",
    )
    assert found == [(0,)]


def test_an_order_shows_its_password_in_no_text() -> None:
    order = Order(UUID(int=1), Action.create, Desired.active, None, password="Frog42tree")
    assert "Frog42tree" not in f"{order!r} {order}"
