"""When a rollout's open gates can be satisfied: the cheap core of every answer.

What is satisfied leaves the graph at once, so a school's forecast costs what is left to do.
Everything that only a reader of the whole document wants (blockers, sentences) is computed
later, in `document`, from what this module returns. `batch` says the same of thousands of schools
at once: a rule that changes here changes there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from api.tasks.days import Calendar
from api.tasks.errors import DependencyCycle
from api.tasks.graph import CyclicError, Early, early_dates, kahn, late_dates
from api.tasks.rules import (
    DependencyFacts,
    TaskFacts,
    TaskStatus,
    WaiverFacts,
    is_satisfied,
)

# A broken promise is expected again after this many working days, or the order's usual slip.
BROKEN_PROMISE_DAYS = 5

_CANCELLED, _IN_PROGRESS = TaskStatus.CANCELLED, TaskStatus.IN_PROGRESS
_DONE, _SKIPPED = TaskStatus.DONE, TaskStatus.SKIPPED


@dataclass(frozen=True, slots=True)
class RolloutFacts:
    """All that a school's readiness depends on.

    `tasks` are the rollout's and the network tasks before them, `dependencies` the edges among
    them, `waivers` the approved ones. `rollout_id` is None for a school without a rollout.
    `opened_ready` is what was recorded when first bell passed (None before).
    """

    school_id: str
    school_code: str
    school_name: str
    timezone: str
    rollout_id: str | None
    model: str | None
    first_bell: date | None
    state: str | None
    opened_ready: bool | None
    tasks: tuple[TaskFacts, ...]
    dependencies: tuple[DependencyFacts, ...]
    waivers: tuple[WaiverFacts, ...]
    calendar: Calendar


class Moment(NamedTuple):
    """One moment at a school: `now` aware, `today` the local day, `midnight` the next one (UTC)."""

    now: datetime
    today: date
    midnight: datetime


@lru_cache(maxsize=1024)
def moment_at(timezone: str, now: datetime) -> Moment:
    """The school's day at an aware moment."""
    today = local_day(timezone, now)
    return Moment(now, today, day_start(timezone, today + timedelta(days=1)))


@lru_cache(maxsize=4096)
def day_start(timezone: str, day: date) -> datetime:
    """The moment (UTC) at which a day begins at a place."""
    return datetime.combine(day, time.min, ZoneInfo(timezone)).astimezone(UTC)


def local_day(timezone: str, moment: datetime) -> date:
    """The calendar day of an aware moment at a place."""
    return moment.astimezone(ZoneInfo(timezone)).date()


@dataclass(slots=True)
class Stream:
    """The gates of one workstream; `open_gates` are indexes into `Forecast.tasks`."""

    total: int = 0
    satisfied: int = 0
    open_gates: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Work:
    """What is left to do: the open tasks and the renewals, in `tasks`.

    `holds[i]`: a gate that is satisfied today but not through first bell. It must be renewed,
    and delays nothing else. `before[i]`: its open predecessors as (index, lag).
    """

    tasks: list[TaskFacts] = field(default_factory=list)
    holds: list[bool] = field(default_factory=list)
    streams: defaultdict[str, Stream] = field(default_factory=lambda: defaultdict(Stream))
    waived: int = 0
    progress: float = 0.0
    expires: datetime | None = None


@dataclass(slots=True)
class Forecast:
    """The open graph with its dates, as numbers of the calendar's working days."""

    work: Work
    open_gates: list[int] = field(default_factory=list)
    order: list[int] = field(default_factory=list)
    before: list[list[tuple[int, int]]] = field(default_factory=list)
    duration: list[int] = field(default_factory=list)
    early: Early = field(default_factory=lambda: Early([], [], [], []))
    broken: set[int] = field(default_factory=set)

    def last(self, gates: Sequence[int]) -> int:
        """Which of the (open) gates finishes last."""
        return max(gates, key=self.early.finish.__getitem__)

    def breaks(self, gates: Sequence[int]) -> bool:
        """Whether a broken promise decides when the last of the gates is satisfied."""
        if not self.broken:
            return False
        finish = self.early.finish
        late = late_dates(
            self.order, self.before, self.duration, gates, max(finish[gate] for gate in gates)
        )
        return any(late[task] <= finish[task] for task in self.broken)


def in_force(waivers: Sequence[WaiverFacts], today: date) -> dict[str, WaiverFacts]:
    """The waiver that holds longest, by task id, of those not expired."""
    best: dict[str, WaiverFacts] = {}
    for waiver in waivers:
        if waiver.expires_on is not None and waiver.expires_on < today:
            continue
        known = best.get(waiver.task_id)
        if known is None or _last_day(waiver) > _last_day(known):
            best[waiver.task_id] = waiver
    return best


def _last_day(waiver: WaiverFacts) -> date:
    return waiver.expires_on or date.max


def work_left(facts: RolloutFacts, at: Moment, waivers: Mapping[str, WaiverFacts]) -> Work:
    """Sort the tasks into satisfied, to be renewed, and open; count the gates.

    Until first bell a gate counts as satisfied only if its evidence or waiver also covers that
    whole day, so it is asked about twice: now, and at that day's last moment.
    """
    work = Work()
    now, today = at.now, at.today
    until, until_day = horizon(facts.timezone, facts.first_bell, at)
    streams, expires = work.streams, None
    waiver = None
    for task in facts.tasks:
        if task.status == _CANCELLED:
            continue
        stream = streams[task.workstream]
        if waivers:
            waiver = waivers.get(task.id)
        satisfied = ready = is_satisfied(task, waiver, now, today)
        valid_until = task.valid_until
        if valid_until is not None and valid_until > now:
            expires = valid_until if expires is None else min(expires, valid_until)
        if task.gate:
            stream.total += 1
            if satisfied and (valid_until is not None or waiver is not None):
                ready = is_satisfied(task, waiver, until, until_day)
                if ready and not is_satisfied(task, None, until, until_day):
                    work.waived += 1
            if ready:
                stream.satisfied += 1
            else:
                stream.open_gates.append(len(work.tasks))
                work.progress += _partial(task)
        if not (satisfied and ready):
            work.tasks.append(task)
            work.holds.append(satisfied)
    work.expires = expires
    return work


def horizon(timezone: str, first_bell: date | None, at: Moment) -> tuple[datetime, date]:
    """The moment, and its day, that evidence has to cover: the end of first bell's day, or now."""
    if first_bell is None or at.today >= first_bell:
        return at.now, at.today
    next_day = day_start(timezone, first_bell + timedelta(days=1))
    return next_day - timedelta(microseconds=1), first_bell


def _partial(task: TaskFacts) -> float:
    """The share of the evidence there is; what is not satisfied is never all of it."""
    if not task.progress_total:
        return 0.0
    return min(max(task.progress_done / task.progress_total, 0.0), 0.999)


def forecast(facts: RolloutFacts, at: Moment, work: Work) -> Forecast:
    """The dates of what is left to do. Raises NoWorkingDay, DateOutOfRange, DependencyCycle."""
    open_gates = [gate for stream in work.streams.values() for gate in stream.open_gates]
    result = Forecast(work, open_gates)
    if not open_gates:
        return result
    size = len(work.tasks)
    index = {task.id: number for number, task in enumerate(work.tasks)}
    before: list[list[tuple[int, int]]] = [[] for _ in range(size)]
    following: list[list[int]] = [[] for _ in range(size)]
    waiting = [0] * size
    find, holds = index.get, work.holds
    for predecessor_id, successor_id, lag in facts.dependencies:
        predecessor = find(predecessor_id)
        if predecessor is None or holds[predecessor]:
            continue
        successor = find(successor_id)
        if successor is not None:
            before[successor].append((predecessor, lag))
            following[predecessor].append(successor)
            waiting[successor] += 1
    result.before = before
    try:
        result.order = kahn(waiting, following)
    except CyclicError as error:
        raise DependencyCycle.of([work.tasks[number].key for number in error.path]) from error
    _set_dates(result, facts, at)
    return result


def _set_dates(result: Forecast, facts: RolloutFacts, at: Moment) -> None:
    calendar, today = facts.calendar, at.today
    base, so_far = calendar.position(today), calendar.floor(today)
    duration: list[int] = []
    earliest: list[int] = []
    promised: list[int] = []
    for number, task in enumerate(result.work.tasks):
        days = task.duration_days
        if task.status == _IN_PROGRESS and task.started_on is not None:
            gone = max(base - calendar.position(task.started_on), 0)
            days = max(min(1, days), days - gone)
        first = so_far
        if task.not_before is not None and task.not_before > today:
            first = calendar.position(task.not_before)
        if result.work.holds[number]:
            window = renewal_window(facts, at, task)
            if window is not None and window[0] > today:
                first = max(first, calendar.position(window[0]))
        promise = -1
        if task.expected_on is not None or task.lead_days is not None:
            promise = _promise(task, calendar, today)
            if is_broken(task, today):
                result.broken.add(number)
        duration.append(days)
        earliest.append(first)
        promised.append(promise)
    result.duration = duration
    result.early = early_dates(result.order, result.before, duration, earliest, promised, base=base)
    finish = result.early.finish
    calendar.check_reach(today, calendar.day(max(finish[gate] for gate in result.open_gates)))


def is_broken(task: TaskFacts, today: date) -> bool:
    """Whether the promised day has passed and the evidence is not there."""
    return task.expected_on is not None and task.expected_on < today and not _complete(task)


def _complete(task: TaskFacts) -> bool:
    """Whether nothing more is expected: an old promise was kept or dropped."""
    total = task.progress_total
    if task.status in (_DONE, _SKIPPED):
        return total != 0 or task.status == _SKIPPED
    return total is not None and 0 < total <= task.progress_done


def _promise(task: TaskFacts, calendar: Calendar, today: date) -> int:
    """The number of the day before which the task cannot finish; -1 when there is none."""
    if task.expected_on is not None:
        if task.expected_on >= today:
            return calendar.position(task.expected_on)
        if is_broken(task, today):
            slip = max(BROKEN_PROMISE_DAYS, task.spread_days or 0)
            return calendar.add_position(today, slip)
        return -1
    if task.lead_days is None or _complete(task):
        return -1
    return calendar.add_position(today, task.lead_days)


def renewal_window(facts: RolloutFacts, at: Moment, task: TaskFacts) -> tuple[date, date] | None:
    """The first and last day on which evidence that expires by first bell is to be renewed.

    From the day it expires, or earlier where that would leave too few days before first bell.
    None for a task that only a waiver satisfies: that work can start today.
    """
    if facts.first_bell is None or task.valid_until is None:
        return None
    if not is_satisfied(task, None, at.now, at.today):
        return None
    last = facts.calendar.last_before(facts.first_bell)
    latest_start = facts.calendar.back(last, task.duration_days)
    expires = local_day(facts.timezone, task.valid_until)
    return max(at.today, min(expires, latest_start)), last
