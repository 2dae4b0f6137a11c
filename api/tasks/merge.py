"""What a playbook adds to a rollout that has tasks already. Pure, over task keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from api.tasks.graph import find_cycle
from api.tasks.playbooks import Playbook
from api.tasks.rules import LONGEST_LAG, DependencyFacts, TaskStatus, bridge

# (predecessor, successor) keys -> lag in working days.
Edges = dict[tuple[str, str], int]


class Kept(NamedTuple):
    """A task that is there; `playbook_version` is None for one a person made."""

    id: UUID
    status: str
    playbook_version: int | None


@dataclass(frozen=True, slots=True)
class Existing:
    """What a rollout holds already: its tasks by key, and the edges between them by key."""

    tasks: Mapping[str, Kept] = field(default_factory=dict)
    edges: frozenset[tuple[str, str]] = frozenset()


def edges_in(playbook: Playbook) -> Edges:
    return {
        (before.key, task.key): before.lag_days
        for task in playbook.tasks
        for before in task.depends_on
    }


def without(edges: Edges, gone: Iterable[str]) -> Edges:
    """The edges with some tasks taken out and the gaps bridged, as cancelling a task does."""
    left = dict(edges)
    for key in gone:
        facts = [DependencyFacts(a, b, lag) for (a, b), lag in left.items()]
        over = bridge(facts, key)
        left = {pair: lag for pair, lag in left.items() if key not in pair}
        left |= {(e.predecessor_id, e.successor_id): min(e.lag_days, LONGEST_LAG) for e in over}
    return left


def new_edges(playbook: Playbook, before: Playbook | None, here: Existing) -> Edges:
    """The edges to add: not those there, nor those an earlier version brought and somebody cut.

    `before` is the version applied last. Cancelled tasks stay out and what they connected in
    the playbook stays in order.
    """
    gone = [key for key, task in here.tasks.items() if task.status == TaskStatus.CANCELLED]
    old = without(edges_in(before), gone) if before is not None else {}
    return {
        edge: lag
        for edge, lag in without(edges_in(playbook), gone).items()
        if edge not in here.edges and edge not in old
    }


def closed_circle(playbook: Playbook, here: Existing, edges: Edges) -> list[str] | None:
    """The circle that the new edges close with those there, as keys, the first repeated."""
    if not here.edges or not edges:
        return None
    keys = list(dict.fromkeys([*here.tasks, *(task.key for task in playbook.tasks)]))
    index = {key: number for number, key in enumerate(keys)}
    path = find_cycle(len(keys), [(index[a], index[b], 0) for a, b in {*here.edges, *edges}])
    return [keys[number] for number in path] if path else None
