"""Initial passwords reach the targets that are to be sent them, and nobody else, once each."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from api.db.embedded import EmbeddedServer
from tests.accounts.privacy.scan import tables_naming
from tests.accounts.targets.conftest import Scene
from tests.accounts.targets.proxy import answer, proxied
from tests.accounts.targets.scim_server import remove_user, tenant, users, who_has
from tests.accounts.targets.sealed import delivered, disclosed, has_all, make, passwords, sent

_CARDS = "/schools/A/login-cards"


def _singly(method: str, path: str) -> Any:
    del method
    return answer(404) if path.endswith("/Bulk") else "pass"


@pytest.mark.parametrize("bulk", [True, False])
async def test_accounts_are_made_with_the_password_of_their_card(
    scene: Scene,
    server: EmbeddedServer,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    bulk: bool,
) -> None:
    rosters, base = scene.rosters, tenant(scene.scim)
    await scene.students(4)
    await scene.students(2, "B", start=20)
    with caplog.at_level(logging.DEBUG):
        await make(rosters)
        expected = await passwords(rosters)
        async with proxied(base, None if bulk else _singly) as proxy:
            target = await scene.target(proxy.address, sends_passwords=True)
            assert target["sends_passwords"]
            assert await scene.sync(target) == {"done": 6}
            assert proxy.count("POST", "/Users") == (0 if bulk else 6)
            assert dict(sent(proxy)) == expected
            assert await scene.sync(target) == {}
    assert await scene.is_equal(target, base)
    assert has_all(base, expected)
    assert len(expected) == 4, "who has none is made without one"
    assert await delivered(rosters) == expected.keys()
    told = await disclosed(rosters)
    assert [one for one in told if one[0]] == [(True, set(expected))]
    assert sum(len(one[1]) for one in told) == 6
    for password in expected.values():
        assert await tables_naming(rosters.database, password.lower()) == set()
    cards = (await rosters.caller.post(_CARDS, {}))["cards"]
    assert {one["password"] for one in cards} == set(expected.values())
    said = "\n".join([caplog.text, *capfd.readouterr(), server.log.read_text(errors="replace")])
    assert "/initial-passwords" in said, "the log is looked at"
    assert not [one for one in expected.values() if one in said]


async def test_passwords_made_later_and_renewed_ones_are_sent_by_themselves(scene: Scene) -> None:
    rosters, base, caller = scene.rosters, tenant(scene.scim), scene.rosters.caller
    await scene.students(5)
    async with proxied(base) as proxy:
        target = await scene.target(proxy.address, sends_passwords=True)
        await scene.sync(target)
        assert sent(proxy) == []
        await make(rosters, grade="1")
        expected = await passwords(rosters)
        [first] = expected
        assert [one["account_id"] for one in await scene.queue(target, "waiting")] == [first]
        assert await scene.sync(target) == {"done": 1}
        assert sent(proxy) == [*expected.items()]
        await make(rosters)
        expected = await passwords(rosters)
        assert await scene.sync(target) == {"done": 4}
        assert await delivered(rosters) == expected.keys()
        assert has_all(base, expected)
        assert len(sent(proxy)) == 5
        # A plain change brings none along, nor does a reading back ask for any.
        await caller.patch(f"/accounts/{first}", {"family_name": "Married"})
        assert await scene.sync(target) == {"done": 1}
        await caller.post(f"/targets/{target['id']}/drift", status=202)
        assert await scene.sync(target) == {}
        drift = (await scene.status(target))["drift"]
        assert drift["read_at"]
        assert drift["found"] == 0
        assert len(sent(proxy)) == 5
        await make(rosters, grade="1", renew=True)
        assert await delivered(rosters) == expected.keys() - {first}
        renewed = (await passwords(rosters))[first]
        assert await scene.sync(target) == {"done": 1}
        assert sent(proxy)[5:] == [(first, renewed)]
    assert who_has(base, renewed) == {first}
    assert who_has(base, expected[first]) == set()
    told = await disclosed(rosters)
    assert [len(one[1]) for one in told if one[0]] == [1, 4, 1]
    assert [len(one[1]) for one in told if not one[0]] == [5, 1]


async def test_what_changes_and_changes_back_does_not_lose_a_password(scene: Scene) -> None:
    rosters, base, caller = scene.rosters, tenant(scene.scim), scene.rosters.caller
    await scene.students(2)
    target = await scene.target(base, sends_passwords=True)
    await scene.sync(target)
    one, other = sorted(user["externalId"] for user in users(base))
    name = next(a for a in (await rosters.accounts()).values() if a["id"] == one)["family_name"]
    await make(rosters)
    expected = await passwords(rosters)
    for given in (name + "a", name):
        await caller.patch(f"/accounts/{one}", {"family_name": given})
    await caller.patch(f"/accounts/{other}", {"status": "suspended"})
    assert await scene.sync(target) == {"done": 2}
    assert who_has(base, expected[one]) == {one}
    assert who_has(base, expected[other]) == set(), "who is suspended is not sent one"
    await caller.patch(f"/accounts/{other}", {"status": "active"})
    assert await scene.sync(target) == {"done": 1}
    assert has_all(base, expected)
    # Suspended and back before anybody synced.
    await make(rosters, renew=True)
    expected = await passwords(rosters)
    for status in ("suspended", "active"):
        await caller.patch(f"/accounts/{other}", {"status": status})
    assert await scene.sync(target) == {"done": 2}
    assert has_all(base, expected)


async def test_a_target_without_the_setting_is_sent_none_until_it_is_turned_on(
    scene: Scene,
) -> None:
    rosters, base, caller = scene.rosters, tenant(scene.scim), scene.rosters.caller
    await scene.students(3)
    await make(rosters, grade="1")
    async with proxied(base) as proxy:
        target = await scene.target(proxy.address)
        assert not target["sends_passwords"]
        await scene.sync(target)
        await make(rosters)
        assert await scene.sync(target) == {}
        assert sent(proxy) == []
        assert (await caller.post(_CARDS, {}, 409))["undelivered"] == 3
        patched = await caller.patch(f"/targets/{target['id']}", {"sends_passwords": True})
        assert patched["sends_passwords"]
        assert await scene.sync(target) == {"done": 3}
        expected = await passwords(rosters)
        assert dict(sent(proxy)) == expected
        await caller.patch(f"/targets/{target['id']}", {"sends_passwords": False})
        await make(rosters, renew=True)
        assert await scene.sync(target) == {}
    assert has_all(base, expected)
    assert await delivered(rosters) == set()


async def test_a_target_of_files_cannot_be_sent_passwords(scene: Scene) -> None:
    caller, given = scene.rosters.caller, {"network": "N", "slug": "files", "kind": "csv"}
    problem = await caller.post("/targets", given | {"sends_passwords": True}, 422)
    [error] = problem["errors"]
    assert (error["pointer"], error["code"]) == ("/sends_passwords", "not-of-kind")
    target = await caller.post("/targets", given, 201)
    path = f"/targets/{target['id']}"
    problem = await caller.patch(path, {"sends_passwords": True}, 422)
    assert problem["errors"][0]["pointer"] == "/sends_passwords"
    assert not (await caller.patch(path, {"sends_passwords": False}))["sends_passwords"]


async def test_a_dry_run_sends_no_password(scene: Scene) -> None:
    rosters = scene.rosters
    await scene.students(3)
    await make(rosters)
    async with proxied(tenant(scene.scim)) as proxy:
        target = await scene.target(proxy.address, dry_run=True, sends_passwords=True)
        await rosters.caller.post(f"/targets/{target['id']}/sync", status=202)
        assert await scene.sync(target) == {}
        assert {one[0] for one in proxy.seen} == {"GET"}
    shown = str([await scene.status(target), await scene.queue(target)])
    assert not [one for one in (await passwords(rosters)).values() if one in shown]
    assert await delivered(rosters) == set()
    assert await disclosed(rosters) == []


async def test_who_was_deleted_there_is_made_with_the_password_again(scene: Scene) -> None:
    rosters, base, caller = scene.rosters, tenant(scene.scim), scene.rosters.caller
    await scene.students(2)
    await make(rosters)
    expected = await passwords(rosters)
    target = await scene.target(base, sends_passwords=True)
    await scene.sync(target)
    gone, *_ = users(base)
    remove_user(base, gone["id"])
    await caller.post(f"/targets/{target['id']}/drift", status=202)
    assert await scene.sync(target) == {"done": 1}
    assert has_all(base, expected)
    # One whose card was handed out nobody can read any more.
    await caller.post(_CARDS, {})
    remove_user(base, next(one["id"] for one in users(base)))
    await caller.post(f"/targets/{target['id']}/drift", status=202)
    assert await scene.sync(target) == {"done": 1}
    assert sum(len(who_has(base, one)) for one in expected.values()) == 1
