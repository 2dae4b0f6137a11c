"""Arithmetic for arrays against the one it repeats."""

from __future__ import annotations

from datetime import date

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from api.tasks.days import Calendar
from api.tasks.graph import early_dates, late_dates, predecessors, topological_order
from api.tasks.many_days import Calendars, Ints
from api.tasks.many_graphs import NEVER, early_finish, late_finish, level, leveled
from tests.tasks.strategies import calendars, days, graphs

Edges = list[tuple[int, int, int]]


@given(st.lists(calendars(), min_size=1, max_size=4), st.data())
def test_days_of_many_calendars_are_those_of_each(
    several: list[Calendar], data: st.DataObject
) -> None:
    asked = data.draw(st.lists(st.tuples(st.integers(0, len(several) - 1), days()), min_size=1))
    of = np.array([which for which, _ in asked])
    ordinals = np.array([day.toordinal() for _, day in asked])
    many = Calendars(several)
    assert many.plain.all()
    each = [(several[which], day) for which, day in asked]
    positions = [calendar.position(day) for calendar, day in each]
    assert many.position(of, ordinals).tolist() == positions
    assert many.floor(of, ordinals).tolist() == [calendar.floor(day) for calendar, day in each]
    found = many.day(of, np.array(positions)).tolist()
    assert [date.fromordinal(day) for day in found] == [c.roll_forward(day) for c, day in each]


def columns(edges: Edges) -> tuple[Ints, ...]:
    return tuple(np.array(edges, np.int64).reshape(len(edges), 3).T)


@given(st.lists(graphs(), min_size=1, max_size=3), st.data())
@settings(max_examples=300, deadline=None)
def test_dates_of_many_graphs_are_those_of_each(
    several: list[tuple[int, Edges]], data: st.DataObject
) -> None:
    size, together, offsets = 0, [], []
    for tasks, edges in several:
        together += [(a + size, b + size, lag) for a, b, lag in edges]
        offsets.append(size)
        size += tasks
    numbers = st.lists(st.integers(0, 9), min_size=size, max_size=size)
    duration, earliest, promised = (data.draw(numbers) for _ in range(3))
    promised = [day - 1 for day in promised]
    targets = data.draw(st.lists(st.integers(0, size - 1), unique=True))
    order, before = topological_order(size, together), predecessors(size, together)
    early = early_dates(order, before, duration, earliest, promised, base=3)
    late = late_dates(order, before, duration, targets, 40)

    first, second, lag = columns(together)
    graph = leveled(level(size, first, second), first, second, lag)
    days = np.array(duration)
    bounds = (np.array(earliest), np.array(promised))
    finish = early_finish(graph, days, *bounds, base=np.full(size, 3))
    assert finish.tolist() == early.finish
    # Two samples of the durations at once.
    both = np.stack([days, days + 1])
    sampled = early_finish(graph, both, *bounds, base=np.full(size, 3))
    assert sampled[0].tolist() == early.finish
    longer = early_dates(order, before, (days + 1).tolist(), earliest, promised, base=3)
    assert sampled[1].tolist() == longer.finish

    deadline = np.full(size, NEVER)
    deadline[targets] = 40
    found = late_finish(graph, days, deadline).tolist()
    assert [day if day < NEVER // 2 else NEVER for day in found] == late
    meant = np.arange(size) >= offsets[-1]
    some = late_finish(graph.among(meant), days, deadline).tolist()
    assert some[offsets[-1] :] == found[offsets[-1] :]


@given(graphs(acyclic=False))
def test_what_waits_for_a_cycle_has_no_level(graph: tuple[int, Edges]) -> None:
    size, edges = graph
    first, second, _ = columns(edges)
    levels = level(size, first, second).tolist()
    waits = set(range(size))
    while True:
        free = {t for t in waits if not any(b == t and a in waits for a, b, _ in edges)}
        if not free:
            break
        waits -= free
    assert {task for task in range(size) if levels[task] < 0} == waits
    for a, b, _ in edges:
        if b not in waits:
            assert levels[a] < levels[b]
