"""What counts say: the evidence of a school's orders, of its gate, of what is missing. Pure.

A piece is *counted* once somebody has accepted it, or, where a delivery is enough, while the
carrier says so and nobody has counted that delivery. A count replaces the carrier's figure,
downward too. One line's surplus never stands in for another line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from api.devices.need import Need
from api.devices.rules import CountsAs

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Line(NamedTuple):
    """An order's line at one school: what is allocated, and what people counted there.

    `lead_days` and `spread_days` are what was learned of the seller's sku, in working days.
    """

    id: UUID
    counts_as: str
    allocated: int
    at_hand: int
    promised_on: date | None = None
    lead_days: int | None = None
    spread_days: int | None = None


class Parcel(NamedTuple):
    """A shipment to the school: on its way, or delivered and not counted (others are left out).

    `pieces` by line; empty where nobody said what is in it, and then it moves dates only.
    """

    pieces: Mapping[UUID, int]
    expected_on: date | None = None
    delivered_on: date | None = None


class Supply(NamedTuple):
    """One order, as far as it concerns one school."""

    number: str
    lines: Sequence[Line]
    parcels: Sequence[Parcel]
    on_delivery: bool
    on_hold: bool = False
    reason: str | None = None
    # No more is expected of a closed order.
    closed: bool = False


class Evidence(NamedTuple):
    """`expected_on` is a promised day; the lead, in working days, holds where there is none."""

    done: int
    total: int | None
    unit: str
    expected_on: date | None = None
    lead_days: int | None = None
    spread_days: int | None = None
    cause: str | None = None


def delivered(supply: Supply, line: Line) -> int:
    """Pieces that a carrier says it delivered and nobody counted; at most what is outstanding.

    More than was allocated is only believed when it is counted.
    """
    said = sum(p.pieces.get(line.id, 0) for p in supply.parcels if p.delivered_on is not None)
    return min(said, max(line.allocated - line.at_hand, 0))


def counted(supply: Supply, line: Line) -> int:
    """The line's pieces that count for the school."""
    return max(line.at_hand, 0) + (delivered(supply, line) if supply.on_delivery else 0)


def outstanding(supply: Supply, line: Line) -> int:
    return max(line.allocated - counted(supply, line), 0)


def _awaited(supply: Supply, line: Line) -> int:
    """Outstanding pieces that still have to come; the others only wait to be counted."""
    return max(line.allocated - max(line.at_hand, 0) - delivered(supply, line), 0)


def expected_on(supply: Supply, line: Line) -> date | None:
    """The day on which a line's awaited pieces come; None when nobody has said.

    What is on its way knows best, where it says that it holds them all; else the promise.
    """
    on_the_way = [p for p in supply.parcels if p.delivered_on is None]
    holding = [p for p in on_the_way if p.pieces.get(line.id)]
    if holding:
        days = [p.expected_on for p in holding if p.expected_on is not None]
        enough = sum(p.pieces[line.id] for p in holding) >= _awaited(supply, line)
        return max(days) if enough and len(days) == len(holding) else line.promised_on
    vague = [p.expected_on for p in on_the_way if not p.pieces and p.expected_on is not None]
    return max(vague) if vague else line.promised_on


def order_evidence(supply: Supply, usual_lead: int) -> Evidence:
    """Evidence of the task that waits for an order at a school."""
    lines = supply.lines
    awaited = [line for line in lines if _awaited(supply, line)]
    days = [expected_on(supply, line) for line in awaited]
    known = [day for day in days if day is not None]
    leads = [
        line.lead_days if line.lead_days is not None else usual_lead
        for line, day in zip(awaited, days, strict=True)
        if day is None
    ]
    slips = [line.spread_days for line in awaited if line.spread_days is not None]
    accessory = any(line.counts_as == CountsAs.ACCESSORY for line in lines)
    return Evidence(
        done=sum(min(counted(supply, line), line.allocated) for line in lines),
        total=sum(line.allocated for line in lines),
        unit="items" if accessory else "devices",
        expected_on=max(known, default=None),
        lead_days=max(leads, default=None),
        spread_days=max(slips, default=None),
        cause=_cause(supply, awaited),
    )


def _cause(supply: Supply, awaited: Sequence[Line]) -> str | None:
    if supply.on_hold:
        return f"{supply.number} is on hold" + (f": {supply.reason}" if supply.reason else "")
    days = [p.delivered_on for p in supply.parcels if p.delivered_on and p.pieces]
    pieces = sum(delivered(supply, line) for line in supply.lines)
    if pieces and days and not supply.on_delivery:
        return f"{pieces} delivered on {_day(max(days))}, not counted"
    vague = [p.delivered_on for p in supply.parcels if p.delivered_on and not p.pieces]
    if vague and awaited:
        return f"a delivery of {_day(max(vague))} is not counted"
    return None


def _day(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]}"


def gate_evidence(need: Need | None, supplies: Sequence[Supply]) -> Evidence:
    """Evidence of the gate: what is there of each class, up to what is needed of it."""
    have = _have(supplies)
    if need is None:
        done = sum(have.values())
        cause = "nobody has said how many devices are needed: set the enrollment and the model"
        return Evidence(done, None, "devices", cause=cause)
    done = sum(min(have.get(kind, 0), pieces) for kind, pieces in need.items())
    return Evidence(done, sum(need.values()), "devices")


def gap_evidence(need: Need, supplies: Sequence[Supply], usual_lead: int) -> Evidence:
    """Evidence of what is needed and on no order: `done` is there or on its way."""
    have = _have(supplies)
    for supply in supplies:
        for line in supply.lines if not supply.closed else ():
            kind = CountsAs(line.counts_as)
            have[kind] = have.get(kind, 0) + outstanding(supply, line)
    total = sum(need.values())
    gap = sum(max(pieces - have.get(kind, 0), 0) for kind, pieces in need.items())
    if not gap:
        return Evidence(total, total, "devices")
    cause = f"{gap} device{'' if gap == 1 else 's'} on no order"
    return Evidence(total - gap, total, "devices", lead_days=usual_lead, cause=cause)


def _have(supplies: Sequence[Supply]) -> dict[CountsAs, int]:
    have: dict[CountsAs, int] = {}
    for supply in supplies:
        for line in supply.lines:
            kind = CountsAs(line.counts_as)
            if kind is not CountsAs.ACCESSORY:
                have[kind] = have.get(kind, 0) + counted(supply, line)
    return have
