"""What keeps the inbox empty: a runner in every worker, and what is done by the clock."""

from __future__ import annotations

import asyncio
import logging

from api.db.listen import Listener
from api.db.pool import Database
from api.db.uow import transact
from api.sealing import Sealer
from api.webhooks.apply import Round, apply_batch
from api.webhooks.backlog import any_waiting
from api.webhooks.rematch import find_overlooked

CHANNEL = "inbox"
# Where no notification comes through, this is how long an event waits.
POLL_SECONDS = 5.0
# While another worker, or a delivery of the same event, holds what waits.
_LOOK_AGAIN_SECONDS = 0.1
_PAUSE_AFTER_FAILURE = 1.0
_LONGEST_PAUSE = 30.0

_log = logging.getLogger(__name__)


async def run_inbox(database: Database, listener: Listener, sealer: Sealer) -> None:
    """Apply events as they come, until cancelled; any number of workers may do so at once.

    It outlives the database: what could not be applied waits, and is tried after a pause.
    """
    heard = asyncio.Event()

    def hear(payload: str | None) -> None:
        del payload
        heard.set()

    unsubscribe = listener.subscribe(CHANNEL, hear)
    pause = _PAUSE_AFTER_FAILURE
    try:
        while True:
            heard.clear()
            try:
                await drain(database, sealer)
                held = await any_waiting(database)
            except Exception as error:
                _log.warning("the inbox could not be applied: %s", type(error).__name__)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                pause = _PAUSE_AFTER_FAILURE
                await _hear(heard, _LOOK_AGAIN_SECONDS if held else POLL_SECONDS)
    finally:
        unsubscribe()


async def _hear(heard: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await heard.wait()
    except TimeoutError:
        return


async def drain(database: Database, sealer: Sealer) -> int:
    """Apply until nothing waits that others are not at; how many events were settled.

    Two batches are under way: while the database works at one, the other is opened and read.
    """
    among = Round()
    settled = await apply_batch(database, sealer, among)
    if not settled:
        return 0
    tasks = [asyncio.create_task(_drain(database, sealer, among)) for _ in range(2)]
    try:
        return settled + sum(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _drain(database: Database, sealer: Sealer, among: Round) -> int:
    settled = 0
    while done := await apply_batch(database, sealer, among):
        settled += done
    return settled


async def look_after(database: Database) -> None:
    """Every minute: find what was overlooked."""
    await transact(database, "job:inbox", find_overlooked)
