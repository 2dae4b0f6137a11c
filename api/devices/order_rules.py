"""What may be done with an order, and what its counts say of each line. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from api.devices.rules import OrderState


class Move(StrEnum):
    """A decision about an order."""

    APPROVE = "approve"
    PLACE = "place"
    HOLD = "hold"
    RELEASE = "release"
    CANCEL = "cancel"
    CLOSE = "close"
    ALLOCATE = "allocate"
    AMEND = "amend"


_OPEN = frozenset({OrderState.DRAFT, OrderState.APPROVED, OrderState.PLACED, OrderState.ON_HOLD})
FROM: dict[Move, frozenset[OrderState]] = {
    Move.APPROVE: frozenset({OrderState.DRAFT}),
    Move.PLACE: frozenset({OrderState.DRAFT, OrderState.APPROVED}),
    Move.HOLD: _OPEN - {OrderState.ON_HOLD},
    Move.RELEASE: frozenset({OrderState.ON_HOLD}),
    Move.CANCEL: _OPEN,
    Move.CLOSE: frozenset({OrderState.PLACED}),
    Move.ALLOCATE: _OPEN,
    Move.AMEND: _OPEN - {OrderState.DRAFT},
}
_WORDS = {
    Move.ALLOCATE: "change allocations of an order",
    Move.AMEND: "get more lines",
}
_HINTS = {
    (Move.CLOSE, OrderState.ON_HOLD): " Release it first: POST its /hold with release true.",
    (Move.PLACE, OrderState.ON_HOLD): " Release it first: POST its /hold with release true.",
    (Move.CLOSE, OrderState.DRAFT): " What was never placed is cancelled instead.",
    (Move.CLOSE, OrderState.APPROVED): " What was never placed is cancelled instead.",
    (Move.AMEND, OrderState.DRAFT): " The lines of a draft are changed with PATCH.",
}


def refusal(number: str, state: str, move: Move) -> str | None:
    """Why the order's state does not allow the move, as a sentence; None when it does."""
    now = OrderState(state)
    if now in FROM[move]:
        return None
    allowed = [one.value.replace("_", " ") for one in OrderState if one in FROM[move]]
    what = _WORDS.get(move, f"{move.value} an order")
    return (
        f"{number} is {now.value.replace('_', ' ')}; to {what} it must be"
        f" {' or '.join(allowed)}.{_HINTS.get((move, now), '')}"
    )


@dataclass(frozen=True, slots=True)
class Cost:
    """What an order costs by the prices that are known; `unpriced` names the lines without."""

    total_cents: int
    unpriced: tuple[str, ...]


def cost_of(lines: Iterable[tuple[str, int, int | None]]) -> Cost:
    """From (sku, pieces, price of one). Pieces that another line stands in for cost nothing."""
    total, unpriced = 0, []
    for sku, quantity, price in lines:
        if price is not None:
            total += quantity * price
        elif quantity:
            unpriced.append(sku)
    return Cost(total, tuple(unpriced))


def added_cost(after: Cost, before: Cost) -> Cost:
    """What an order costs more than before, below zero where less; and who has no price since."""
    unpriced = tuple(sku for sku in after.unpriced if sku not in before.unpriced)
    return Cost(after.total_cents - before.total_cents, unpriced)


def approval_need(cost: Cost, threshold_cents: int | None) -> str | None:
    """Why another person has to approve, as a sentence; None when nobody has to.

    A line without a price may cost anything, or leaving prices out would be the way around.
    """
    if threshold_cents is None:
        return None
    if cost.total_cents >= threshold_cents:
        return (
            f"It costs {dollars(cost.total_cents)}; from {dollars(threshold_cents)} on another"
            " person than the one who drew it up approves it."
        )
    if cost.unpriced:
        return (
            f"{', '.join(cost.unpriced[:5])} has no price, so nobody can say that it stays under"
            f" {dollars(threshold_cents)}: give the price, or let another person approve it."
        )
    return None


def dollars(cents: int) -> str:
    """Without a currency's sign, which the network's country would decide."""
    return f"{cents // 100:,}.{cents % 100:02d}"


@dataclass(frozen=True, slots=True)
class LineCounts:
    """A line's sums; `substituted` of the cancelled pieces come by another line. `under_way` is in
    shipments on their way, `delivered` in shipments that the carrier has delivered; neither has
    been counted.
    """

    quantity: int
    cancelled: int
    accepted: int
    returned: int
    under_way: int
    delivered: int
    promised_on: date | None
    substituted: int = 0


@dataclass(frozen=True, slots=True)
class Derived:
    """In pieces. `outstanding` is not counted yet; `backordered` of those is in no shipment;
    `overdue` should have come before today; `short` never comes; `over` is more than ordered.
    """

    outstanding: int
    backordered: int
    overdue: int
    short: int
    over: int


def derive(counts: LineCounts, state: str, today: date) -> Derived:
    """Nothing is backordered or overdue unless the order stands with its seller."""
    wanted = counts.quantity - counts.cancelled
    there = counts.accepted - counts.returned
    outstanding = max(wanted - there, 0)
    stands = state in (OrderState.PLACED, OrderState.ON_HOLD)
    awaited = max(outstanding - counts.delivered, 0)
    late = counts.promised_on is not None and counts.promised_on < today
    if state in (OrderState.CLOSED, OrderState.CANCELLED):
        outstanding = 0
    return Derived(
        outstanding=outstanding,
        backordered=max(awaited - counts.under_way, 0) if stands else 0,
        overdue=awaited if stands and late else 0,
        short=counts.cancelled - counts.substituted,
        over=max(there - wanted, 0),
    )


@dataclass(frozen=True, slots=True)
class AtPlace:
    """A line's pieces at one place: planned, there now, and how many more than planned were let
    in.
    """

    quantity: int
    there: int
    over: int

    @property
    def outstanding(self) -> int:
        return max(self.quantity - self.there, 0)

    @property
    def least(self) -> int:
        """The plan cannot be lower than what is there, beyond what was let in on purpose."""
        return max(self.there - self.over, 0)


@dataclass(frozen=True, slots=True)
class Closing:
    """What is left of a line when its order is closed now.

    `outstanding` the seller still owes; `waiting` is what schools still lack of their plan;
    `at_sites` lies at sites.
    """

    outstanding: int
    waiting: int
    at_sites: int

    @property
    def missing(self) -> int:
        """Pieces that closing gives up."""
        return max(self.outstanding, self.waiting)

    @property
    def stuck(self) -> int:
        """Pieces that schools wait for and a site has."""
        return min(self.waiting, self.at_sites)


def closing(wanted: int, there: int, schools: Sequence[AtPlace], at_sites: int) -> Closing:
    """`wanted` pieces are ordered and not cancelled, `there` accepted and not returned."""
    waiting = sum(place.outstanding for place in schools)
    return Closing(max(wanted - there, 0), waiting, max(at_sites, 0))
