"""An order held for writing: its schools first, then its own row.

Everybody who writes about an order takes locks in this order (networks, schools, orders by id,
shipments by id), so two writers wait for each other and never deadlock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Uuid, select, union
from sqlmodel import SQLModel, col

from api.db.uow import Overtaken, ReadSession, WriteSession
from api.devices.errors import order_not_found
from api.devices.models import Allocation, Order, OrderLine, Vendor
from api.devices.models_shipping import Shipment
from api.schools.models import Network
from api.schools.queries import is_among

Row = TypeVar("Row", bound=SQLModel)


@dataclass(slots=True)
class HeldOrder:
    """An order nobody else writes until this transaction ends, as it is now.

    `lines` are in their order; `school_ids` are those it allocates or ships to.
    """

    order: Order
    lines: list[OrderLine]
    allocations: list[Allocation]
    vendor: Vendor
    network: Network
    school_ids: frozenset[UUID]


async def hold_order(
    session: WriteSession, order_id: UUID, *, also: Iterable[UUID] = ()
) -> HeldOrder:
    """Lock an order with its schools, and `also` schools that are to become its.

    Raises: OrderNotFound; Overtaken when a school joined the order while we waited.
    """
    return (await hold_orders(session, [order_id], also=also))[order_id]


async def hold_orders(
    session: WriteSession, order_ids: Iterable[UUID], *, also: Iterable[UUID] = ()
) -> dict[UUID, HeldOrder]:
    """The same for many, in one round of statements.

    Raises: OrderNotFound for the first that is not there; Overtaken.
    """
    wanted = set(order_ids)
    before = await _schools_of(session, wanted)
    await session.touch_schools({*also, *(school for ids in before.values() for school in ids)})
    orders = await _lock_orders(session, wanted)
    # Whoever adds a school holds the order, so what is read from here on stays.
    schools = await _schools_of(session, wanted)
    if any(not ids <= session.held_schools for ids in schools.values()):
        raise Overtaken("A school joined the order meanwhile; send it again.", retry_after=1)
    return await _read(session, orders, schools)


async def read_order(session: ReadSession, order: Order) -> HeldOrder:
    """The same view of an order that nobody holds, for what only looks."""
    orders = {order.id: order}
    return (await _read(session, orders, await _schools_of(session, {order.id})))[order.id]


async def _read(
    session: ReadSession, orders: Mapping[UUID, Order], schools: Mapping[UUID, set[UUID]]
) -> dict[UUID, HeldOrder]:
    ids = set(orders)
    lines = await _rows_of(session, OrderLine, ids, col(OrderLine.position))
    allocations = await _rows_of(session, Allocation, ids)
    vendors = await _by_id(session, Vendor, {order.vendor_id for order in orders.values()})
    networks = await _by_id(session, Network, {order.network_id for order in orders.values()})
    return {
        order_id: HeldOrder(
            order,
            lines[order_id],
            allocations[order_id],
            vendors[order.vendor_id],
            networks[order.network_id],
            frozenset(schools.get(order_id, ())),
        )
        for order_id, order in orders.items()
    }


async def reload(session: WriteSession, held: HeldOrder) -> HeldOrder:
    """The same order after statements of ours changed its rows, sums of triggers included."""
    await session.flush()
    return await read_order(session, held.order)


async def _schools_of(session: ReadSession, order_ids: set[UUID]) -> dict[UUID, set[UUID]]:
    of_orders = [
        select(col(table.order_id), col(table.school_id)).where(
            is_among(col(table.order_id), order_ids, Uuid()), col(table.school_id).is_not(None)
        )
        for table in (Allocation, Shipment)
    ]
    found: defaultdict[UUID, set[UUID]] = defaultdict(set)
    rows: Sequence[Any] = (await session.execute(union(*of_orders))).all()
    for order_id, school_id in rows:
        found[order_id].add(school_id)
    return found


async def _lock_orders(session: WriteSession, order_ids: set[UUID]) -> dict[UUID, Order]:
    statement = (
        select(Order)
        .where(is_among(col(Order.id), order_ids, Uuid()))
        .order_by(col(Order.id))
        # NO KEY: rows that point here, such as an event's, may still be inserted.
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    orders = {order.id: order for order in await session.scalars(statement)}
    for missing in order_ids - orders.keys():
        raise order_not_found(missing)
    return orders


async def _rows_of(
    session: ReadSession, table: type[Row], order_ids: set[UUID], *first: Any
) -> defaultdict[UUID, list[Row]]:
    of: Any = table
    statement = (
        select(table)
        .where(is_among(of.order_id, order_ids, Uuid()))
        .order_by(*first, of.id)
        # The triggers of allocations write to lines behind the session's back.
        .execution_options(populate_existing=True)
    )
    found: defaultdict[UUID, list[Row]] = defaultdict(list)
    rows: Sequence[Any] = (await session.scalars(statement)).all()
    for row in rows:
        found[row.order_id].append(row)
    return found


async def _by_id(session: ReadSession, table: type[Row], ids: set[UUID]) -> dict[UUID, Row]:
    of: Any = table
    rows: Sequence[Any] = (await session.scalars(select(table).where(of.id.in_(ids)))).all()
    return {row.id: row for row in rows}
