"""Serial numbers of devices that are at hand: each once in a network, which the database guards.

`receipts`, `returns` and their reversals are the facts; `serials_at_hand` says which receipt
holds a serial number now, so that two who scan one device at the same moment meet at its key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.exc import IntegrityError

from api.db.uow import Overtaken, ReadSession, WriteSession

_KEY = "pk_serials_at_hand"


@dataclass(frozen=True, slots=True)
class Scanned:
    """The receipt that counted a device last: by whom and when, of which order and where."""

    receipt_id: UUID
    actor: str
    recorded_at: datetime
    order_number: str
    place: str


_SCANNED = text("""
SELECT s.serial, r.id, r.actor, r.recorded_at, o.number, coalesce(h.code, t.code)
FROM serials_at_hand s JOIN receipts r ON r.id = s.receipt_id JOIN orders o ON o.id = r.order_id
LEFT JOIN schools h ON h.id = r.school_id LEFT JOIN sites t ON t.id = r.site_id
WHERE s.network_id = ANY(:networks) AND s.serial = ANY(:serials)
""")
# In one order, so that two who scan the same devices wait for each other.
_CLAIM = text("""
INSERT INTO serials_at_hand (network_id, serial, receipt_id)
SELECT :network, serial, receipt_id
FROM unnest(CAST(:serials AS text[]), CAST(:receipts AS uuid[])) n(serial, receipt_id)
ORDER BY serial
""")
_TAKE_OVER = text(
    f"{_CLAIM.text} ON CONFLICT (network_id, serial) DO UPDATE SET receipt_id = excluded.receipt_id"
)
_FORGET = text("DELETE FROM serials_at_hand WHERE network_id = :network AND serial = ANY(:serials)")
# A device sent back may be scanned again: it came back repaired.
_RESTATE = text("""
INSERT INTO serials_at_hand (network_id, serial, receipt_id)
SELECT DISTINCT ON (x.serial) r.network_id, x.serial, r.id
FROM receipt_lines l JOIN receipts r ON r.id = l.receipt_id
CROSS JOIN LATERAL unnest(l.serial_numbers) x(serial)
WHERE l.serial_numbers && CAST(:serials AS text[]) AND x.serial = ANY(:serials)
  AND r.network_id = :network AND r.reverses_id IS NULL
  AND NOT EXISTS (SELECT FROM receipts b WHERE b.reverses_id = r.id)
  AND NOT EXISTS (SELECT FROM returns d WHERE d.network_id = r.network_id
    AND d.recorded_at >= r.recorded_at AND d.serial_numbers @> ARRAY[x.serial]
    AND d.reverses_id IS NULL AND NOT EXISTS (SELECT FROM returns b WHERE b.reverses_id = d.id))
ORDER BY x.serial, r.recorded_at DESC, r.id DESC
""")


async def scanned_among(
    session: ReadSession, network_ids: Iterable[UUID], serials: Iterable[str]
) -> dict[str, Scanned]:
    """Those of the serial numbers that are at some place of these networks."""
    wanted = list(serials)
    if not wanted:
        return {}
    rows = await session.execute(_SCANNED, {"serials": wanted, "networks": list(network_ids)})
    return {row[0]: Scanned(*row[1:]) for row in rows}


async def claim(
    session: WriteSession, network_id: UUID, receipts: Mapping[str, UUID], *, again: bool
) -> None:
    """Let receipts that are written hold serial numbers; with `again` also those others hold.

    Raises: Overtaken when somebody else scanned one since we looked.
    """
    if receipts:
        serials, holders = list(receipts), list(receipts.values())
        bound = {"network": network_id, "serials": serials, "receipts": holders}
        await _insert(session, _TAKE_OVER if again else _CLAIM, bound)


async def restate(session: WriteSession, network_id: UUID, serials: Iterable[str]) -> None:
    """Let the facts say anew what holds these serial numbers, after one was taken back or sent.

    Raises: Overtaken when somebody else scanned one meanwhile.
    """
    bound = {"network": network_id, "serials": sorted(set(serials))}
    if bound["serials"]:
        await session.execute(_FORGET, bound)
        await _insert(session, _RESTATE, bound)


async def _insert(session: WriteSession, statement: TextClause, bound: dict[str, Any]) -> None:
    try:
        await session.execute(statement, bound)
    except IntegrityError as error:
        if getattr(getattr(error.orig, "diag", None), "constraint_name", None) != _KEY:
            raise
        # Begun anew, the look back finds who was first, and the answer names them.
        raise Overtaken("Somebody scanned one of these devices just now.") from error
