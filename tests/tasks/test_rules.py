"""When a task is satisfied, and what a person may decide about it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import Conflict, Forbidden, Invalid
from api.tasks.errors import (
    AdminRequired,
    DependencyCycle,
    EvidenceRequired,
    ReasonRequired,
    TaskBlocked,
    TransitionRefused,
)
from api.tasks.rules import (
    DependencyFacts,
    TaskFacts,
    TaskKind,
    TaskStatus,
    Transition,
    WaiverFacts,
    bridge,
    carries_evidence,
    decide,
    is_satisfied,
    is_worse,
    status_from_evidence,
)
from tests.tasks.strategies import graphs

NOW = datetime(2027, 7, 1, 12, tzinfo=UTC)
TODAY = date(2027, 7, 1)
TASK = TaskFacts("1", "pd.core", "Core course", "pd", TaskKind.MANUAL, gate=True)
SECOND = timedelta(seconds=1)


def waiver(expires_on: date | None) -> WaiverFacts:
    return WaiverFacts("w", TASK.id, "borrowed", expires_on)


@pytest.mark.parametrize(
    ("status", "satisfied"),
    [("pending", False), ("in_progress", False), ("done", True), ("skipped", True)],
)
def test_done_or_skipped_satisfies(status: str, satisfied: bool) -> None:
    assert is_satisfied(TASK._replace(status=status), None, NOW, TODAY) is satisfied
    assert is_satisfied(TASK._replace(status=TaskStatus(status)), None, NOW, TODAY) is satisfied


@pytest.mark.parametrize("status", ["done", "skipped"])
def test_stale_evidence_does_not_satisfy_from_the_moment_it_expires(status: str) -> None:
    task = TASK._replace(status=status, valid_until=NOW)
    assert is_satisfied(task, None, NOW - SECOND, TODAY)
    assert not is_satisfied(task, None, NOW, TODAY)


def test_a_zero_total_never_satisfies() -> None:
    done = TASK._replace(status="done", progress_total=0)
    assert not is_satisfied(done, None, NOW, TODAY)
    assert is_satisfied(done._replace(progress_total=5), None, NOW, TODAY)
    assert is_satisfied(done._replace(status="skipped"), None, NOW, TODAY)


def test_a_waiver_satisfies_through_its_last_day() -> None:
    assert is_satisfied(TASK, waiver(None), NOW, TODAY)
    assert is_satisfied(TASK, waiver(TODAY), NOW, TODAY)
    assert not is_satisfied(TASK, waiver(TODAY - timedelta(days=1)), NOW, TODAY)
    stale = TASK._replace(status="done", valid_until=NOW)
    assert is_satisfied(stale, waiver(TODAY), NOW, TODAY)


ALLOWED = {
    (TaskStatus.PENDING, Transition.START): TaskStatus.IN_PROGRESS,
    (TaskStatus.PENDING, Transition.COMPLETE): TaskStatus.DONE,
    (TaskStatus.IN_PROGRESS, Transition.COMPLETE): TaskStatus.DONE,
    (TaskStatus.PENDING, Transition.SKIP): TaskStatus.SKIPPED,
    (TaskStatus.IN_PROGRESS, Transition.SKIP): TaskStatus.SKIPPED,
    (TaskStatus.DONE, Transition.REOPEN): TaskStatus.PENDING,
    (TaskStatus.SKIPPED, Transition.REOPEN): TaskStatus.PENDING,
    (TaskStatus.CANCELLED, Transition.REOPEN): TaskStatus.PENDING,
    (TaskStatus.PENDING, Transition.CANCEL): TaskStatus.CANCELLED,
    (TaskStatus.IN_PROGRESS, Transition.CANCEL): TaskStatus.CANCELLED,
    (TaskStatus.DONE, Transition.CANCEL): TaskStatus.CANCELLED,
    (TaskStatus.SKIPPED, Transition.CANCEL): TaskStatus.CANCELLED,
}


@pytest.mark.parametrize("status", TaskStatus)
@pytest.mark.parametrize("transition", Transition)
def test_only_the_transitions_of_the_table_are_possible(
    status: TaskStatus, transition: Transition
) -> None:
    task = TASK._replace(status=status)
    target = ALLOWED.get((status, transition))
    if target is None:
        with pytest.raises(TransitionRefused) as refused:
            decide(task, transition, reason="because", admin=True)
        assert refused.value.extra == {"status": status.value}
    else:
        assert decide(task, transition, reason="because", admin=True) is target


@pytest.mark.parametrize("transition", [Transition.START, Transition.COMPLETE])
def test_a_blocked_task_needs_an_override(transition: Transition) -> None:
    with pytest.raises(TaskBlocked) as blocked:
        decide(TASK, transition, blocked_by=["a", "b"])
    assert blocked.value.extra == {"blocked_by": ["a", "b"]}
    with pytest.raises(TaskBlocked):
        decide(TASK, transition, blocked_by=["a"], reason="  ")
    forced = decide(TASK, transition, blocked_by=["a"], reason="the principal says so")
    assert forced is decide(TASK, transition)


EVIDENCED = {"order", "devices", "check", "accounts", "pd", "evidence"}


@pytest.mark.parametrize("kind", TaskKind)
def test_a_task_with_evidence_is_completed_by_it(kind: TaskKind) -> None:
    task = TASK._replace(kind=kind)
    assert carries_evidence(task) is (kind.value in EVIDENCED)
    assert decide(task, Transition.START) is TaskStatus.IN_PROGRESS
    if carries_evidence(task):
        with pytest.raises(EvidenceRequired):
            decide(task, Transition.COMPLETE)
    assert decide(task, Transition.COMPLETE, reason="counted by hand") is TaskStatus.DONE


def test_a_total_alone_makes_evidence() -> None:
    with pytest.raises(EvidenceRequired):
        decide(TASK._replace(progress_total=0), Transition.COMPLETE)


def test_leaving_out_needs_a_reason_and_a_gate_an_admin() -> None:
    for transition in (Transition.SKIP, Transition.CANCEL):
        with pytest.raises(ReasonRequired):
            decide(TASK, transition, admin=True)
    with pytest.raises(AdminRequired):
        decide(TASK, Transition.CANCEL, reason="not needed")
    other = TASK._replace(gate=False)
    assert decide(other, Transition.CANCEL, reason="not needed") is TaskStatus.CANCELLED
    assert decide(TASK, Transition.SKIP, reason="not needed") is TaskStatus.SKIPPED


def test_refusals_have_their_codes() -> None:
    assert (TaskBlocked.code, TaskBlocked.status) == ("task-blocked", Conflict.status)
    assert (EvidenceRequired.code, EvidenceRequired.status) == ("evidence-required", 409)
    assert (TransitionRefused.code, TransitionRefused.status) == ("transition-refused", 409)
    assert (ReasonRequired.code, ReasonRequired.status) == ("reason-required", Invalid.status)
    assert AdminRequired.status == Forbidden.status
    cycle = DependencyCycle.of(["a", "b", "a"])
    assert (cycle.code, cycle.status) == ("dependency-cycle", 409)
    assert cycle.extra == {"path": ["a", "b", "a"]}
    assert "a -> b -> a" in cycle.detail


@pytest.mark.parametrize(
    ("status", "before", "after", "expected"),
    [
        ("pending", (0, 10), (10, 10), "done"),
        ("pending", (0, 10), (4, 10), "in_progress"),
        ("pending", (0, 10), (0, 10), "pending"),
        ("in_progress", (4, 10), (0, 10), "in_progress"),
        ("done", (10, 10), (9, 10), "in_progress"),
        ("done", (10, 10), (10, 12), "in_progress"),
        ("done", (10, 10), (0, 10), "pending"),
        ("done", (10, 10), (11, 10), "done"),
        ("pending", (0, None), (0, 0), "pending"),
        ("done", (5, 5), (0, 0), "pending"),
        ("done", (4, 10), (6, 10), "done"),  # completed by hand, and the evidence only grows
        ("skipped", (0, 10), (10, 10), "skipped"),
        ("cancelled", (0, 10), (10, 10), "cancelled"),
    ],
)
def test_evidence_moves_the_task(
    status: str,
    before: tuple[int, int | None],
    after: tuple[int, int | None],
    expected: str,
) -> None:
    task = TASK._replace(status=status, progress_done=before[0], progress_total=before[1])
    assert status_from_evidence(task, *after) == expected


def test_worse_evidence_is_less_of_more_or_later() -> None:
    task = TASK._replace(progress_done=5, progress_total=10, expected_on=TODAY)
    assert not is_worse(task, 5, 10, TODAY)
    assert not is_worse(task, 6, 9, TODAY - timedelta(days=1))
    assert is_worse(task, 4, 10, TODAY)
    assert is_worse(task, 5, 11, TODAY)
    assert is_worse(task, 5, 10, TODAY + timedelta(days=1))
    assert not is_worse(task._replace(expected_on=None), 5, 10, TODAY)
    assert not is_worse(task._replace(progress_total=None), 5, 300, TODAY)
    assert is_worse(task._replace(progress_total=0), 5, 300, TODAY)


def test_bridging_adds_lags_and_keeps_the_longer() -> None:
    edges = [
        DependencyFacts("a", "x", 2),
        DependencyFacts("b", "x", 0),
        DependencyFacts("x", "c", 1),
        DependencyFacts("x", "d", 0),
        DependencyFacts("a", "c", 9),
        DependencyFacts("b", "d", 0),
        DependencyFacts("a", "b", 5),
    ]
    assert bridge(edges, "x") == (
        DependencyFacts("a", "c", 9),
        DependencyFacts("a", "d", 2),
        DependencyFacts("b", "c", 1),
        DependencyFacts("b", "d", 0),
    )
    assert bridge(edges, "d") == ()


@given(graphs(), st.data())
def test_bridging_keeps_who_waits_for_whom(
    graph: tuple[int, list[tuple[int, int, int]]], data: st.DataObject
) -> None:
    n, numbered = graph
    edges = [DependencyFacts(str(first), str(second), lag) for first, second, lag in numbered]
    gone = str(data.draw(st.integers(0, n - 1)))
    kept = [edge for edge in edges if gone not in edge[:2]]
    before: nx.DiGraph[str] = nx.DiGraph(edge[:2] for edge in edges)
    after: nx.DiGraph[str] = nx.DiGraph(edge[:2] for edge in (*kept, *bridge(edges, gone)))
    assert nx.is_directed_acyclic_graph(after)
    for task in set(before) - {gone}:
        now = nx.descendants(after, task) if task in after else set()
        assert now == nx.descendants(before, task) - {gone}
