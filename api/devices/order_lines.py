"""The lines of a draft: written with the order, and replaced as a whole while it is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, delete
from sqlmodel import col

from api import clock
from api.db.uow import WriteSession
from api.devices.allocations import (
    Schools,
    Share,
    plan_of,
    require_enough,
    write_allocations,
)
from api.devices.errors import invalid
from api.devices.models import Allocation, Order, OrderLine
from api.devices.promises import Stated, record_promises
from api.devices.rules import PromiseSource
from api.devices.schemas import LineIn
from api.schools.queries import is_among
from api.schools.service import changed_fields


def check_lines(given: Sequence[LineIn]) -> None:
    """Raises: Invalid when a sku is there twice; OverAllocated."""
    seen: set[str] = set()
    for index, line in enumerate(given):
        if line.sku in seen:
            detail = f"{line.sku} is there twice; an order has one line for each sku."
            raise invalid(f"/lines/{index}/sku", "sku-twice", detail)
        seen.add(line.sku)
        require_enough(line.sku, line.quantity, sum(one.quantity for one in line.allocations))


async def write_lines(
    session: WriteSession,
    order: Order,
    given: Sequence[LineIn],
    schools: Schools,
    existing: Sequence[OrderLine] = (),
    allocations: Sequence[Allocation] = (),
) -> bool:
    """Let the draft have exactly these lines; whether anything changed.

    `existing` and `allocations` are what it has now. Lines are known by their sku, so what was
    promised for one stays its history.
    """
    by_sku = {line.sku: line for line in existing}
    plans = {
        line.sku: plan_of(line.allocations, schools, f"/lines/{index}/allocations")
        for index, line in enumerate(given)
    }
    gone = [line for line in existing if line.sku not in plans]
    dropped = _dropped(by_sku, plans, allocations)
    await _delete(session, gone, dropped)
    changed = bool(gone or dropped)
    stated: list[Stated] = []
    planned: list[Share] = []
    now = clock.now()
    for position, one in enumerate(given):
        line = by_sku.get(one.sku)
        if line is None:
            line = new_line(order, one, position)
            session.add(line)
            changed = True
        else:
            fields = changed_fields(line, _fields(one, position))
            for name, value in fields.items():
                setattr(line, name, value)
            changed = changed or bool(fields)
        if one.promised_on != line.promised_on:
            stated.append(Stated(line.id, one.promised_on, now, PromiseSource.CALL))
        planned += (
            Share(line.id, school_id, pieces)
            for school_id, pieces in plans[one.sku].items()
            if pieces
        )
    await session.flush()
    new = _new(planned, allocations, dropped)
    await write_allocations(session, order, new)
    await record_promises(session, stated)
    return changed or bool(stated or new)


def new_line(order: Order, one: LineIn, position: int) -> OrderLine:
    """A line as it is given; the caller adds it."""
    return OrderLine(order_id=order.id, network_id=order.network_id, **_fields(one, position))


def _fields(one: LineIn, position: int) -> dict[str, Any]:
    return {
        "position": position,
        "sku": one.sku,
        "description": one.description,
        "quantity": one.quantity,
        "unit_price_cents": one.unit_price_cents,
        "counts_as": one.counts_as.value,
    }


def _dropped(
    by_sku: dict[str, OrderLine],
    plans: dict[str, dict[UUID, int]],
    allocations: Sequence[Allocation],
) -> list[Allocation]:
    """Allocations that are no more, or other: deleted before a line can become smaller."""
    kept = {
        (by_sku[sku].id, school_id, pieces)
        for sku, plan in plans.items()
        if sku in by_sku
        for school_id, pieces in plan.items()
    }
    return [row for row in allocations if (row.line_id, row.school_id, row.quantity) not in kept]


def _new(
    planned: Sequence[Share], allocations: Sequence[Allocation], dropped: Sequence[Allocation]
) -> list[Share]:
    gone = {row.id for row in dropped}
    there = {(row.line_id, row.school_id) for row in allocations if row.id not in gone}
    return [share for share in planned if (share.line_id, share.school_id) not in there]


async def _delete(
    session: WriteSession, lines: Sequence[OrderLine], allocations: Sequence[Allocation]
) -> None:
    for table, rows in ((Allocation, allocations), (OrderLine, lines)):
        if rows:
            ids = [row.id for row in rows]
            of: Any = table
            statement = delete(table).where(is_among(col(of.id), ids, Uuid()))
            await session.execute(statement, execution_options={"synchronize_session": False})
            for row in rows:
                session.expunge(row)
