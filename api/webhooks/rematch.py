"""Unmatched events, tried again when what they were about appears or changes: the order, its lines
and schools, the shipment, the school they name, the sellers that a tracker speaks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from sqlalchemy import TextClause, text

from api.db.uow import WriteSession
from api.facts import OrderChanged, OrderPlaced, ShipmentsOpened

# An event that was last tried well after its order, its shipment or its own vendor was changed has
# seen that, so nothing is tried for ever. What is locked is passed over: whoever holds it is trying
# it again as well.
_TRY_AGAIN = """
WITH about AS (
  SELECT e.id, e.vendor_id AS speaker_id, o.vendor_id AS seller_id FROM orders o
  JOIN webhook_events e ON e.outcome = 'unmatched' AND e.order_key = o.number_key
  JOIN vendors v ON v.id = e.vendor_id
  WHERE e.settled_at < greatest(o.updated_at, v.updated_at) + :slack AND {of_orders}
  UNION
  SELECT e.id, e.vendor_id, o.vendor_id FROM orders o
  JOIN webhook_events e ON e.outcome = 'unmatched' AND e.order_id = o.id
  WHERE e.settled_at < o.updated_at + :slack AND {of_orders}
  UNION
  SELECT e.id, e.vendor_id, o.vendor_id FROM shipments s JOIN orders o ON o.id = s.order_id
  JOIN webhook_events e ON e.outcome = 'unmatched' AND e.tracking_key = s.tracking_key
  JOIN vendors v ON v.id = e.vendor_id
  WHERE e.settled_at < greatest(s.created_at, v.updated_at) + :slack AND {of_shipments}
  UNION
  SELECT e.id, e.vendor_id, o.vendor_id FROM schools c
  JOIN orders o ON o.network_id = c.network_id
  JOIN webhook_events e ON e.outcome = 'unmatched' AND e.order_key = o.number_key
    AND (upper(btrim(e.school)) = c.code OR e.school = c.sourced_id)
    AND e.settled_at < c.updated_at + :slack
  WHERE {of_schools}),
found AS (
  SELECT e.id FROM webhook_events e
  WHERE e.outcome = 'unmatched' AND e.sealed IS NOT NULL AND e.id IN (
    SELECT a.id FROM about a WHERE a.speaker_id = a.seller_id OR EXISTS (
      SELECT FROM vendor_tracks t
      WHERE t.tracker_id = a.speaker_id AND t.seller_id = a.seller_id))
  ORDER BY e.id FOR UPDATE SKIP LOCKED)
UPDATE webhook_events e SET outcome = 'stored', reason = NULL, settled_at = NULL FROM found
WHERE e.id = found.id RETURNING e.id
"""
_OF_THESE = text(
    _TRY_AGAIN.format(
        of_orders="o.id = ANY(:orders)",
        of_shipments="s.id = ANY(:shipments)",
        # New schools are no vendor's business, so the clock finds their events, within a minute.
        of_schools="false",
    )
)
# From the unmatched events, of which there are few, to what they name by its index.
_OF_ANY = text(_TRY_AGAIN.format(of_orders="true", of_shipments="true", of_schools="true"))
NOTIFY = text("SELECT pg_notify('inbox', '')")
# As long as the transaction may take in which an order or a shipment appears.
_SLACK = timedelta(minutes=2)


async def on_order_placed(session: WriteSession, fact: OrderPlaced) -> None:
    """Events that came before their order wait to be applied again."""
    await _try_again(session, _OF_THESE, {"orders": [fact.order_id], "shipments": []})


async def on_order_changed(session: WriteSession, fact: OrderChanged) -> None:
    """So do those that name a line their order did not have, or a school it did not go to."""
    await _try_again(session, _OF_THESE, {"orders": [fact.order_id], "shipments": []})


async def on_shipments_opened(session: WriteSession, fact: ShipmentsOpened) -> None:
    """And those that came before their shipment."""
    shipments = list(fact.shipment_ids)
    await _try_again(session, _OF_THESE, {"orders": [], "shipments": shipments})


async def find_overlooked(session: WriteSession) -> int:
    """What was found unmatched while the other transaction was about to commit; what names a
    school that has come since, or has another id now; what was told of an order that has got a
    line or a school since, or by a tracker that has got a seller. How many.

    Neither could see the other then, however long ago that was: the workers may have been away.
    """
    return await _try_again(session, _OF_ANY, {})


async def _try_again(
    session: WriteSession, statement: TextClause, about: Mapping[str, list[UUID]]
) -> int:
    again = (await session.scalars(statement, {**about, "slack": _SLACK})).all()
    if again:
        await session.execute(NOTIFY)
    return len(again)
