"""Serial numbers of an order: what was ordered, announced and scanned."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from api.auth.caller import Caller, visible
from api.db.uow import ReadSession
from api.devices.corrections import is_live
from api.devices.models import Order, OrderLine
from api.devices.models_shipping import DeviceReturn, Receipt, ReceiptLine, Shipment, ShipmentLine
from api.devices.receipts import is_counted
from api.devices.rules import ShipmentStatus
from api.devices.schemas_shipping import SerialLineOut

# What is in these will not come.
_NEVER_COMES = (ShipmentStatus.CANCELLED, ShipmentStatus.LOST, ShipmentStatus.RETURNED)


@dataclass(slots=True)
class _OfLine:
    announced: Counter[str] = field(default_factory=Counter)
    due: set[str] = field(default_factory=set)
    scanned: Counter[str] = field(default_factory=Counter)
    returned: Counter[str] = field(default_factory=Counter)


async def reconcile(session: ReadSession, caller: Caller, order: Order) -> list[SerialLineOut]:
    """Ordered, announced and scanned of each line; at the caller's schools where limited."""
    found: defaultdict[UUID, _OfLine] = defaultdict(_OfLine)
    await _add_announced(session, caller, order, found)
    await _add_scanned(session, caller, order, found)
    lines = await session.scalars(
        select(OrderLine)
        .where(col(OrderLine.order_id) == order.id)
        .order_by(col(OrderLine.position), col(OrderLine.id))
    )
    return [_out(line, found[line.id]) for line in lines]


async def _add_announced(
    session: ReadSession, caller: Caller, order: Order, found: defaultdict[UUID, _OfLine]
) -> None:
    rows = await session.execute(
        select(
            col(ShipmentLine.line_id),
            col(ShipmentLine.serial_numbers),
            (col(Shipment.status) == ShipmentStatus.DELIVERED) | is_counted(),
        )
        .join(Shipment, col(Shipment.id) == col(ShipmentLine.shipment_id))
        .where(
            col(Shipment.order_id) == order.id,
            col(Shipment.status).not_in(_NEVER_COMES),
            visible(caller, col(Shipment.network_id), col(Shipment.school_id)),
        )
    )
    for line_id, serials, is_there in rows:
        found[line_id].announced.update(serials)
        if is_there:
            found[line_id].due.update(serials)


async def _add_scanned(
    session: ReadSession, caller: Caller, order: Order, found: defaultdict[UUID, _OfLine]
) -> None:
    scanned = await session.execute(
        select(col(ReceiptLine.line_id), col(ReceiptLine.serial_numbers))
        .join(Receipt, col(Receipt.id) == col(ReceiptLine.receipt_id))
        .where(
            col(Receipt.order_id) == order.id,
            is_live(Receipt),
            visible(caller, col(Receipt.network_id), col(Receipt.school_id)),
        )
    )
    for line_id, serials in scanned:
        found[line_id].scanned.update(serials)
    returned = await session.execute(
        select(col(DeviceReturn.line_id), col(DeviceReturn.serial_numbers)).where(
            col(DeviceReturn.order_id) == order.id,
            is_live(DeviceReturn),
            visible(caller, col(DeviceReturn.network_id), col(DeviceReturn.school_id)),
        )
    )
    for line_id, serials in returned:
        found[line_id].returned.update(serials)


def _out(line: OrderLine, of: _OfLine) -> SerialLineOut:
    twice = {serial for serial, times in of.announced.items() if times > 1}
    twice |= {serial for serial, times in (of.scanned - of.returned).items() if times > 1}
    return SerialLineOut(
        sku=line.sku,
        ordered=line.quantity - line.cancelled,
        announced=len(of.announced),
        scanned=len(of.scanned),
        returned=len(of.returned),
        missing=sorted(of.due - of.scanned.keys()),
        # A vendor who announces no serial numbers makes none of them a surprise.
        unexpected=sorted(of.scanned.keys() - of.announced.keys()) if of.announced else [],
        repeated=sorted(twice),
    )
