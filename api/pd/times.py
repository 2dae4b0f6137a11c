"""When a session is: an instant, and what the clock on the wall there says. Pure.

A time is given as an instant (with an offset) or as wall time at a timezone. The timezone
database decides what a wall time means; one that a clock skips or shows twice is refused, since
only who gave it knows what was meant.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from api.pd.rules import LONGEST_SESSION_HOURS

EARLIEST, LATEST = 2000, 2200


class Times(NamedTuple):
    """`starts_at` and `ends_at` in UTC; the local ones are naive, as clocks in `timezone` show."""

    starts_at: datetime
    ends_at: datetime
    timezone: str
    starts_local: datetime
    ends_local: datetime


class TimeRefused(Exception):
    """A time that cannot be taken; `field` is its name, `code` and the message say why."""

    def __init__(self, field: str, code: str, detail: str) -> None:
        super().__init__(detail)
        self.field, self.code, self.detail = field, code, detail


def read_times(starts: datetime, ends: datetime, timezone: str) -> Times:
    """Both ends of a session. `timezone` is an IANA name; fractions of a second are dropped.

    Raises: TimeRefused for a wall time that does not exist or exists twice, an end that is not
    after the start, and a session longer than a day.
    """
    zone = ZoneInfo(timezone)
    starts_at, ends_at = _instant("starts_at", starts, zone), _instant("ends_at", ends, zone)
    if ends_at <= starts_at:
        raise TimeRefused("ends_at", "ends-first", "The session ends before it starts.")
    if ends_at - starts_at > timedelta(hours=LONGEST_SESSION_HOURS):
        detail = "A session is at most 24 hours long; make one for each day."
        raise TimeRefused("ends_at", "too-long", detail)
    local = [_wall(moment, zone) for moment in (starts_at, ends_at)]
    return Times(starts_at, ends_at, timezone, *local)


def usual_hours(times: Times) -> Decimal:
    """The credit for the whole session: how long it really takes, in hundredths of an hour."""
    seconds = int((times.ends_at - times.starts_at).total_seconds())
    return max((Decimal(seconds) / 3600).quantize(Decimal("0.01")), Decimal("0.01"))


def _instant(field: str, given: datetime, zone: ZoneInfo) -> datetime:
    if not EARLIEST <= given.year < LATEST:
        detail = f"The year must be from {EARLIEST} to {LATEST - 1}."
        raise TimeRefused(field, "out-of-range", detail)
    given = given.replace(microsecond=0)
    if given.tzinfo is not None:
        return given.astimezone(UTC)
    first, second = (given.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if _wall(first, zone) != given:
        detail = f"Clocks in {zone.key} skip {given}; give the time before or after."
        raise TimeRefused(field, "time-skipped", detail)
    if first != second:
        detail = f"Clocks in {zone.key} show {given} twice; give it with an offset."
        raise TimeRefused(field, "time-ambiguous", detail)
    return first


def _wall(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)
