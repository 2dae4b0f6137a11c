"""Arithmetic of working days.

Working days are numbered: number 0 is the first one in the year 1, and every later one is one
more. `position` and `day` translate; between them every question is an addition. Both are closed
formulas over whole weeks plus one binary search in the days off, so a calendar needs no table of
years, and a school's answer needs no walk from day to day. `many_days` has the same formulas for
arrays.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from api.tasks.errors import DateOutOfRange, NoWorkingDay

_LAST_ORDINAL = date.max.toordinal()
_FIVE_YEARS = 5 * 365 + 1  # calendar days


class Table(NamedTuple):
    """A calendar's days off, sorted, and where its weekdays lie in a week."""

    per_week: int
    weekdays_before: tuple[int, ...]  # weekdays of the week that precede weekday i
    weekday: tuple[int, ...]  # the k-th weekday of a week, Monday = 0
    off: list[int]  # ordinals of the days off that are weekdays
    off_positions: list[int]  # how many working days precede each of them
    gaps: tuple[tuple[int, int], ...]  # working days more than five years apart


@lru_cache(maxsize=4096)
def _table(weekend: frozenset[int], days_off: frozenset[date]) -> Table:
    weekday = tuple(day for day in range(7) if day not in weekend)
    before = tuple(sum(1 for other in weekday if other < day) for day in range(7))
    off = sorted(day.toordinal() for day in days_off if day.weekday() not in weekend)
    per_week = len(weekday)
    positions = [
        (ordinal - 1) // 7 * per_week + before[(ordinal - 1) % 7] - index
        for index, ordinal in enumerate(off)
    ]
    bare = Table(per_week, before, weekday, off, positions, ())
    return bare._replace(gaps=_gaps(bare)) if per_week else bare


def _gaps(table: Table) -> tuple[tuple[int, int], ...]:
    """Pairs of neighbouring working days (ordinals) more than five years apart."""
    gaps: list[tuple[int, int]] = []
    for index, position in enumerate(table.off_positions):
        # Days off of one unbroken run share their position; look at each run once.
        if index and table.off_positions[index - 1] == position:
            continue
        before, after = _ordinal(table, position - 1), _ordinal(table, position)
        if after - before > _FIVE_YEARS:
            gaps.append((before, after))
    return tuple(gaps)


def _ordinal(table: Table, position: int) -> int:
    weekday_number = position + bisect_right(table.off_positions, position)
    week, nth = divmod(weekday_number, table.per_week)
    return week * 7 + table.weekday[nth] + 1


@dataclass(frozen=True, slots=True)
class Calendar:
    """A school's working days: every day but weekdays in `weekend` (Monday = 0) and `days_off`.

    Equal calendars share their table, which is built once. Every method raises NoWorkingDay when
    the day asked for would be more than five years away, and DateOutOfRange beyond years 1-9999.
    """

    weekend: frozenset[int] = frozenset({5, 6})
    days_off: frozenset[date] = frozenset()
    _table: Table = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_table", _table(self.weekend, self.days_off))

    @property
    def table(self) -> Table:
        """What the formulas are computed from; for `many_days`."""
        return self._table

    def position(self, day: date) -> int:
        """The number of the first working day on or after `day`."""
        return self._position(day.toordinal())

    def floor(self, day: date) -> int:
        """The number of the last working day on or before `day`."""
        return self._position(day.toordinal() + 1) - 1

    def _position(self, ordinal: int) -> int:
        table = self._table
        if not table.per_week:
            raise NoWorkingDay("The calendar has no working day: every weekday is a weekend.")
        week, weekday = divmod(ordinal - 1, 7)
        weekdays = week * table.per_week + table.weekdays_before[weekday]
        return weekdays - bisect_left(table.off, ordinal)

    def day(self, position: int) -> date:
        """The working day of that number; the inverse of `position`."""
        if not self._table.per_week:
            raise NoWorkingDay("The calendar has no working day: every weekday is a weekend.")
        ordinal = _ordinal(self._table, position)
        if position < 0 or ordinal > _LAST_ORDINAL:
            raise DateOutOfRange("The schedule leaves the years 1 to 9999.")
        return date.fromordinal(ordinal)

    def check_reach(self, start: date, end: date) -> None:
        """Refuse a step from one to the other that finds no working day for five years."""
        for before, after in self._table.gaps:
            low, high = sorted((start.toordinal(), end.toordinal()))
            if min(high, after) - max(low, before) > _FIVE_YEARS:
                raise NoWorkingDay(
                    "The calendar has no working day between "
                    f"{date.fromordinal(max(before, 1))} and "
                    f"{date.fromordinal(min(after, _LAST_ORDINAL))}."
                )

    def _reach(self, start: date, position: int) -> date:
        end = self.day(position)
        if self._table.gaps:
            self.check_reach(start, end)
        return end

    def is_working(self, day: date) -> bool:
        """Whether work is done on that day."""
        return day.weekday() not in self.weekend and day not in self.days_off

    def roll_forward(self, day: date) -> date:
        """The day itself if it is a working day, else the next one."""
        return self._reach(day, self.position(day))

    def last_before(self, day: date) -> date:
        """The last working day before `day`."""
        return self._reach(day, self.position(day) - 1)

    def finish(self, start: date, days: int) -> date:
        """The last of `days` working days counted from `start`; no days at all finish at once."""
        return self._reach(start, self.position(start) + days - 1) if days > 0 else start

    def back(self, finish: date, days: int) -> date:
        """The latest start of `days` working days that are over by `finish`."""
        return self._reach(finish, self.floor(finish) - days + 1) if days > 0 else finish

    def after(self, finish: date, lag: int = 0) -> date:
        """The day a successor starts: the next working day after `finish`, and `lag` more."""
        return self._reach(finish, self.floor(finish) + 1 + lag)

    def add(self, day: date, days: int) -> date:
        """The `days`-th working day after `day`; for 0 the day itself, rolled forward."""
        return self._reach(day, self.add_position(day, days))

    def add_position(self, day: date, days: int) -> int:
        """`add` as a number."""
        return self.floor(day) + days if days > 0 else self.position(day)

    def between(self, start: date, end: date) -> int:
        """Working days after `start` up to and including `end`; negative when `end` is earlier."""
        return self.floor(end) - self.floor(start)
