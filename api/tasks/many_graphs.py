"""`graph` for arrays: many task graphs, laid side by side as one, computed level by level.

A task's level is the longest chain before it, so all tasks of a level can be computed at once.
The rules are those of `graph.early_dates` and `graph.late_dates`: a change there is a change here,
and a test compares them. Dates have the tasks as their last axis and may have others before it,
such as one of samples; durations and dates broadcast.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from api.tasks.graph import NEVER
from api.tasks.many_days import Ints


@dataclass(frozen=True, slots=True)
class Leveled:
    """The edges of an acyclic graph, ordered by the successor's level, then by the successor.

    `tasks` are the successors in that order, each once, and `starts` where the edges of each
    begin; level n + 1 has the tasks `bounds[n]` to `bounds[n + 1]`.
    """

    before: Ints
    after: Ints
    lag: Ints
    tasks: Ints
    starts: Ints
    bounds: Ints

    def edge_bounds(self) -> Ints:
        """As `bounds`, of edges."""
        return np.append(self.starts, len(self.after))[self.bounds]

    def among(self, meant: NDArray[np.bool_]) -> Leveled:
        """Only the edges into tasks that are meant, level by level as before."""
        level = np.repeat(np.arange(len(self.bounds) - 1), np.diff(self.edge_bounds()))
        kept = meant[self.after]
        return _grouped(self.before[kept], self.after[kept], self.lag[kept], level[kept] + 1)


def level(size: int, before: Ints, after: Ints) -> Ints:
    """The level of each task, from 0; -1 for what is on a cycle or behind one."""
    waiting = np.bincount(after, minlength=size)
    following = after[_order(before, size)]
    ends = np.cumsum(np.bincount(before, minlength=size))
    levels = np.full(size, -1, np.int64)
    last_seen = np.zeros(size, np.int64)
    ready, depth = np.flatnonzero(waiting == 0), 0
    while ready.size:
        levels[ready] = depth
        begins = np.where(ready > 0, ends[ready - 1], 0)
        counts = ends[ready] - begins
        shift = np.repeat(begins - (np.cumsum(counts) - counts), counts)
        successors = following[shift + np.arange(len(shift))]
        np.subtract.at(waiting, successors, 1)
        free = successors[waiting[successors] == 0]
        # Each once, without sorting: the one that was noted last.
        numbers = np.arange(len(free))
        last_seen[free] = numbers
        ready, depth = free[last_seen[free] == numbers], depth + 1
    return levels


def leveled(levels: Ints, before: Ints, after: Ints, lag: Ints) -> Leveled:
    """Edges of an acyclic graph in the order of their levels."""
    order = _order(after, len(levels))
    order = order[_order(levels[after[order]], len(levels))]
    return _grouped(before[order], after[order], lag[order], levels[after[order]])


def _order(values: Ints, bound: int) -> Ints:
    """The indexes that sort values from 0 to below `bound`, equal ones as they are."""
    # NumPy sorts numbers of 16 bits by radix, ten times as fast.
    narrow = values.astype(np.uint16) if bound <= 1 << 16 else values
    return np.argsort(narrow, kind="stable")


def _grouped(before: Ints, after: Ints, lag: Ints, levels: Ints) -> Leveled:
    """From edges that are in order; `levels` are the successors'."""
    starts = np.flatnonzero(np.diff(after, prepend=-1))
    tasks, of_tasks = after[starts], levels[starts]
    deepest = int(of_tasks[-1]) if len(of_tasks) else 0
    bounds = np.searchsorted(of_tasks, np.arange(1, deepest + 2))
    return Leveled(before, after, lag, tasks, starts, bounds)


def early_finish(
    graph: Leveled, duration: Ints, earliest: Ints, promised: Ints, *, base: Ints
) -> Ints:
    """The day each task finishes at the earliest; parameters as in `graph.early_dates`.

    `base` is per task, too: each is of some school.
    """
    start = np.maximum(earliest, base)
    finish, free = _finished(start, earliest, duration, promised)
    edges = graph.edge_bounds()
    for first, end, low, high in zip(
        graph.bounds[:-1], graph.bounds[1:], edges[:-1], edges[1:], strict=True
    ):
        tasks, groups = graph.tasks[first:end], graph.starts[first:end] - low
        before, lag = graph.before[low:high], graph.lag[low:high]
        freed = np.maximum.reduceat(free[..., before] + lag, groups, axis=-1)
        ended = np.maximum.reduceat(finish[..., before] + lag, groups, axis=-1)
        finish[..., tasks], free[..., tasks] = _finished(
            np.maximum(start[..., tasks], freed),
            np.maximum(earliest[..., tasks], ended),
            duration[..., tasks],
            promised[..., tasks],
        )
    return finish


def _finished(start: Ints, at_once: Ints, days: Ints, promise: Ints) -> tuple[Ints, Ints]:
    """The last day, and the day a successor without lag may start.

    A task of 0 days occupies none: it ends `at_once`, and frees what follows when it could start.
    """
    finish = np.where(days > 0, start + days - 1, at_once)
    free = np.where(days > 0, finish + 1, start)
    fixed = (promise >= 0) & (promise >= finish)
    return np.where(fixed, promise, finish), np.where(fixed, promise + 1, free)


def late_finish(graph: Leveled, duration: Ints, late: Ints) -> Ints:
    """The last day each task may finish so that every target is over by its deadline.

    `late` has the targets' deadlines and `graph.NEVER` elsewhere. What leads to no target stays
    about NEVER, far later than any day.
    """
    late = late.copy()
    edges = graph.edge_bounds()
    for low, high in zip(edges[-2::-1], edges[:0:-1], strict=True):
        after = graph.after[low:high]
        latest = late[after] - duration[after] - graph.lag[low:high]
        np.minimum.at(late, graph.before[low:high], latest)
    return late


__all__ = ["NEVER", "Leveled", "early_finish", "late_finish", "level", "leveled"]
