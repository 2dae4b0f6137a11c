"""The inbox for people: looking, matching by hand, and applying again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, and_, or_, select, update
from sqlalchemy.orm import defer
from sqlmodel import col

from api.auth.caller import Caller, visible
from api.db.paging import Page, PageRequest, page_of
from api.db.uow import ReadSession, WriteSession
from api.devices.models import Allocation, Order, Vendor, VendorTracks
from api.devices.models_shipping import Shipment
from api.devices.queries import find_order, shown_orders
from api.schools.queries import is_among
from api.webhooks.inbox_errors import (
    BodyForgotten,
    EventNotFound,
    EventSettled,
    NotItsOrder,
    ShipmentUnknown,
)
from api.webhooks.inbox_schemas import EventOut, MatchIn
from api.webhooks.models import WebhookEvent
from api.webhooks.rematch import NOTIFY
from api.webhooks.rules import Outcome

_Event: Any = WebhookEvent
_SORTS: dict[str, Any] = {
    name: getattr(WebhookEvent, name) for name in ("received_at", "id", "settled_at")
}
NEWEST_FIRST = "-received_at"
_TO_MATCH = frozenset({Outcome.UNMATCHED, Outcome.FAILED})
_WAITS_AGAIN = {"outcome": Outcome.STORED.value, "reason": None, "settled_at": None}


def shown_events(caller: Caller) -> ColumnElement[bool]:
    """Those of the caller's network; limited to schools, those about what goes to one of them.

    What could not be matched is nobody's, so only a caller without a network sees it.
    """
    of_network = visible(caller, col(WebhookEvent.network_id))
    if caller.school_ids is None:
        return of_network
    ships = select(col(Shipment.id)).where(
        col(Shipment.id) == col(WebhookEvent.shipment_id),
        col(Shipment.school_id).in_(caller.school_ids),
    )
    promises = select(col(Allocation.id)).where(
        col(WebhookEvent.shipment_id).is_(None),
        col(Allocation.order_id) == col(WebhookEvent.order_id),
        col(Allocation.school_id).in_(caller.school_ids),
    )
    return and_(of_network, or_(ships.exists(), promises.exists()))


@dataclass(frozen=True, slots=True)
class EventFilter:
    """`q` is looked for in order numbers, tracking numbers and the vendors' ids."""

    vendor_id: UUID | None = None
    outcome: Outcome | None = None
    since: datetime | None = None
    q: str | None = None


async def list_events(
    session: ReadSession, caller: Caller, which: EventFilter, page: PageRequest
) -> Page[WebhookEvent]:
    # A body may have a megabyte, and a page a thousand events.
    statement = select(WebhookEvent).options(defer(_Event.sealed, raiseload=True))
    statement = statement.where(shown_events(caller))
    if which.vendor_id is not None:
        statement = statement.where(col(WebhookEvent.vendor_id) == which.vendor_id)
    if which.outcome is not None:
        statement = statement.where(col(WebhookEvent.outcome) == which.outcome)
    if which.since is not None:
        statement = statement.where(col(WebhookEvent.received_at) >= which.since)
    if which.q:
        places = (WebhookEvent.order_key, WebhookEvent.tracking_key, WebhookEvent.key)
        found = (col(place).icontains(which.q.strip(), autoescape=True) for place in places)
        statement = statement.where(or_(*found))
    return await page_of(session, statement, page, _SORTS, _SORTS["id"])


async def find_event(
    session: ReadSession, caller: Caller, event_id: UUID, *, lock: bool = False
) -> WebhookEvent:
    """Raises: EventNotFound, also for one the caller may not see."""
    statement = (
        select(WebhookEvent)
        .where(col(WebhookEvent.id) == event_id, shown_events(caller))
        .options(defer(_Event.sealed, raiseload=True))
        .execution_options(populate_existing=True)
    )
    if lock:
        statement = statement.with_for_update()
    found = (await session.scalars(statement)).one_or_none()
    if found is None:
        raise EventNotFound
    return found


async def show_events(session: ReadSession, events: Sequence[WebhookEvent]) -> list[EventOut]:
    """In the order given."""
    vendors = {event.vendor_id for event in events}
    named = select(col(Vendor.id), col(Vendor.slug)).where(
        is_among(col(Vendor.id), vendors, Uuid())
    )
    slugs = {row.id: row.slug for row in await session.execute(named)}
    kept = await _with_body(session, (event.id for event in events))
    return [_shown(event, slugs[event.vendor_id], event.id in kept) for event in events]


def _shown(event: WebhookEvent, vendor: str, replayable: bool) -> EventOut:
    return EventOut(
        **{
            name: getattr(event, name)
            for name in EventOut.model_fields.keys() & WebhookEvent.model_fields.keys()
        },
        vendor=vendor,
        order_number=event.order_key,
        carrier=event.carrier_key,
        tracking_number=event.tracking_key,
        replayable=replayable,
    )


async def _with_body(session: ReadSession, event_ids: Iterable[UUID]) -> set[UUID]:
    statement = select(col(WebhookEvent.id)).where(
        is_among(col(WebhookEvent.id), event_ids, Uuid()), col(WebhookEvent.sealed).is_not(None)
    )
    return set((await session.scalars(statement)).all())


async def sellers_of(session: ReadSession, vendor_id: UUID) -> set[UUID]:
    """Whose orders the vendor may speak of: its own, and those of the sellers it tracks."""
    tracked = select(col(VendorTracks.seller_id)).where(col(VendorTracks.tracker_id) == vendor_id)
    return {vendor_id, *(await session.scalars(tracked)).all()}


async def match(
    session: WriteSession, caller: Caller, event_id: UUID, given: MatchIn
) -> WebhookEvent:
    """Say what an event is about; it is then applied as if it had said so itself.

    Raises: EventNotFound; EventSettled; BodyForgotten; OrderNotFound; ShipmentUnknown;
    NotItsOrder.
    """
    event = await find_event(session, caller, event_id, lock=True)
    if event.outcome not in _TO_MATCH:
        raise EventSettled(
            f"The event is {event.outcome}; only an unmatched or failed one can be matched.",
            outcome=event.outcome,
        )
    if given.shipment is not None:
        event.shipment_id, order = await _order_of_shipment(session, caller, given.shipment)
    else:
        assert given.order is not None
        order = await find_order(session, caller, given.order)
        event.shipment_id = None
    if order.vendor_id not in await sellers_of(session, event.vendor_id):
        raise NotItsOrder(
            f"Order {order.number} is of a seller that this event's vendor neither is nor tracks."
        )
    event.order_id, event.network_id = order.id, order.network_id
    return await _wait_again(session, event)


async def _order_of_shipment(
    session: ReadSession, caller: Caller, shipment_id: UUID
) -> tuple[UUID, Order]:
    statement = (
        select(Order)
        .join(Shipment, col(Shipment.order_id) == col(Order.id))
        .where(
            col(Shipment.id) == shipment_id,
            shown_orders(caller),
            visible(caller, col(Shipment.network_id), col(Shipment.school_id)),
        )
    )
    order = (await session.scalars(statement)).one_or_none()
    if order is None:
        raise ShipmentUnknown
    return shipment_id, order


async def replay(session: WriteSession, caller: Caller, event_id: UUID) -> WebhookEvent:
    """Let an event be applied again; what it said before is not counted twice.

    Raises: EventNotFound; BodyForgotten.
    """
    return await _wait_again(session, await find_event(session, caller, event_id, lock=True))


async def _wait_again(session: WriteSession, event: WebhookEvent) -> WebhookEvent:
    if not await _with_body(session, [event.id]):
        raise BodyForgotten("Raw bodies are kept for 14 days once applied; ask the vendor for it.")
    for name, value in _WAITS_AGAIN.items():
        setattr(event, name, value)
    await session.flush()
    await session.execute(NOTIFY)
    return event


async def replay_since(
    session: WriteSession,
    caller: Caller,
    vendor: Vendor,
    since: datetime,
    outcome: Outcome | None = None,
) -> int:
    """Let a vendor's events since then, that the caller may see, be applied again; how many."""
    statement = update(WebhookEvent).where(
        col(WebhookEvent.vendor_id) == vendor.id,
        col(WebhookEvent.received_at) >= since,
        col(WebhookEvent.outcome) != Outcome.STORED,
        col(WebhookEvent.sealed).is_not(None),
        shown_events(caller),
    )
    if outcome is not None:
        statement = statement.where(col(WebhookEvent.outcome) == outcome)
    statement = statement.values(**_WAITS_AGAIN).returning(col(WebhookEvent.id))
    statement = statement.execution_options(synchronize_session=False)
    replayed = len((await session.scalars(statement)).all())
    if replayed:
        await session.execute(NOTIFY)
    return replayed
