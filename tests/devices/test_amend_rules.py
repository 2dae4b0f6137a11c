"""What a substitute takes from whom, by the rules alone."""

from __future__ import annotations

from fractions import Fraction
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from api.devices.amend_rules import Remainder

A, B, C = (UUID(int=number) for number in range(3))
MOVABLE = st.dictionaries(st.uuids(), st.integers(1, 10_000), max_size=30)


def remainder(pieces: int, free: int = 0, **schools: int) -> Remainder:
    return Remainder(
        pieces, free, {{"A": A, "B": B, "C": C}[name]: n for name, n in schools.items()}
    )


def test_schools_give_up_as_large_a_part_each() -> None:
    assert remainder(100, A=60, B=40).shares_of(50) == {A: 30, B: 20}
    # Of 3.33 each the fraction goes to one, always the same.
    assert remainder(30, A=10, B=10, C=10).shares_of(10) == {A: 4, B: 3, C: 3}
    assert remainder(30, A=1, B=29).shares_of(1) == {B: 1}


def test_what_no_school_waits_for_comes_last() -> None:
    left = remainder(50, 20, A=30)
    assert left.shares_of(40) == {A: 30}
    left.take(40, {A: 30})
    assert left == Remainder(10, 10, {})


def test_a_plan_takes_only_what_its_schools_wait_for() -> None:
    assert remainder(50, A=30, B=20).taken_for({A: 40, C: 5}) == {A: 30}


@given(MOVABLE, st.integers(0, 400_000))
def test_no_piece_is_lost_and_nobody_gives_more_than_it_has(
    movable: dict[UUID, int], pieces: int
) -> None:
    left = Remainder(pieces, pieces, dict(movable))
    shares = left.shares_of(pieces)
    total = sum(movable.values())
    assert sum(shares.values()) == min(pieces, total)
    for school, most in movable.items():
        share = shares.get(school, 0)
        assert 0 <= share <= most
        if pieces < total:
            assert abs(share - Fraction(pieces * most, total)) < 1
    backwards = dict(reversed(list(movable.items())))
    assert Remainder(pieces, pieces, backwards).shares_of(pieces) == shares
    left.take(pieces, shares)
    assert left.pieces == 0
    assert left.free == min(pieces, total)
    assert sum(left.schools.values()) == total - sum(shares.values())
    assert all(left.schools.values())
