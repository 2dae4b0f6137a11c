"""Many receipts in one call: what each row names is looked up at once, then all are counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Uuid, select
from sqlmodel import col

from api.auth.caller import Caller, visible
from api.db.uow import ReadSession, WriteSession
from api.devices.errors import OrderNotFound
from api.devices.errors_shipping import ShipmentNotFound
from api.devices.models import Order
from api.devices.models_shipping import Receipt, Shipment
from api.devices.order_refs import OrderKey, key_of, orders_named
from api.devices.places import Named, Place, find_places
from api.devices.receiving import Wish, receive
from api.devices.schemas_shipping import BulkAnswerOut, BulkReceiptIn, BulkReceiptsOut
from api.errors import FirstBellError
from api.schools.queries import is_among


class _Meant(NamedTuple):
    """What a row is about, before it is known whether its place is there."""

    order_id: UUID
    place: Named
    shipment_id: UUID | None = None


async def receive_many(
    session: WriteSession, caller: Caller, rows: Sequence[BulkReceiptIn]
) -> BulkReceiptsOut:
    """Count all rows that can be counted; each of the others is answered with its reason."""
    wishes = await _wishes(session, caller, rows)
    counted = iter(await receive(session, [wish for wish in wishes if isinstance(wish, Wish)]))
    answers = [next(counted) if isinstance(wish, Wish) else wish for wish in wishes]
    items = [_answer(index, answer) for index, answer in enumerate(answers)]
    refused = sum(item.code is not None for item in items)
    return BulkReceiptsOut(received=len(items) - refused, refused=refused, items=items)


def _answer(index: int, answer: Receipt | FirstBellError) -> BulkAnswerOut:
    if isinstance(answer, FirstBellError):
        detail = answer.detail or answer.title
        return BulkAnswerOut(index=index, code=answer.code, detail=detail)
    return BulkAnswerOut(index=index, receipt_id=answer.id)


async def _wishes(
    session: WriteSession, caller: Caller, rows: Sequence[BulkReceiptIn]
) -> list[Wish | FirstBellError]:
    orders = await orders_named(session, caller, [key for row in rows if (key := key_of(row))])
    shipments = await _shipments(session, caller, rows)
    meant = [_meant(row, orders, shipments) for row in rows]
    places = await find_places(
        session, caller, [one.place for one in meant if isinstance(one, _Meant)]
    )
    wishes: list[Wish | FirstBellError] = []
    for row, one in zip(rows, meant, strict=True):
        wishes.append(one if isinstance(one, FirstBellError) else _wish(row, one, places))
    return wishes


def _wish(
    row: BulkReceiptIn, meant: _Meant, places: Mapping[Named, Place | FirstBellError]
) -> Wish | FirstBellError:
    place = places[meant.place]
    if isinstance(place, FirstBellError):
        return place
    lines = tuple(row.lines) if row.lines else None
    told = (row.received_on, row.note, row.override_reason)
    return Wish(meant.order_id, place, meant.shipment_id, lines, *told)


async def _shipments(
    session: ReadSession, caller: Caller, rows: Sequence[BulkReceiptIn]
) -> dict[UUID, Shipment]:
    statement = select(Shipment).where(
        is_among(col(Shipment.id), {row.shipment for row in rows if row.shipment}, Uuid()),
        visible(caller, col(Shipment.network_id), col(Shipment.school_id)),
    )
    return {shipment.id: shipment for shipment in await session.scalars(statement)}


def _meant(
    row: BulkReceiptIn, orders: Mapping[OrderKey, Order], shipments: Mapping[UUID, Shipment]
) -> _Meant | FirstBellError:
    if row.shipment is not None:
        shipment = shipments.get(row.shipment)
        if shipment is None:
            return ShipmentNotFound(f"There is no shipment {row.shipment}, or you may not see it.")
        to_school = shipment.school_id is not None
        place = (shipment.network_id, to_school, str(shipment.school_id or shipment.site_id))
        return _Meant(shipment.order_id, place, shipment.id)
    key = key_of(row)
    order = orders.get(key) if key else None
    if order is None:
        named = f"{row.vendor} {row.number}" if row.number else str(row.order)
        return OrderNotFound(f"There is no order {named}, or you may not see it.")
    to_school = row.school is not None
    return _Meant(order.id, (order.network_id, to_school, str(row.school or row.site)))
