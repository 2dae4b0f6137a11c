"""The time, asked for in one place so that a test can move it.

Domain decisions take time from here and never from SQL `now()`: one transaction, one clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo


class _Clock:
    ahead = timedelta(0)


def now() -> datetime:
    """The current moment, timezone-aware, in UTC."""
    return datetime.now(UTC) + _Clock.ahead


def today(timezone: str) -> date:
    """The calendar day it is now at a place, by its IANA timezone name."""
    return local_day(timezone, now())


def local_day(timezone: str, moment: datetime) -> date:
    """The calendar day of an aware moment at a place."""
    return moment.astimezone(ZoneInfo(timezone)).date()


@contextmanager
def moved_to(moment: datetime) -> Iterator[None]:
    """Let the clock run on from `moment` inside the block: for tests and for the demo's past."""
    before = _Clock.ahead
    _Clock.ahead = moment - datetime.now(UTC)
    try:
        yield
    finally:
        _Clock.ahead = before
