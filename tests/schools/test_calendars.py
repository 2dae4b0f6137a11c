"""Days off, judged against the holidays library asked directly and by counting days."""

from __future__ import annotations

from datetime import date, timedelta

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import Invalid
from api.schools.calendars import (
    CalendarFacts,
    NetworkDays,
    calendar_facts,
    check_blackout,
    check_place,
    check_weekend,
    countries,
    days_off,
)

TODAY = date(2027, 7, 1)
ILLINOIS = NetworkDays("US", "IL", True, (5, 6), (date(2027, 3, 29),))
DAYS = st.dates(date(2020, 1, 1), date(2035, 12, 31))


@pytest.mark.parametrize("year", range(2024, 2035))
@pytest.mark.parametrize(("country", "region"), [("US", "IL"), ("US", None), ("DE", "BY")])
def test_days_off_are_what_the_library_says_day_by_day(
    country: str, region: str | None, year: int
) -> None:
    judge = holidays.country_holidays(country, subdiv=region)
    every_day = [date(year, 1, 1) + timedelta(days) for days in range(366)]
    expected = {day for day in every_day if day.year == year and day in judge}
    assert days_off(country, region, True, [year]) == expected
    assert expected


def test_known_holidays_of_illinois() -> None:
    off = days_off("US", "IL", True, [2027])
    # Independence Day 2027 is a Sunday, observed on Monday; Lincoln's birthday is the state's.
    assert {date(2027, 7, 5), date(2027, 2, 12), date(2027, 9, 6)} <= off
    assert date(2027, 2, 12) not in days_off("US", None, True, [2027])


@given(
    st.sets(DAYS, max_size=5),
    st.sets(DAYS, max_size=5),
    st.booleans(),
    st.sets(st.integers(0, 6), max_size=6),
    DAYS,
)
def test_a_calendar_is_holidays_in_the_window_and_all_blackout_days(
    network: set[date], school: set[date], observe: bool, weekend: set[int], today: date
) -> None:
    days = NetworkDays("US", "IL", observe, tuple(sorted(weekend)), tuple(sorted(network)))
    facts = calendar_facts(days, school, today)
    years = range(today.year - 2, today.year + 8)
    judge = holidays.country_holidays("US", subdiv="IL", years=years)
    expected = network | school | (set(judge) if observe else set())
    assert facts == CalendarFacts(frozenset(weekend), frozenset(expected))


def test_equal_calendars_are_one_object() -> None:
    one = calendar_facts(ILLINOIS, [], TODAY)
    again = calendar_facts(NetworkDays("US", "IL", True, (5, 6), (date(2027, 3, 29),)), [], TODAY)
    assert again is one
    assert calendar_facts(ILLINOIS, [], date(2027, 12, 31)) is one
    assert calendar_facts(ILLINOIS, [date(2027, 5, 3)], TODAY) != one


def test_the_first_and_the_last_year_have_calendars() -> None:
    for today in (date.min, date.max):
        assert calendar_facts(ILLINOIS, [], today).weekend == {5, 6}


@pytest.mark.parametrize("country", sorted(countries()))
def test_every_listed_country_has_a_calendar(country: str) -> None:
    judge = holidays.country_holidays(country, years=2027)
    # Some publish none, which is an empty calendar and no error.
    assert days_off(country, None, True, [2027]) == set(judge)


@pytest.mark.parametrize(
    ("given_place", "place"),
    [
        (("us", "il"), ("US", "IL")),
        ((" US ", "Illinois"), ("US", "IL")),
        (("US", "US-IL"), ("US", "IL")),
        (("FR", None), ("FR", None)),
    ],
)
def test_places_are_spelled_as_the_library_does(
    given_place: tuple[str, str | None], place: tuple[str, str | None]
) -> None:
    assert check_place(*given_place) == place


@pytest.mark.parametrize(
    ("country", "region", "pointer", "named"),
    [
        ("ZZ", None, "/country", "US"),
        ("USA", None, "/country", "US"),
        ("", None, "/country", "US"),
        ("US", "XX", "/region", "IL"),
        ("US", "", "/region", "IL"),
        ("AE", "DU", "/region", "no regions"),
    ],
)
def test_unknown_places_are_answered_with_known_ones(
    country: str, region: str | None, pointer: str, named: str
) -> None:
    with pytest.raises(Invalid) as refused:
        check_place(country, region)
    (error,) = refused.value.extra["errors"]
    assert error["pointer"] == pointer
    assert named in error["detail"]


def test_lists_of_days_are_put_in_order() -> None:
    assert check_weekend([6, 4]) == [4, 6]
    assert check_weekend([]) == []
    with pytest.raises(Invalid):
        check_weekend(range(7))
    first, second = date(2027, 1, 4), date(2027, 1, 5)
    assert check_blackout([second, first, second]) == [first, second]
    with pytest.raises(Invalid):
        check_blackout(first + timedelta(days) for days in range(2001))
