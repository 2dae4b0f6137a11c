"""Shipments as they are answered: with their content, order, place, scans and receipts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, select
from sqlmodel import col

from api.db.uow import ReadSession
from api.devices.models import Order, OrderLine, Vendor
from api.devices.models_shipping import Receipt, Scan, Shipment, ShipmentLine
from api.devices.receipts import codes_of_places, is_counted, receipts_out, skus_of
from api.devices.schemas_shipping import ScanOut, ShipmentDetailOut, ShipmentLineOut, ShipmentOut
from api.schools.queries import is_among


async def shipments_out(session: ReadSession, shipments: Sequence[Shipment]) -> list[ShipmentOut]:
    """In a few selects for any number."""
    ids = [shipment.id for shipment in shipments]
    lines = await _contents(session, ids)
    orders = await _orders(session, {shipment.order_id for shipment in shipments})
    codes = await codes_of_places(session, [_place(shipment) for shipment in shipments])
    counted = set(
        await session.scalars(
            select(col(Shipment.id)).where(is_among(col(Shipment.id), ids, Uuid()), is_counted())
        )
    )
    return [
        ShipmentOut(
            **shipment.model_dump(include=_OWN),
            vendor=orders[shipment.order_id][0],
            number=orders[shipment.order_id][1],
            school=codes[shipment.school_id] if shipment.school_id else None,
            site=codes[shipment.site_id] if shipment.site_id else None,
            received=shipment.id in counted,
            lines=lines.get(shipment.id),
        )
        for shipment in shipments
    ]


_OWN = set(ShipmentOut.model_fields) & set(Shipment.model_fields)


def _place(shipment: Shipment) -> UUID:
    place_id = shipment.school_id or shipment.site_id
    assert place_id is not None
    return place_id


async def _contents(
    session: ReadSession, shipment_ids: Iterable[UUID]
) -> dict[UUID, list[ShipmentLineOut]]:
    rows = await session.execute(
        select(ShipmentLine, col(OrderLine.sku))
        .join(OrderLine, col(OrderLine.id) == col(ShipmentLine.line_id))
        .where(is_among(col(ShipmentLine.shipment_id), shipment_ids, Uuid()))
        .order_by(col(OrderLine.position), col(OrderLine.id))
    )
    found: defaultdict[UUID, list[ShipmentLineOut]] = defaultdict(list)
    for line, sku in rows:
        out = ShipmentLineOut(sku=sku, quantity=line.quantity, serial_numbers=line.serial_numbers)
        found[line.shipment_id].append(out)
    return dict(found)


async def _orders(session: ReadSession, order_ids: Iterable[UUID]) -> dict[UUID, tuple[str, str]]:
    rows = await session.execute(
        select(col(Order.id), col(Vendor.slug), col(Order.number))
        .join(Vendor, col(Vendor.id) == col(Order.vendor_id))
        .where(is_among(col(Order.id), order_ids, Uuid()))
    )
    return {row[0]: (row[1], row[2]) for row in rows}


async def shipment_out(session: ReadSession, shipment: Shipment) -> ShipmentDetailOut:
    """One shipment with every scan and receipt."""
    (head,) = await shipments_out(session, [shipment])
    scans = (
        await session.scalars(
            select(Scan)
            .where(col(Scan.shipment_id) == shipment.id)
            .order_by(col(Scan.occurred_at), col(Scan.recorded_at), col(Scan.id))
        )
    ).all()
    skus = await skus_of(session, (UUID(line[0]) for scan in scans for line in scan.lines or ()))
    receipts = await session.scalars(
        select(Receipt)
        .where(col(Receipt.shipment_id) == shipment.id)
        .order_by(col(Receipt.recorded_at), col(Receipt.id))
    )
    return ShipmentDetailOut(
        **dict(head),
        scans=[_scan_out(scan, skus) for scan in scans],
        receipts=await receipts_out(session, receipts.all()),
    )


def _scan_out(scan: Scan, skus: dict[UUID, str]) -> ScanOut:
    lines: list[Any] | None = scan.lines
    return ScanOut(
        **scan.model_dump(include=set(ScanOut.model_fields) - {"lines"}),
        lines=lines
        and [
            ShipmentLineOut(sku=skus[UUID(line_id)], quantity=pieces, serial_numbers=serials)
            for line_id, pieces, serials in lines
        ],
    )
