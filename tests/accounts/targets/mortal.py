"""Workers that can be killed at once and replaced at once: children of a process that is ready.

python -m tests.accounts.targets.mortal DATABASE_URL SECRET_KEY TARGET_ID LEASE_SECONDS

Each line on standard input makes one more; its process id is answered.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import timedelta
from uuid import UUID

from pydantic import SecretStr

from api import wiring
from api.accounts.targets.credentials import sealer_for
from api.accounts.targets.sync import Syncing, sync_target
from api.db.pool import Database
from api.settings import Settings


async def work(url: str, secret: str, target_id: str, lease: float) -> None:
    """Sync again and again: what a killed one had comes back when its lease ends."""
    settings = Settings(database_url=url, secret_key=SecretStr(secret), pool_size=2)
    async with Database(url, settings, wiring.build_bus()) as database:
        syncing = Syncing(database, sealer_for(settings), True, timedelta(seconds=lease))
        while True:
            await sync_target(syncing, UUID(target_id))
            await asyncio.sleep(lease / 4)


def main(url: str, secret: str, target_id: str, lease: str) -> None:
    # Nobody waits for the dead.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        child = os.fork()
        if not child:
            asyncio.run(work(url, secret, target_id, float(lease)))
            os._exit(0)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
