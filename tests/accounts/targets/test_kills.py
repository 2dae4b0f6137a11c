"""Workers killed in the middle of a sync, twenty times: every account is there exactly once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.accounts.conftest import Body
from tests.accounts.targets.conftest import Scene
from tests.accounts.targets.proxy import Fault, answer, proxied
from tests.accounts.targets.scim_server import tenant
from tests.tasks.conftest import rows
from tests.test_cli import ROOT

KILLS = 20
STUDENTS = 60
LEASE = 0.25
PATIENCE = 90.0


class Killer:
    """Kills the worker at a request of its own, in turn before and after the server gets it."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 (not a secret)
        self.worker = 0
        self.left = 0
        self.killed = 0
        self.died = asyncio.Event()

    def aim(self, worker: int) -> None:
        # The first two requests only ask what the server can do.
        self.worker, self.left = worker, self.chance.randint(2, 7)
        self.died.clear()

    def __call__(self, method: str, path: str) -> Fault:
        del method
        if path.endswith("/Bulk"):
            return answer(404)
        self.left -= 1
        if self.left or self.killed == KILLS:
            return "pass"
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.worker, signal.SIGKILL)
        self.killed += 1
        self.died.set()
        return "lose" if self.killed % 2 else "drop"


@asynccontextmanager
async def mother(scene: Scene, target: Body) -> AsyncIterator[Process]:
    arguments = [scene.rosters.database.url, scene.rosters.secret.decode(), target["id"]]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.accounts.targets.mortal", *arguments, str(LEASE)),
        stdin=PIPE,
        stdout=PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


async def born(process: Process) -> int:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"\n")
    return int(await process.stdout.readline())


@pytest.mark.slow
async def test_every_account_is_made_once_whoever_is_killed(scene: Scene) -> None:
    base, killer = tenant(scene.scim), Killer(seed=7)
    await scene.students(STUDENTS)
    async with proxied(base, killer) as proxy:
        target = await scene.target(proxy.address, concurrency=2)
        async with mother(scene, target) as process:
            while killer.killed < KILLS:
                killer.aim(await born(process))
                async with asyncio.timeout(PATIENCE):
                    await killer.died.wait()
            last = await born(process)
            try:
                async with asyncio.timeout(PATIENCE):
                    waiting = KILLS
                    while waiting:
                        await asyncio.sleep(0.1)
                        waiting = (await scene.status(target))["waiting"]
            finally:
                os.kill(last, signal.SIGKILL)
    assert await scene.is_equal(target, base)
    assert (await scene.status(target))["dead"] == 0
    assert all(one["remote_id"] for one in await scene.queue(target))


async def test_a_worker_that_is_told_to_stop_ends_what_it_began(scene: Scene) -> None:
    base, seen = tenant(scene.scim), asyncio.Event()
    await scene.students(STUDENTS)

    def plan(method: str, path: str) -> Fault:
        if path.endswith("/Bulk"):
            return answer(404)
        if method == "POST":
            seen.set()
        return "pass"

    async with proxied(base, plan) as proxy:
        target = await scene.target(proxy.address, concurrency=2)
        syncing = asyncio.create_task(scene.sync(target))
        await seen.wait()
        syncing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await syncing
        begun = await rows(
            scene.rosters.database,
            "SELECT count(*) FILTER (WHERE observed = 'active'), count(lease_id),"
            " count(*) FILTER (WHERE doubtful) FROM target_accounts",
        )
        assert begun[0][0] == proxy.count("POST", "/Users") < STUDENTS
        assert begun[0][1:] == (0, 0), "no row waits for the end of a lease, or is in doubt"
        await scene.sync(target)
    assert await scene.is_equal(target, base)
