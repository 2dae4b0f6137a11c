"""Day arithmetic against walking from day to day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.tasks.days import Calendar
from api.tasks.errors import DateOutOfRange, NoWorkingDay
from tests.tasks.strategies import calendars, days

DAY = timedelta(days=1)
WEEKDAYS = Calendar()
NEVER_WORKS = Calendar(frozenset(range(7)))
counts = st.integers(0, 30)


def works(calendar: Calendar, day: date) -> bool:
    return day.weekday() not in calendar.weekend and day not in calendar.days_off


def walk(calendar: Calendar, day: date, working_days: int, step: timedelta = DAY) -> date:
    """The `working_days`-th working day met when leaving `day`."""
    while working_days:
        day += step
        working_days -= works(calendar, day)
    return day


@given(calendars(), days())
def test_roll_forward_stops_at_the_first_working_day(calendar: Calendar, day: date) -> None:
    rolled = calendar.roll_forward(day)
    assert works(calendar, rolled)
    assert calendar.is_working(day) == works(calendar, day)
    assert rolled == walk(calendar, day - DAY, 1)


@given(calendars(), days())
def test_last_before_is_the_working_day_that_precedes(calendar: Calendar, day: date) -> None:
    assert calendar.last_before(day) == walk(calendar, day, 1, -DAY)


@given(calendars(), days(), st.integers(1, 30))
def test_finish_is_the_nth_working_day_counting_the_start(
    calendar: Calendar, start: date, n: int
) -> None:
    assert calendar.finish(start, n) == walk(calendar, start - DAY, n)


@given(calendars(), days())
def test_no_days_finish_where_they_start(calendar: Calendar, day: date) -> None:
    assert calendar.finish(day, 0) == day == calendar.back(day, 0)


@given(calendars(), days(), counts)
def test_after_is_the_next_working_day_and_the_lag(calendar: Calendar, day: date, lag: int) -> None:
    assert calendar.after(day, lag) == walk(calendar, day, 1 + lag)


@given(calendars(), days(), st.integers(1, 30))
def test_add_is_the_nth_working_day_after(calendar: Calendar, day: date, n: int) -> None:
    assert calendar.add(day, n) == walk(calendar, day, n)
    assert calendar.add(day, 0) == calendar.roll_forward(day)


@given(calendars(), days(), st.integers(1, 30))
def test_back_is_the_latest_start_that_is_over_in_time(
    calendar: Calendar, finish: date, n: int
) -> None:
    start = calendar.back(finish, n)
    assert start == walk(calendar, finish + DAY, n, -DAY)
    assert calendar.finish(start, n) <= finish < calendar.finish(start + DAY, n)


@given(calendars(), days(), days())
def test_between_counts_the_days_after_the_first_to_the_second(
    calendar: Calendar, start: date, end: date
) -> None:
    low, high = sorted((start, end))
    span = [low + n * DAY for n in range(1, (high - low).days + 1)]
    count = sum(works(calendar, day) for day in span)
    assert calendar.between(start, end) == (count if end >= start else -count)


@given(calendars(), days(400, 400))
def test_positions_number_the_working_days(calendar: Calendar, day: date) -> None:
    position = calendar.position(day)
    first = calendar.day(position)
    assert first == calendar.roll_forward(day)
    assert calendar.floor(day) == (position if works(calendar, day) else position - 1)
    assert calendar.day(position + 1) == walk(calendar, first, 1)


@given(st.dates(), st.integers(1, 5))
def test_every_date_there_is_can_be_asked_about(day: date, n: int) -> None:
    asks: list[Callable[[], date]] = [
        lambda: WEEKDAYS.roll_forward(day),
        lambda: WEEKDAYS.after(day, n),
        lambda: WEEKDAYS.finish(day, n),
        lambda: WEEKDAYS.back(day, n),
        lambda: WEEKDAYS.last_before(day),
    ]
    for ask in asks:
        try:
            answer = ask()
        except DateOutOfRange:
            assert not date(1, 1, 15) < day < date(9999, 12, 17)
        else:
            assert works(WEEKDAYS, answer)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: WEEKDAYS.after(date.max),
        lambda: WEEKDAYS.last_before(date.min),
        lambda: WEEKDAYS.finish(date(2027, 1, 1), 10**7),
        lambda: WEEKDAYS.back(date(2027, 1, 1), 10**7),
        lambda: WEEKDAYS.after(date(2027, 1, 1), 10**20),
    ],
)
def test_leaving_the_calendar_years_is_said(ask: Callable[[], date]) -> None:
    with pytest.raises(DateOutOfRange):
        ask()


def test_the_edges_of_time_still_work() -> None:
    assert date.max.weekday() == 4  # a Friday
    assert WEEKDAYS.roll_forward(date.max) == date.max
    assert WEEKDAYS.roll_forward(date.min) == date.min
    assert WEEKDAYS.between(date.min, date.min) == 0
    assert WEEKDAYS.between(date.min, date.max) == -WEEKDAYS.between(date.max, date.min)


@pytest.mark.parametrize(
    "ask",
    [
        lambda calendar, day: calendar.roll_forward(day),
        lambda calendar, day: calendar.last_before(day),
        lambda calendar, day: calendar.finish(day, 1),
        lambda calendar, day: calendar.back(day, 1),
        lambda calendar, day: calendar.after(day, 0),
        lambda calendar, day: calendar.between(day, day),
        lambda calendar, day: calendar.add(day, 3),
    ],
)
def test_a_week_without_a_working_day_is_refused(ask: Callable[[Calendar, date], object]) -> None:
    with pytest.raises(NoWorkingDay):
        ask(NEVER_WORKS, date(2027, 7, 1))


def off_between(first: date, last: date) -> Calendar:
    return Calendar(days_off=frozenset(first + n * DAY for n in range((last - first).days + 1)))


def test_six_years_off_cannot_be_crossed_but_can_be_left() -> None:
    calendar = off_between(date(2027, 1, 1), date(2032, 12, 31))
    with pytest.raises(NoWorkingDay):
        calendar.roll_forward(date(2027, 1, 1))
    with pytest.raises(NoWorkingDay):
        calendar.after(date(2026, 12, 1), 40)
    with pytest.raises(NoWorkingDay):
        calendar.last_before(date(2033, 1, 1))
    assert calendar.after(date(2026, 12, 1)) == date(2026, 12, 2)
    assert calendar.roll_forward(date(2032, 6, 1)) == date(2033, 1, 3)
    assert calendar.last_before(date(2027, 6, 1)) == date(2026, 12, 31)
    assert calendar.back(date(2033, 1, 7), 5) == date(2033, 1, 3)
    with pytest.raises(NoWorkingDay):
        calendar.back(date(2033, 1, 7), 6)


def test_four_years_off_can_be_crossed() -> None:
    calendar = off_between(date(2027, 1, 1), date(2030, 12, 31))
    assert calendar.after(date(2026, 12, 31)) == date(2031, 1, 1)


def test_equal_calendars_are_equal_and_hash_alike() -> None:
    one = off_between(date(2027, 7, 5), date(2027, 7, 9))
    other = off_between(date(2027, 7, 5), date(2027, 7, 9))
    assert one == other
    assert hash(one) == hash(other)
    assert one != WEEKDAYS


def test_a_week_by_hand() -> None:
    calendar = Calendar(days_off=frozenset({date(2027, 7, 5)}))  # the Monday
    assert calendar.finish(date(2027, 7, 2), 2) == date(2027, 7, 6)
    assert calendar.after(date(2027, 7, 2)) == date(2027, 7, 6)
    assert calendar.after(date(2027, 7, 3), 1) == date(2027, 7, 7)
    assert calendar.between(date(2027, 7, 2), date(2027, 7, 9)) == 4
    assert calendar.last_before(date(2027, 7, 6)) == date(2027, 7, 2)
