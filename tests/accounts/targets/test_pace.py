"""A target's pace holds over all who call it; what waits takes as long as that pace says."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from api import clock
from api.accounts.targets.pace import Pace, hold
from api.accounts.targets.rules import (
    Action,
    Backlog,
    Desired,
    Observed,
    action_of,
    backoff_seconds,
    observed_after,
    pause_seconds,
    remaining,
    spoken,
)
from api.db.pool import Database
from api.facts import Bus
from tests.accounts.targets.conftest import Scene

RATE = 1_200


class Turns:
    """When calls would have begun; nobody waits for it."""

    def __init__(self) -> None:
        self.begun: list[datetime] = []

    async def sleep(self, seconds: float) -> None:
        self.begun.append(clock.now() + timedelta(seconds=seconds))


async def test_two_hosts_keep_one_pace(scene: Scene) -> None:
    target = await scene.target(rate_per_minute=RATE)
    key, calls = UUID(target["id"]), 60
    async with Database(scene.rosters.database.url, scene.rosters.settings, Bus()) as other:
        begun = clock.now()
        turns = [Turns(), Turns(), Turns()]
        paces = [
            Pace(database, key, RATE, one.sleep)
            for database, one in zip((scene.rosters.database, other, other), turns, strict=True)
        ]
        await asyncio.gather(*(pace(1) for pace in paces for _ in range(calls)))
    begins = sorted(moment for one in turns for moment in one.begun)
    # Those whose turn had come were not kept waiting.
    assert len(begins) >= 3 * calls - RATE // 60 * 3
    per_second = RATE / 60
    for position, moment in enumerate(begins):
        later = begins[position:]
        within = sum(one < moment + timedelta(seconds=1) for one in later)
        # A call's wait is told a little after its turn was.
        assert within <= per_second + 3, within
    assert begins[-1] - begun >= timedelta(seconds=(3 * calls - 1) / per_second - 0.1)


async def test_nobody_calls_while_a_target_asks_to_be_left_alone(scene: Scene) -> None:
    target = await scene.target(rate_per_minute=RATE)
    database, key = scene.rosters.database, UUID(target["id"])
    until = clock.now() + timedelta(minutes=5)
    await hold(database, key, until)
    await hold(database, key, until - timedelta(minutes=1))
    turns = Turns()
    await Pace(database, key, RATE, turns.sleep)(1)
    assert turns.begun[0] >= until - timedelta(seconds=1)


def test_a_queue_takes_what_its_pace_says() -> None:
    """30,000 accounts at 2,400 a minute are 13 minutes; 50 million are two weeks."""
    city, nation = Backlog(30_000, 2_400), Backlog(50_000_000, 2_400)
    assert remaining(city) == timedelta(minutes=12.5)
    assert spoken(remaining(city)) == "13 minutes"
    assert remaining(nation).days == 14
    assert spoken(remaining(nation)) == "15 days"
    assert spoken(timedelta(seconds=1)) == "1 minute"
    assert spoken(timedelta(hours=3)) == "3 hours"


@given(st.integers(0, 200), st.floats(0, 1, exclude_max=True))
def test_waits_grow_to_a_limit_and_are_spread(attempts: int, chance: float) -> None:
    wait = backoff_seconds(attempts, chance)
    assert 1 <= wait <= 3_600
    assert backoff_seconds(attempts + 1, chance) >= wait
    assert backoff_seconds(attempts, 0.0) <= wait <= 2 * backoff_seconds(attempts, 0.0)
    assert 30 <= pause_seconds(attempts + 1) <= 900


@given(st.sampled_from(Desired), st.sampled_from(Observed), st.booleans())
def test_an_action_ends_in_what_is_desired(
    desired: Desired, observed: Observed, known: bool
) -> None:
    action = action_of(desired, observed, known=known)
    assert (action is Action.delete) == (desired is Desired.deleted)
    if action is Action.create:
        assert not known
    after = observed_after(desired)
    assert (after is Observed.none) == (desired is Desired.deleted)
    if desired is not Desired.deleted:
        assert action_of(desired, after, known=True) is Action.update
