"""Which order and shipment a vendor's event speaks of. Pure: `matching` reads what is known.

A seller speaks of its own orders, a tracker of those of the sellers it tracks; what others have
is never looked at. Numbers compare as the devices room compares them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from api.devices.rules import (
    OrderState,
    Scheme,
    ShipmentStatus,
    VendorKind,
    carrier_key,
    number_key,
    tracking_key,
)
from api.webhooks.events import PromiseEvent, ShipmentEvent

# A carrier's first scan may come before somebody types in the shipment.
_TYPED_IN_WITHIN = timedelta(days=30)
_CLOCKS_DIFFER = timedelta(days=1)
# Carriers give a number out again, but not at once.
_NUMBER_RESTS = timedelta(days=120)
_FINAL = frozenset(
    {
        ShipmentStatus.DELIVERED,
        ShipmentStatus.RETURNED,
        ShipmentStatus.LOST,
        ShipmentStatus.CANCELLED,
    }
)
_SHIPS = frozenset({OrderState.APPROVED, OrderState.PLACED, OrderState.ON_HOLD, OrderState.CLOSED})


@dataclass(frozen=True, slots=True)
class Speaker:
    """The vendor that posted, and the sellers whose orders it may speak of."""

    id: UUID
    slug: str
    scheme: Scheme
    kind: VendorKind
    sellers: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """`schools` are up to two of the schools it allocates to, `school_count` how many it does."""

    id: UUID
    network_id: UUID
    number: str
    number_key: str
    state: OrderState
    schools: tuple[UUID, ...]
    school_count: int


class KnownShipment(NamedTuple):
    id: UUID
    order_id: UUID
    network_id: UUID
    school_id: UUID | None
    carrier_key: str
    tracking_key: str
    status: ShipmentStatus
    status_at: datetime | None
    created_at: datetime


class Sought(NamedTuple):
    """An event, and what somebody has said it is about or it was applied to before."""

    event: ShipmentEvent | PromiseEvent
    order_id: UUID | None = None
    shipment_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Ground:
    """What is known that these events can be about. `schools`: (network, name) to the school."""

    orders: dict[UUID, KnownOrder]
    shipments: dict[UUID, KnownShipment]
    schools: dict[tuple[UUID, str], UUID]


# Of one order, by how numbers and carriers compare: what events are told apart by.
ParcelKey = tuple[UUID, str, str]


@dataclass(frozen=True, slots=True)
class Parcel:
    """A shipment that nobody has opened yet, to a school."""

    key: ParcelKey
    network_id: UUID
    school_id: UUID
    carrier: str
    tracking_number: str


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Why an event is about nothing known, as a sentence."""

    reason: str
    network_id: UUID | None = None


Found = KnownShipment | Parcel | KnownOrder | Unmatched


def is_carrier_code(carrier: str) -> bool:
    """Some trackers number the carriers; such a number says nothing to anybody else."""
    return carrier.strip().isdecimal()


@dataclass(slots=True)
class _Index:
    by_number: dict[str, list[KnownOrder]] = field(default_factory=lambda: defaultdict(list))
    by_tracking: dict[str, list[KnownShipment]] = field(default_factory=lambda: defaultdict(list))


def find_all(speaker: Speaker, ground: Ground, sought: Sequence[Sought]) -> list[Found]:
    """What each event is about: a shipment, one to be opened, an order (a promise), or nothing.

    Events of one parcel that is not known yet are about one `Parcel`: a school that one of them
    names is the others', too.
    """
    index = _Index()
    for order in ground.orders.values():
        index.by_number[order.number_key].append(order)
    for shipment in ground.shipments.values():
        index.by_tracking[shipment.tracking_key].append(shipment)
    found: list[Found] = []
    unopened: dict[ParcelKey, list[int]] = defaultdict(list)
    for place, one in enumerate(sought):
        about = _find(speaker, ground, index, one)
        if isinstance(about, KnownOrder) and isinstance(one.event, ShipmentEvent):
            key = (about.id, tracking_key(one.event.tracking_number), _carrier(one.event))
            unopened[key].append(place)
        found.append(about)
    for key, places in unopened.items():
        events = [sought[place].event for place in places]
        parcel = _parcel(ground, key, [one for one in events if isinstance(one, ShipmentEvent)])
        for place in places:
            found[place] = parcel
    return found


def _carrier(event: ShipmentEvent) -> str:
    return carrier_key(event.carrier)


def _find(
    speaker: Speaker, ground: Ground, index: _Index, one: Sought
) -> KnownShipment | KnownOrder | Unmatched:
    """A known order for a shipment's event means: of this order, and not opened yet."""
    if isinstance(one.event, PromiseEvent):
        if one.order_id in ground.orders:
            return ground.orders[one.order_id]
        return _by_number(index, one.event.order_number)
    if one.shipment_id in ground.shipments:
        return ground.shipments[one.shipment_id]
    if one.order_id in ground.orders:
        return _in_order(index, ground.orders[one.order_id], one.event)
    if one.event.order_number is not None:
        order = _by_number(index, one.event.order_number)
        return order if isinstance(order, Unmatched) else _in_order(index, order, one.event)
    if one.event.reference is not None and speaker.kind is VendorKind.SELLER:
        order = _by_number(index, one.event.reference)
        if isinstance(order, KnownOrder):
            return _in_order(index, order, one.event)
    return _by_tracking(index, one.event)


def _by_number(index: _Index, number: str) -> KnownOrder | Unmatched:
    orders = index.by_number.get(number_key(number), [])
    if len(orders) == 1:
        return orders[0]
    if orders:
        return Unmatched(f"Several of the sellers it tracks have an order {number}.")
    return Unmatched(f"No order {number} of this vendor is known yet.")


def _in_order(index: _Index, order: KnownOrder, event: ShipmentEvent) -> KnownShipment | KnownOrder:
    fitting = [one for one in _fitting(index, event) if one.order_id == order.id]
    return max(fitting, key=lambda one: (one.created_at, one.id)) if fitting else order


def _fitting(index: _Index, event: ShipmentEvent) -> list[KnownShipment]:
    of_number = index.by_tracking.get(tracking_key(event.tracking_number), [])
    if is_carrier_code(event.carrier):
        return of_number
    return [one for one in of_number if one.carrier_key == _carrier(event)]


def _by_tracking(index: _Index, event: ShipmentEvent) -> KnownShipment | Unmatched:
    found = choose(_fitting(index, event), event.occurred_at)
    if found is None:
        return Unmatched(
            f"No shipment of its orders by {event.carrier} has the number {event.tracking_number}"
            " at that time."
        )
    return found


def choose(shipments: Iterable[KnownShipment], occurred_at: datetime) -> KnownShipment | None:
    """Which of the shipments with one tracking number was meant at that moment.

    The newest that was there by then, else the first that was typed in within a month after. One
    that was final long before is not meant: its number has been given out again.
    """
    meant = [one for one in shipments if not _rests(one, occurred_at)]
    there = [one for one in meant if one.created_at <= occurred_at + _CLOCKS_DIFFER]
    if there:
        return max(there, key=lambda one: (one.created_at, one.id))
    late = [one for one in meant if one.created_at <= occurred_at + _TYPED_IN_WITHIN]
    return min(late, key=lambda one: (one.created_at, one.id), default=None)


def _rests(shipment: KnownShipment, occurred_at: datetime) -> bool:
    ended = shipment.status_at if shipment.status in _FINAL else None
    return ended is not None and ended < occurred_at - _NUMBER_RESTS


def _parcel(ground: Ground, key: ParcelKey, events: Sequence[ShipmentEvent]) -> Parcel | Unmatched:
    order = ground.orders[key[0]]
    if order.state not in _SHIPS:
        return Unmatched(
            f"Order {order.number} is {order.state.value}; what is not placed does not ship.",
            order.network_id,
        )
    events = sorted(events, key=lambda event: event.occurred_at)
    named = [event.school for event in events if event.school is not None]
    schools = (ground.schools.get((order.network_id, name)) for name in named)
    school_id = next((school for school in schools if school is not None), None)
    if school_id is None and not named and order.school_count == 1:
        school_id = order.schools[0]
    if school_id is None:
        return Unmatched(_no_school(order, named), order.network_id)
    first = events[0]
    return Parcel(key, order.network_id, school_id, first.carrier, first.tracking_number)


def _no_school(order: KnownOrder, named: Sequence[str]) -> str:
    if named:
        return f"The network of order {order.number} has no school {named[0]}."
    if order.school_count == 0:
        return f"Order {order.number} allocates to no school yet, and the event names none."
    return (
        f"Order {order.number} goes to {order.school_count} schools and the event names none of"
        " them; add the shipment to the order, and the event finds it."
    )
