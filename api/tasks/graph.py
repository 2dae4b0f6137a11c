"""Task graphs on integer indexes: order, cycles, early and late dates, what hangs on what.

Tasks are 0 to n-1 and an edge is (predecessor, successor, lag). Lists, not dicts, and loops, not
recursion: the board computes 20,000 graphs at a time, and one may be a chain of 10,000 tasks.
Days are the numbers of working days that `days.Calendar` gives out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from datetime import date
from typing import NamedTuple, Protocol, TypeAlias, TypeVar

from api.tasks.days import Calendar

Edge: TypeAlias = tuple[int, int, int]
Node = TypeVar("Node", bound=Hashable)
Key_contra = TypeVar("Key_contra", contravariant=True)
Nodes_co = TypeVar("Nodes_co", covariant=True)

NEVER = 1 << 60  # later than any day: the task leads to nothing that must be finished


class CyclicError(ValueError):
    """The graph has a cycle; `path` lists its indexes, the first repeated."""

    def __init__(self, path: list[int]) -> None:
        super().__init__(f"cycle: {path}")
        self.path = path


class Lookup(Protocol[Key_contra, Nodes_co]):
    """A list of lists, or a mapping that has every node (such as a defaultdict)."""

    def __getitem__(self, key: Key_contra, /) -> Nodes_co: ...


def neighbours(edges: Iterable[tuple[Node, Node]]) -> defaultdict[Node, list[Node]]:
    """The successors of every node, for `would_cycle`, from (predecessor, successor) pairs."""
    adjacency: defaultdict[Node, list[Node]] = defaultdict(list)
    for predecessor, successor in edges:
        adjacency[predecessor].append(successor)
    return adjacency


def would_cycle(
    adjacency: Lookup[Node, Iterable[Node]], predecessor: Node, successor: Node
) -> list[Node] | None:
    """The cycle that an edge predecessor -> successor would close, or None.

    `adjacency` gives a node's present successors. The path starts and ends with `predecessor`.
    """
    if predecessor == successor:
        return [predecessor, predecessor]
    came_from: dict[Node, Node] = {successor: predecessor}
    stack = [successor]
    while stack:
        node = stack.pop()
        for following in adjacency[node]:
            if following == predecessor:
                path = [predecessor, node]
                while node != successor:
                    node = came_from[node]
                    path.append(node)
                path.append(predecessor)
                return path[::-1]
            if following not in came_from:
                came_from[following] = node
                stack.append(following)
    return None


def find_cycle(n: int, edges: Iterable[Edge]) -> list[int] | None:
    """A cycle as a path of indexes, the first repeated, or None."""
    try:
        topological_order(n, edges)
    except CyclicError as cycle:
        return cycle.path
    return None


def topological_order(n: int, edges: Iterable[Edge]) -> list[int]:
    """Every task after its predecessors. Raises CyclicError."""
    waiting = [0] * n
    following: list[list[int]] = [[] for _ in range(n)]
    for predecessor, successor, _ in edges:
        waiting[successor] += 1
        following[predecessor].append(successor)
    return kahn(waiting, following)


def kahn(waiting: list[int], following: Sequence[Sequence[int]]) -> list[int]:
    """The order, from the number of predecessors (used up here) and the successors of each."""
    order = [task for task, count in enumerate(waiting) if not count]
    for task in order:
        for successor in following[task]:
            waiting[successor] -= 1
            if not waiting[successor]:
                order.append(successor)
    if len(order) < len(waiting):
        raise CyclicError(_cycle_among(waiting, following))
    return order


def _cycle_among(waiting: Sequence[int], following: Sequence[Sequence[int]]) -> list[int]:
    """What the order leaves over waits for another left-over: walk back until one recurs."""
    waits_for = {
        successor: task
        for task, count in enumerate(waiting)
        if count
        for successor in following[task]
        if waiting[successor]
    }
    seen: dict[int, int] = {}
    path: list[int] = []
    task = next(task for task, count in enumerate(waiting) if count)
    while task not in seen:
        seen[task] = len(path)
        path.append(task)
        task = waits_for[task]
    return [*path[seen[task] :], task][::-1]


class Early(NamedTuple):
    """Per task: first day, last day, the day a successor without lag may start, and what it waits
    for: a predecessor's index, OWN (today, its own date or start) or PROMISE (the finish is fixed).
    """

    start: list[int]
    finish: list[int]
    free: list[int]
    driver: list[int]


OWN, PROMISE = -1, -2


def early_dates(
    order: Sequence[int],
    before: Sequence[Sequence[tuple[int, int]]],
    duration: Sequence[int],
    earliest: Sequence[int],
    promised: Sequence[int],
    *,
    base: int,
) -> Early:
    """When each task can start and finish at the earliest.

    `before[i]` are (predecessor, lag) pairs, `base` is the first working day from today on, and
    `promised[i]` a day before which task i cannot finish (-1: none). `earliest[i]` is the first
    day it may start, or the last working day up to today when nothing but today holds it. A task
    of 0 days occupies none: it finishes with its last predecessor and what follows starts as if
    it were absent, except that its own date and promise still hold.
    """
    start, free = [max(day, base) for day in earliest], [0] * len(duration)
    finish, driver = [0] * len(duration), [OWN] * len(duration)
    for task in order:
        first, drives = start[task], OWN
        for predecessor, lag in before[task]:
            day = free[predecessor] + lag
            if day > first or (day == first and drives == OWN and day > base):
                first, drives = day, predecessor
        days = duration[task]
        if days:
            last = first + days - 1
            next_free = last + 1
        else:
            last = earliest[task]
            for predecessor, lag in before[task]:
                last = max(last, finish[predecessor] + lag)
            next_free = first
        promise = promised[task]
        if promise >= 0 and promise >= last:
            if promise > last or not days:
                drives = PROMISE
            last, next_free = promise, promise + 1
        start[task], finish[task], free[task], driver[task] = first, last, next_free, drives
    return Early(start, finish, free, driver)


def late_dates(
    order: Sequence[int],
    before: Sequence[Sequence[tuple[int, int]]],
    duration: Sequence[int],
    targets: Iterable[int],
    deadline: int,
) -> list[int]:
    """The last day each task may finish so that every target is over by `deadline`.

    NEVER for a task that leads to no target. Float is `late[i] - finish[i]`.
    """
    late = [NEVER] * len(duration)
    for target in targets:
        late[target] = deadline
    for task in reversed(order):
        if late[task] != NEVER:
            start = late[task] - duration[task]
            for predecessor, lag in before[task]:
                late[predecessor] = min(late[predecessor], start - lag)
    return late


def critical_path(driver: Sequence[int], last: int) -> list[int]:
    """The chain that decides when `last` finishes, in order of time."""
    path = [last]
    while driver[path[-1]] >= 0:
        path.append(driver[path[-1]])
    return path[::-1]


def unblocks(order: Sequence[int], before: Sequence[Sequence[tuple[int, int]]]) -> list[int]:
    """For each task the number of tasks that wait for it, directly or not."""
    downstream = [0] * len(before)
    for task in reversed(order):
        reach = downstream[task] | 1 << task
        for predecessor, _ in before[task]:
            downstream[predecessor] |= reach
    return [tasks.bit_count() for tasks in downstream]


def blockers(before: Sequence[Sequence[tuple[int, int]]], late: Sequence[int]) -> list[int]:
    """The tasks that nothing open precedes and that lead to a target."""
    return [task for task, earlier in enumerate(before) if not earlier and late[task] != NEVER]


def predecessors(n: int, edges: Iterable[Edge]) -> list[list[tuple[int, int]]]:
    """(predecessor, lag) pairs of every task."""
    before: list[list[tuple[int, int]]] = [[] for _ in range(n)]
    for predecessor, successor, lag in edges:
        before[successor].append((predecessor, lag))
    return before


def schedule_backward(
    durations: Sequence[int], edges: Sequence[Edge], calendar: Calendar, first_bell: date
) -> list[tuple[date, date]]:
    """Planned (start, finish) of every task, as late as first bell allows.

    The last finish is the last working day before first bell; a task of 0 days stands on the day
    it must be reached by. Raises CyclicError, NoWorkingDay, DateOutOfRange.
    """
    n = len(durations)
    order, before = topological_order(n, edges), predecessors(n, edges)
    deadline = calendar.position(first_bell) - 1
    late = late_dates(order, before, durations, range(n), deadline)
    planned = []
    for finish, days in zip(late, durations, strict=True):
        last = calendar.day(finish)
        planned.append((calendar.day(finish - days + 1) if days else last, last))
    if planned:
        calendar.check_reach(min(start for start, _ in planned), first_bell)
    return planned
