"""Random calendars and graphs, shared by the property tests of the spine and of readiness."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import strategies as st

from api.tasks.days import Calendar

AROUND = date(2027, 7, 1)


def days(before: int = 60, after: int = 60) -> st.SearchStrategy[date]:
    """Days around 1 July 2027."""
    return st.dates(AROUND - timedelta(days=before), AROUND + timedelta(days=after))


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    """One to seven weekdays, and single days and whole weeks off."""
    weekend = draw(st.frozensets(st.integers(0, 6), max_size=6))
    single = draw(st.frozensets(days(90, 120), max_size=8))
    runs = draw(st.lists(st.tuples(days(90, 90), st.integers(1, 40)), max_size=2))
    whole = {first + timedelta(days=n) for first, length in runs for n in range(length)}
    return Calendar(weekend, single | whole)


@st.composite
def graphs(
    draw: st.DrawFn, *, most: int = 9, acyclic: bool = True
) -> tuple[int, list[tuple[int, int, int]]]:
    """The number of tasks and distinct (predecessor, successor, lag) edges among them."""
    size = draw(st.integers(1, most))
    numbers = draw(st.permutations(range(size)))
    pairs = [
        (numbers[first], numbers[second])
        for first in range(size)
        for second in range(size)
        if (first < second if acyclic else first != second)
    ]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=2 * most)) if pairs else []
    return size, [(first, second, draw(st.integers(0, 3))) for first, second in chosen]
