"""`firstbell accounts sync`: a worker beside the command does it, and the exit code tells cron."""

from __future__ import annotations

import asyncio

import pytest

from api.cli.common import Exit
from tests.accounts.targets.conftest import Scene
from tests.accounts.targets.proxy import answer, proxied
from tests.accounts.targets.scim_server import TOKEN, tenant
from tests.accounts.targets.test_faults import Plans
from tests.test_cli import Run, run

__all__ = ["run"]


@pytest.mark.slow
async def test_a_target_is_synced_from_a_terminal(
    scene: Scene, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRSTBELL_SECRET_KEY", scene.rosters.secret.decode())
    monkeypatch.setenv("FIRSTBELL_PRIVATE_TARGETS", "true")
    base = tenant(scene.scim)
    await scene.students(12)
    target = await scene.target(base, policy="adopt")
    ran = await asyncio.to_thread(run, "accounts", "sync", "login", "--network", "N")
    assert ran.code == Exit.ok, ran.err
    assert ran.out.strip() == "login: 12 active"
    assert await scene.is_equal(target, base)
    ran = await asyncio.to_thread(run, "accounts", "sync", "nowhere")
    assert (ran.code, "Known: login." in ran.err) == (Exit.failed, True)
    await scene.students(3, "B", start=50)
    async with proxied(base, Plans(POST=answer(403))) as proxy:
        elsewhere = {"base_url": proxy.address, "token": TOKEN}
        await scene.rosters.caller.patch(f"/targets/{target['id']}", elsewhere)
        ran = await asyncio.to_thread(run, "accounts", "sync", target["id"], "--json")
    assert ran.code == Exit.failed
    assert '"state": "refused"' in ran.out
