"""Whether a school will be ready: a pure function of its rollout, tasks, calendar and the time.

`evaluate` says it of one school, and `document.document` renders its whole answer. The board asks
about 20,000 at once: `batch` has the same rules for arrays, and a change here is a change there.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from api.readiness.forecast import (
    Forecast,
    Moment,
    RolloutFacts,
    Stream,
    forecast,
    in_force,
    moment_at,
    work_left,
)
from api.tasks.rules import WaiverFacts

__all__ = ["Answer", "RolloutFacts", "Verdict", "Workstream", "evaluate", "summary"]

AT_RISK_FLOAT_DAYS = 3
WORKSTREAMS = ("devices", "infrastructure", "accounts", "pd", "change")


class Verdict(StrEnum):
    UNPLANNED = "unplanned"
    UNSCHEDULED = "unscheduled"
    READY = "ready"
    ON_TRACK = "on_track"
    AT_RISK = "at_risk"
    LATE = "late"
    LAPSED = "lapsed"


class Workstream(NamedTuple):
    """One workstream's gates; `percent` is None when it has none."""

    workstream: str
    verdict: Verdict
    satisfied: int
    total: int
    percent: int | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known about a school at `at`; `good_until` (UTC) is when it must be asked again.

    `percent` and `progress` are None without gates; `ready_on` is None without gates, `float_days`
    (working days) without gates or first bell, and once a ready school has opened.
    """

    facts: RolloutFacts
    at: Moment
    waivers: dict[str, WaiverFacts]
    forecast: Forecast
    verdict: Verdict
    percent: int | None
    progress: float | None
    satisfied: int
    total: int
    ready_on: date | None
    float_days: int | None
    workstreams: tuple[Workstream, ...]
    good_until: datetime

    @property
    def ready(self) -> bool:
        """Whether the verdict is `ready`."""
        return self.verdict is Verdict.READY


def evaluate(facts: RolloutFacts, now: datetime) -> Answer:
    """The school's readiness at `now` (an aware moment).

    Raises NoWorkingDay and DateOutOfRange for a calendar or dates nothing can be planned on, and
    DependencyCycle for a graph that should never have been stored.
    """
    at = moment_at(facts.timezone, now)
    waivers = in_force(facts.waivers, at.today) if facts.waivers else {}
    work = work_left(facts, at, waivers)
    ahead = forecast(facts, at, work)
    satisfied = total = 0
    for stream in work.streams.values():
        satisfied += stream.satisfied
        total += stream.total
    # The last working day before first bell: what floats are counted to.
    last = None if facts.first_bell is None else facts.calendar.position(facts.first_bell) - 1
    whole = Stream(total, satisfied, ahead.open_gates)
    verdict, finish, floats = _judge(facts, at, ahead, whole, last)
    ready_on = None
    if total:
        ready_on = at.today
        if finish is not None and finish > facts.calendar.floor(at.today):
            ready_on = facts.calendar.day(finish)
    return Answer(
        facts=facts,
        at=at,
        waivers=waivers,
        forecast=ahead,
        verdict=verdict,
        percent=_percent(satisfied, total),
        # The nudge undoes binary rounding (0.7 x 100 is just under 70), far below one task's share.
        progress=math.floor((satisfied + work.progress) / total * 100 + 1e-9) / 100
        if total
        else None,
        satisfied=satisfied,
        total=total,
        ready_on=ready_on,
        float_days=floats,
        workstreams=_workstreams(facts, at, ahead, last),
        good_until=at.midnight if work.expires is None else min(at.midnight, work.expires),
    )


def _percent(satisfied: int, total: int) -> int | None:
    return satisfied * 100 // total if total else None


def _judge(
    facts: RolloutFacts, at: Moment, ahead: Forecast, gates: Stream, last: int | None
) -> tuple[Verdict, int | None, int | None]:
    """The verdict on some gates, the day (number) the last is satisfied, and the float."""
    if not gates.total:
        return Verdict.UNPLANNED, None, None
    finish = None
    if gates.open_gates:
        finish = max(map(ahead.early.finish.__getitem__, gates.open_gates))
    if facts.first_bell is None or last is None:
        return Verdict.UNSCHEDULED, finish, None
    opened = at.today >= facts.first_bell
    if finish is None:
        return Verdict.READY, None, None if opened else last - facts.calendar.floor(at.today)
    floats = last - finish
    if opened:
        return (Verdict.LAPSED if facts.opened_ready else Verdict.LATE), finish, floats
    if floats < 0:
        return Verdict.LATE, finish, floats
    if floats < AT_RISK_FLOAT_DAYS or ahead.breaks(gates.open_gates):
        return Verdict.AT_RISK, finish, floats
    return Verdict.ON_TRACK, finish, floats


def _workstreams(
    facts: RolloutFacts, at: Moment, ahead: Forecast, last: int | None
) -> tuple[Workstream, ...]:
    streams = ahead.work.streams
    rows = []
    for name in stream_order(streams):
        stream = streams[name]
        verdict, _, _ = _judge(facts, at, ahead, stream, last)
        percent = _percent(stream.satisfied, stream.total)
        rows.append(Workstream(name, verdict, stream.satisfied, stream.total, percent))
    return tuple(rows)


def stream_order(streams: Collection[str]) -> list[str]:
    """The workstreams as they are shown: ours in their order, then others by name."""
    names = [name for name in WORKSTREAMS if name in streams]
    if len(names) < len(streams):
        names += sorted(name for name in streams if name not in WORKSTREAMS)
    return names


def summary(answer: Answer) -> dict[str, Any]:
    """The school's row of the board, ready for JSON."""
    facts = answer.facts
    return {
        "school": {"id": facts.school_id, "code": facts.school_code, "name": facts.school_name},
        "first_bell": None if facts.first_bell is None else facts.first_bell.isoformat(),
        "verdict": answer.verdict.value,
        "ready": answer.ready,
        "percent": answer.percent,
        "ready_on": None if answer.ready_on is None else answer.ready_on.isoformat(),
        "float_days": answer.float_days,
        "workstreams": [
            {
                "workstream": row.workstream,
                "verdict": row.verdict.value,
                "gates": {"satisfied": row.satisfied, "total": row.total},
                "percent": row.percent,
            }
            for row in answer.workstreams
        ],
    }
