"""Reading orders and vendors, always as a caller may see them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select
from sqlmodel import col

from api.auth.caller import Caller, visible
from api.db.paging import Page, PageRequest, page_of
from api.db.uow import ReadSession
from api.devices.errors import order_not_found, vendor_not_found
from api.devices.models import Allocation, Order, Vendor
from api.devices.models_shipping import Shipment
from api.devices.rules import OrderState, number_key

_SORTS = {
    name: getattr(Order, name) for name in ("id", "number", "state", "placed_at", "updated_at")
}


async def find_vendor(session: ReadSession, slug: str) -> Vendor:
    """Raises: VendorNotFound."""
    statement = select(Vendor).where(col(Vendor.slug) == slug.strip().lower())
    found = (await session.scalars(statement)).one_or_none() if "\x00" not in slug else None
    if found is None:
        raise vendor_not_found(slug)
    return found


def shown_orders(caller: Caller) -> ColumnElement[bool]:
    """The orders of the caller's network; limited to schools, those that feed one of them."""
    of_network = visible(caller, col(Order.network_id))
    if caller.school_ids is None:
        return of_network
    return and_(of_network, feeds(caller.school_ids))


def feeds(school_ids: frozenset[UUID]) -> ColumnElement[bool]:
    """Orders that allocate or ship to one of these schools."""
    allocates = select(col(Allocation.id)).where(
        col(Allocation.order_id) == col(Order.id), col(Allocation.school_id).in_(school_ids)
    )
    ships = select(col(Shipment.id)).where(
        col(Shipment.order_id) == col(Order.id), col(Shipment.school_id).in_(school_ids)
    )
    return or_(allocates.exists(), ships.exists())


async def find_order(session: ReadSession, caller: Caller, order_id: UUID) -> Order:
    """Raises: OrderNotFound, also for an order the caller may not see."""
    statement = select(Order).where(col(Order.id) == order_id, shown_orders(caller))
    found = (await session.scalars(statement)).one_or_none()
    if found is None:
        raise order_not_found(order_id)
    return found


async def find_order_by_number(session: ReadSession, vendor_id: UUID, number: str) -> Order | None:
    """A seller's own order, its number compared without case."""
    statement = select(Order).where(
        col(Order.vendor_id) == vendor_id, col(Order.number_key) == number_key(number)
    )
    found: Order | None = (await session.scalars(statement)).one_or_none()
    return found


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """`q` is looked for in numbers."""

    vendor_id: UUID | None = None
    state: OrderState | None = None
    school_id: UUID | None = None
    q: str | None = None


async def list_orders(
    session: ReadSession, caller: Caller, which: OrderFilter, page: PageRequest
) -> Page[Order]:
    statement = select(Order).where(shown_orders(caller))
    if which.vendor_id:
        statement = statement.where(col(Order.vendor_id) == which.vendor_id)
    if which.state:
        statement = statement.where(col(Order.state) == which.state)
    if which.school_id:
        statement = statement.where(feeds(frozenset({which.school_id})))
    if which.q:
        statement = statement.where(col(Order.number).icontains(which.q, autoescape=True))
    return await page_of(session, statement, page, _SORTS, _SORTS["id"])
