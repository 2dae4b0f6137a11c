"""What was fetched about thousands of schools, arranged as the columns `batch` judges."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from api.readiness.batch import FOR_EVER, LAST_DAY, NONE, Edges, Flags, Schools, Tasks
from api.readiness.forecast import day_start, horizon, moment_at
from api.readiness.load import calendar_of
from api.readiness.load_many import (
    ID,
    LAG,
    MORE,
    PACKED,
    PLACE,
    TASK_PARTS,
    WAIVER,
    FetchedMany,
)
from api.readiness.rules import WORKSTREAMS, stream_order
from api.tasks.days import Calendar
from api.tasks.many_days import Calendars, Ints

# PostgreSQL counts microseconds from here, and so do these columns.
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# Of the Gregorian calendar on average: right to a day or two about each New Year.
_YEAR = round(365.2425 * 24 * 3600 * 1_000_000)


class Arranged(NamedTuple):
    """`rows[i]` is the row of the school of index i, as it was fetched.

    `declined`: schools whose facts these columns cannot hold, beside those `batch` declines.
    """

    rows: list[Any]
    streams: list[str]
    schools: Schools
    tasks: Tasks
    edges: Edges
    calendars: Calendars
    declined: Flags


def moment_of(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def microseconds_of(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def arrange(fetched: FetchedMany, now: datetime) -> Arranged:
    """The columns of the schools that were found, in the order they were asked for."""
    rows = fetched.schools
    declined = np.zeros(len(rows), bool)
    schools, calendars = _schools(rows, now, declined)
    # Who was asked for and is not there has no tasks either.
    index_of = np.full(fetched.asked, NONE, np.int64)
    index_of[[row[PLACE] for row in rows]] = np.arange(len(rows))
    ids = _Ids(np.frombuffer(fetched.tasks, ID))
    streams = stream_order({*WORKSTREAMS, *fetched.workstreams})
    tasks = _tasks(fetched, ids, index_of, [row[3] for row in rows], streams)
    declined[tasks.school[ids.doubtful]] = True
    edges = _edges(fetched, ids, tasks, declined)
    return Arranged(rows, streams, schools, tasks, edges, calendars, declined)


def _schools(rows: Sequence[Any], now: datetime, declined: Flags) -> tuple[Schools, Calendars]:
    calendars: dict[Calendar, int] = {}
    found: dict[tuple[Any, ...], int] = {}
    until: dict[tuple[str, date | None], tuple[int, ...]] = {}
    columns = np.empty((len(rows), 6), np.int64)
    for number, row in enumerate(rows):
        timezone, first_bell = row[3], row[11]
        moments = until.get((timezone, first_bell))
        if moments is None:
            moments = until[timezone, first_bell] = _moments(timezone, first_bell, now)
        # Schools of a network mostly have its days off and none of their own.
        key = (row[6], moments[0], *row[4])
        which = found.get(key)
        if which is None:
            calendar = calendar_of(row, now)
            which = found[key] = calendars.setdefault(calendar, len(calendars))
        columns[number] = (which, *moments)
    opened_ready = np.array([bool(row[13]) for row in rows], bool)
    # The day after the last one there is cannot be told: such a school has no horizon.
    declined |= columns[:, 3] == NONE
    return Schools._make([*columns.T.copy(), opened_ready]), Calendars(list(calendars))


def _moments(timezone: str, first_bell: date | None, now: datetime) -> tuple[int, ...]:
    """Today, midnight, the horizon, its day, and first bell; NONE where the horizon has no end."""
    at = moment_at(timezone, now)
    today, midnight = at.today.toordinal(), microseconds_of(at.midnight)
    try:
        until, until_day = horizon(timezone, first_bell, at)
    except OverflowError:
        return today, midnight, NONE, NONE, NONE
    bell = NONE if first_bell is None else first_bell.toordinal()
    return today, midnight, microseconds_of(until), until_day.toordinal(), bell


def _tasks(
    fetched: FetchedMany,
    ids: _Ids,
    index_of: Ints,
    zones: Sequence[str],
    streams: Sequence[str],
) -> Tasks:
    packed = np.frombuffer(fetched.packed, PACKED).astype(np.int64)
    parts = {name: packed >> low & (1 << bits) - 1 for name, (low, bits) in TASK_PARTS.items()}
    school = index_of[parts["school"]]
    having = np.flatnonzero(parts["more"])
    more = np.frombuffer(fetched.more, MORE)
    # No task has a kind of value that none of them has: one column of NONE serves them all.
    none = np.full(len(packed), NONE, np.int64)

    def spread(name: str, missing: int = NONE) -> Ints:
        column = none if missing == NONE else np.full(len(packed), missing, np.int64)
        values = more[name].astype(np.int64)
        if (values != missing).any():
            column = column.copy()
            column[having] = values
        return column

    valid_until, started_at = spread("valid_until", FOR_EVER), spread("started_at", FOR_EVER)
    return Tasks(
        school=school,
        stream=_stream_numbers(parts["stream"], fetched.workstreams, streams),
        gate=parts["gate"] > 0,
        status=parts["status"],
        duration=parts["duration"],
        done=spread("done"),
        total=spread("total"),
        not_before=spread("not_before"),
        expected_on=spread("expected_on"),
        lead=spread("lead"),
        spread=spread("spread"),
        started_on=_local_days(started_at, school, zones),
        valid_until=valid_until,
        expires_on=_local_days(valid_until, school, zones),
        waived_until=_waived_until(fetched, ids),
    )


def _stream_numbers(codes: Ints, others: Sequence[str], streams: Sequence[str]) -> Ints:
    number = {name: index for index, name in enumerate(streams)}
    known = np.array([number[name] for name in WORKSTREAMS] + [NONE], np.int64)
    column = known[codes]
    column[codes == len(WORKSTREAMS)] = [number[name] for name in others]
    return column


def _waived_until(fetched: FetchedMany, ids: _Ids) -> Ints:
    column = np.full(ids.size, NONE, np.int64)
    waivers = np.frombuffer(fetched.waivers, WAIVER)
    task = ids.find(waivers)
    known = task != NONE
    np.maximum.at(column, task[known], waivers["until"][known].astype(np.int64))
    return column


def _edges(fetched: FetchedMany, ids: _Ids, tasks: Tasks, declined: Flags) -> Edges:
    """The edges among these tasks; who waits for another (a network's) is declined."""
    before = ids.find(np.frombuffer(fetched.before, ID))
    after = ids.find(np.frombuffer(fetched.after, ID))
    elsewhere = (before == NONE) & (after != NONE)
    declined[tasks.school[after[elsewhere]]] = True
    lag = np.frombuffer(fetched.lags, LAG).astype(np.int64)
    among = (before != NONE) & (after != NONE)
    if not among.all():
        before, after, lag = before[among], after[among], lag[among]
    return Edges(before, after, lag)


class _Ids:
    """Finds tasks by their ids, of which half is enough: a UUID's low half is random."""

    def __init__(self, ids: NDArray[Any]) -> None:
        self.size = len(ids)
        self._order = np.argsort(ids["low"])
        self._low, self._high = ids["low"][self._order], ids["high"][self._order]
        same = np.flatnonzero(self._low[1:] == self._low[:-1])
        # Two tasks that share it after all: neither can be told from the other here.
        self.doubtful = self._order[np.concatenate([same, same + 1])]

    def find(self, ids: NDArray[Any]) -> Ints:
        """The index of each task, NONE where there is no such task."""
        if not self.size:
            return np.full(len(ids), NONE, np.int64)
        low = ids["low"]
        place = np.minimum(np.searchsorted(self._low, low), self.size - 1)
        found = (self._low[place] == low) & (self._high[place] == ids["high"])
        return np.where(found, self._order[place], NONE)


def _local_days(moments: Ints, school: Ints, zones: Sequence[str]) -> Ints:
    """The school's day of each moment, NONE for FOR_EVER."""
    days = np.full(len(moments), NONE, np.int64)
    given = np.flatnonzero(moments != FOR_EVER)
    if not len(given):
        return days
    numbers: dict[str, int] = {}
    zone_of = np.array([numbers.setdefault(zone, len(numbers)) for zone in zones], np.int64)
    mine = zone_of[school[given]]
    for zone, number in numbers.items():
        meant = given[mine == number]
        if len(meant):
            days[meant] = local_days(zone, moments[meant])
    return days


def local_days(timezone: str, moments: Ints) -> Ints:
    """The calendar day (an ordinal) of each moment at one place, up to the year 9998.

    What lies later stands for ever, and is given the last day there is.
    """
    days = np.full(len(moments), LAST_DAY, np.int64)
    # About New Year the estimate may be a year off.
    years = np.unique((moments // _YEAR)[:, None] + np.arange(-1, 2))
    for year in (int(number) + _EPOCH.year for number in years):
        if year >= date.max.year:
            break
        starts = _starts(timezone, year)
        place = np.searchsorted(starts, moments, side="right")
        inside = (place > 0) & (place < len(starts))
        days[inside] = date(year, 1, 1).toordinal() + place[inside] - 1
    return days


@lru_cache(maxsize=2048)
def _starts(timezone: str, year: int) -> Ints:
    """The moments at which the days of a year begin at a place, and the next year does."""
    first = date(year, 1, 1)
    length = (date(year + 1, 1, 1) - first).days
    days = (first + timedelta(days=number) for number in range(length + 1))
    return np.array([microseconds_of(day_start(timezone, day)) for day in days], np.int64)
