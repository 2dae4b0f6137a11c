"""`days.Calendar` for arrays: the working days of many calendars, asked about at once.

Days are proleptic ordinals (`date.toordinal`), working days the numbers `Calendar` gives out, and
`of` says by index whose calendar is meant. The formulas are `Calendar`'s own: a change there is a
change here, and a test compares them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from api.tasks.days import Calendar

Ints: TypeAlias = NDArray[np.int64]

# Apart enough that the days of one calendar never sort among another's.
_APART = 1 << 40


class Calendars:
    """Some calendars side by side.

    `plain[i]`: calendar i has working days, and none more than five years apart. The days of any
    other are not to be asked for here: `Calendar` says what is wrong with it.
    """

    def __init__(self, calendars: Sequence[Calendar]) -> None:
        tables = [calendar.table for calendar in calendars]
        self.plain = np.array([bool(table.per_week) and not table.gaps for table in tables], bool)
        self._per_week = np.array([table.per_week or 1 for table in tables], np.int64)
        self._weekdays_before = np.array([table.weekdays_before for table in tables], np.int64)
        self._weekday = np.array([(table.weekday + (0,) * 7)[:7] for table in tables], np.int64)
        counts = np.array([len(table.off) for table in tables], np.int64)
        self._first_off = np.cumsum(counts) - counts
        apart = np.repeat(np.arange(len(tables), dtype=np.int64) * _APART, counts)
        self._off = apart + _joined([table.off for table in tables])
        self._off_positions = apart + _joined([table.off_positions for table in tables])

    def position(self, of: Ints, day: Ints) -> Ints:
        """The number of the first working day on or after each day."""
        week, weekday = np.divmod(day - 1, 7)
        weekdays = week * self._per_week[of] + self._weekdays_before[of, weekday]
        off: Ints = np.searchsorted(self._off, of * _APART + day) - self._first_off[of]
        return weekdays - off

    def floor(self, of: Ints, day: Ints) -> Ints:
        """The number of the last working day on or before each day."""
        return self.position(of, day + 1) - 1

    def day(self, of: Ints, position: Ints) -> Ints:
        """The working day of each number, which may lie beyond the year 9999."""
        key = of * _APART + position
        off = np.searchsorted(self._off_positions, key, side="right") - self._first_off[of]
        week, nth = np.divmod(position + off, self._per_week[of])
        return week * 7 + self._weekday[of, nth] + 1


def _joined(lists: Sequence[Sequence[int]]) -> Ints:
    return np.array([value for values in lists for value in values], np.int64)
