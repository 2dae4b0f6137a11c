"""Orders as bodies name them: by id, or by their seller's slug and their number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol
from uuid import UUID

from sqlalchemy import Text, Uuid, and_, or_, select
from sqlmodel import col

from api.auth.caller import Caller
from api.db.uow import ReadSession
from api.devices.errors import OrderNotFound
from api.devices.models import Order, Vendor
from api.devices.queries import shown_orders
from api.devices.rules import number_key
from api.schools.queries import is_among

# An id; or a seller's slug, and a number as numbers are compared.
OrderKey = UUID | tuple[str, str]


class NamesOrder(Protocol):
    @property
    def order(self) -> UUID | None: ...
    @property
    def vendor(self) -> str | None: ...
    @property
    def number(self) -> str | None: ...


def key_of(given: NamesOrder) -> OrderKey | None:
    """How a body names its order; None where it names none."""
    if given.vendor is not None and given.number is not None:
        return given.vendor.lower(), number_key(given.number)
    return given.order


async def orders_named(
    session: ReadSession, caller: Caller, keys: Iterable[OrderKey]
) -> dict[OrderKey, Order]:
    """Those of the orders that the caller may see, in one select."""
    wanted = set(keys)
    by_number = [key for key in wanted if isinstance(key, tuple)]
    statement = (
        select(Order, col(Vendor.slug))
        .join(Vendor, col(Vendor.id) == col(Order.vendor_id))
        .where(
            shown_orders(caller),
            or_(
                is_among(col(Order.id), {key for key in wanted if isinstance(key, UUID)}, Uuid()),
                and_(
                    is_among(col(Vendor.slug), {slug for slug, _ in by_number}, Text()),
                    is_among(col(Order.number_key), {number for _, number in by_number}, Text()),
                ),
            ),
        )
    )
    found: dict[OrderKey, Order] = {}
    for order, slug in await session.execute(statement):
        found |= {order.id: order, (slug, order.number_key): order}
    return {key: found[key] for key in wanted if key in found}


async def order_named(session: ReadSession, caller: Caller, given: NamesOrder) -> Order:
    """Raises: OrderNotFound, also for an order the caller may not see."""
    key = key_of(given)
    assert key is not None
    found = (await orders_named(session, caller, [key])).get(key)
    if found is None:
        named = f"{given.vendor} {given.number}" if given.number else str(given.order)
        raise OrderNotFound(f"There is no order {named}, or you may not see it.")
    return found
