"""Taking in what vendors post: verified, durable, and only then answered. Applying comes later."""

from __future__ import annotations

import logging
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from enum import Enum, auto
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from psycopg import AsyncConnection

from api import clock
from api.db.columns import new_id
from api.db.pool import Database
from api.db.uow import Overtaken
from api.sealing import Sealer, Unsealable
from api.webhooks.errors import SignatureRefused
from api.webhooks.group_commit import GroupCommit
from api.webhooks.identity import event_key
from api.webhooks.known import KnownVendor, KnownVendors
from api.webhooks.rules import Outcome, event_purpose
from api.webhooks.signatures import Posted, verify

_log = logging.getLogger(__name__)
# DO NOTHING and not DO UPDATE: an event that is being applied is locked for as long as its whole
# batch, and one duplicate of it would keep all other arrivals waiting. Sorted, since two
# processes that insert the same keys in different orders would deadlock. As one JSON text, since
# six arrays cost the driver three times as much as all the rest.
_STORE = b"""
WITH stored AS (
  INSERT INTO webhook_events
    (id, vendor_id, key, received_at, sealed, outcome, deliveries, attempts)
  SELECT g.id, g.vendor_id, g.key, g.received_at, decode(g.sealed, 'base64'), 'stored', 1, 0
  FROM json_to_recordset(%s::json) g (id uuid, vendor_id uuid, version int, key text,
    received_at timestamptz, sealed text)
  JOIN vendors v ON v.id = g.vendor_id AND v.version = g.version
  ORDER BY g.vendor_id, g.key
  ON CONFLICT (vendor_id, key) DO NOTHING RETURNING id)
SELECT count(*), pg_notify('inbox', '') FROM stored HAVING count(*) > 0
"""
# Asked only where fewer were stored than came, so that new events do not pay for it.
_NOT_STORED = b"""
SELECT g.at, v.id IS NOT NULL
FROM json_to_recordset(%s::json) g (at int, id uuid, vendor_id uuid, version int)
LEFT JOIN vendors v ON v.id = g.vendor_id AND v.version = g.version
WHERE NOT EXISTS (SELECT FROM webhook_events e WHERE e.id = g.id)
"""
# In id order, as the inbox takes them.
_REPEAT = b"""
WITH given AS (
  SELECT vendor_id, key, count(*)::int AS times FROM unnest(%s::uuid[], %s::text[])
    g (vendor_id, key) GROUP BY vendor_id, key),
held AS (
  SELECT e.id, g.times FROM webhook_events e JOIN given g USING (vendor_id, key)
  ORDER BY e.id FOR NO KEY UPDATE OF e)
UPDATE webhook_events e SET deliveries = e.deliveries + h.times FROM held h WHERE e.id = h.id
RETURNING e.vendor_id, e.key, e.id, e.sealed
"""
_VERIFICATIONS = 5


class _Landed(Enum):
    STORED = auto()
    THERE = auto()
    # The vendor is no longer as it was when the signature was verified.
    MOVED = auto()


class _Arrival(NamedTuple):
    id: UUID
    vendor: KnownVendor
    key: str
    received_at: datetime
    sealed: bytes


class Received(NamedTuple):
    """The inbox row an event is kept in, and whether it was new."""

    id: UUID
    outcome: Outcome


class Intake:
    """One per process, as `app.state.intake`."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self.known = KnownVendors(database, sealer)
        self._sealer = sealer
        self._arrivals: GroupCommit[_Arrival, _Landed] = GroupCommit(database, _store)
        self._repeats: GroupCommit[tuple[UUID, str], _Kept | None] = GroupCommit(database, _repeat)

    async def receive(self, slug: str, posted: Posted) -> Received:
        """Store an event durably; one that is there already is only counted.

        Raises: VendorNotFound; SignatureRefused; IntakeFull; psycopg.Error without a database.
        """
        for _ in range(_VERIFICATIONS):
            try:
                vendor = await self._believe(slug, posted)
            except SignatureRefused as refused:
                _log.warning("an event for the vendor %s was refused: %s", slug, refused.detail)
                raise
            received = await self._keep(vendor, posted)
            if received is not None:
                return received
            await self.known.read(slug)
        raise Overtaken("The vendor is being changed; send it again.", retry_after=1)

    async def drain(self) -> None:
        """Before the process ends: write what waits."""
        await self._arrivals.drain()
        await self._repeats.drain()

    async def _believe(self, slug: str, posted: Posted) -> KnownVendor:
        vendor = await self.known.find(slug)
        now = clock.now()
        try:
            verify(vendor.scheme, posted, vendor.keys(now), now)
        except SignatureRefused:
            fresh = await self.known.read_after_refusal(vendor)
            if fresh is None:
                raise
            verify(fresh.scheme, posted, fresh.keys(now), now)
            return fresh
        return vendor

    async def _keep(self, vendor: KnownVendor, posted: Posted) -> Received | None:
        """None when the vendor has changed since it was believed."""
        key = event_key(vendor.scheme, posted)
        sealed = self._sealer.seal(posted.body, event_purpose(vendor.id))
        arrival = _Arrival(new_id(), vendor, key, clock.now(), sealed)
        landed = await self._arrivals.put(arrival, len(sealed))
        if landed is _Landed.STORED:
            return Received(arrival.id, Outcome.STORED)
        if landed is _Landed.MOVED:
            return None
        kept = await self._repeats.put((vendor.id, key), len(key))
        if kept is None:
            return None
        self._tell_apart(vendor, key, posted.body, kept)
        return Received(kept.id, Outcome.DUPLICATE)

    def _tell_apart(self, vendor: KnownVendor, key: str, body: bytes, kept: _Kept) -> None:
        """An id that comes again with another body is the vendor's error: told, not applied."""
        if kept.sealed is None:
            return
        try:
            first = self._sealer.open(kept.sealed, event_purpose(vendor.id))
        except Unsealable:
            return
        if first != body:
            _log.warning(
                "the vendor %s sent the event %s again with another body; the first is kept",
                vendor.slug,
                key,
            )


class _Kept(NamedTuple):
    id: UUID
    sealed: bytes | None


async def _store(
    connection: AsyncConnection[Any], arrivals: Sequence[_Arrival]
) -> Sequence[_Landed]:
    given = [
        {
            "at": at,
            "id": one.id,
            "vendor_id": one.vendor.id,
            "version": one.vendor.version,
            "key": one.key,
            "received_at": one.received_at,
            "sealed": b64encode(one.sealed).decode(),
        }
        for at, one in enumerate(arrivals)
    ]
    text = orjson.dumps(given).decode()
    stored = await (await connection.execute(_STORE, (text,), binary=True)).fetchone()
    landed = [_Landed.STORED] * len(arrivals)
    if stored is None or stored[0] < len(arrivals):
        cursor = await connection.execute(_NOT_STORED, (text,), binary=True)
        for at, is_current in await cursor.fetchall():
            landed[at] = _Landed.THERE if is_current else _Landed.MOVED
    return landed


async def _repeat(
    connection: AsyncConnection[Any], repeats: Sequence[tuple[UUID, str]]
) -> Sequence[_Kept | None]:
    bound = ([vendor_id for vendor_id, _ in repeats], [key for _, key in repeats])
    rows = await (await connection.execute(_REPEAT, bound, binary=True)).fetchall()
    kept = {(vendor_id, key): _Kept(row_id, sealed) for vendor_id, key, row_id, sealed in rows}
    return [kept.get(one) for one in repeats]
