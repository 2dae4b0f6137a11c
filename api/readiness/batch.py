"""`rules.evaluate` for the board: thousands of schools at once, as arrays.

What a row of the board says of a school, and nothing else. The sentences are those of `rules`,
`forecast` and `tasks.rules.is_satisfied`: who changes one there changes it here, and
tests/readiness/test_batch.py holds each against the other. Schools that a rarer rule concerns are
not judged but named in `Judged.declined`, for `evaluate` to judge.

Days are proleptic ordinals, moments microseconds of any one epoch; a column's missing values are
its NONE.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from api.readiness.forecast import BROKEN_PROMISE_DAYS
from api.readiness.rules import AT_RISK_FLOAT_DAYS, Verdict
from api.tasks.many_days import Calendars, Ints
from api.tasks.many_graphs import NEVER, Leveled, early_finish, late_finish, level, leveled
from api.tasks.rules import TaskStatus

Flags = NDArray[np.bool_]

NONE = -1  # no day, no number
FOR_EVER = np.iinfo(np.int64).max  # evidence without an end
NO_FLOAT = np.iinfo(np.int64).min
# A waiver without an end holds on every day there is.
LAST_DAY = date.max.toordinal()
# Before it a plan could reach back beyond the year 1, which `evaluate` knows how to refuse.
_FIRST_BELL = date(100, 1, 1).toordinal()

# Their indexes are the codes of `Tasks.status` and of `Judged.verdict`.
STATUSES = (TaskStatus.PENDING, TaskStatus.IN_PROGRESS, TaskStatus.DONE, TaskStatus.SKIPPED)
_PENDING, _IN_PROGRESS, _DONE, _SKIPPED = range(len(STATUSES))
VERDICTS = tuple(Verdict)
_CODE = {verdict: code for code, verdict in enumerate(VERDICTS)}


class Schools(NamedTuple):
    """A value per school. `until` and `until_day`: what evidence has to cover (see `_horizon`)."""

    calendar: Ints
    today: Ints
    midnight: Ints
    until: Ints
    until_day: Ints
    first_bell: Ints
    opened_ready: Flags


class Tasks(NamedTuple):
    """A value per task that is not cancelled; `school` and `stream` are indexes.

    `expires_on` is the local day of `valid_until`, and `waived_until` the last day a waiver that
    is approved holds.
    """

    school: Ints
    stream: Ints
    gate: Flags
    status: Ints
    duration: Ints
    done: Ints
    total: Ints
    not_before: Ints
    expected_on: Ints
    lead: Ints
    spread: Ints
    started_on: Ints
    valid_until: Ints
    expires_on: Ints
    waived_until: Ints


class Edges(NamedTuple):
    """Indexes of tasks, and the working days between."""

    before: Ints
    after: Ints
    lag: Ints


class Streams(NamedTuple):
    """A row per school, a column per workstream; `known` where the school has a task of it."""

    known: Flags
    total: Ints
    satisfied: Ints
    verdict: Ints


class Judged(NamedTuple):
    """A value per school, as in `rules.Answer`; `percent` NONE, `ready_on` NONE, NO_FLOAT."""

    verdict: Ints
    percent: Ints
    ready_on: Ints
    float_days: Ints
    good_until: Ints
    streams: Streams
    declined: Flags


@dataclass(slots=True)
class _Work:
    """What is left to do, per task: `forecast.Work` as columns."""

    open: Flags
    holds: Flags
    open_gate: Flags
    evident: Flags


@dataclass(slots=True)
class _Ahead:
    """The dates of the work, per task; `graph` has the edges among what is left to do."""

    graph: Leveled
    duration: Ints
    finish: Ints
    broken: Flags
    cyclic: Flags


def judge_many(
    schools: Schools, tasks: Tasks, edges: Edges, calendars: Calendars, streams: int, now: int
) -> Judged:
    """Every school's row; `streams` is how many workstreams there are, `now` a moment."""
    size = len(schools.today)
    cell = tasks.school * streams + tasks.stream
    work = _work_left(schools, tasks, now)
    ready = tasks.gate & ~work.open_gate
    shape = (size, streams)
    known = np.bincount(cell, minlength=size * streams).reshape(shape) > 0
    total = np.bincount(cell[tasks.gate], minlength=size * streams).reshape(shape)
    satisfied = np.bincount(cell[ready], minlength=size * streams).reshape(shape)

    ahead = _forecast(schools, tasks, edges, calendars, work)
    finish = np.full(size * streams, NONE, np.int64)
    gates = np.flatnonzero(work.open_gate)
    np.maximum.at(finish, cell[gates], ahead.finish[gates])
    finish = finish.reshape(shape)
    breaks = _breaks(tasks, work, ahead, finish)

    whole_total, whole_satisfied = total.sum(axis=1), satisfied.sum(axis=1)
    whole_finish = finish.max(axis=1, initial=NONE)
    floor = calendars.floor(schools.calendar, schools.today)
    last = calendars.position(schools.calendar, schools.first_bell) - 1
    verdict, floats = _judge(schools, floor, last, whole_total, whole_finish, breaks[:, streams])
    each, _ = _judge(schools, floor, last, total.T, finish.T, breaks[:, :streams].T)

    later = whole_finish > floor
    ready_on = np.where(whole_total > 0, schools.today, NONE)
    ready_on[later] = calendars.day(schools.calendar[later], whole_finish[later])
    declined = ~calendars.plain[schools.calendar] | (ready_on > LAST_DAY)
    declined |= (schools.first_bell != NONE) & (schools.first_bell < _FIRST_BELL)
    declined[tasks.school[ahead.cyclic]] = True
    return Judged(
        verdict,
        np.where(whole_total > 0, whole_satisfied * 100 // np.maximum(whole_total, 1), NONE),
        ready_on,
        floats,
        _good_until(schools, tasks, now),
        Streams(known, total, satisfied, each.T),
        declined,
    )


def _work_left(schools: Schools, tasks: Tasks, now: int) -> _Work:
    """As `forecast.work_left`: satisfied, to be renewed, and open."""
    mine = tasks.school
    counted = ((tasks.status == _DONE) & (tasks.total != 0)) | (tasks.status == _SKIPPED)
    evident = counted & (tasks.valid_until > now)
    satisfied = evident | (tasks.waived_until >= schools.today[mine])
    covers = counted & (tasks.valid_until > schools.until[mine])
    ready = satisfied & (covers | (tasks.waived_until >= schools.until_day[mine]))
    holds = tasks.gate & satisfied & ~ready
    return _Work(~satisfied | holds, holds, tasks.gate & ~ready, evident)


def _good_until(schools: Schools, tasks: Tasks, now: int) -> Ints:
    until = schools.midnight.copy()
    ends = np.flatnonzero((tasks.valid_until != FOR_EVER) & (tasks.valid_until > now))
    np.minimum.at(until, tasks.school[ends], tasks.valid_until[ends])
    return until


def _forecast(
    schools: Schools, tasks: Tasks, edges: Edges, calendars: Calendars, work: _Work
) -> _Ahead:
    """As `forecast.forecast`; without dates (NONE) where the school has no open gate."""
    waits = np.zeros(len(schools.today), bool)
    waits[tasks.school[work.open_gate]] = True
    asked = work.open & waits[tasks.school]
    kept = asked[edges.before] & ~work.holds[edges.before] & asked[edges.after]
    before, after, lag = edges.before[kept], edges.after[kept], edges.lag[kept]
    levels = level(len(asked), before, after)
    cyclic = levels < 0
    if cyclic.any():
        kept = ~cyclic[after]
        before, after, lag = before[kept], after[kept], lag[kept]
    graph = leveled(levels, before, after, lag)

    of, today = schools.calendar[tasks.school], schools.today[tasks.school]
    base = calendars.position(schools.calendar, schools.today)[tasks.school]
    so_far = calendars.floor(schools.calendar, schools.today)[tasks.school]
    broken = asked & (tasks.expected_on != NONE) & (tasks.expected_on < today) & ~_complete(tasks)
    duration = _remaining(tasks, calendars, of, base)
    earliest = _earliest(schools, tasks, calendars, work, so_far)
    promised = _promised(tasks, calendars, of, today, so_far, broken)
    finish = early_finish(graph, duration, earliest, promised, base=base)
    return _Ahead(graph, duration, finish, broken, cyclic)


def _complete(tasks: Tasks) -> Flags:
    """As `forecast._complete`: nothing more is expected."""
    counted = (tasks.total > 0) & (tasks.done >= tasks.total)
    settled = ((tasks.status == _DONE) & (tasks.total != 0)) | (tasks.status == _SKIPPED)
    return np.where(tasks.status >= _DONE, settled, counted)


def _remaining(tasks: Tasks, calendars: Calendars, of: Ints, base: Ints) -> Ints:
    """The working days that are left of each task's duration."""
    days = tasks.duration.copy()
    begun = np.flatnonzero((tasks.status == _IN_PROGRESS) & (tasks.started_on != NONE))
    since = base[begun] - calendars.position(of[begun], tasks.started_on[begun])
    left = days[begun] - np.maximum(since, 0)
    days[begun] = np.maximum(np.minimum(1, days[begun]), left)
    return days


def _earliest(
    schools: Schools, tasks: Tasks, calendars: Calendars, work: _Work, so_far: Ints
) -> Ints:
    """The first day each task may start, by itself: its own date, or when it is to be renewed."""
    first, mine = so_far.copy(), tasks.school
    of, today = schools.calendar[mine], schools.today[mine]
    dated = np.flatnonzero(tasks.not_before > today)
    first[dated] = calendars.position(of[dated], tasks.not_before[dated])
    # As `forecast.renewal_window`; what only a waiver satisfies can be done from today on.
    renewed = np.flatnonzero(work.holds & work.evident & (tasks.expires_on > today))
    last = calendars.position(of[renewed], schools.first_bell[mine[renewed]]) - 1
    latest = last - np.maximum(tasks.duration[renewed], 1) + 1
    expires = calendars.position(of[renewed], tasks.expires_on[renewed])
    first[renewed] = np.maximum(first[renewed], np.minimum(expires, latest))
    return first


def _promised(
    tasks: Tasks, calendars: Calendars, of: Ints, today: Ints, so_far: Ints, broken: Flags
) -> Ints:
    """As `forecast._promise`: the day before which the task cannot finish, or NONE."""
    promised = np.full(len(of), NONE, np.int64)
    made = np.flatnonzero(tasks.expected_on >= today)
    promised[made] = calendars.position(of[made], tasks.expected_on[made])
    slip = np.maximum(tasks.spread[broken], BROKEN_PROMISE_DAYS)
    promised[broken] = so_far[broken] + slip
    ordered = (tasks.expected_on == NONE) & (tasks.lead != NONE) & ~_complete(tasks)
    led = np.flatnonzero(ordered)
    at_once = calendars.position(of[led], today[led])
    promised[led] = np.where(tasks.lead[led] > 0, so_far[led] + tasks.lead[led], at_once)
    return promised


def _breaks(tasks: Tasks, work: _Work, ahead: _Ahead, finish: Ints) -> Flags:
    """As `Forecast.breaks`, per school and workstream, and in the last column for all gates."""
    size, streams = finish.shape
    breaks = np.zeros((size, streams + 1), bool)
    broken = np.flatnonzero(ahead.broken)
    if not len(broken):
        return breaks
    concerned = np.zeros(size, bool)
    concerned[tasks.school[broken]] = True
    graph = ahead.graph.among(concerned[tasks.school])
    ends = np.column_stack([finish, finish.max(axis=1, initial=NONE)])
    for column in range(streams + 1):
        targets = work.open_gate
        if column < streams:
            targets = targets & (tasks.stream == column)
        deadline = np.where(targets, ends[tasks.school, column], NEVER)
        late = late_finish(graph, ahead.duration, deadline)
        critical = broken[late[broken] <= ahead.finish[broken]]
        breaks[tasks.school[critical], column] = True
    return breaks


def _judge(
    schools: Schools, floor: Ints, last: Ints, total: Ints, finish: Ints, breaks: Flags
) -> tuple[Ints, Ints]:
    """As `rules._judge`: the verdict and the float. The last axis is that of the schools."""
    opened = (schools.first_bell != NONE) & (schools.today >= schools.first_bell)
    done = finish == NONE
    floats = last - np.where(done, floor, finish)
    verdict = np.select(
        [
            total == 0,
            schools.first_bell == NONE,
            done,
            opened & schools.opened_ready,
            opened | (floats < 0),
            (floats < AT_RISK_FLOAT_DAYS) | breaks,
        ],
        [
            _CODE[Verdict.UNPLANNED],
            _CODE[Verdict.UNSCHEDULED],
            _CODE[Verdict.READY],
            _CODE[Verdict.LAPSED],
            _CODE[Verdict.LATE],
            _CODE[Verdict.AT_RISK],
        ],
        _CODE[Verdict.ON_TRACK],
    )
    unknown = (total == 0) | (schools.first_bell == NONE) | (done & opened)
    return verdict, np.where(unknown, NO_FLOAT, floats)
