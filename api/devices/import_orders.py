"""Importing orders: everything is checked first, then held, checked again, and written."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal
from uuid import UUID

from sqlalchemy import Text, Uuid, or_, select
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from api import clock
from api.auth.caller import Caller, sees, visible
from api.db.uow import Overtaken, ReadSession, WriteSession
from api.devices.allocations import Share, at_place, write_allocations
from api.devices.holding import HeldOrder, hold_orders
from api.devices.import_order_plan import (
    Known,
    KnownLine,
    KnownOrder,
    KnownSchool,
    KnownVendor,
    LinePlan,
    OrderPlan,
    Plan,
    plan,
)
from api.devices.import_order_rows import File, Row, parse
from api.devices.import_placing import Placing, place_orders, plan_placing
from api.devices.models import Allocation, Order, OrderLine, Vendor
from api.devices.order_rules import AtPlace
from api.devices.orders import new_draft
from api.devices.progress import project
from api.devices.promises import Stated, record_promises
from api.devices.rules import CountsAs, OrderState, PromiseSource, VendorKind, number_key
from api.devices.schemas import OrderImportOut
from api.schools.import_answer import aborted, import_out
from api.schools.models import School
from api.schools.queries import is_among
from api.schools.rules import as_id, normal_code
from api.schools.schemas import RowCounts
from api.schools.service import write_changes


async def import_orders(
    session: WriteSession,
    caller: Caller,
    raw: bytes,
    mode: Literal["apply", "dry_run"] = "apply",
    on_error: Literal["skip", "abort"] = "skip",
    *,
    place: bool = False,
) -> OrderImportOut:
    """Draw up and change orders from a CSV file; a dry run answers the same and writes nothing.
    With `place` the drafts it names are placed, where nothing stands in the way.

    Raises: FileUnreadable; TooLarge; ImportAborted; Forbidden for a caller limited to schools;
    Overtaken when somebody else changed the same orders meanwhile.
    """
    caller.require_whole_networks()
    # Off the event loop: a large file takes seconds to read.
    file = await asyncio.to_thread(parse, raw)
    planned = await _plan(session, caller, file.rows, place)
    held: dict[UUID, HeldOrder] = {}
    # A file that changes nothing locks nothing and makes no answer stale.
    if mode == "apply" and planned.orders:
        held = await _hold(session, planned, place)
        planned = await _plan(session, caller, file.rows, place)
        _require_held(session, planned, held)
    answer = _answer(mode, file, planned)
    placing = Placing()
    if place:
        placing = await plan_placing(session, planned, answer.rows.rejected)
        answer.placed, answer.left_draft = placing.names, list(placing.left)
    if on_error == "abort" and answer.rows.rejected:
        raise aborted(answer)
    if mode == "apply":
        written = await _write(session, planned, held)
        named = {(one.vendor_id, number_key(one.number)) for one in placing.orders}
        await place_orders(
            session, [one for one in written if (one.vendor_id, one.number_key) in named]
        )
    return answer


def _answer(mode: Literal["apply", "dry_run"], file: File, planned: Plan) -> OrderImportOut:
    counts = RowCounts(
        total=len(file.rows) + file.rejected,
        created=planned.created,
        updated=planned.updated,
        unchanged=planned.unchanged,
        rejected=file.rejected + planned.rejected,
    )
    told = import_out(mode, counts, [*file.issues, *planned.issues])
    return OrderImportOut(**dict(told))


async def _plan(session: ReadSession, caller: Caller, rows: Sequence[Row], drafts: bool) -> Plan:
    known = await _known(session, caller, rows)
    return await asyncio.to_thread(plan, rows, known, drafts=drafts)


async def _hold(session: WriteSession, planned: Plan, place: bool) -> dict[UUID, HeldOrder]:
    """Orders that are there, with their schools; and where new ones are placed, theirs too."""
    there = [order for order in planned.orders if order.known is not None]
    moved = planned.orders if place else there
    also = {one for order in moved for line in order.lines.values() for one in line.shares}
    return await hold_orders(session, [o.known.id for o in there if o.known], also=also)


def _require_held(session: WriteSession, planned: Plan, held: dict[UUID, HeldOrder]) -> None:
    """Raises: Overtaken when what is to be written now is not what was held for."""
    for order in planned.orders:
        shares = {one for line in order.lines.values() for one in line.shares}
        if order.known and not (order.known.id in held and shares <= session.held_schools):
            raise Overtaken("Somebody changed these orders meanwhile; send it again.")


async def _known(session: ReadSession, caller: Caller, rows: Sequence[Row]) -> Known:
    vendors = {
        vendor.slug: KnownVendor(vendor.id, vendor.slug, vendor.kind == VendorKind.SELLER)
        for vendor in await session.scalars(
            select(Vendor).where(
                is_among(col(Vendor.slug), {row.vendor.casefold() for row in rows}, Text())
            )
        )
    }
    schools = await _schools(session, caller, {row.school for row in rows})
    found = await session.scalars(
        select(Order)
        .where(
            col(Order.vendor_id).in_([vendor.id for vendor in vendors.values()]),
            is_among(col(Order.number_key), {number_key(row.number) for row in rows}, Text()),
        )
        .execution_options(populate_existing=True)
    )
    orders = list(found)
    lines = await _lines(session, [order.id for order in orders])
    known = {
        (order.vendor_id, order.number_key): KnownOrder(
            order.id,
            order.network_id,
            OrderState(order.state),
            sees(caller, order.network_id),
            lines[order.id],
        )
        for order in orders
    }
    return Known(vendors, schools, known)


async def _schools(
    session: ReadSession, caller: Caller, names: Iterable[str]
) -> dict[str, KnownSchool]:
    codes = {normal_code(name) for name in names}
    ids = {school_id for name in codes if (school_id := as_id(name))}
    # Columns and not entities: 20,000 of those would take longer than all the rest.
    found = await session.execute(
        select(
            col(School.id), col(School.network_id), col(School.code), col(School.archived_at)
        ).where(
            or_(is_among(col(School.code), codes, Text()), is_among(col(School.id), ids, Uuid())),
            visible(caller, col(School.network_id), col(School.id)),
        )
    )
    schools: dict[str, KnownSchool] = {}
    for school_id, network_id, code, archived_at in found:
        school = KnownSchool(school_id, network_id, code, archived_at is not None)
        schools[code] = schools[normal_code(str(school_id))] = school
    return schools


async def _lines(
    session: ReadSession, order_ids: Sequence[UUID]
) -> defaultdict[UUID, dict[str, KnownLine]]:
    places: defaultdict[UUID, dict[UUID, AtPlace]] = defaultdict(dict)
    of_schools = select(Allocation).where(
        is_among(col(Allocation.order_id), order_ids, Uuid()),
        col(Allocation.school_id).is_not(None),
    )
    fresh = {"populate_existing": True}
    for row in await session.scalars(of_schools, execution_options=fresh):
        assert row.school_id is not None
        places[row.line_id][row.school_id] = at_place(row)
    lines: defaultdict[UUID, dict[str, KnownLine]] = defaultdict(dict)
    of_orders = select(OrderLine).where(is_among(col(OrderLine.order_id), order_ids, Uuid()))
    for line in await session.scalars(of_orders, execution_options=fresh):
        lines[line.order_id][line.sku] = KnownLine(
            line.id,
            line.quantity,
            line.cancelled,
            line.description,
            line.unit_price_cents,
            line.counts_as,
            line.promised_on,
            places[line.id],
        )
    return lines


async def _write(session: WriteSession, planned: Plan, held: dict[UUID, HeldOrder]) -> list[Order]:
    written: list[Order] = []
    promises: list[Stated] = []
    moved: set[UUID] = set()
    now = clock.now()
    for order in planned.orders:
        known = held.get(order.known.id) if order.known else None
        row = known.order if known else await _new_order(session, order)
        written.append(row)
        by_sku = await _write_lines(session, order, row, known.lines if known else ())
        for sku, line in order.changed.items():
            if line.promise is not None:
                stated = Stated(by_sku[sku].id, line.promise, now, PromiseSource.CALL)
                promises.append(stated)
        if known is not None and row.state != OrderState.DRAFT:
            moved |= known.school_ids
            moved |= {one for line in order.lines.values() for one in line.shares}
    await record_promises(session, promises)
    if moved:
        await project(session, moved)
    return written


async def _new_order(session: WriteSession, order: OrderPlan) -> Order:
    row = new_draft(session, order.network_id, order.vendor_id, order.number)
    try:
        await session.flush()
    except IntegrityError as error:
        raise Overtaken("Somebody made one of these orders meanwhile; send it again.") from error
    return row


async def _write_lines(
    session: WriteSession, order: OrderPlan, row: Order, lines: Sequence[OrderLine]
) -> dict[str, OrderLine]:
    """The order's lines by sku, with what the file says of them written."""
    by_sku = {line.sku: line for line in lines}
    for sku, planned in order.changed.items():
        if sku not in by_sku:
            by_sku[sku] = _new_line(row, sku, planned, len(by_sku))
            session.add(by_sku[sku])
        elif order.is_draft:
            line = by_sku[sku]
            # First as many as before or after, whichever is more: allocations have to fit in
            # all along.
            line.quantity = max(line.quantity, planned.quantity)
            for name, value in planned.changes.items():
                setattr(line, name, value)
    await session.flush()
    shares = [
        Share(by_sku[sku].id, school_id, pieces)
        for sku, planned in order.changed.items()
        for school_id, pieces in planned.shares.items()
    ]
    await write_allocations(session, row, shares)
    if order.known is not None and _is_edited(order):
        write_changes(row, {"requested_by": session.actor} if order.is_draft else {})
    if order.is_draft:
        for sku, planned in order.changed.items():
            by_sku[sku].quantity = planned.quantity
    await session.flush()
    return by_sku


def _is_edited(order: OrderPlan) -> bool:
    """Whether more than promises change, which are facts and no edit."""
    return any(
        line.known is None
        or line.shares
        or line.changes
        or line.known.line_quantity != line.quantity
        for line in order.changed.values()
    )


def _new_line(row: Order, sku: str, planned: LinePlan, position: int) -> OrderLine:
    return OrderLine(
        order_id=row.id,
        network_id=row.network_id,
        position=position,
        sku=sku,
        description=planned.says("description"),
        quantity=planned.quantity,
        unit_price_cents=planned.says("unit_price_cents"),
        counts_as=planned.says("counts_as") or CountsAs.STUDENT_DEVICE.value,
    )
