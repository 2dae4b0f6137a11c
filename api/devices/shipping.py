"""Shipments as they are told of: opened, and moved by statements, any number in a few statements.

Callers touch the schools before and project their progress afterwards.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import orjson
from sqlalchemy import text

from api import clock
from api.db.columns import new_id
from api.db.uow import WriteSession
from api.devices.fold import Folded, ScanFacts, fold
from api.devices.models_shipping import Shipment
from api.devices.receipt_rules import normal_serial
from api.devices.rules import PromiseSource, ShipmentStatus, carrier_key, tracking_key
from api.facts import ShipmentsOpened

# Line, pieces, serial numbers.
StatedLine = tuple[UUID, int, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class NewShipment:
    """What is on its way to one place: a school or a site."""

    order_id: UUID
    network_id: UUID
    school_id: UUID | None
    site_id: UUID | None
    carrier: str
    tracking_number: str


@dataclass(frozen=True, slots=True)
class Statement:
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


async def open_shipments(session: WriteSession, new: Sequence[NewShipment]) -> list[UUID]:
    """New shipments of which nothing is known yet; their ids, in the order given."""
    now = clock.now()
    opened = [
        Shipment(
            order_id=one.order_id,
            network_id=one.network_id,
            school_id=one.school_id,
            site_id=one.site_id,
            carrier=one.carrier,
            carrier_key=carrier_key(one.carrier),
            tracking_number=one.tracking_number,
            tracking_key=tracking_key(one.tracking_number),
            created_at=now,
            updated_at=now,
        )
        for one in new
    ]
    session.add_all(opened)
    await session.flush()
    ids = [shipment.id for shipment in opened]
    await session.publish(ShipmentsOpened(tuple(ids)))
    return ids


# Before the scans are inserted: two writers that tell the same scans in another order would
# otherwise wait for each other at the unique key.
_LOCK = text("SELECT id FROM shipments WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE")
_INSERT = text("""
INSERT INTO scans (id, shipment_id, key, source, occurred_at, recorded_at, status, raw_status,
  expected_on, lines, event_id)
SELECT n.id, n.shipment_id, n.key, n.source, n.occurred_at, :now, n.status, n.raw_status,
  n.expected_on, CAST(n.lines AS jsonb), n.event_id
FROM unnest(CAST(:ids AS uuid[]), CAST(:shipments AS uuid[]), CAST(:keys AS text[]),
  CAST(:sources AS text[]), CAST(:occurred AS timestamptz[]), CAST(:statuses AS text[]),
  CAST(:raw AS text[]), CAST(:expected AS date[]), CAST(:lines AS text[]),
  CAST(:events AS uuid[]))
  AS n(id, shipment_id, key, source, occurred_at, status, raw_status, expected_on, lines, event_id)
ON CONFLICT (shipment_id, key) DO NOTHING
RETURNING id, shipment_id, key
""")
_SCANS = text("""
SELECT shipment_id, id, key, occurred_at, status, raw_status, expected_on, lines IS NOT NULL
FROM scans WHERE shipment_id = ANY(:ids)
""")
_UPDATE = text("""
UPDATE shipments s SET status = n.status, raw_status = n.raw_status, status_at = n.status_at,
  expected_on = n.expected_on, delivered_at = n.delivered_at, review = n.review,
  version = s.version + 1, updated_at = :now
FROM unnest(CAST(:ids AS uuid[]), CAST(:statuses AS text[]), CAST(:raw AS text[]),
  CAST(:status_at AS timestamptz[]), CAST(:expected AS date[]),
  CAST(:delivered AS timestamptz[]), CAST(:reviews AS text[]))
  AS n(id, status, raw_status, status_at, expected_on, delivered_at, review)
WHERE s.id = n.id AND (s.status, s.raw_status, s.status_at, s.expected_on, s.delivered_at,
  s.review) IS DISTINCT FROM (n.status, n.raw_status, n.status_at, n.expected_on,
  n.delivered_at, n.review)
""")
_CLEAR = text("DELETE FROM shipment_lines WHERE shipment_id = ANY(:ids)")
_FILL = text("""
INSERT INTO shipment_lines (shipment_id, line_id, quantity, serial_numbers)
SELECT s.shipment_id, CAST(l ->> 0 AS uuid), CAST(l ->> 1 AS int),
  ARRAY(SELECT jsonb_array_elements_text(l -> 2))
FROM scans s CROSS JOIN LATERAL jsonb_array_elements(s.lines) l WHERE s.id = ANY(:scans)
""")


async def record_statements(
    session: WriteSession, statements: Sequence[Statement]
) -> set[tuple[UUID, str]]:
    """Keep the statements and bring their shipments to what all scans say by occurrence.

    Gives the (shipment, key) that were new; one told before changes nothing. Shipments are
    locked by id.
    """
    if not statements:
        return set()
    await session.execute(_LOCK, {"ids": sorted({one.shipment_id for one in statements})})
    inserted = (await session.execute(_INSERT, _columns(statements))).all()
    if not inserted:
        return set()
    folded = await _fold_all(session, {row.shipment_id for row in inserted})
    await _write(session, folded)
    await _restate_lines(session, folded, {row.id for row in inserted})
    return {(row.shipment_id, row.key) for row in inserted}


def _columns(statements: Sequence[Statement]) -> dict[str, object]:
    return {
        "now": clock.now(),
        "ids": [new_id() for _ in statements],
        "shipments": [one.shipment_id for one in statements],
        "keys": [one.key for one in statements],
        "sources": [one.source.value for one in statements],
        "occurred": [one.occurred_at for one in statements],
        "statuses": [one.status and one.status.value for one in statements],
        "raw": [one.raw_status for one in statements],
        "expected": [one.expected_on for one in statements],
        "lines": [_lines_as_json(one.lines) for one in statements],
        "events": [one.event_id for one in statements],
    }


def _lines_as_json(lines: Iterable[StatedLine] | None) -> str | None:
    """A line named twice is one: its pieces together."""
    if lines is None:
        return None
    quantities: dict[UUID, int] = defaultdict(int)
    serials: dict[UUID, dict[str, None]] = defaultdict(dict)
    for line_id, quantity, numbers in lines:
        quantities[line_id] += quantity
        serials[line_id].update(dict.fromkeys(normal_serial(number) for number in numbers))
    stated = [[line, pieces, list(serials[line])] for line, pieces in quantities.items() if pieces]
    return orjson.dumps(stated).decode()


async def _fold_all(session: WriteSession, shipment_ids: set[UUID]) -> dict[UUID, Folded]:
    scans: dict[UUID, list[ScanFacts]] = defaultdict(list)
    for row in await session.execute(_SCANS, {"ids": list(shipment_ids)}):
        scan_id, key, occurred_at, status, *rest = row[1:]
        known = None if status is None else ShipmentStatus(status)
        scans[row[0]].append(ScanFacts(scan_id, key, occurred_at, known, *rest))
    return {shipment_id: fold(found) for shipment_id, found in scans.items()}


async def _write(session: WriteSession, folded: Mapping[UUID, Folded]) -> None:
    states = folded.values()
    await session.execute(
        _UPDATE,
        {
            "now": clock.now(),
            "ids": list(folded),
            "statuses": [state.status.value for state in states],
            "raw": [state.raw_status for state in states],
            "status_at": [state.status_at for state in states],
            "expected": [state.expected_on for state in states],
            "delivered": [state.delivered_at for state in states],
            "reviews": [state.review for state in states],
        },
    )


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
        await session.execute(_CLEAR, {"ids": list(restated)})
        await session.execute(_FILL, {"scans": list(restated.values())})
