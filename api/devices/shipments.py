"""Shipments as people see and announce them; what vendors tell comes through `shipping`."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from api import clock
from api.auth.caller import Caller, visible
from api.db.paging import Page, PageRequest, page_of
from api.db.uow import ReadSession, WriteSession
from api.devices import progress
from api.devices.errors_shipping import ShipmentElsewhere, ShipmentNotFound
from api.devices.ledger import Ledger, hold_ledger, require_receivable
from api.devices.models import Order
from api.devices.models_shipping import Shipment
from api.devices.places import Place
from api.devices.receipts import is_counted
from api.devices.rules import PromiseSource, ShipmentStatus, carrier_key, tracking_key
from api.devices.schemas_shipping import ShipmentIn
from api.devices.shipping import NewShipment, Statement, open_shipments, record_statements

_SORTS = {
    name: getattr(Shipment, name) for name in ("id", "status_at", "expected_on", "updated_at")
}


async def announce(
    session: WriteSession, order: Order, place: Place, given: ShipmentIn
) -> tuple[Shipment, bool]:
    """Say that something is on its way; the shipment, and whether it is new.

    The order's shipment of that carrier and number is said anew when it is there already.
    Raises: OrderRefused; ShipmentElsewhere; Invalid for an unknown sku.
    """
    ledger = await hold_ledger(session, [(order.id, place)])
    require_receivable(ledger.orders[order.id])
    known = await _same(session, order, given)
    if known is not None and place.id not in (known.school_id, known.site_id):
        raise ShipmentElsewhere(
            f"Order {order.number} has {known.carrier} {known.tracking_number} to another place."
            " Correct the number, or the place.",
            shipment_id=str(known.id),
        )
    shipment_id = known.id if known else await _open(session, order, place, given)
    if given.lines is not None or given.expected_on is not None:
        await record_statements(session, [_statement(ledger, order, shipment_id, given)])
    await progress.project(session, [place.school_id] if place.school_id else [])
    shipment = await session.get_one(Shipment, shipment_id, populate_existing=True)
    return shipment, known is None


async def _same(session: ReadSession, order: Order, given: ShipmentIn) -> Shipment | None:
    statement = (
        select(Shipment)
        .where(
            col(Shipment.order_id) == order.id,
            col(Shipment.tracking_key) == tracking_key(given.tracking_number),
            col(Shipment.carrier_key) == carrier_key(given.carrier),
        )
        .order_by(col(Shipment.id).desc())
        .limit(1)
    )
    return (await session.scalars(statement)).one_or_none()


async def _open(session: WriteSession, order: Order, place: Place, given: ShipmentIn) -> UUID:
    new = NewShipment(
        order_id=order.id,
        network_id=order.network_id,
        school_id=place.school_id,
        site_id=place.site_id,
        carrier=given.carrier,
        tracking_number=given.tracking_number,
    )
    return (await open_shipments(session, [new]))[0]


def _statement(ledger: Ledger, order: Order, shipment_id: UUID, given: ShipmentIn) -> Statement:
    now = clock.now()
    lines = tuple(
        (
            ledger.line(order.id, one.sku, f"/lines/{at}/sku").id,
            one.quantity,
            tuple(one.serial_numbers),
        )
        for at, one in enumerate(given.lines or ())
    )
    return Statement(
        shipment_id=shipment_id,
        key=f"call:{now.isoformat()}",
        source=PromiseSource.CALL,
        # No status: a carrier's scan of this morning would be older than what is typed in now.
        occurred_at=now,
        expected_on=given.expected_on,
        lines=lines or None,
    )


async def find_shipment(session: ReadSession, caller: Caller, shipment_id: UUID) -> Shipment:
    """Raises: ShipmentNotFound, also for one the caller may not see."""
    statement = select(Shipment).where(
        col(Shipment.id) == shipment_id,
        visible(caller, col(Shipment.network_id), col(Shipment.school_id)),
    )
    found = (await session.scalars(statement)).one_or_none()
    if found is None:
        raise ShipmentNotFound(f"There is no shipment {shipment_id}, or you may not see it.")
    return found


@dataclass(frozen=True, slots=True)
class ShipmentFilter:
    """`q` is looked for in tracking numbers; `review`: whether somebody should look."""

    order_id: UUID | None = None
    school_id: UUID | None = None
    status: ShipmentStatus | None = None
    review: bool | None = None
    received: bool | None = None
    q: str | None = None


async def list_shipments(
    session: ReadSession, caller: Caller, which: ShipmentFilter, page: PageRequest
) -> Page[Shipment]:
    statement = select(Shipment).where(
        visible(caller, col(Shipment.network_id), col(Shipment.school_id))
    )
    if which.order_id:
        statement = statement.where(col(Shipment.order_id) == which.order_id)
    if which.school_id:
        statement = statement.where(col(Shipment.school_id) == which.school_id)
    if which.status:
        statement = statement.where(col(Shipment.status) == which.status)
    if which.review is not None:
        statement = statement.where(col(Shipment.review).is_not(None) == which.review)
    if which.received is not None:
        statement = statement.where(is_counted() if which.received else ~is_counted())
    if which.q:
        key = tracking_key(which.q)
        statement = statement.where(col(Shipment.tracking_key).contains(key, autoescape=True))
    return await page_of(session, statement, page, _SORTS, _SORTS["id"])
