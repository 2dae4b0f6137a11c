"""When a roster is held: every limit at its edge, and what must hold of any roster."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.accounts.brake_rules import Comparison, reasons_to_hold

Counts = dict[str, int]


def reasons(
    baseline: Counts, present: Counts, missing: Counts, changed: int = 0
) -> list[tuple[str, str | None]]:
    found = reasons_to_hold(Comparison(baseline, present, missing, changed))
    return [(one.code, one.school) for one in found]


@pytest.mark.parametrize(("missing", "held"), [(100, False), (101, True)])
def test_more_than_a_tenth_of_the_scope_missing_holds(missing: int, held: bool) -> None:
    """Spread over the schools, so that none of them is the reason."""
    schools = [f"S{n}" for n in range(10)]
    spread = {school: missing // 10 + (n < missing % 10) for n, school in enumerate(schools)}
    found = reasons(dict.fromkeys(schools, 100), dict.fromkeys(schools, 90), spread)
    assert found == ([("too-many-missing", None)] if held else [])


@pytest.mark.parametrize(("changed", "held"), [(75, False), (76, True)])
def test_more_than_three_quarters_changed_holds(changed: int, held: bool) -> None:
    found = reasons({"A": 100}, {"A": 100}, {}, changed)
    assert found == ([("too-many-changed", None)] if held else [])


@pytest.mark.parametrize(
    ("of", "missing", "held"),
    [
        (20, 5, False),
        (19, 5, True),
        (8, 4, False),
        (5, 4, False),
        (100, 25, False),
        (100, 26, True),
    ],
)
def test_more_than_a_quarter_of_a_school_holds_from_five_on(
    of: int, missing: int, held: bool
) -> None:
    found = reasons({"A": of, "B": 1000}, {"A": of - missing, "B": 1000}, {"A": missing})
    assert found == ([("too-many-missing-at-school", "A")] if held else [])


def test_a_school_that_is_gone_holds_however_small_it_was() -> None:
    assert reasons({"A": 1, "B": 1000}, {"B": 1000}, {"A": 1}) == [("school-gone", "A")]
    # Also where its students are at other schools now, and nobody is missing.
    assert reasons({"A": 1, "B": 1000}, {"B": 1001}, {}) == [("school-gone", "A")]


def test_a_first_roster_is_never_held() -> None:
    assert reasons({}, {"A": 5}, {}, 0) == []


_COUNTS = st.dictionaries(st.sampled_from("ABCDEF"), st.integers(0, 300), max_size=6)


@given(baseline=_COUNTS, more=_COUNTS)
def test_students_who_are_new_never_hold(baseline: Counts, more: Counts) -> None:
    present = {school: baseline.get(school, 0) + more.get(school, 0) for school in baseline | more}
    assert reasons(baseline, present, {}) == []


@st.composite
def _rosters(draw: st.DrawFn) -> tuple[Counts, Counts]:
    baseline = draw(_COUNTS)
    missing = {school: draw(st.integers(0, count)) for school, count in baseline.items()}
    return baseline, missing


@given(rosters=_rosters(), changed=st.integers(0, 2000), school=st.sampled_from("ABCDEF"))
def test_more_missing_never_frees_what_was_held(
    rosters: tuple[Counts, Counts], changed: int, school: str
) -> None:
    baseline, missing = rosters
    present = {name: count - missing[name] for name, count in baseline.items()}
    held = reasons(baseline, present, missing, changed)
    if missing.get(school, 0) < baseline.get(school, 0):
        worse = missing | {school: missing[school] + 1}
        left = present | {school: present[school] - 1}
        assert bool(reasons(baseline, left, worse, changed + 1)) >= bool(held)


@given(rosters=_rosters(), changed=st.integers(0, 2000))
def test_what_is_not_held_loses_little(rosters: tuple[Counts, Counts], changed: int) -> None:
    """Said otherwise than the rules are: nobody passes who should not."""
    baseline, missing = rosters
    present = {name: count - missing[name] for name, count in baseline.items()}
    if reasons(baseline, present, missing, changed):
        return
    total, lost = sum(baseline.values()), sum(missing.values())
    assert not total or lost / total <= 0.10
    assert not total or changed / total <= 0.75
    for school, count in baseline.items():
        assert missing[school] < 5 or missing[school] / count <= 0.25
        assert not count or present[school]
