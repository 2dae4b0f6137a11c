"""How many pieces a place may take, and how serial numbers compare. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from api.devices.rules import OrderState

# A draft was never ordered, and what comes for a cancelled order is not ours to keep.
RECEIVABLE = frozenset({OrderState.PLACED, OrderState.ON_HOLD, OrderState.CLOSED})


@dataclass(slots=True)
class LineTotal:
    """A line over all places: `expected` is ordered less cancelled, `present` accepted less
    returned, `over` what was let in beyond.
    """

    expected: int
    present: int
    over: int
    allocated: int

    @property
    def unallocated(self) -> int:
        return self.expected - self.allocated


@dataclass(frozen=True, slots=True)
class PlaceTotal:
    """A line at one place. `planned` is its allocation; at a site nothing is planned: null."""

    planned: int | None
    at_hand: int
    over: int


def excess(place: PlaceTotal, line: LineTotal, accepted: int) -> int:
    """How many of `accepted` pieces are more than the place, or the line, still expects."""
    beyond = [0, line.present + accepted - line.expected - line.over]
    if place.planned is not None:
        beyond.append(place.at_hand + accepted - place.planned - place.over)
    return max(beyond)


def is_tolerated(place: PlaceTotal, line: LineTotal, more: int, percent: int) -> bool:
    """Whether `more` pieces too many stay within the order's tolerance, `percent` of what is
    planned for the place (at a site: of the line).
    """
    planned = line.expected if place.planned is None else place.planned
    return place.over + more <= planned * percent // 100


def normal_serial(serial: str) -> str:
    """A serial number as it is kept and compared: in upper case and without spaces."""
    return "".join(serial.split()).upper()
