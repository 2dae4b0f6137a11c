"""What deliveries teach: how long a seller's sku takes, and how far its promises slip. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from statistics import median_high
from typing import NamedTuple

_WITHIN_PERCENT = 80


class Delivery(NamedTuple):
    """One count of a line's pieces at one place, in working days.

    `lead_days` from placing the order, `slip_days` from what was promised first; None where
    nothing was, negative when it came early.
    """

    lead_days: int
    slip_days: int | None


class Learned(NamedTuple):
    samples: int
    lead_days: int
    spread_days: int


def learn_from(deliveries: Sequence[Delivery]) -> Learned:
    """The median lead time, and the slip that four of five deliveries stay within (0 when none
    was promised); of at least one delivery.
    """
    slips = sorted(max(d.slip_days, 0) for d in deliveries if d.slip_days is not None)
    spread = slips[ceil(len(slips) * _WITHIN_PERCENT / 100) - 1] if slips else 0
    lead = median_high(max(d.lead_days, 0) for d in deliveries)
    return Learned(len(deliveries), lead, spread)
