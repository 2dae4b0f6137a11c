"""Times over every change of clocks: the timezone database is the judge."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.pd.rules import Classes
from api.pd.soft_rules import Occasion, SchoolDays, days_of, in_classes
from api.pd.times import TimeRefused, Times, read_times, usual_hours

# What clocks show, naive as they are.
wall = datetime.fromisoformat
# Half-hour changes, changes at midnight, none, and a day that was left out.
ZONES = st.sampled_from(
    [
        "America/Chicago",
        "Europe/Berlin",
        "Australia/Lord_Howe",
        "America/Havana",
        "Asia/Kolkata",
        "Pacific/Apia",
        "Africa/Casablanca",
    ]
)
MOMENTS = st.datetimes(wall("2000-01-02"), wall("2037-12-30"))
LENGTHS = st.timedeltas(timedelta(minutes=1), timedelta(hours=24))


@given(MOMENTS, LENGTHS, ZONES, ZONES)
# Across the spring change, at midnight, in Havana.
@example(wall("2027-03-14T04:30"), timedelta(hours=2), "America/Havana", "Asia/Kolkata")
def test_an_instant_is_kept_and_shown_as_clocks_there_do(
    start: datetime, length: timedelta, zone: str, other: str
) -> None:
    begin = start.replace(microsecond=0, tzinfo=UTC)
    end = begin + max(length - timedelta(microseconds=length.microseconds), timedelta(minutes=1))
    # However it is written: in UTC, or with the offset of some other place.
    for said in (UTC, ZoneInfo(other)):
        times = read_times(begin.astimezone(said), end.astimezone(said), zone)
        assert (times.starts_at, times.ends_at) == (begin, end)
        for moment, local in ((begin, times.starts_local), (end, times.ends_local)):
            assert local == moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        # The clock's change is in the hours: a night in autumn is an hour longer.
        assert usual_hours(times) == _hours(end - begin)


def _hours(length: timedelta) -> Decimal:
    exact = Decimal(int(length.total_seconds())) / 3600
    return max(exact.quantize(Decimal("0.01")), Decimal("0.01"))


def _meant(shown: datetime, zone: str) -> set[datetime]:
    """All instants at which clocks in the zone show this, tried out one after another."""
    guess = shown.replace(tzinfo=UTC)
    around = (guess + timedelta(minutes=15 * n) for n in range(-27 * 4, 27 * 4 + 1))
    return {at for at in around if at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == shown}


@given(MOMENTS, ZONES)
@example(wall("2027-03-14T02:30"), "America/Chicago")
@example(wall("2027-11-07T01:30"), "America/Chicago")
@example(wall("2011-12-30T12:00"), "Pacific/Apia")
@example(wall("2027-04-04T01:45"), "Australia/Lord_Howe")
def test_a_wall_time_is_read_when_it_means_one_instant_and_else_refused(
    moment: datetime, zone: str
) -> None:
    shown = moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)
    meant = _meant(shown, zone)
    later = min(meant, default=shown.replace(tzinfo=UTC)) + timedelta(hours=2)
    if len(meant) == 1:
        times = read_times(shown, later, zone)
        assert ({times.starts_at}, times.starts_local) == (meant, shown)
        return
    with pytest.raises(TimeRefused) as refused:
        read_times(shown, later, zone)
    code = "time-ambiguous" if meant else "time-skipped"
    assert (refused.value.field, refused.value.code) == ("starts_at", code)


@given(MOMENTS, LENGTHS, ZONES)
def test_the_days_of_a_session_are_those_that_clocks_there_show(
    start: datetime, length: timedelta, zone: str
) -> None:
    begin, end = start.replace(tzinfo=UTC), start.replace(tzinfo=UTC) + length
    occasion = Occasion(None, begin, end)
    step, at, shown = timedelta(minutes=7), begin, set()
    while at < end:
        shown.add(at.astimezone(ZoneInfo(zone)).date())
        at += step
    days = set(days_of(occasion, zone))
    # A day that is touched for less than a step may be missed by the judge, none be made up
    # but one that the place left out.
    assert shown <= days
    assert len(days) <= len(shown) + 1


def _read(starts: str, ends: str, zone: str = "America/Chicago") -> Times:
    return read_times(datetime.fromisoformat(starts), datetime.fromisoformat(ends), zone)


def test_a_night_over_the_change_of_clocks_has_the_hours_it_really_has() -> None:
    spring = _read("2027-03-13T22:00", "2027-03-14T06:00")
    autumn = _read("2027-11-06T22:00", "2027-11-07T06:00")
    assert (usual_hours(spring), usual_hours(autumn)) == (Decimal(7), Decimal(9))


def test_two_zones_meet_in_one_instant() -> None:
    times = _read("2027-07-01T09:00-05:00", "2027-07-01T17:00+02:00", "Europe/Berlin")
    assert times.starts_local == wall("2027-07-01T16:00")
    assert times.ends_at - times.starts_at == timedelta(hours=1)


@pytest.mark.parametrize(
    ("starts", "ends", "missed"),
    [
        ("2027-03-09T09:00", "2027-03-09T11:00", True),
        ("2027-03-09T15:00", "2027-03-09T17:00", False),
        ("2027-03-09T06:00", "2027-03-09T08:00", False),
        # A Saturday, and a day off.
        ("2027-03-13T09:00", "2027-03-13T11:00", False),
        ("2027-03-10T09:00", "2027-03-10T11:00", False),
        # Over midnight into a day of classes.
        ("2027-03-10T22:00", "2027-03-11T08:01", True),
    ],
)
def test_classes_are_missed_on_working_days_in_the_usual_hours(
    starts: str, ends: str, missed: bool
) -> None:
    times = _read(starts, ends)
    off = frozenset({date(2027, 3, 10)})
    school = SchoolDays("A", "America/Chicago", frozenset({5, 6}), off, frozenset())
    assert in_classes(Occasion(None, times.starts_at, times.ends_at), school) is missed


def test_classes_are_when_the_network_says() -> None:
    times = _read("2027-03-09T15:30", "2027-03-09T16:30")
    occasion = Occasion(None, times.starts_at, times.ends_at)
    usual = SchoolDays("A", "America/Chicago", frozenset({5, 6}), frozenset(), frozenset())
    late = usual._replace(classes=Classes(time(12), time(16)))
    assert (in_classes(occasion, usual), in_classes(occasion, late)) == (False, True)
