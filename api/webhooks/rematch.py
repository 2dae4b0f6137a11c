"""Unmatched events, tried again when what they were about appears."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select, text
from sqlmodel import col

from api import clock
from api.db.uow import WriteSession
from api.devices.models import Order
from api.devices.models_shipping import Shipment
from api.facts import OrderPlaced, ShipmentsOpened

# An event that was last tried well after its order or shipment appeared has seen it, so nothing
# is tried for ever. What is locked is passed over: whoever holds it is trying it again as well.
_TRY_AGAIN = text("""
WITH about AS (
  SELECT e.id, e.vendor_id AS speaker_id, o.vendor_id AS seller_id FROM orders o
  JOIN webhook_events e ON e.outcome = 'unmatched' AND e.order_key = o.number_key
    AND e.settled_at < o.placed_at + :slack
  WHERE o.id = ANY(:orders)
  UNION
  SELECT e.id, e.vendor_id, o.vendor_id FROM shipments s JOIN orders o ON o.id = s.order_id
  JOIN webhook_events e ON e.outcome = 'unmatched' AND e.tracking_key = s.tracking_key
    AND e.settled_at < s.created_at + :slack
  WHERE s.id = ANY(:shipments)),
found AS (
  SELECT e.id FROM webhook_events e
  WHERE e.outcome = 'unmatched' AND e.sealed IS NOT NULL AND e.id IN (
    SELECT a.id FROM about a WHERE a.speaker_id = a.seller_id OR EXISTS (
      SELECT FROM vendor_tracks t
      WHERE t.tracker_id = a.speaker_id AND t.seller_id = a.seller_id))
  ORDER BY e.id FOR UPDATE SKIP LOCKED)
UPDATE webhook_events e SET outcome = 'stored', reason = NULL, settled_at = NULL FROM found
WHERE e.id = found.id RETURNING e.id
""")
NOTIFY = text("SELECT pg_notify('inbox', '')")
# As long as the transaction may take in which an order or a shipment appears.
_SLACK = timedelta(minutes=2)
_RECENT = timedelta(minutes=10)


async def on_order_placed(session: WriteSession, fact: OrderPlaced) -> None:
    """Events that came before their order wait to be applied again."""
    await try_again(session, orders=[fact.order_id])


async def on_shipments_opened(session: WriteSession, fact: ShipmentsOpened) -> None:
    """So do those that came before their shipment."""
    await try_again(session, shipments=fact.shipment_ids)


async def find_overlooked(session: WriteSession) -> int:
    """What was found unmatched while the other transaction was about to commit; how many.

    Neither could see the other then.
    """
    since = clock.now() - _RECENT
    orders = select(col(Order.id)).where(col(Order.placed_at) > since)
    shipments = select(col(Shipment.id)).where(col(Shipment.created_at) > since)
    return await try_again(
        session,
        orders=(await session.scalars(orders)).all(),
        shipments=(await session.scalars(shipments)).all(),
    )


async def try_again(
    session: WriteSession, *, orders: Iterable[UUID] = (), shipments: Iterable[UUID] = ()
) -> int:
    """Let unmatched events that may be about these wait to be applied; how many there are."""
    bound = {"orders": list(orders), "shipments": list(shipments), "slack": _SLACK}
    again = (await session.scalars(_TRY_AGAIN, bound)).all()
    if again:
        await session.execute(NOTIFY)
    return len(again)
