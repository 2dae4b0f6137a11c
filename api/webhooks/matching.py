"""Reading what events can be about, for a whole batch in a few statements."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import orjson
from sqlalchemy import text

from api.db.uow import ReadSession
from api.devices.rules import OrderState, ShipmentStatus, number_key, tracking_key
from api.schools.rules import normal_code
from api.webhooks.events import ShipmentEvent
from api.webhooks.match_rules import Ground, KnownOrder, KnownShipment, Sought, Speaker

# One select a key, so that each finds its index; an OR of both would read the whole table.
_ORDERS = text("""
SELECT o.id, o.network_id, o.number, o.number_key, o.state,
  a.schools[1:2] AS schools, coalesce(cardinality(a.schools), 0) AS school_count
FROM (SELECT id FROM orders WHERE vendor_id = ANY(:sellers) AND number_key = ANY(:numbers)
  UNION SELECT id FROM orders WHERE vendor_id = ANY(:sellers) AND id = ANY(:ids)) found
JOIN orders o USING (id)
CROSS JOIN LATERAL (SELECT array_agg(DISTINCT school_id) AS schools FROM allocations
  WHERE order_id = o.id AND school_id IS NOT NULL AND quantity > 0) a
""")
_SHIPMENTS = text("""
SELECT s.id, s.order_id, s.network_id, s.school_id, s.carrier_key, s.tracking_key, s.status,
  s.status_at, s.created_at
FROM (SELECT id FROM shipments
    WHERE tracking_key = ANY(ARRAY(SELECT json_array_elements_text(CAST(:numbers AS json))))
  UNION SELECT id FROM shipments WHERE id = ANY(:ids)) found
JOIN shipments s USING (id) JOIN orders o ON o.id = s.order_id
WHERE o.vendor_id = ANY(:sellers)
""")
_SCHOOLS = text("""
SELECT id, network_id, code, sourced_id FROM schools
WHERE network_id = ANY(:networks) AND archived_at IS NULL
  AND (code = ANY(:codes) OR sourced_id = ANY(:names))
""")


async def read_ground(session: ReadSession, speaker: Speaker, sought: Sequence[Sought]) -> Ground:
    """The orders, shipments and schools that these events name or were matched to."""
    orders = await _orders(session, speaker, sought)
    shipments = await _shipments(session, speaker, sought)
    return Ground(orders, shipments, await _schools(session, orders, sought))


async def _orders(
    session: ReadSession, speaker: Speaker, sought: Sequence[Sought]
) -> dict[UUID, KnownOrder]:
    numbers = {
        number_key(number)
        for one in sought
        for number in (
            one.event.order_number,
            one.event.reference if isinstance(one.event, ShipmentEvent) else None,
        )
        if number is not None
    }
    ids = {one.order_id for one in sought if one.order_id is not None}
    if not numbers and not ids:
        return {}
    rows = await session.execute(
        _ORDERS, {"sellers": list(speaker.sellers), "numbers": list(numbers), "ids": list(ids)}
    )
    return {
        row.id: KnownOrder(
            row.id,
            row.network_id,
            row.number,
            row.number_key,
            OrderState(row.state),
            tuple(row.schools or ()),
            row.school_count,
        )
        for row in rows
    }


async def _shipments(
    session: ReadSession, speaker: Speaker, sought: Sequence[Sought]
) -> dict[UUID, KnownShipment]:
    numbers = {
        tracking_key(one.event.tracking_number)
        for one in sought
        if isinstance(one.event, ShipmentEvent)
    }
    ids = {one.shipment_id for one in sought if one.shipment_id is not None}
    # As one text: as a list, ten thousand numbers took as long as to find their shipments.
    named = orjson.dumps([*numbers]).decode()
    rows = await session.execute(
        _SHIPMENTS, {"sellers": list(speaker.sellers), "numbers": named, "ids": list(ids)}
    )
    return {
        row[0]: KnownShipment(
            row[0], row[1], row[2], row[3], row[4], row[5], ShipmentStatus(row[6]), row[7], row[8]
        )
        for row in rows
    }


async def _schools(
    session: ReadSession, orders: dict[UUID, KnownOrder], sought: Sequence[Sought]
) -> dict[tuple[UUID, str], UUID]:
    """By their code, else by the id their own system has for them."""
    names = {
        one.event.school
        for one in sought
        if isinstance(one.event, ShipmentEvent) and one.event.school is not None
    }
    networks = {order.network_id for order in orders.values()}
    if not names or not networks:
        return {}
    codes = [normal_code(name) for name in names]
    rows = await session.execute(
        _SCHOOLS, {"networks": list(networks), "codes": codes, "names": list(names)}
    )
    by_code, by_sourced_id = {}, {}
    for row in rows:
        by_code[row.network_id, row.code] = row.id
        by_sourced_id[row.network_id, row.sourced_id] = row.id
    found = {}
    for network in networks:
        for name in names:
            school = by_code.get((network, normal_code(name))) or by_sourced_id.get((network, name))
            if school is not None:
                found[network, name] = school
    return found
