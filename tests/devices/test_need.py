"""Need: exact, per class, and unknown where nobody counted."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from api.devices.need import Ratio, need_of
from api.devices.rules import CountsAs

STUDENT, TEACHER = CountsAs.STUDENT_DEVICE, CountsAs.TEACHER_DEVICE
ONE_TO_ONE = Ratio(Decimal("1.0"), Decimal(1), 8, 30)
people = st.integers(0, 100_000)
each = st.decimals(0, 5, places=3)
ratios = st.builds(Ratio, each, each, st.integers(0, 100), st.integers(0, 250))


def test_students_and_teachers_are_classes_of_their_own() -> None:
    assert need_of(100, 10, ONE_TO_ONE) == {STUDENT: 108, TEACHER: 11}


def test_what_is_exact_is_not_rounded_up() -> None:
    third = ONE_TO_ONE._replace(per_student=Decimal("0.34"), spare_percent=0)
    assert need_of(50, 0, third) == {STUDENT: 17, TEACHER: 0}
    assert need_of(51, 0, third) == {STUDENT: 18, TEACHER: 0}


def test_it_is_unknown_without_a_model_or_a_count_of_students() -> None:
    assert need_of(100, 10, None) is None
    assert need_of(None, 10, ONE_TO_ONE) is None


def test_students_who_get_no_device_need_not_be_counted() -> None:
    staff_only = ONE_TO_ONE._replace(per_student=Decimal(0))
    assert need_of(None, 10, staff_only) == {STUDENT: 0, TEACHER: 11}


def test_teachers_nobody_counted_need_nothing_yet() -> None:
    assert need_of(100, None, ONE_TO_ONE) == {STUDENT: 108, TEACHER: 0}


@given(people, people, ratios)
def test_it_is_the_least_whole_number_that_is_enough(
    students: int, teachers: int, ratio: Ratio
) -> None:
    need = need_of(students, teachers, ratio)
    assert need is not None
    for count, per_person, kind in (
        (students, ratio.per_student, STUDENT),
        (teachers, ratio.per_teacher, TEACHER),
    ):
        exact = count * Fraction(per_person) * Fraction(100 + ratio.spare_percent, 100)
        assert exact <= need[kind] < exact + 1


@given(people, people, ratios)
def test_one_more_student_never_needs_less(students: int, teachers: int, ratio: Ratio) -> None:
    less, more = need_of(students, teachers, ratio), need_of(students + 1, teachers, ratio)
    assert less is not None
    assert more is not None
    assert more[STUDENT] >= less[STUDENT]
    assert more[TEACHER] == less[TEACHER]
