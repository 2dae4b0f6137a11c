"""Pieces that are in shipments and that nobody has counted yet."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

from api.db.uow import ReadSession

# Shipments that have not ended badly and that nobody counted: none names the shipment, and none
# counted whatever lay at the place on the day it was delivered or later.
_UNCOUNTED = """
SELECT {of},
  coalesce(sum(sl.quantity) FILTER (WHERE s.status <> 'delivered'), 0) AS under_way,
  coalesce(sum(sl.quantity) FILTER (WHERE s.status = 'delivered'), 0) AS delivered
FROM shipments s
JOIN shipment_lines sl ON sl.shipment_id = s.id
JOIN networks n ON n.id = s.network_id
LEFT JOIN schools h ON h.id = s.school_id
WHERE s.order_id = ANY(CAST(:orders AS uuid[]))
  AND s.status NOT IN ('returning', 'returned', 'lost', 'cancelled')
  AND NOT EXISTS (SELECT 1 FROM receipts r WHERE r.order_id = s.order_id
    AND r.reverses_id IS NULL
    AND NOT EXISTS (SELECT 1 FROM receipts back WHERE back.reverses_id = r.id)
    AND (r.shipment_id = s.id
      OR (s.status = 'delivered' AND r.shipment_id IS NULL
        AND r.school_id IS NOT DISTINCT FROM s.school_id
        AND r.site_id IS NOT DISTINCT FROM s.site_id
        AND r.received_on >= (s.delivered_at AT TIME ZONE coalesce(h.timezone, n.timezone))::date)))
GROUP BY {of}
"""
_OF_LINES = text(_UNCOUNTED.format(of="sl.line_id"))
_OF_PLACES = text(_UNCOUNTED.format(of="sl.line_id, s.school_id"))

# By line and school; the school is null for what goes to sites.
AtSchools = dict[tuple[UUID, UUID | None], int]


async def read_uncounted(
    session: ReadSession, order_ids: Sequence[UUID]
) -> dict[UUID, tuple[int, int]]:
    """By line of these orders: pieces under way, and delivered."""
    found = await session.execute(_OF_LINES, {"orders": list(order_ids)})
    return {line_id: (under_way, delivered) for line_id, under_way, delivered in found}


async def read_uncounted_at_schools(session: ReadSession, order_id: UUID) -> AtSchools:
    """Pieces under way or delivered, by line of the order and the school that they go to."""
    found = await session.execute(_OF_PLACES, {"orders": [order_id]})
    return {(line_id, school): int(way + there) for line_id, school, way, there in found}
