"""What is written of orders at some places, held while pieces are counted there.

A line's sums are kept by a trigger, so `LineTotal` follows them beside the rows, which are never
written from here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Uuid, or_, select
from sqlmodel import col

from api.db.uow import WriteSession
from api.devices.errors import OrderRefused, invalid
from api.devices.models import Allocation, Order, OrderLine
from api.devices.places import Place
from api.devices.receipt_rules import RECEIVABLE, LineTotal, PlaceTotal
from api.schools.queries import is_among


@dataclass(slots=True)
class Ledger:
    """`at` is a line's row at a place; there is none before anything is planned or comes there."""

    orders: dict[UUID, Order]
    lines: dict[UUID, OrderLine]
    totals: dict[UUID, LineTotal]
    at: dict[tuple[UUID, UUID], Allocation]
    by_sku: dict[tuple[UUID, str], OrderLine] = field(default_factory=dict)

    def line(self, order_id: UUID, sku: str, pointer: str) -> OrderLine:
        """Raises: Invalid naming the skus the order has."""
        found = self.by_sku.get((order_id, sku))
        if found is None:
            has = [name for owner, name in self.by_sku if owner == order_id]
            shown = ", ".join(has[:20]) + (", …" if len(has) > 20 else "")
            detail = f"Order {self.orders[order_id].number} has no line {sku}; it has {shown}."
            raise invalid(pointer, "line-unknown", detail)
        return found

    def total_at(self, line: OrderLine, place: Place) -> PlaceTotal:
        row = self.at.get((line.id, place.id))
        planned, over = (row.quantity, row.over) if row else (0, 0)
        return PlaceTotal(
            planned=planned if place.school_id else None, at_hand=at_hand(row), over=over
        )

    def row_at(self, session: WriteSession, line: OrderLine, place: Place) -> Allocation:
        """The line's row at a place, made when there is none."""
        row = self.at.get((line.id, place.id))
        if row is None:
            row = Allocation(
                order_id=line.order_id,
                line_id=line.id,
                network_id=line.network_id,
                school_id=place.school_id,
                site_id=place.site_id,
            )
            session.add(row)
            self.at[line.id, place.id] = row
        return row


def at_hand(row: Allocation | None) -> int:
    """Pieces of a line that are at a place now."""
    return row.accepted + row.moved_in - row.moved_out - row.returned if row else 0


def require_receivable(order: Order) -> None:
    """Raises: OrderRefused while nothing can come of the order."""
    if order.state not in RECEIVABLE:
        raise OrderRefused(
            f"Order {order.number} is {order.state}; pieces are counted once it is placed.",
            state=order.state,
        )


async def hold_ledger(session: WriteSession, wanted: Iterable[tuple[UUID, Place]]) -> Ledger:
    """Lock orders for counting at places: those places' schools, then the orders by id.

    Only these schools, where `hold_order` takes all of an order: a box at one school of a
    thousand leaves the others' answers as they are.
    """
    pairs = set(wanted)
    order_ids = {order_id for order_id, _ in pairs}
    places = {place.id for _, place in pairs}
    await session.touch_schools({place.school_id for _, place in pairs if place.school_id})
    fresh = {"populate_existing": True}
    orders = await session.scalars(
        select(Order)
        .where(is_among(col(Order.id), order_ids, Uuid()))
        .order_by(col(Order.id))
        .with_for_update(key_share=True)
        .execution_options(**fresh)
    )
    held = {order.id: order for order in orders}
    lines = await session.scalars(
        select(OrderLine)
        .where(is_among(col(OrderLine.order_id), order_ids, Uuid()))
        .order_by(col(OrderLine.position), col(OrderLine.id))
        .execution_options(**fresh)
    )
    rows = await session.scalars(
        select(Allocation)
        .where(
            is_among(col(Allocation.order_id), order_ids, Uuid()),
            or_(
                is_among(col(Allocation.school_id), places, Uuid()),
                is_among(col(Allocation.site_id), places, Uuid()),
            ),
        )
        .execution_options(**fresh)
    )
    at = {(row.line_id, row.school_id or row.site_id): row for row in rows}
    return _ledger(
        held, list(lines), {(line, place): row for (line, place), row in at.items() if place}
    )


def _ledger(
    orders: dict[UUID, Order], lines: list[OrderLine], at: dict[tuple[UUID, UUID], Allocation]
) -> Ledger:
    return Ledger(
        orders=orders,
        lines={line.id: line for line in lines},
        totals={
            line.id: LineTotal(
                expected=line.quantity - line.cancelled,
                present=line.accepted - line.returned,
                over=line.over,
                allocated=line.allocated,
            )
            for line in lines
        },
        at=at,
        by_sku={(line.order_id, line.sku): line for line in lines},
    )
