"""Reading receipts: which count, who counted what before, and as they are given out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, and_, or_, select
from sqlmodel import col

from api.auth.caller import Caller, visible
from api.db.paging import Page, PageRequest, page_of
from api.db.uow import ReadSession
from api.devices.corrections import is_live, reversals_of
from api.devices.models import OrderLine
from api.devices.models_shipping import Receipt, ReceiptLine, Shipment
from api.devices.schemas_shipping import ReceiptLineOut, ReceiptOut
from api.schools.models import School, Site
from api.schools.queries import is_among

_SORTS = {name: getattr(Receipt, name) for name in ("id", "received_on", "recorded_at")}


def is_counted() -> ColumnElement[bool]:
    """Shipments that a live receipt names."""
    named = select(col(Receipt.id)).where(
        col(Receipt.shipment_id) == col(Shipment.id), is_live(Receipt)
    )
    return named.exists()


@dataclass(frozen=True, slots=True)
class Before:
    """A live receipt; `counted` is (line, accepted, rejected) of each of its lines."""

    id: UUID
    order_id: UUID
    place_id: UUID
    shipment_id: UUID | None
    received_on: date
    recorded_at: datetime
    actor: str
    counted: frozenset[tuple[UUID, int, int]]


async def counted_before(
    session: ReadSession,
    shipment_ids: Iterable[UUID],
    order_ids: Iterable[UUID],
    place_ids: Iterable[UUID],
    days: Iterable[date],
) -> list[Before]:
    """Live receipts of these shipments, and of these orders at these places on these days."""
    places = list(place_ids)
    statement = select(Receipt).where(
        is_live(Receipt),
        or_(
            is_among(col(Receipt.shipment_id), shipment_ids, Uuid()),
            and_(
                is_among(col(Receipt.order_id), order_ids, Uuid()),
                col(Receipt.received_on).in_(set(days)),
                or_(
                    is_among(col(Receipt.school_id), places, Uuid()),
                    is_among(col(Receipt.site_id), places, Uuid()),
                ),
            ),
        ),
    )
    found = (await session.scalars(statement)).all()
    lines = await lines_of(session, [receipt.id for receipt in found])
    return [
        before_of(
            receipt,
            frozenset((line.line_id, line.accepted, line.rejected) for line in lines[receipt.id]),
        )
        for receipt in found
    ]


def before_of(receipt: Receipt, counted: frozenset[tuple[UUID, int, int]]) -> Before:
    return Before(
        receipt.id,
        receipt.order_id,
        place_of(receipt),
        receipt.shipment_id,
        receipt.received_on,
        receipt.recorded_at,
        receipt.actor,
        counted,
    )


def place_of(receipt: Receipt) -> UUID:
    place_id = receipt.school_id or receipt.site_id
    assert place_id is not None
    return place_id


async def lines_of(
    session: ReadSession, receipt_ids: Iterable[UUID]
) -> defaultdict[UUID, list[ReceiptLine]]:
    """Receipts' lines, in the order of the order's."""
    statement = (
        select(ReceiptLine)
        .join(OrderLine, col(OrderLine.id) == col(ReceiptLine.line_id))
        .where(is_among(col(ReceiptLine.receipt_id), receipt_ids, Uuid()))
        .order_by(col(OrderLine.position), col(OrderLine.id))
    )
    found: defaultdict[UUID, list[ReceiptLine]] = defaultdict(list)
    for line in await session.scalars(statement):
        found[line.receipt_id].append(line)
    return found


async def list_receipts(
    session: ReadSession, caller: Caller, order_id: UUID, page: PageRequest
) -> Page[Receipt]:
    statement = select(Receipt).where(
        col(Receipt.order_id) == order_id,
        visible(caller, col(Receipt.network_id), col(Receipt.school_id)),
    )
    return await page_of(session, statement, page, _SORTS, _SORTS["id"])


async def receipts_out(session: ReadSession, receipts: Sequence[Receipt]) -> list[ReceiptOut]:
    """Receipts with their lines and places, in a few selects for any number."""
    ids = [receipt.id for receipt in receipts]
    lines = await lines_of(session, ids)
    skus = await skus_of(session, (line.line_id for of in lines.values() for line in of))
    codes = await codes_of_places(session, [place_of(receipt) for receipt in receipts])
    reversals = await reversals_of(session, Receipt, ids)
    return [
        ReceiptOut(
            id=receipt.id,
            order_id=receipt.order_id,
            shipment_id=receipt.shipment_id,
            school=codes[receipt.school_id] if receipt.school_id else None,
            site=codes[receipt.site_id] if receipt.site_id else None,
            received_on=receipt.received_on,
            recorded_at=receipt.recorded_at,
            actor=receipt.actor,
            note=receipt.note,
            override_reason=receipt.override_reason,
            reverses_id=receipt.reverses_id,
            reversed_by=reversals.get(receipt.id),
            lines=[_line_out(line, skus[line.line_id]) for line in lines[receipt.id]],
        )
        for receipt in receipts
    ]


def _line_out(line: ReceiptLine, sku: str) -> ReceiptLineOut:
    return ReceiptLineOut(
        sku=sku,
        accepted=line.accepted,
        rejected=line.rejected,
        over=line.over,
        reason=line.reason,
        serial_numbers=line.serial_numbers,
    )


async def skus_of(session: ReadSession, line_ids: Iterable[UUID]) -> dict[UUID, str]:
    rows = await session.execute(
        select(col(OrderLine.id), col(OrderLine.sku)).where(
            is_among(col(OrderLine.id), set(line_ids), Uuid())
        )
    )
    return {row[0]: row[1] for row in rows}


async def codes_of_places(session: ReadSession, place_ids: Iterable[UUID]) -> dict[UUID, str]:
    """The codes of schools and sites by their ids."""
    wanted = set(place_ids)
    codes: dict[UUID, str] = {}
    for table in (School, Site):
        rows = await session.execute(
            select(col(table.id), col(table.code)).where(is_among(col(table.id), wanted, Uuid()))
        )
        codes |= {row[0]: row[1] for row in rows}
    return codes
