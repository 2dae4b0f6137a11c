"""Attempts counted in the database, so that every process and host counts the same ones."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import case, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from api.auth.models import ThrottleRow
from api.auth.rules import Throttle
from api.db.uow import WriteSession
from api.errors import TooManyRequests


async def count_attempt(
    session: WriteSession,
    key: str,
    throttle: Throttle,
    now: datetime,
    refusal: type[TooManyRequests],
) -> None:
    """Count before what is tried is looked at, so that attempts in parallel count too.

    Raises: `refusal`, with the seconds to wait; then nothing is counted.
    """
    opened = now - timedelta(seconds=throttle.window_seconds)
    stale = col(ThrottleRow.window_started_at) <= opened
    statement = insert(ThrottleRow).values(
        key=key, attempts=1, window_started_at=now, blocked_until=now
    )
    counted = statement.on_conflict_do_update(
        index_elements=[col(ThrottleRow.key)],
        set_={
            "attempts": case((stale, 1), else_=col(ThrottleRow.attempts) + 1),
            "window_started_at": case((stale, now), else_=col(ThrottleRow.window_started_at)),
        },
        where=col(ThrottleRow.blocked_until) <= now,
    ).returning(col(ThrottleRow.attempts))
    attempts = (await session.execute(counted)).scalar_one_or_none()
    if attempts is None:
        until = await session.scalar(
            select(col(ThrottleRow.blocked_until)).where(col(ThrottleRow.key) == key)
        )
        wait = 1 if until is None else max(1, int((until - now).total_seconds()) + 1)
        raise refusal(f"Try again in {wait} seconds.", retry_after=wait)
    pause = timedelta(seconds=throttle.pause_after(attempts))
    await session.execute(
        update(ThrottleRow).where(col(ThrottleRow.key) == key).values(blocked_until=now + pause)
    )
