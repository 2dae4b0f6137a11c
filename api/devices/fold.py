"""A shipment's state from its scans: the fold by occurrence. Pure.

Carriers tell late, twice and out of order. So nothing here depends on when a scan was heard of:
the same scans give the same state however they arrived.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from api.devices.rules import ShipmentStatus


# Tuples, since a batch makes tens of thousands and frozen dataclasses take three times as long.
class ScanFacts(NamedTuple):
    """One statement. `has_lines`: it says what is in the shipment."""

    id: UUID
    key: str
    occurred_at: datetime
    status: ShipmentStatus | None = None
    raw_status: str | None = None
    expected_on: date | None = None
    has_lines: bool = False


class Folded(NamedTuple):
    """What all scans together say. `lines_from` is the scan whose lines are the content."""

    status: ShipmentStatus = ShipmentStatus.UNKNOWN
    raw_status: str | None = None
    status_at: datetime | None = None
    expected_on: date | None = None
    delivered_at: datetime | None = None
    review: str | None = None
    lines_from: UUID | None = None


FINAL = frozenset(
    {
        ShipmentStatus.DELIVERED,
        ShipmentStatus.RETURNED,
        ShipmentStatus.LOST,
        ShipmentStatus.CANCELLED,
    }
)
GOING_BACK = frozenset({ShipmentStatus.RETURNING, ShipmentStatus.RETURNED})
# Of two scans of one moment the one further along was the later.
_RANK = {status: rank for rank, status in enumerate(ShipmentStatus)}


def _place_in_time(scan: ScanFacts) -> tuple[datetime, int, date, str]:
    """Vendors name the carrier's last scan as the moment of a new estimate, too: of two of one
    moment the later day holds, and not whichever key is greater.
    """
    rank = -1 if scan.status is None else _RANK[scan.status]
    return scan.occurred_at, rank, scan.expected_on or date.min, scan.key


def fold(scans: Iterable[ScanFacts]) -> Folded:
    """The state after all scans, in any order; a key that comes twice counts once.

    Delivered is left only by a later return. What contradicts a final status opens a review,
    which a delivery or a return that fits closes again.
    """
    state, expected_on, lines_from = Folded(), None, None
    told = {scan.key: scan for scan in scans}
    for scan in sorted(told.values(), key=_place_in_time):
        if scan.expected_on is not None:
            expected_on = scan.expected_on
        if scan.has_lines:
            lines_from = scan.id
        if scan.status is not None:
            state = _move(state, scan, scan.status)
    return state._replace(expected_on=expected_on, lines_from=lines_from)


def _move(state: Folded, scan: ScanFacts, status: ShipmentStatus) -> Folded:
    now = state.status
    if status is ShipmentStatus.UNKNOWN and now is not ShipmentStatus.UNKNOWN:
        # A word we do not know says nothing of where it is.
        return state
    if now is status and now in FINAL and state.review is None:
        return state
    review = state.review
    if _contradicts(now, status):
        review = _contradiction(state, scan, status)
    elif status in (ShipmentStatus.DELIVERED, ShipmentStatus.RETURNED):
        review = None
    if now is ShipmentStatus.DELIVERED and status not in {now, *GOING_BACK}:
        return state._replace(review=review)
    delivered_at = scan.occurred_at if status is ShipmentStatus.DELIVERED else state.delivered_at
    return Folded(status, scan.raw_status, scan.occurred_at, None, delivered_at, review)


def _contradicts(now: ShipmentStatus, later: ShipmentStatus) -> bool:
    if now in GOING_BACK and later is ShipmentStatus.DELIVERED:
        # As a rule it was delivered to its sender.
        return True
    if now is ShipmentStatus.DELIVERED and later in GOING_BACK:
        return False
    return now in FINAL and later is not now


def _contradiction(state: Folded, scan: ScanFacts, status: ShipmentStatus) -> str:
    before = f" on {state.status_at:%Y-%m-%d}" if state.status_at else ""
    return (
        f"Reported {_words(status)} on {scan.occurred_at:%Y-%m-%d},"
        f" after it was {_words(state.status)}{before}; ask the carrier, or count what is there."
    )


def _words(status: ShipmentStatus) -> str:
    return status.value.replace("_", " ")
