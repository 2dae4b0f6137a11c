"""The inbox as a queue in the database: what waits, taking it, and writing what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson
from sqlalchemy import text

from api import clock
from api.db.pool import Database
from api.db.uow import WriteSession
from api.devices.rules import Scheme, VendorKind, carrier_key, number_key, tracking_key
from api.webhooks.events import PromiseEvent, ShipmentEvent
from api.webhooks.match_rules import Found, Speaker
from api.webhooks.rules import Outcome
from api.webhooks.understand import Stored, Understood

# Reached only when more waits: what counts say of a school is read and written once a batch. Still
# more would hold the schools for longer than a clerk should wait.
BATCH = 10_000
NIL = UUID(int=0)
# Bodies are opened in memory, and one may have 2 MB.
BATCH_BYTES = 32_000_000

# One vendor's at a time: what it moves is then recorded as its doing.
_NEXT_SPEAKER = b"""
WITH oldest AS (SELECT vendor_id FROM webhook_events WHERE outcome = 'stored'
  ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
SELECT v.id, v.slug, v.scheme, v.kind,
  ARRAY(SELECT seller_id FROM vendor_tracks WHERE tracker_id = v.id)
FROM vendors v JOIN oldest ON oldest.vendor_id = v.id
"""
# The first may be as large as it likes, or it would wait for ever.
_TAKE = text("""
WITH waiting AS (SELECT id, received_at, sealed, order_id, shipment_id FROM webhook_events
  WHERE outcome = 'stored' AND vendor_id = :vendor AND id > :after
  ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED)
SELECT id, received_at, sealed, order_id, shipment_id FROM (SELECT *,
  sum(coalesce(octet_length(sealed), 0)) OVER w AS bytes, row_number() OVER w AS number
  FROM waiting WINDOW w AS (ORDER BY id)) sized
WHERE bytes <= :bytes OR number = 1 ORDER BY id
""")
_ANY_WAITING = b"SELECT EXISTS (SELECT FROM webhook_events WHERE outcome = 'stored')"
_CLAIM = text("""
SELECT id, received_at, sealed, order_id, shipment_id FROM webhook_events
WHERE id = ANY(:ids) AND outcome = 'stored' ORDER BY id FOR UPDATE SKIP LOCKED
""")
_SETTLE = text("""
UPDATE webhook_events e SET outcome = n.outcome, reason = n.reason, attempts = e.attempts + 1,
  settled_at = :now, kind = n.kind, occurred_at = n.occurred_at, order_key = n.order_key,
  carrier_key = n.carrier_key, tracking_key = n.tracking_key, school = n.school,
  network_id = n.network_id,
  order_id = coalesce(n.order_id, e.order_id),
  shipment_id = coalesce(n.shipment_id, e.shipment_id)
FROM json_to_recordset(CAST(:rows AS json)) AS n(id uuid, outcome text, reason text,
  kind text, occurred_at timestamptz, order_key text, carrier_key text,
  tracking_key text, school text, network_id uuid, order_id uuid, shipment_id uuid)
WHERE e.id = n.id
""")
_CORRECT = text("""
UPDATE webhook_events e SET outcome = n.outcome
FROM unnest(CAST(:ids AS uuid[]), CAST(:outcomes AS text[])) AS n(id, outcome) WHERE e.id = n.id
""")
_TELL_PAGES = text("SELECT pg_notify('inbox_settled', :networks)")
_OF_NO_NETWORK = "-"
# A notification holds at most 8,000 bytes.
_NAMED_IN_NOTICE = 200


@dataclass(slots=True)
class Item:
    """An event on its way through a batch: `outcome` null until something became of it.

    `about` is what it speaks of, once that was looked up; `written` what its row says by now.
    """

    stored: Stored
    understood: Understood
    about: Found | None = None
    outcome: Outcome | None = None
    reason: str | None = None
    network_id: UUID | None = None
    order_id: UUID | None = None
    shipment_id: UUID | None = None
    written: Outcome | None = None

    @property
    def event(self) -> ShipmentEvent | PromiseEvent | None:
        return self.understood.event

    def settle(self, outcome: Outcome, reason: str | None = None) -> None:
        self.outcome, self.reason = outcome, reason


async def next_speaker(database: Database) -> Speaker | None:
    """The vendor of the oldest event that waits and that nobody is at."""
    async with database.raw() as connection:
        row = await (await connection.execute(_NEXT_SPEAKER)).fetchone()
    if row is None:
        return None
    vendor_id, slug, scheme, kind, tracked = row
    sellers = {vendor_id} if kind == VendorKind.SELLER else tracked
    return Speaker(vendor_id, slug, Scheme(scheme), VendorKind(kind), frozenset(sellers))


async def take(
    session: WriteSession, speaker: Speaker, after: UUID = NIL, most: int = BATCH
) -> list[Stored]:
    """Its oldest events that nobody is at, as many as fit into a batch; at least one if any.

    They are locked until the transaction ends, so that others pass over them. `after`: leave
    alone those of this id and before, instead of looking at each that is settled or locked.
    """
    bound = {"vendor": speaker.id, "after": after, "most": most, "bytes": BATCH_BYTES}
    return [Stored(*row) for row in await session.execute(_TAKE, bound)]


async def any_waiting(database: Database) -> bool:
    """Whether anything waits, also what another worker is at."""
    async with database.raw() as connection:
        row = await (await connection.execute(_ANY_WAITING)).fetchone()
    return bool(row and row[0])


async def claim(session: WriteSession, ids: Sequence[UUID]) -> list[Stored]:
    """Those of the events that still wait, locked until the transaction ends."""
    rows = await session.execute(_CLAIM, {"ids": list(ids)})
    return [Stored(*row) for row in rows]


async def write_outcomes(session: WriteSession, items: Sequence[Item]) -> None:
    """Settle all of them in one statement, and tell open pages with the commit."""
    if not items:
        return
    rows = orjson.dumps([_row(item) for item in items]).decode()
    await session.execute(_SETTLE, {"now": clock.now(), "rows": rows})
    await session.execute(_TELL_PAGES, {"networks": _networks_named(items)})
    for item in items:
        item.written = item.outcome


async def correct_outcomes(session: WriteSession, items: Iterable[Item]) -> None:
    """Write what became of those that were foreseen to end otherwise."""
    others = {item.stored.id: item.outcome for item in items if item.outcome is not item.written}
    if others:
        given = {"ids": list(others), "outcomes": list(others.values())}
        await session.execute(_CORRECT, given)


def _networks_named(items: Iterable[Item]) -> str:
    named = {str(item.network_id or _OF_NO_NETWORK) for item in items}
    return ",".join(sorted(named)) if len(named) <= _NAMED_IN_NOTICE else "*"


def _row(item: Item) -> dict[str, object]:
    event = item.event
    row: dict[str, object] = {
        "id": item.stored.id,
        "outcome": item.outcome,
        "reason": item.reason,
        "kind": item.understood.kind,
        "occurred_at": event and event.occurred_at,
        "order_key": _order_key(event),
        "network_id": item.network_id,
        "order_id": item.order_id,
        "shipment_id": item.shipment_id,
    }
    if isinstance(event, ShipmentEvent):
        row["carrier_key"] = carrier_key(event.carrier)
        row["tracking_key"] = tracking_key(event.tracking_number)
        row["school"] = event.school
    return row


def _order_key(event: ShipmentEvent | PromiseEvent | None) -> str | None:
    if event is None:
        return None
    said = event.order_number
    if said is None and isinstance(event, ShipmentEvent):
        said = event.reference
    return None if said is None else number_key(said)
