"""The one door from the counts of devices to the spine.

`project` reads what is known of some schools' orders and records the evidence of every task that
depends on it. It keeps no state: doing it twice changes nothing, and a late or corrected fact
needs no case of its own. Nothing else in this room writes a task.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Uuid, func, select, text
from sqlmodel import col

from api.db.uow import ReadSession, WriteSession
from api.devices.models import Order, Vendor
from api.devices.need import USUAL_LEAD_DAYS, Ratio, need_of
from api.devices.progress_rules import Evidence, gap_evidence, gate_evidence, order_evidence
from api.devices.rules import OrderState
from api.devices.supplies import Held, Place, read_held, read_places, read_ratios
from api.schools.queries import is_among
from api.tasks.doors import Wanted, ensure_tasks, retire_tasks
from api.tasks.evidence import Progress, record_progress
from api.tasks.models import Task
from api.tasks.rules import TaskKind, TaskStatus, status_from_evidence

# What a school needs and nobody ordered.
GAP_KEY = "order:none"
# In one go: more would hold the process, and their rows in memory, for too long.
AT_ONCE = 1_000


async def project(session: WriteSession, school_ids: Iterable[UUID], *, begin: bool = True) -> None:
    """Record for these schools what their orders, shipments and receipts say.

    Called once at the end of whatever changed a fact, after a flush; a few statements for a
    thousand schools. With `begin` a school without a rollout that waits for an order gets an
    empty one.
    """
    ids = sorted(set(school_ids))
    await session.touch_schools(ids)
    for start in range(0, len(ids), AT_ONCE):
        await _project_some(session, ids[start : start + AT_ONCE], begin)


class _Known(NamedTuple):
    """A task of kind order or devices that is in a current rollout, and what is known of it."""

    id: UUID
    school_id: UUID | None
    key: str
    kind: str
    gate: bool
    status: str
    progress_done: int
    progress_total: int | None
    unit: str | None
    expected_on: date | None
    lead_days: int | None
    spread_days: int | None
    cause: str | None
    valid_until: datetime | None

    @property
    def by_hand(self) -> bool:
        """Whether somebody's word is in it; without orders `project` itself writes neither."""
        return self.progress_done > 0 or self.expected_on is not None

    def holds(self, evidence: Evidence) -> bool:
        """Whether recording the evidence would change nothing."""
        status = status_from_evidence(self, evidence.done, evidence.total)
        return self[6:] == (*evidence, None) and self.status == status


_KNOWN = [getattr(Task, name) for name in _Known._fields]
# As text, so that also a plan for any values finds the index of these tasks.
_OF_DEVICES = text("tasks.kind IN ('order', 'devices')")


@dataclass(slots=True)
class _Work:
    """What is to be written: evidence by task, or by (school, key) where the task is only wanted,
    and the tasks that nothing keeps.
    """

    wanted: list[Wanted] = field(default_factory=list)
    of_wanted: dict[tuple[UUID, str], Evidence] = field(default_factory=dict)
    evidence: dict[UUID, Evidence] = field(default_factory=dict)
    idle: list[_Known] = field(default_factory=list)

    def record(self, task: _Known, evidence: Evidence) -> None:
        if not task.holds(evidence):
            self.evidence[task.id] = evidence


async def _project_some(session: WriteSession, school_ids: list[UUID], begin: bool) -> None:
    places = {
        place.school_id: place
        for place in await read_places(session, school_ids)
        if begin or place.rollout_id is not None
    }
    tasks = await _tasks(session, places.values())
    held = await read_held(session, places)
    # Without an order or a gate nothing depends on what is needed.
    concerned = [one for one in places.values() if one.school_id in held or one.school_id in tasks]
    ratios = await read_ratios(session, concerned)
    work = _Work()
    for place in concerned:
        school = _School(
            place,
            tasks.get(place.school_id, {}),
            list(held.get(place.school_id, {}).values()),
            ratios.get(place.school_id),
        )
        school.decide(work)
    await _retire(session, work.idle)
    ids = await ensure_tasks(session, work.wanted)
    work.evidence |= {ids[name]: one for name, one in work.of_wanted.items() if name in ids}
    await record_progress(session, [_progress(*one) for one in work.evidence.items()])


async def _tasks(session: ReadSession, places: Iterable[Place]) -> dict[UUID, dict[str, _Known]]:
    rows = await session.execute(
        select(*_KNOWN).where(
            is_among(col(Task.rollout_id), [p.rollout_id for p in places if p.rollout_id], Uuid()),
            _OF_DEVICES,
            col(Task.status) != TaskStatus.CANCELLED,
        )
    )
    tasks: dict[UUID, dict[str, _Known]] = defaultdict(dict)
    for row in rows:
        known = _Known(*row)
        if known.school_id is not None:
            tasks[known.school_id][known.key] = known
    return tasks


@dataclass(frozen=True, slots=True)
class _School:
    """One school: which tasks it should have, and what is known of each."""

    place: Place
    tasks: Mapping[str, _Known]
    held: Sequence[Held]
    ratio: Ratio | None

    @property
    def gates(self) -> list[_Known]:
        return [one for one in self.tasks.values() if one.kind == TaskKind.DEVICES and one.gate]

    @property
    def lead_days(self) -> int:
        return self.ratio.lead_days if self.ratio else USUAL_LEAD_DAYS

    def decide(self, work: _Work) -> None:
        kept = self._orders() | self._gate_and_gap(work)
        # A gate without evidence has just come: what was here first goes before it, too.
        new_gate = any(gate.progress_total is None for gate in self.gates)
        for key, (title, evidence) in kept.items():
            if key in self.tasks and not new_gate:
                work.record(self.tasks[key], evidence)
            else:
                work.wanted.append(self._wanted(key, title, evidence.unit))
                work.of_wanted[self.place.school_id, key] = evidence
        work.idle += [
            one
            for key, one in self.tasks.items()
            if one.kind == TaskKind.ORDER and key.startswith("order:") and key not in kept
        ]

    def _wanted(self, key: str, title: str, unit: str) -> Wanted:
        return Wanted(
            self.place.school_id,
            key,
            title,
            TaskKind.ORDER,
            unit=unit,
            before_kind=TaskKind.DEVICES,
        )

    def _orders(self) -> dict[str, tuple[str, Evidence]]:
        """Title and evidence by key: of what is placed, and of closed orders that were awaited."""
        found = {}
        for one in self.held:
            open_here = one.state is OrderState.PLACED
            if open_here or (one.state is OrderState.CLOSED and one.key in self.tasks):
                evidence = order_evidence(one.supply, self.lead_days)
                if evidence.total:
                    found[one.key] = (f"Receive {one.number}", evidence)
        return found

    def _gate_and_gap(self, work: _Work) -> dict[str, tuple[str, Evidence]]:
        """The gate's evidence goes to `work`; what is needed and on no order is a task of its own.

        A school that has no orders here, but a count that somebody entered, is left to them.
        """
        gates = self.gates
        if not gates or (not self.held and any(gate.by_hand for gate in gates)):
            return {}
        need = need_of(self.place.enrollment, self.place.teacher_count, self.ratio)
        supplies = [one.supply for one in self.held if one.counts]
        # Without all three the gate's evidence, if there is any, is not from here.
        if need is not None or self.held or GAP_KEY in self.tasks:
            evidence = gate_evidence(need, supplies)
            for gate in gates:
                work.record(gate, evidence)
        if need is None:
            return {}
        gap = gap_evidence(need, supplies, self.lead_days)
        missing = gap.total and (gap.cause or GAP_KEY in self.tasks)
        return {GAP_KEY: ("Order the missing devices", gap)} if missing else {}


async def _retire(session: WriteSession, idle: Sequence[_Known]) -> None:
    """Cancel the tasks of orders that have nothing for their school any more.

    One that a person made under a key of this shape stays: its key is no order's.
    """
    if not idle:
        return
    key = func.concat("order:", col(Vendor.slug), ":", col(Order.number))
    rows = await session.execute(
        select(key, col(Order.state))
        .join(Vendor, col(Vendor.id) == col(Order.vendor_id))
        .where(key.in_({one.key for one in idle}))
    )
    states = {row[0]: row[1] for row in rows}
    reasons: dict[str, list[UUID]] = defaultdict(list)
    for one in idle:
        if one.key == GAP_KEY:
            reasons["nothing is known to be missing"].append(one.id)
        elif one.key in states:
            cancelled = states[one.key] == OrderState.CANCELLED
            number = one.key.split(":", 2)[2]
            why = "was cancelled" if cancelled else "has nothing for this school any more"
            reasons[f"{number} {why}"].append(one.id)
    for reason, task_ids in reasons.items():
        await retire_tasks(session, task_ids, reason)


def _progress(task_id: UUID, evidence: Evidence) -> Progress:
    return Progress(
        task_id=task_id,
        done=evidence.done,
        total=evidence.total,
        unit=evidence.unit,
        expected_on=evidence.expected_on,
        lead_days=evidence.lead_days,
        spread_days=evidence.spread_days,
        cause=evidence.cause,
    )
