"""How much a school's probes may transfer in an hour, counted for all servers together."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import case
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from api import clock
from api.auth.models import ThrottleRow
from api.db.uow import WriteSession
from api.infrastructure.probe.errors import ThroughputSpent
from api.infrastructure.probe.rules import HOURLY_STEPS, budget_steps

_WINDOW = timedelta(hours=1)


async def spend(session: WriteSession, school_id: UUID, count: int) -> None:
    """Take so many bytes from what is left of the hour.

    Raises: ThroughputSpent; then nothing is taken, since the transaction ends.
    """
    now, steps = clock.now(), budget_steps(count)
    stale = col(ThrottleRow.window_started_at) <= now - _WINDOW
    taken = insert(ThrottleRow).values(
        key=f"probe:{school_id}", attempts=steps, window_started_at=now, blocked_until=now
    )
    counted = taken.on_conflict_do_update(
        index_elements=[col(ThrottleRow.key)],
        set_={
            "attempts": case((stale, steps), else_=col(ThrottleRow.attempts) + steps),
            "window_started_at": case((stale, now), else_=col(ThrottleRow.window_started_at)),
        },
    ).returning(col(ThrottleRow.attempts), col(ThrottleRow.window_started_at))
    spent, began = (await session.execute(counted)).one()
    if spent > HOURLY_STEPS:
        wait = max(1, int((began + _WINDOW - now).total_seconds()) + 1)
        raise ThroughputSpent(f"Measure the speed again in {wait} seconds.", retry_after=wait)
