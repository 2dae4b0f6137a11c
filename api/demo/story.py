"""What the demo tells: when schools open, how far each has come, what was promised.

Pure, and without chance: a school's code decides, so every load on one day makes the same demo.
Days are numbers of the calendar's working days, as in `api.tasks.days`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from api.schools.calendars import days_off
from api.tasks.days import Calendar

TIMEZONE = "America/Chicago"
PLACE = {"timezone": TIMEZONE, "country": "US", "region": "IL"}
DEVICES = "devices.receive"
ON_PAPER = "Recorded on paper before the school used FirstBell."

# Of what could begin next, what is shown as begun: each key costs a call.
_BEGUN = frozenset(
    {
        "accounts.roster_verified",
        "change.families_informed",
        "change.schedule",
        "devices.agreements",
        "devices.approve",
        "devices.specify",
        "infrastructure.cabling",
        "infrastructure.circuit",
        "infrastructure.content_licenses",
        "infrastructure.help_desk",
        "pd.core_course",
        "pd.trainer",
    }
)

# Weeks from today to first bell. None: the wave has no date yet.
WEEKS: dict[tuple[str, str], int | None] = {
    ("KIPP", "Pilot"): 4,
    ("KIPP", "Main"): 9,
    ("CPS", "AUSL"): 6,
    ("CPS", "Network 1"): 6,
    ("CPS", "Network 2"): 6,
    ("CPS", "Network 3"): 6,
    ("CPS", "Network 4"): 8,
    ("CPS", "Network 5"): 8,
    ("CPS", "Network 6"): 8,
    ("CPS", "Network 7"): 10,
    ("CPS", "Network 8"): 10,
    ("CPS", "Network 9"): 10,
    ("CPS", "Other"): 10,
    ("CPS", "Network 10"): 12,
    ("CPS", "Network 11"): 12,
    ("CPS", "Network 12"): 12,
    ("CPS", "Charter"): 12,
    ("CPS", "Network 13"): 14,
    ("CPS", "Network 14"): 14,
    ("CPS", "ISP"): 14,
    ("CPS", "Network 15"): 16,
    ("CPS", "Network 16"): 16,
    ("CPS", "Network 17"): 16,
    ("CPS", "Options"): 16,
    ("CPS", "Contract"): None,
}
# Only where first bell is near has anybody finished.
_EARLY_WEEKS = 6


class Pace(StrEnum):
    """How a school stands against the plan that was made backward from its first bell."""

    FINISHED = "finished"
    AHEAD = "ahead"
    TIGHT = "tight"
    BROKEN = "broken"
    BEHIND = "behind"


@dataclass(frozen=True, slots=True)
class Planned:
    """A task of a plan, with its planned days as numbers of working days."""

    key: str
    kind: str
    gate: bool
    start: int
    finish: int


@dataclass(frozen=True, slots=True)
class Held:
    """An open task that waits for somebody: the day promised, and the usual slip (`spread`)."""

    key: str
    promised: int
    spread: int | None


@dataclass(frozen=True, slots=True)
class Course:
    """How far a school has come: keys done, keys in progress, the task it waits for."""

    done: frozenset[str]
    started: frozenset[str]
    held: Held | None


def draw(code: str, about: str, sides: int) -> int:
    """A number from 0 to `sides` - 1 that belongs to a school and a question."""
    digest = hashlib.sha256(f"{code}/{about}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % sides


def blackout_days(network: str, today: date) -> list[date]:
    """Days on which a network's people do nothing for rollouts: stocktaking, a day for all."""
    friday = today + timedelta(days=(4 - today.weekday()) % 7)
    weeks = (2,) if network == "KIPP" else (3, 7)
    return [friday + timedelta(weeks=after) for after in weeks]


def calendar_of(network: str, today: date) -> Calendar:
    """The network's working days, as the service reckons them."""
    years = range(today.year - 1, today.year + 3)
    closed = blackout_days(network, today)
    off = days_off(PLACE["country"], PLACE["region"], True, years, network_blackout=closed)
    return Calendar(days_off=off)


def first_bell(network: str, wave: str, today: date) -> date | None:
    """A Monday, or the working day after it; None for a wave without a date."""
    weeks = WEEKS[network, wave]
    if weeks is None:
        return None
    monday = today + timedelta(days=-today.weekday() % 7)
    return calendar_of(network, today).roll_forward(monday + timedelta(weeks=weeks))


def pace_of(code: str, weeks: int) -> Pace:
    """Four schools of five are ahead of their plan; the others make the demo worth reading."""
    lot = draw(code, "pace", 100)
    if lot < 8:
        return Pace.BEHIND
    if lot < 15:
        return Pace.TIGHT
    if lot < 19:
        return Pace.BROKEN
    if lot < 43 and weeks <= _EARLY_WEEKS:
        return Pace.FINISHED
    return Pace.AHEAD


def course_of(code: str, pace: Pace, plan: Sequence[Planned], today: int) -> Course:
    """How far a school of this pace has come on day `today` of its plan.

    The plan is as late as first bell allows. So when all that starts by day `today` + n is done,
    more than n days of float are left; and a task promised n days before its planned finish
    leaves exactly n, below zero when it is late.
    """
    if pace is Pace.FINISHED:
        return Course(frozenset(task.key for task in plan), frozenset(), None)
    until = today + 5 + draw(code, "ahead", 6)
    begun = [task for task in plan if task.start <= until]
    held = _held(code, pace, plan, today, until)
    waits = frozenset([held.key]) if held else frozenset()
    soon = (task for task in plan if until < task.start <= until + 4 and task.key in _BEGUN)
    return Course(
        done=frozenset(task.key for task in begun) - waits,
        started=frozenset(task.key for task in soon) - waits,
        held=held,
    )


def _held(code: str, pace: Pace, plan: Sequence[Planned], today: int, until: int) -> Held | None:
    """The task that is waited for: devices where they are on their way, else what runs longest."""
    running = [
        task
        for task in plan
        if task.start <= until < task.finish
        # Nothing is started in the past, so a task must still fit before what was promised.
        and (task.key == DEVICES or (task.start >= today + 3 and pace is not Pace.BROKEN))
    ]
    most = max(running, key=lambda task: (task.key == DEVICES, task.finish, task.key), default=None)
    if pace is Pace.AHEAD and (most is None or most.key != DEVICES or draw(code, "early", 4)):
        return None
    if most is None:
        # Nothing runs on that day of the plan: the next task is the one.
        following = (task for task in plan if task.start > until)
        most = min(following, key=lambda task: (task.start, task.finish, task.key))
    return _promise(code, pace, most, today)


def _promise(code: str, pace: Pace, task: Planned, today: int) -> Held:
    if pace is Pace.BROKEN:
        return Held(task.key, today - 2 - draw(code, "broken", 8), max(task.finish - today - 4, 5))
    spare = {
        Pace.AHEAD: 4 + draw(code, "spare", 2),
        Pace.TIGHT: draw(code, "spare", 3),
        Pace.BEHIND: -1 - draw(code, "spare", 12),
    }[pace]
    return Held(task.key, max(task.finish - spare, today), None)


def need(students: int, per_student: float, spare_percent: int) -> int:
    """Devices that a school needs: students times ratio, and spares, rounded up."""
    return math.ceil(students * per_student * (1 + spare_percent / 100) - 1e-9)


Edges = Iterable[tuple[str, str]]


def waits(edges: Edges, keys: Iterable[str]) -> dict[str, set[str]]:
    """What each key waits for."""
    before: dict[str, set[str]] = {key: set() for key in keys}
    for first, second in edges:
        before[second].add(first)
    return before


def in_order(graphs: dict[str, dict[str, set[str]]]) -> list[tuple[str, list[str]]]:
    """Keys with the graphs they are moved in, each after all that it waits for in that graph.

    Two models may want the same tasks in opposite orders, so a key can come up twice; mostly one
    call moves it in all of them. Raises: ValueError for a graph with a cycle.
    """
    left = {name: dict(before) for name, before in graphs.items()}
    order: list[tuple[str, list[str]]] = []
    while any(left.values()):
        ready: dict[str, list[str]] = {}
        for name, before in left.items():
            for key, firsts in before.items():
                if not firsts & before.keys():
                    ready.setdefault(key, []).append(name)
        if not ready:
            raise ValueError("the tasks of a playbook wait for each other")

        def split(key: str, ready: dict[str, list[str]] = ready) -> tuple[int, str]:
            return sum(key in before for before in left.values()) - len(ready[key]), key

        chosen = min(ready, key=split)
        order.append((chosen, ready[chosen]))
        for name in ready[chosen]:
            del left[name][chosen]
    return order


def plan_of(graph: dict[str, Any], calendar: Calendar) -> list[Planned]:
    """The plan in the answer of `GET /v1/schools/{school}/graph`, without launch-day work."""
    bell = date.fromisoformat(graph["first_bell"])
    plan = []
    for task in graph["tasks"]:
        if task["of_network"] or task["planned_start"] is None:
            continue
        start, finish = (date.fromisoformat(task[f"planned_{end}"]) for end in ("start", "finish"))
        if start < bell:
            days = calendar.position(start), calendar.position(finish)
            plan.append(Planned(task["key"], task["kind"], task["gate"], *days))
    return plan
