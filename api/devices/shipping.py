"""Shipments as they are told of: opened, and moved by statements, any number in a few statements.

Callers touch the schools before and project their progress afterwards.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import text

from api import clock
from api.db.columns import id_array, new_id
from api.db.uow import WriteSession
from api.devices.fold import Folded, ScanFacts, fold
from api.devices.receipt_rules import normal_serial
from api.devices.rules import PromiseSource, ShipmentStatus, carrier_key, tracking_key
from api.facts import ShipmentsOpened

_STATUSES = {status.value: status for status in ShipmentStatus}
# Line, pieces, serial numbers.
StatedLine = tuple[UUID, int, tuple[str, ...]]


class NewShipment(NamedTuple):
    """What is on its way to one place: a school or a site."""

    order_id: UUID
    network_id: UUID
    school_id: UUID | None
    site_id: UUID | None
    carrier: str
    tracking_number: str


class Statement(NamedTuple):
    """What somebody says of a shipment; `key` makes it count once however often it is told.

    `lines` null: nothing is said of the content; empty: nothing is in it.
    """

    shipment_id: UUID
    key: str
    source: PromiseSource
    occurred_at: datetime
    status: ShipmentStatus | None = None
    raw_status: str | None = None
    expected_on: date | None = None
    lines: tuple[StatedLine, ...] | None = None
    event_id: UUID | None = None


# Rows go in as one JSON document: as arrays, a parameter each, they took four times as long.
_OPEN = text("""
INSERT INTO shipments (id, network_id, order_id, school_id, site_id, carrier, carrier_key,
  tracking_number, tracking_key, status, version, created_at, updated_at)
SELECT n.id, n.network_id, n.order_id, n.school_id, n.site_id, n.carrier, n.carrier_key,
  n.tracking_number, n.tracking_key, 'unknown', 1, :now, :now
FROM json_to_recordset(CAST(:rows AS json)) AS n(id uuid, network_id uuid, order_id uuid,
  school_id uuid, site_id uuid, carrier text, carrier_key text, tracking_number text,
  tracking_key text)
""")


async def open_shipments(session: WriteSession, new: Sequence[NewShipment]) -> list[UUID]:
    """New shipments of which nothing is known yet; their ids, in the order given."""
    ids = [new_id() for _ in new]
    rows = [
        {
            "id": shipment_id,
            "network_id": one.network_id,
            "order_id": one.order_id,
            "school_id": one.school_id,
            "site_id": one.site_id,
            "carrier": one.carrier,
            "carrier_key": carrier_key(one.carrier),
            "tracking_number": one.tracking_number,
            "tracking_key": tracking_key(one.tracking_number),
        }
        for shipment_id, one in zip(ids, new, strict=True)
    ]
    await session.execute(_OPEN, {"now": clock.now(), "rows": orjson.dumps(rows).decode()})
    await session.publish(ShipmentsOpened(tuple(ids)))
    return ids


# Before the scans are inserted: two writers that tell the same scans in another order would
# otherwise wait for each other at the unique key.
_LOCK = text("""
SELECT count(*) FROM (SELECT FROM shipments WHERE id = ANY(CAST(:ids AS uuid[]))
  ORDER BY id FOR NO KEY UPDATE) locked
""")
# How many, and not which: as a rule all of them are new.
_INSERT = text("""
WITH inserted AS (INSERT INTO scans (id, shipment_id, key, source, occurred_at, recorded_at, status,
  raw_status, expected_on, lines, event_id)
SELECT n.id, n.shipment_id, n.key, n.source, n.occurred_at, :now, n.status, n.raw_status,
  n.expected_on, n.lines, n.event_id
FROM json_to_recordset(CAST(:rows AS json)) AS n(id uuid, shipment_id uuid, key text, source text,
  occurred_at timestamptz, status text, raw_status text, expected_on date, lines jsonb,
  event_id uuid)
ON CONFLICT (shipment_id, key) DO NOTHING RETURNING 1)
SELECT count(*) FROM inserted
""")
_WHICH = text("SELECT id FROM scans WHERE id = ANY(CAST(:ids AS uuid[]))")
# By place in the list: a shipment's id would be read once for each of its scans.
_SCANS = text("""
SELECT n.place, s.id, s.key, s.occurred_at, s.status, s.raw_status, s.expected_on,
  s.lines IS NOT NULL
FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY n(id, place) JOIN scans s ON s.shipment_id = n.id
""")
_UPDATE = text("""
UPDATE shipments s SET status = n.status, raw_status = n.raw_status, status_at = n.status_at,
  expected_on = n.expected_on, delivered_at = n.delivered_at, review = n.review,
  version = s.version + 1, updated_at = :now
FROM json_to_recordset(CAST(:rows AS json)) AS n(id uuid, status text, raw_status text,
  status_at timestamptz, expected_on date, delivered_at timestamptz, review text)
WHERE s.id = n.id AND (s.status, s.raw_status, s.status_at, s.expected_on, s.delivered_at,
  s.review) IS DISTINCT FROM (n.status, n.raw_status, n.status_at, n.expected_on,
  n.delivered_at, n.review)
""")
# As a rule each statement names the same content as the one before: then nothing is written.
_RESTATE = text("""
WITH told AS (SELECT s.shipment_id, CAST(l ->> 0 AS uuid) AS line_id,
    CAST(l ->> 1 AS int) AS quantity, ARRAY(SELECT jsonb_array_elements_text(l -> 2)) AS serials
  FROM scans s CROSS JOIN LATERAL jsonb_array_elements(s.lines) l
  WHERE s.id = ANY(CAST(:scans AS uuid[]))),
gone AS (DELETE FROM shipment_lines l WHERE l.shipment_id = ANY(CAST(:ids AS uuid[]))
  AND NOT EXISTS (SELECT FROM told t
    WHERE t.shipment_id = l.shipment_id AND t.line_id = l.line_id))
INSERT INTO shipment_lines (shipment_id, line_id, quantity, serial_numbers)
SELECT t.* FROM told t LEFT JOIN shipment_lines l USING (shipment_id, line_id)
WHERE (t.quantity, t.serials) IS DISTINCT FROM (l.quantity, l.serial_numbers)
ON CONFLICT (shipment_id, line_id) DO UPDATE
SET quantity = excluded.quantity, serial_numbers = excluded.serial_numbers
""")


async def record_statements(session: WriteSession, statements: Sequence[Statement]) -> list[bool]:
    """Keep the statements and bring their shipments to what all scans say by occurrence.

    Gives for each whether it was new; one told before changes nothing. Shipments are locked by
    id.
    """
    if not statements:
        return []
    shipments = {one.shipment_id for one in statements}
    locked = await session.scalar(_LOCK, {"ids": id_array(shipments)})
    assert locked == len(shipments), "There is no such shipment."
    ids = [new_id() for _ in statements]
    rows = orjson.dumps([_row(*one) for one in zip(ids, statements, strict=True)]).decode()
    inserted = await session.scalar(_INSERT, {"now": clock.now(), "rows": rows})
    new = set(ids)
    if inserted != len(ids):
        new = set(await session.scalars(_WHICH, {"ids": id_array(ids)}))
        shipments = {
            one.shipment_id for scan_id, one in zip(ids, statements, strict=True) if scan_id in new
        }
    if shipments:
        folded = await _fold_all(session, list(shipments))
        await _write(session, folded)
        await _restate_lines(session, folded, new)
    return [scan_id in new for scan_id in ids]


def _row(scan_id: UUID, one: Statement) -> dict[str, object]:
    return {
        "id": scan_id,
        "shipment_id": one.shipment_id,
        "key": one.key,
        "source": one.source,
        "occurred_at": one.occurred_at,
        "status": one.status,
        "raw_status": one.raw_status,
        "expected_on": one.expected_on,
        "lines": None if one.lines is None else _together(one.lines),
        "event_id": one.event_id,
    }


def _together(lines: Sequence[StatedLine]) -> list[list[object]]:
    """As `Scan.lines`. A line named twice is one: its pieces together."""
    if len(lines) == 1:
        ((line, pieces, numbers),) = lines
        return [[line, pieces, _serials(numbers)]] if pieces else []
    quantities: dict[UUID, int] = defaultdict(int)
    named: dict[UUID, list[str]] = defaultdict(list)
    for line_id, quantity, serials in lines:
        quantities[line_id] += quantity
        named[line_id] += serials
    return [[line, pieces, _serials(named[line])] for line, pieces in quantities.items() if pieces]


def _serials(numbers: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(map(normal_serial, numbers)))


async def _fold_all(session: WriteSession, shipment_ids: Sequence[UUID]) -> dict[UUID, Folded]:
    scans: list[list[ScanFacts]] = [[] for _ in shipment_ids]
    rows = await session.execute(_SCANS, {"ids": id_array(shipment_ids)})
    for place, scan_id, key, occurred_at, status, raw_status, expected_on, has_lines in rows:
        known = _STATUSES[status] if status else None
        scans[place - 1].append(
            ScanFacts(scan_id, key, occurred_at, known, raw_status, expected_on, has_lines)
        )
    return dict(zip(shipment_ids, map(fold, scans), strict=True))


async def _write(session: WriteSession, folded: Mapping[UUID, Folded]) -> None:
    rows = [
        {
            "id": shipment_id,
            "status": state.status,
            "raw_status": state.raw_status,
            "status_at": state.status_at,
            "expected_on": state.expected_on,
            "delivered_at": state.delivered_at,
            "review": state.review,
        }
        for shipment_id, state in folded.items()
    ]
    await session.execute(_UPDATE, {"now": clock.now(), "rows": orjson.dumps(rows).decode()})


async def _restate_lines(
    session: WriteSession, folded: Mapping[UUID, Folded], new: set[UUID]
) -> None:
    """The content of a shipment is its latest statement's; an older one's is there already."""
    restated = {
        shipment_id: state.lines_from
        for shipment_id, state in folded.items()
        if state.lines_from in new
    }
    if restated:
        given = {"ids": id_array(restated), "scans": id_array(restated.values())}
        await session.execute(_RESTATE, given)
