"""A worker in a process of its own, which notices soon that the one before it was killed."""

from __future__ import annotations

from pydantic import SecretStr

from api import wiring
from api.db.listen import Listener
from api.db.pool import Database
from api.jobs.app import CHANNEL
from api.jobs.worker import run_worker
from api.settings import Settings


async def main(url: str, secret: str, stalled_after: float) -> None:
    settings = Settings(database_url=url, secret_key=SecretStr(secret))
    async with (
        Database(url, settings, wiring.build_bus()) as database,
        Listener(database, [CHANNEL], poll_seconds=0.5) as listener,
    ):
        jobs = [job for job in wiring.jobs(settings) if job.cron is None]
        await run_worker(database, listener, jobs, stalled_after=stalled_after)
