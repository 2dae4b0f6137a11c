"""A target's pace, kept over all workers and hosts: calls are given turns, not counted.

One moment in the database says when the next call may begin; who wants to make some moves it on
by as many intervals (the generic cell rate algorithm of ITU-T I.371: a token bucket without a
burst). Turns are taken by the second, so a fast target costs one statement a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import LiteralString
from uuid import UUID

from api import clock
from api.accounts.targets.adapter import TargetFails
from api.db.pool import Database

Sleep = Callable[[float], Awaitable[None]]
_TAKE: LiteralString = """
UPDATE target_states SET paced_until = greatest(paced_until, %(now)s) + %(whole)s
WHERE target_id = %(target)s RETURNING paced_until - %(whole)s
"""
_HOLD: LiteralString = """
UPDATE target_states SET paced_until = greatest(paced_until, %(until)s) WHERE target_id = %(target)s
"""
_AT_ONCE_SECONDS = 1.0


class Pace:
    """Turns at one target. `await pace(n)` returns when a call that counts `n` times may begin."""

    def __init__(
        self,
        database: Database,
        target_id: UUID,
        rate_per_minute: int,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._database, self._target_id, self._sleep = database, target_id, sleep
        self._interval = timedelta(minutes=1 / rate_per_minute)
        self._most = max(1, int(rate_per_minute / 60 * _AT_ONCE_SECONDS))
        self._next = clock.now()
        self._left = 0
        self._turn = asyncio.Lock()

    async def __call__(self, count: int = 1) -> None:
        async with self._turn:
            if self._left < count:
                await self._take(max(self._most, count))
            begins = self._next
            self._left -= count
            self._next += count * self._interval
        wait = (begins - clock.now()).total_seconds()
        if wait > 0:
            await self._sleep(wait)

    async def _take(self, count: int) -> None:
        """What is left of the turns before is given up: they may be long past."""
        values = {
            "now": clock.now(),
            "whole": count * self._interval,
            "target": self._target_id,
        }
        async with self._database.raw() as connection:
            found = await (await connection.execute(_TAKE, values)).fetchone()
        if found is None:
            # Somebody removed it; its rows are gone, and whatever is written of it is nowhere.
            raise TargetFails("removed", hold_seconds=0.0)
        self._next, self._left = found[0], count


async def hold(database: Database, target_id: UUID, until: datetime) -> None:
    """Let nobody call the target before then."""
    async with database.raw() as connection:
        await connection.execute(_HOLD, {"target": target_id, "until": until})
