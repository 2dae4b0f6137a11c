"""Orders as they are answered: their lines with what the counts say, and their allocations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Uuid, select
from sqlmodel import col

from api import clock
from api.auth.caller import Caller
from api.db.uow import ReadSession
from api.devices.allocations import at_place, there
from api.devices.models import Allocation, LinePromise, Order, OrderLine, Vendor
from api.devices.order_rules import LineCounts, derive
from api.devices.orders import cost
from api.devices.rules import CountsAs, OrderState
from api.devices.schemas import (
    AllocationOut,
    LineDetailOut,
    LineOut,
    OrderDetailOut,
    OrderOut,
    PromisedLineOut,
    PromiseOut,
    PromisesOut,
)
from api.devices.timeline import timeline_of
from api.devices.uncounted import read_uncounted
from api.schools.models import Network, School, Site
from api.schools.queries import is_among
from api.schools.rules import Receiving


@dataclass(frozen=True, slots=True)
class _Around:
    """What the lines and heads of some orders are shown with."""

    vendors: Mapping[UUID, Vendor]
    networks: Mapping[UUID, Network]
    lines: Mapping[UUID, Sequence[OrderLine]]
    # Pieces by line: under way, and delivered; neither counted.
    uncounted: Mapping[UUID, tuple[int, int]]


async def orders_out(session: ReadSession, orders: Sequence[Order]) -> list[OrderOut]:
    """Without allocations, of which an order may have thousands."""
    around = await _around(session, orders)
    return [
        OrderOut(
            **_head(order, around),
            lines=[LineOut(**_line(line, order, around)) for line in around.lines[order.id]],
        )
        for order in orders
    ]


async def order_detail(session: ReadSession, caller: Caller, order: Order) -> OrderDetailOut:
    """One order with everything about it that the caller may see: of a limited one's schools."""
    around = await _around(session, [order])
    rows = await _allocations(session, caller, order.id)
    lines = [
        LineDetailOut(**_line(line, order, around), allocations=rows[line.id])
        for line in around.lines[order.id]
    ]
    events = await timeline_of(session, caller, order)
    return OrderDetailOut(**_head(order, around), lines=lines, timeline=events)


async def _around(session: ReadSession, orders: Sequence[Order]) -> _Around:
    ids = [order.id for order in orders]
    found = await session.scalars(
        select(OrderLine)
        .where(is_among(col(OrderLine.order_id), ids, Uuid()))
        .order_by(col(OrderLine.position), col(OrderLine.id))
        # In a write the sums were changed behind the session.
        .execution_options(populate_existing=True)
    )
    lines: defaultdict[UUID, list[OrderLine]] = defaultdict(list)
    for line in found:
        lines[line.order_id].append(line)
    return _Around(
        vendors=await _by_id(session, Vendor, (order.vendor_id for order in orders)),
        networks=await _by_id(session, Network, (order.network_id for order in orders)),
        lines=lines,
        uncounted=await read_uncounted(session, ids),
    )


async def _by_id(session: ReadSession, table: Any, ids: Iterable[UUID]) -> dict[UUID, Any]:
    found = await session.scalars(select(table).where(table.id.in_(set(ids))))
    return {row.id: row for row in found}


def _head(order: Order, around: _Around) -> dict[str, Any]:
    network = around.networks[order.network_id]
    lines = around.lines[order.id]
    whose: Literal["order", "network"] = "order" if order.receiving else "network"
    return {
        "id": order.id,
        "vendor": around.vendors[order.vendor_id].slug,
        "number": order.number,
        "network": network.code,
        "state": OrderState(order.state),
        "held_from": OrderState(order.held_from) if order.held_from else None,
        "reason": order.reason,
        "receiving": Receiving(order.receiving or network.receiving),
        "receiving_from": whose,
        "over_tolerance_percent": order.over_tolerance_percent,
        "total_cents": cost(lines).total_cents,
        "requested_by": order.requested_by,
        "approved_by": order.approved_by,
        "approved_at": order.approved_at,
        "placed_at": order.placed_at,
        "closed_at": order.closed_at,
        "created_at": order.created_at,
        "updated_at": order.updated_at,
    }


def _line(line: OrderLine, order: Order, around: _Around) -> dict[str, Any]:
    under_way, delivered = around.uncounted.get(line.id, (0, 0))
    counts = LineCounts(
        quantity=line.quantity,
        cancelled=line.cancelled,
        substituted=line.substituted,
        accepted=line.accepted,
        returned=line.returned,
        under_way=under_way,
        delivered=delivered,
        promised_on=line.promised_on,
    )
    today = clock.today(around.networks[order.network_id].timezone)
    return {
        "id": line.id,
        "sku": line.sku,
        "description": line.description,
        "quantity": line.quantity,
        "unit_price_cents": line.unit_price_cents,
        "counts_as": CountsAs(line.counts_as),
        "promised_on": line.promised_on,
        "substituted": line.substituted,
        "allocated": line.allocated,
        "accepted": line.accepted,
        "returned": line.returned,
        "under_way": under_way,
        "delivered": delivered,
        **asdict(derive(counts, order.state, today)),
    }


async def _allocations(
    session: ReadSession, caller: Caller, order_id: UUID
) -> defaultdict[UUID, list[AllocationOut]]:
    """By line, in the order of the places' codes."""
    statement = (
        select(Allocation, col(School.code), col(Site.code))
        .outerjoin(School, col(School.id) == col(Allocation.school_id))
        .outerjoin(Site, col(Site.id) == col(Allocation.site_id))
        .where(col(Allocation.order_id) == order_id)
        .order_by(col(School.code).nulls_last(), col(Site.code))
        .execution_options(populate_existing=True)
    )
    if caller.school_ids is not None:
        statement = statement.where(col(Allocation.school_id).in_(caller.school_ids))
    rows: defaultdict[UUID, list[AllocationOut]] = defaultdict(list)
    for row, school, site in await session.execute(statement):
        rows[row.line_id].append(allocation_out(row, school, site))
    return rows


async def promises_out(
    session: ReadSession, order: Order, skus: Sequence[str], recorded: int
) -> PromisesOut:
    """These lines with everything that was ever promised for them, the newest first."""
    rows = await session.execute(
        select(OrderLine, LinePromise)
        .join(LinePromise, col(LinePromise.line_id) == col(OrderLine.id))
        .where(col(OrderLine.order_id) == order.id, col(OrderLine.sku).in_(skus))
        .order_by(
            col(OrderLine.position),
            col(LinePromise.stated_at).desc(),
            col(LinePromise.id).desc(),
        )
        .execution_options(populate_existing=True)
    )
    lines: dict[str, PromisedLineOut] = {}
    for line, promise in rows:
        known = PromisedLineOut(sku=line.sku, promised_on=line.promised_on, history=[])
        lines.setdefault(line.sku, known).history.append(
            PromiseOut.model_validate(promise, from_attributes=True)
        )
    return PromisesOut(order_id=order.id, recorded=recorded, lines=list(lines.values()))


def allocation_out(row: Allocation, school: str | None, site: str | None) -> AllocationOut:
    return AllocationOut(
        school=school,
        site=site,
        quantity=row.quantity,
        there=there(row),
        outstanding=at_place(row).outstanding if school else 0,
        over=max(there(row) - row.quantity, 0) if school else 0,
        accepted=row.accepted,
        rejected=row.rejected,
        returned=row.returned,
        moved_in=row.moved_in,
        moved_out=row.moved_out,
    )
