"""What a school lacks of a course: people and hours, and the day when it will be there."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from api.pd.coverage_rules import Person, base_of, cover, needed_of, whole_hours, why

D = Decimal
FIRST = date(2027, 3, 1)
HOURS = st.integers(0, 12).map(lambda quarters: Decimal(quarters) / 4)
PEOPLE = st.lists(
    st.builds(
        Person,
        HOURS,
        st.lists(
            st.tuples(st.integers(0, 20).map(lambda n: FIRST + timedelta(days=n)), HOURS),
            max_size=3,
        ).map(tuple),
    ),
    max_size=8,
)
SHARES = st.integers(1, 20).map(lambda n: Decimal(n) / 20)


def test_a_share_of_people_is_rounded_up() -> None:
    assert [needed_of(D("0.9"), base) for base in (0, 1, 9, 10, 11)] == [0, 1, 9, 9, 10]
    # Not 18.000000000000004.
    assert needed_of(D("0.9"), 20) == 18


def test_teachers_who_are_not_on_the_list_count_until_it_is_confirmed() -> None:
    roles, active = ["teacher", "leader"], {"teacher": 4, "leader": 1}
    assert base_of(roles, active, 10, confirmed=False) == 11
    assert base_of(roles, active, 10, confirmed=True) == 5
    assert base_of(roles, active, 2, confirmed=False) == 5
    assert base_of(["leader"], {}, 10, confirmed=False) is None
    assert base_of(["leader"], {}, 10, confirmed=True) == 0


def test_half_a_course_for_twice_as_many_is_no_course_for_anybody() -> None:
    halves = [Person(D(3)) for _ in range(20)]
    found = cover(20, D("0.5"), D(6), halves)
    assert (found.needed, found.completed, found.uncovered) == (10, 0, 10)
    assert (found.hours_completed, found.hours_needed) == (D(30), D(60))
    assert whole_hours(found) == (30, 60)


def test_a_course_in_two_sessions_is_there_on_the_second_day() -> None:
    later = FIRST + timedelta(days=7)
    one = Person(D(0), ((later, D(6)), (FIRST, D(6))))
    found = cover(1, D(1), D(12), [one])
    assert (found.booked, found.expected_on) == (1, later)
    assert cover(1, D(1), D(13), [one]).expected_on is None


def test_the_sentence_names_what_there_is() -> None:
    day = FIRST + timedelta(days=1)
    people = [Person(D(2)), Person(D(0), ((day, D(2)),))]
    assert why(cover(3, D(1), D(2), people), ["teacher"], FIRST) == (
        "1 of 3 people trained, 1 booked, 1 in no session"
    )
    assert why(cover(2, D(1), D(2), people), ["teacher"], FIRST + timedelta(days=9)) == (
        "1 of 2 people trained, 1 booked, attendance is not recorded"
    )
    assert why(cover(1, D(1), D(2), people), ["teacher"], FIRST) == "1 of 1 people trained"
    assert why(cover(None, D(1), D(2), []), ["leader"], FIRST) == (
        "nobody with the role leader is on the staff list"
    )


@given(st.integers(0, 12), SHARES, st.integers(1, 12).map(lambda n: Decimal(n) / 4), PEOPLE)
def test_the_parts_add_up_and_a_task_is_full_only_when_enough_people_are(
    base: int, share: Decimal, hours: Decimal, people: list[Person]
) -> None:
    found = cover(base, share, hours, people)
    assert min(found.completed, found.booked, found.uncovered) >= 0
    assert min(found.hours_completed, found.hours_booked, found.hours_uncovered) >= 0
    assert found.completed + found.booked + found.uncovered == found.needed
    done, total = whole_hours(found)
    assert 0 <= done <= total
    assert (done == total) == (found.completed >= found.needed)
    # The day is the first on which counting all that is booked until then is enough.
    if found.completed < found.needed:
        reached = [
            day
            for day in sorted({day for one in people for day, _ in one.booked})
            if cover(base, share, hours, [_until(one, day) for one in people]).completed
            >= found.needed
        ]
        assert found.expected_on == (reached[0] if reached else None)


def _until(one: Person, day: date) -> Person:
    return Person(one.attended + sum((h for on, h in one.booked if on <= day), D(0)))
