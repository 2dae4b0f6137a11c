"""The graph against networkx, and dates against their definition."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.tasks.days import Calendar
from api.tasks.graph import (
    NEVER,
    OWN,
    PROMISE,
    CyclicError,
    Early,
    Edge,
    blockers,
    critical_path,
    early_dates,
    find_cycle,
    late_dates,
    neighbours,
    predecessors,
    schedule_backward,
    topological_order,
    unblocks,
    would_cycle,
)
from tests.tasks.strategies import calendars, days, graphs

Graph = tuple[int, list[Edge]]
LONG = 10_000


def judge(n: int, edges: list[Edge]) -> nx.DiGraph[int]:
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(n))
    graph.add_weighted_edges_from(edges)
    return graph


def chain(n: int) -> list[Edge]:
    return [(task, task + 1, 0) for task in range(n - 1)]


def schedule(n: int, edges: list[Edge], duration: list[int], start: list[int]) -> Early:
    order = topological_order(n, edges)
    return early_dates(order, predecessors(n, edges), duration, start, [-1] * n, base=0)


def assert_is_cycle(path: list[int], edges: list[Edge]) -> None:
    pairs = {(first, second) for first, second, _ in edges}
    assert len(path) > 1
    assert path[0] == path[-1]
    assert len(set(path)) == len(path) - 1
    assert all(step in pairs for step in pairwise(path))


@given(graphs(acyclic=False))
def test_a_cycle_is_found_exactly_when_there_is_one(graph: Graph) -> None:
    n, edges = graph
    path = find_cycle(n, edges)
    assert (path is None) == nx.is_directed_acyclic_graph(judge(n, edges))
    if path is None:
        order = topological_order(n, edges)
        assert sorted(order) == list(range(n))
        assert all(order.index(first) < order.index(second) for first, second, _ in edges)
    else:
        assert_is_cycle(path, edges)
        with pytest.raises(CyclicError):
            topological_order(n, edges)


@given(graphs(), st.data())
def test_an_edge_is_refused_exactly_when_it_would_close_a_cycle(
    graph: Graph, data: st.DataObject
) -> None:
    n, edges = graph
    new = (data.draw(st.integers(0, n - 1)), data.draw(st.integers(0, n - 1)))
    adjacency = neighbours((first, second) for first, second, _ in edges)
    path = would_cycle(adjacency, *new)
    assert (path is not None) == nx.has_path(judge(n, edges), new[1], new[0])
    if path is not None:
        assert path[:2] == list(new)
        assert_is_cycle(path, [*edges, (*new, 0)])


def test_a_cycle_is_named_by_its_path() -> None:
    assert would_cycle(neighbours([("a", "b"), ("b", "c")]), "c", "a") == ["c", "a", "b", "c"]
    assert would_cycle([[1], [2], []], 2, 0) == [2, 0, 1, 2]
    assert would_cycle([[]], 0, 0) == [0, 0]


def test_a_chain_of_ten_thousand_tasks_is_no_trouble() -> None:
    edges = chain(LONG)
    before, ones = predecessors(LONG, edges), [1] * LONG
    order = topological_order(LONG, edges)
    assert find_cycle(LONG, [*edges, (LONG - 1, 0, 0)]) is not None
    pairs = neighbours((first, second) for first, second, _ in edges)
    assert len(would_cycle(pairs, LONG - 1, 0) or ()) == LONG + 1
    early = early_dates(order, before, ones, [0] * LONG, [-1] * LONG, base=0)
    assert early.finish[-1] == LONG - 1
    assert critical_path(early.driver, LONG - 1) == list(range(LONG))
    assert unblocks(order, before)[0] == LONG - 1


durations = st.lists(st.integers(1, 5), min_size=9, max_size=9)


@given(graphs(), durations)
def test_the_last_finish_is_the_longest_path(graph: Graph, lengths: list[int]) -> None:
    n, edges = graph
    early = schedule(n, edges, lengths[:n], [0] * n)
    weighted: nx.DiGraph[int] = nx.DiGraph()
    weighted.add_nodes_from(range(n + 1))
    weighted.add_weighted_edges_from(
        (first, second, lengths[first] + lag) for first, second, lag in edges
    )
    weighted.add_weighted_edges_from((task, n, lengths[task]) for task in range(n))
    assert max(early.finish) + 1 == nx.dag_longest_path_length(weighted)


@given(graphs(), durations, st.lists(st.integers(0, 12), min_size=9, max_size=9))
def test_the_critical_path_is_tight_and_float_is_what_can_slip(
    graph: Graph, lengths: list[int], starts: list[int]
) -> None:
    n, edges = graph
    duration, earliest = lengths[:n], starts[:n]
    early = schedule(n, edges, duration, earliest)
    end = max(early.finish)
    last = early.finish.index(end)
    path = critical_path(early.driver, last)
    lags = {(first, second): lag for first, second, lag in edges}
    assert path[-1] == last
    assert early.start[path[0]] == earliest[path[0]]
    for first, second in pairwise(path):
        assert early.start[second] == early.finish[first] + 1 + lags[first, second]
    late = late_dates(topological_order(n, edges), predecessors(n, edges), duration, [last], end)
    reaches_last = nx.ancestors(judge(n, edges), last) | {last}
    for task in range(n):
        assert (late[task] != NEVER) == (task in reaches_last)
        if task not in reaches_last:
            continue
        slip = late[task] - early.finish[task]
        assert slip >= 0
        for extra, moved_end in ((slip, end), (slip + 1, end + 1)):
            delayed = list(earliest)
            delayed[task] = early.start[task] + extra
            assert schedule(n, edges, duration, delayed).finish[last] == moved_end


@given(graphs())
def test_unblocks_counts_the_descendants(graph: Graph) -> None:
    n, edges = graph
    counts = unblocks(topological_order(n, edges), predecessors(n, edges))
    known = judge(n, edges)
    assert counts == [len(nx.descendants(known, task)) for task in range(n)]


@given(graphs(), st.data())
def test_blockers_are_the_sources_that_lead_to_a_target(graph: Graph, data: st.DataObject) -> None:
    n, edges = graph
    target = data.draw(st.integers(0, n - 1))
    before = predecessors(n, edges)
    late = late_dates(topological_order(n, edges), before, [1] * n, [target], 100)
    known = judge(n, edges)
    sources = {task for task in range(n) if known.in_degree(task) == 0}
    assert set(blockers(before, late)) == sources & (nx.ancestors(known, target) | {target})


def test_a_milestone_takes_no_day() -> None:
    # 0 (2 days) -> 1 (milestone) -> 2 (1 day), as if 0 -> 2.
    early = schedule(3, [(0, 1, 0), (1, 2, 0)], [2, 0, 1], [0, 0, 0])
    assert early.finish == [1, 1, 2]
    assert early.start[2] == 2
    # Alone it finishes today and what follows starts today, not tomorrow.
    alone = schedule(2, [(0, 1, 0)], [0, 1], [0, 0])
    assert alone.finish == [0, 0]
    # On a weekend: 4 was Friday, 5 is Monday.
    order, before = [0, 1], predecessors(2, [(0, 1, 0)])
    weekend = early_dates(order, before, [0, 1], [4, 4], [-1, -1], base=5)
    assert weekend.finish == [4, 5]
    monday = early_dates(order, before, [0, 1], [5, 4], [-1, -1], base=5)
    assert monday.finish == [5, 5]


def test_a_predecessor_explains_a_start_better_than_the_tasks_own_date() -> None:
    assert schedule(2, [(0, 1, 0)], [2, 1], [0, 2]).driver == [OWN, 0]
    assert schedule(2, [(0, 1, 0)], [2, 1], [0, 3]).driver == [OWN, OWN]


def test_a_promise_holds_the_finish_and_what_follows() -> None:
    order, before = [0, 1], predecessors(2, [(0, 1, 1)])
    for days_of_work in (0, 1, 3):
        early = early_dates(order, before, [days_of_work, 2], [0, 0], [9, -1], base=0)
        assert early.finish[0] == 9
        assert early.driver == [PROMISE, 0]
        assert early.start[1] == 11
    overtaken = early_dates(order, before, [12, 2], [0, 0], [9, -1], base=0)
    assert overtaken.finish[0] == 11
    assert overtaken.driver == [OWN, 0]


@given(graphs(), st.lists(st.integers(0, 4), min_size=9, max_size=9), calendars(), days())
def test_backward_plans_end_just_before_first_bell(
    graph: Graph, lengths: list[int], calendar: Calendar, first_bell: date
) -> None:
    n, edges = graph
    durations = lengths[:n]
    planned = schedule_backward(durations, edges, calendar, first_bell)
    assert max(finish for _, finish in planned) == calendar.last_before(first_bell)
    for (start, finish), days_of_work in zip(planned, durations, strict=True):
        assert calendar.is_working(start)
        assert finish == calendar.finish(start, days_of_work)
    for first, second, lag in edges:
        finish, start = planned[first][1], planned[second][0]
        earliest = calendar.after(finish, lag)
        # A milestone stands on the last day of what it waits for, not the day after.
        assert start >= (earliest if durations[second] else calendar.add(finish, lag))
    successors = {first for first, _, _ in edges}
    for task in set(range(n)) - successors:
        assert planned[task][1] == calendar.last_before(first_bell)


def test_nothing_to_plan_is_planned() -> None:
    assert schedule_backward([], [], Calendar(), date(2027, 8, 23)) == []
