"""A worker in a process of its own, whose job never ends: for a test that kills it.

python -m tests.jobs.doomed DATABASE_URL STALLED_AFTER
"""

from __future__ import annotations

import asyncio
import sys

from api.db.listen import Listener
from api.db.pool import Database
from api.jobs.app import CHANNEL, Job
from api.jobs.worker import run_worker
from api.settings import Settings


async def hang(_: Database) -> None:
    sys.stdout.write("working\n")
    sys.stdout.flush()
    await asyncio.sleep(3600)


async def main(url: str, stalled_after: float) -> None:
    settings = Settings(database_url=url)
    async with Database(url, settings) as database, Listener(database, [CHANNEL]) as listener:
        await run_worker(database, listener, [Job("doomed", hang)], stalled_after=stalled_after)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
