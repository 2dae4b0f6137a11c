"""Accounts arrive at a real SCIM server, whatever happens on the way."""

from __future__ import annotations

from tests.accounts.targets.conftest import Scene
from tests.accounts.targets.scim_server import tenant


async def test_accounts_arrive_change_leave_and_return(scene: Scene) -> None:
    base = tenant(scene.scim)
    await scene.students(30)
    target = await scene.target(base)
    assert (await scene.status(target))["planned"]["create"] == 30
    ended = await scene.sync(target)
    assert ended == {"done": 30}
    assert await scene.is_equal(target, base)
    assert await scene.sync(target) == {}
