"""The rules of a single task: when it is satisfied, what may be done to it.

A *decision* (start, complete, reopen, skip, cancel) is checked here and may be refused; a *fact*
(evidence) is recorded even when it surprises, so its functions never raise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

from api.tasks.errors import (
    AdminRequired,
    EvidenceRequired,
    ReasonRequired,
    TaskBlocked,
    TransitionRefused,
)


class TaskStatus(StrEnum):
    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    DONE = "done"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class TaskKind(StrEnum):
    MANUAL = "manual"
    SIGN_OFF = "sign_off"
    ORDER = "order"
    DEVICES = "devices"
    CHECK = "check"
    ACCOUNTS = "accounts"
    PD = "pd"
    EVIDENCE = "evidence"


class RolloutState(StrEnum):
    PLANNED = "planned"
    ACTIVE = "active"
    OPENED = "opened"
    CLOSED = "closed"


class BlendedModel(StrEnum):
    STATION_ROTATION = "station_rotation"
    LAB_ROTATION = "lab_rotation"
    FLEXIBLE = "flexible"
    INDIVIDUAL_ROTATION = "individual_rotation"
    ONE_TO_ONE = "one_to_one"


class WaiverState(StrEnum):
    REQUESTED = "requested"
    APPROVED = "approved"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"


class Transition(StrEnum):
    START = "start"
    COMPLETE = "complete"
    REOPEN = "reopen"
    SKIP = "skip"
    CANCEL = "cancel"


# Named tuples rather than dataclasses: a board of 20,000 schools makes 800,000 of them, and a
# frozen dataclass of this size takes eight times as long to make (1.8 against 0.23 us).
class TaskFacts(NamedTuple):
    """What readiness needs to know of one task.

    `duration_days`, `lead_days`, `spread_days` are working days; `expected_on` is the promised
    day; `started_on` is the school's local day; `valid_until` is an aware moment; `of_network`
    marks a network's task that precedes a school's. A status or kind may be the plain text of a
    row: the enums are text.
    """

    id: str
    key: str
    title: str
    workstream: str
    kind: str
    gate: bool
    owner_email: str | None = None
    duration_days: int = 1
    not_before: date | None = None
    status: str = TaskStatus.PENDING
    progress_done: int = 0
    progress_total: int | None = None
    unit: str | None = None
    expected_on: date | None = None
    lead_days: int | None = None
    spread_days: int | None = None
    cause: str | None = None
    valid_until: datetime | None = None
    started_on: date | None = None
    of_network: bool = False


class Evidenced(Protocol):
    """The part of a task that new evidence is compared with."""

    @property
    def status(self) -> str: ...
    @property
    def progress_done(self) -> int: ...
    @property
    def progress_total(self) -> int | None: ...
    @property
    def expected_on(self) -> date | None: ...


class DependencyFacts(NamedTuple):
    """Finish-to-start, by task id; `lag_days` working days lie between."""

    predecessor_id: str
    successor_id: str
    lag_days: int = 0


class WaiverFacts(NamedTuple):
    """An approved waiver; it holds through the whole local day `expires_on` (None: for ever)."""

    id: str
    task_id: str
    reason: str
    expires_on: date | None


# Members bound once: reading one off its enum costs more than the comparison it is for.
_PENDING, _IN_PROGRESS = TaskStatus.PENDING, TaskStatus.IN_PROGRESS
_DONE, _SKIPPED = TaskStatus.DONE, TaskStatus.SKIPPED


def is_satisfied(task: TaskFacts, waiver: WaiverFacts | None, now: datetime, today: date) -> bool:
    """Done or skipped and not stale, or waived; done with a total of zero is not done.

    `now` is an aware moment and `today` the school's day then. The one place that says so:
    asked about a later moment, it says whether today's evidence still holds then.
    """
    status = task.status
    if (status == _DONE and task.progress_total != 0) or status == _SKIPPED:
        valid_until = task.valid_until
        if valid_until is None or valid_until > now:
            return True
    return waiver is not None and (waiver.expires_on is None or waiver.expires_on >= today)


_EVIDENCED_KINDS = frozenset(
    {
        TaskKind.ORDER,
        TaskKind.DEVICES,
        TaskKind.CHECK,
        TaskKind.ACCOUNTS,
        TaskKind.PD,
        TaskKind.EVIDENCE,
    }
)


def carries_evidence(task: TaskFacts) -> bool:
    """Whether a workstream's records, not a person's word, finish the task."""
    return task.progress_total is not None or task.kind in _EVIDENCED_KINDS


_OPEN = frozenset({TaskStatus.PENDING, TaskStatus.IN_PROGRESS})
_MOVES: dict[Transition, tuple[frozenset[TaskStatus], TaskStatus]] = {
    Transition.START: (frozenset({TaskStatus.PENDING}), TaskStatus.IN_PROGRESS),
    Transition.COMPLETE: (_OPEN, TaskStatus.DONE),
    Transition.REOPEN: (frozenset(TaskStatus) - _OPEN, TaskStatus.PENDING),
    Transition.SKIP: (_OPEN, TaskStatus.SKIPPED),
    Transition.CANCEL: (frozenset(TaskStatus) - {TaskStatus.CANCELLED}, TaskStatus.CANCELLED),
}


def decide(
    task: TaskFacts,
    transition: Transition,
    *,
    reason: str | None = None,
    blocked_by: Sequence[str] = (),
    admin: bool = False,
) -> TaskStatus:
    """The status the decision leads to.

    `reason` is why (for start and complete: why the rule is overridden), `blocked_by` the keys of
    the task's unsatisfied predecessors. Raises TransitionRefused, TaskBlocked, EvidenceRequired,
    ReasonRequired, AdminRequired.
    """
    sources, target = _MOVES[transition]
    if task.status not in sources:
        state = task.status.replace("_", " ")
        raise TransitionRefused(
            f"{task.key} is {state}; {transition} is not possible then.", status=str(task.status)
        )
    given = bool(reason and reason.strip())
    if transition in (Transition.START, Transition.COMPLETE) and not given:
        _check_unforced(task, transition, blocked_by)
    if transition in (Transition.SKIP, Transition.CANCEL) and not given:
        raise ReasonRequired(f"Say why {task.key} can be left out.")
    if transition is Transition.CANCEL and task.gate and not admin:
        raise AdminRequired(f"{task.key} is a gate; only an admin may cancel it.")
    return target


def _check_unforced(task: TaskFacts, transition: Transition, blocked_by: Sequence[str]) -> None:
    if blocked_by:
        raise TaskBlocked(
            f"{task.key} waits for {', '.join(blocked_by)}; give override_reason to {transition} "
            "it all the same.",
            blocked_by=list(blocked_by),
        )
    if transition is Transition.COMPLETE and carries_evidence(task):
        raise EvidenceRequired(
            f"{task.key} is finished by what is recorded for it; give override_reason to "
            "complete it by hand."
        )


def status_from_evidence(task: Evidenced, done: int, total: int | None) -> TaskStatus:
    """The status after evidence `done` of `total` is recorded for the task; never raises.

    A full count finishes a task, a lower one than before reopens it, and what a person skipped
    or cancelled stays so. A task completed by hand stays done while its evidence only grows.
    """
    status = TaskStatus(task.status)
    if status in (TaskStatus.SKIPPED, TaskStatus.CANCELLED):
        return status
    if total is not None and 0 < total <= done:
        return TaskStatus.DONE
    if status is TaskStatus.DONE and total != 0 and not is_worse(task, done, total, None):
        return status
    if done > 0 or status is TaskStatus.IN_PROGRESS:
        return TaskStatus.IN_PROGRESS
    return TaskStatus.PENDING


def is_worse(task: Evidenced, done: int, total: int | None, expected_on: date | None) -> bool:
    """Whether new evidence is worse than what the task holds: done falls, total rises, promise
    slips. It supersedes a waiver, which was given for what was known then; the first total or
    promise where none was known is not worse than anything.
    """
    more = total is not None and task.progress_total is not None and total > task.progress_total
    slipped = expected_on is not None and (
        task.expected_on is not None and expected_on > task.expected_on
    )
    return done < task.progress_done or more or slipped


# What the database takes for a lag, in working days: eight years.
LONGEST_LAG = 2000


def bridge(edges: Iterable[DependencyFacts], cancelled_id: str) -> tuple[DependencyFacts, ...]:
    """The edges to write when a task is cancelled: each predecessor to each successor.

    Lags add, the task's own duration goes with it, and where an edge exists already the longer
    lag is kept. Ordered by predecessor, then successor, as they come.
    """
    before: list[DependencyFacts] = []
    after: list[DependencyFacts] = []
    existing: dict[tuple[str, str], int] = {}
    for edge in edges:
        if edge.successor_id == cancelled_id:
            before.append(edge)
        elif edge.predecessor_id == cancelled_id:
            after.append(edge)
        else:
            existing[edge.predecessor_id, edge.successor_id] = edge.lag_days
    bridged: list[DependencyFacts] = []
    for first in before:
        for second in after:
            lag = first.lag_days + second.lag_days
            pair = (first.predecessor_id, second.successor_id)
            bridged.append(DependencyFacts(*pair, max(lag, existing.get(pair, lag))))
    return tuple(bridged)
