"""What an unmatched event may be about: orders and shipments that are nearly what it says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from uuid import UUID

from sqlalchemy import Select, Uuid, select
from sqlmodel import col

from api.auth.caller import Caller, visible
from api.db.uow import ReadSession
from api.devices.models import Order
from api.devices.models_shipping import Shipment
from api.devices.queries import shown_orders
from api.devices.rules import OrderState
from api.schools.queries import is_among
from api.webhooks.inbox import sellers_of
from api.webhooks.models import WebhookEvent
from api.webhooks.rules import Outcome

_MOST = 5
# Compared one by one in memory, the newest first.
_LOOKED_AT = 2_000
_ALIKE = 0.75


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`match`: to say that it is this one would change something. `alike`: not the very number."""

    order_id: UUID
    order_number: str
    shipment_id: UUID | None
    tracking_number: str | None
    why: str
    match: bool = True
    alike: bool = False


async def suggest(session: ReadSession, caller: Caller, event: WebhookEvent) -> list[Suggestion]:
    """At most five, the likeliest first, of what the caller may see and the vendor may touch."""
    if event.outcome != Outcome.UNMATCHED:
        return []
    sellers = await sellers_of(session, event.vendor_id)
    found = [
        *await _by_tracking(session, caller, sellers, event),
        *await _by_number(session, caller, sellers, event),
    ]
    # What it names is likelier than what looks like it, of which a vendor's numbers are full.
    found.sort(key=lambda one: one.alike)
    return list({(one.order_id, one.shipment_id): one for one in found}.values())[:_MOST]


async def _by_tracking(
    session: ReadSession, caller: Caller, sellers: Iterable[UUID], event: WebhookEvent
) -> list[Suggestion]:
    if event.tracking_key is None:
        return []
    shipments = _shipments(caller, sellers)
    same = await session.execute(shipments.where(col(Shipment.tracking_key) == event.tracking_key))
    found = [_of_shipment(*row, why=_why_same(row[0], event)) for row in same]
    if found:
        return found
    rows = (await session.execute(shipments.limit(_LOOKED_AT))).all()
    by_key = {row[0].tracking_key: row for row in rows}
    alike = get_close_matches(event.tracking_key, by_key, n=_MOST, cutoff=_ALIKE)
    why = "A tracking number much like it."
    return [_of_shipment(*by_key[key], why=why, alike=True) for key in alike]


def _shipments(caller: Caller, sellers: Iterable[UUID]) -> Select[Shipment, str]:
    return (
        select(Shipment, col(Order.number))
        .join(Order, col(Order.id) == col(Shipment.order_id))
        .where(
            is_among(col(Order.vendor_id), sellers, Uuid()),
            visible(caller, col(Shipment.network_id), col(Shipment.school_id)),
        )
        .order_by(col(Shipment.id).desc())
    )


def _of_shipment(shipment: Shipment, number: str, *, why: str, alike: bool = False) -> Suggestion:
    tracking = shipment.tracking_number
    return Suggestion(shipment.order_id, number, shipment.id, tracking, why, alike=alike)


def _why_same(shipment: Shipment, event: WebhookEvent) -> str:
    if shipment.carrier_key != event.carrier_key:
        return f"The same tracking number, by {shipment.carrier}."
    return f"The same tracking number, of another time: it is {shipment.status}."


async def _by_number(
    session: ReadSession, caller: Caller, sellers: Iterable[UUID], event: WebhookEvent
) -> list[Suggestion]:
    if event.order_key is None:
        return []
    statement = (
        select(Order)
        .where(
            is_among(col(Order.vendor_id), sellers, Uuid()),
            col(Order.state) != OrderState.CANCELLED,
            shown_orders(caller),
        )
        .order_by(col(Order.id).desc())
        .limit(_LOOKED_AT)
    )
    orders = (await session.scalars(statement)).all()
    same = [order for order in orders if order.number_key == event.order_key]
    if same:
        return [_of_named(order, event) for order in same]
    plain = {_letters_and_digits(order.number_key): order for order in reversed(orders)}
    wanted = _letters_and_digits(event.order_key)
    alike = get_close_matches(wanted, plain, n=_MOST, cutoff=_ALIKE)
    return [_of_alike(plain[key]) for key in alike]


def _letters_and_digits(number: str) -> str:
    return "".join(letter for letter in number if letter.isalnum())


def _of_named(order: Order, event: WebhookEvent) -> Suggestion:
    """A seller's event has found its own order already: what it lacks is in the reason."""
    match = order.vendor_id != event.vendor_id and order.id != event.order_id
    return Suggestion(order.id, order.number, None, None, "The order it names.", match)


def _of_alike(order: Order) -> Suggestion:
    why = "A number much like the one it names."
    return Suggestion(order.id, order.number, None, None, why, alike=True)
