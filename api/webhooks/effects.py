"""What a batch of events does: shipments opened, statements and promises recorded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text

from api.db.uow import WriteSession
from api.devices.promises import Stated, record_promises
from api.devices.rules import PromiseSource
from api.devices.shipping import (
    NewShipment,
    StatedLine,
    Statement,
    open_shipments,
    record_statements,
)
from api.webhooks.backlog import Item
from api.webhooks.events import PromiseEvent, ShipmentEvent, statement_key
from api.webhooks.match_rules import Found, KnownOrder, KnownShipment, Parcel, ParcelKey, Unmatched
from api.webhooks.rules import Outcome

_LINES = text("SELECT order_id, sku, id FROM order_lines WHERE order_id = ANY(:orders)")
_WHO_SAID = text("""
SELECT s.shipment_id, s.key, s.event_id FROM scans s
JOIN unnest(CAST(:shipments AS uuid[]), CAST(:keys AS text[])) n(shipment_id, key)
  USING (shipment_id, key)
""")

# Of each order its lines by sku.
Lines = Mapping[UUID, Mapping[str, UUID]]
_ScanKey = tuple[UUID, str]


class _Told(NamedTuple):
    """A shipment's event with all that is needed to record it."""

    item: Item
    event: ShipmentEvent
    scan: _ScanKey
    school_id: UUID | None
    lines: tuple[StatedLine, ...] | None


async def foresee(session: WriteSession, items: Sequence[Item]) -> list[_Told]:
    """Settle what can be told before anything is held: what cannot be done, and what will be
    recorded of shipments that are known, unless it was told before.
    """
    lines = await _read_lines(session, items)
    for item in items:
        _check(item, lines)
    of_known = [
        item for item in items if item.outcome is None and isinstance(item.about, KnownShipment)
    ]
    told = _told(of_known, {}, lines)
    for one in told:
        one.item.settle(Outcome.APPLIED)
    return told


async def carry_out(
    session: WriteSession, late: Sequence[Item], foreseen: Sequence[_Told]
) -> set[UUID]:
    """Do what the events say and settle each; gives the schools of which something changed.

    `late` are those of which nothing could be foreseen. What they are about is known, the schools
    are touched before, and the orders held that get a shipment or a promise.
    """
    lines = await _read_lines(session, late)
    for item in late:
        _check(item, lines)
    live = [item for item in late if item.outcome is None]
    opened = await _open(session, live)
    changed = await _state(session, [*foreseen, *_told(live, opened, lines)])
    return changed | await _promise(session, live, lines)


async def _read_lines(session: WriteSession, items: Iterable[Item]) -> Lines:
    orders = {order_of(item.about) for item in items if item.event and item.event.lines} - {None}
    if not orders:
        return {}
    lines: dict[UUID, dict[str, UUID]] = defaultdict(dict)
    for order_id, sku, line_id in await session.execute(_LINES, {"orders": list(orders)}):
        lines[order_id][sku] = line_id
    return lines


def order_of(about: Found | None) -> UUID | None:
    match about:
        case KnownShipment():
            return about.order_id
        case KnownOrder():
            return about.id
        case Parcel():
            return about.key[0]
    return None


def _check(item: Item, lines: Lines) -> None:
    """Settle what cannot be done: an event is carried out as a whole or not at all."""
    about, event = item.about, item.event
    assert about is not None
    assert event is not None
    item.network_id = about.network_id
    if isinstance(about, Unmatched):
        item.settle(Outcome.UNMATCHED, about.reason)
        return
    item.order_id = order_of(about)
    assert item.order_id is not None
    if not event.lines:
        return
    known = lines.get(item.order_id, {})
    unknown = [line.sku for line in event.lines if line.sku not in known]
    if unknown:
        item.settle(
            Outcome.UNMATCHED,
            f"The order has no line with the sku {unknown[0]}; this waits until it has one.",
        )


async def _open(session: WriteSession, items: Iterable[Item]) -> dict[ParcelKey, UUID]:
    parcels = {item.about.key: item.about for item in items if isinstance(item.about, Parcel)}
    if not parcels:
        return {}
    new = [
        NewShipment(
            order_id=parcel.key[0],
            network_id=parcel.network_id,
            school_id=parcel.school_id,
            site_id=None,
            carrier=parcel.carrier,
            tracking_number=parcel.tracking_number,
        )
        for parcel in parcels.values()
    ]
    return dict(zip(parcels, await open_shipments(session, new), strict=True))


def _told(items: Iterable[Item], opened: Mapping[ParcelKey, UUID], lines: Lines) -> list[_Told]:
    told = []
    for item in items:
        about, event = item.about, item.event
        if not isinstance(event, ShipmentEvent) or not isinstance(about, KnownShipment | Parcel):
            continue
        shipment_id = about.id if isinstance(about, KnownShipment) else opened[about.key]
        item.shipment_id = shipment_id
        content = _content(item, event, lines)
        scan = (shipment_id, statement_key(event))
        told.append(_Told(item, event, scan, about.school_id, content))
    return told


def _content(item: Item, event: ShipmentEvent, lines: Lines) -> tuple[StatedLine, ...] | None:
    if event.lines is None or item.order_id is None:
        return None
    if not event.lines:
        return ()
    known = lines[item.order_id]
    return tuple([(known[line.sku], line.quantity, line.serial_numbers) for line in event.lines])


async def _state(session: WriteSession, told: Sequence[_Told]) -> set[UUID]:
    """Record what is said of shipments; who says what was said before is a duplicate."""
    first: dict[_ScanKey, _Told] = {}
    for one in told:
        first.setdefault(one.scan, one)
    new = await record_statements(session, [_statement(one) for one in first.values()])
    recorded = [one for one, is_new in zip(first.values(), new, strict=True) if is_new]
    for one in recorded:
        one.item.settle(Outcome.APPLIED)
    if len(recorded) < len(told):
        done = {one.item.stored.id for one in recorded}
        others = [one for one in told if one.item.stored.id not in done]
        by = await _who_said(session, (one.scan for one in others))
        for one in others:
            said_first = by.get(one.scan) == one.item.stored.id
            one.item.settle(Outcome.APPLIED if said_first else Outcome.DUPLICATE)
    return {one.school_id for one in recorded if one.school_id is not None}


def _statement(one: _Told) -> Statement:
    event = one.event
    return Statement(
        shipment_id=one.scan[0],
        key=one.scan[1],
        source=PromiseSource.EVENT,
        occurred_at=event.occurred_at,
        status=event.status,
        raw_status=event.raw_status,
        expected_on=event.expected_on,
        lines=one.lines,
        event_id=one.item.stored.id,
    )


async def _who_said(session: WriteSession, scans: Iterable[_ScanKey]) -> dict[_ScanKey, UUID]:
    known = set(scans)
    shipments, keys = zip(*known, strict=True)
    rows = await session.execute(_WHO_SAID, {"shipments": list(shipments), "keys": list(keys)})
    return {(row.shipment_id, row.key): row.event_id for row in rows}


async def _promise(session: WriteSession, items: Iterable[Item], lines: Lines) -> set[UUID]:
    """Record promises; gives the schools the promised orders go to."""
    promised = [item for item in items if isinstance(item.event, PromiseEvent)]
    stated = []
    for item in promised:
        assert isinstance(item.event, PromiseEvent)
        assert item.order_id is not None
        item.settle(Outcome.APPLIED)
        stated += [
            Stated(
                line_id=lines[item.order_id][line.sku],
                promised_on=line.promised_on,
                stated_at=item.event.occurred_at,
                source=PromiseSource.EVENT,
                event_id=item.stored.id,
            )
            for line in item.event.lines
        ]
    if not stated or not await record_promises(session, stated):
        return set()
    return await schools_fed(session, {item.order_id for item in promised})


_FED = text("""
SELECT DISTINCT school_id FROM allocations
WHERE order_id = ANY(:orders) AND school_id IS NOT NULL
""")


async def schools_fed(session: WriteSession, order_ids: Iterable[UUID | None]) -> set[UUID]:
    """The schools that these orders allocate to."""
    ids = [order_id for order_id in order_ids if order_id is not None]
    if not ids:
        return set()
    return set((await session.scalars(_FED, {"orders": ids})).all())
