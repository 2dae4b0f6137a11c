"""Promises of lines: every one is kept, and the latest by when it was stated is the line's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text

from api import clock
from api.db.columns import new_id
from api.db.uow import WriteSession
from api.devices.rules import PromiseSource

_APPEND = text(
    "INSERT INTO promises (id, line_id, network_id, promised_on, source, stated_at, recorded_at,"
    " actor, event_id)"
    " SELECT g.id, g.line_id, l.network_id, g.promised_on, g.source, g.stated_at, :now, :actor,"
    " g.event_id"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:lines AS uuid[]), CAST(:days AS date[]),"
    " CAST(:sources AS text[]), CAST(:moments AS timestamptz[]), CAST(:events AS uuid[]))"
    " g(id, line_id, promised_on, source, stated_at, event_id)"
    " JOIN order_lines l ON l.id = g.line_id"
    " WHERE NOT EXISTS (SELECT 1 FROM promises p WHERE p.line_id = g.line_id"
    " AND p.stated_at = g.stated_at AND p.promised_on IS NOT DISTINCT FROM g.promised_on)"
    " RETURNING line_id"
)
# Of two that a vendor states as of one moment the later day holds, or it would depend on which came
# first; of two that people state, the one they typed in last.
_LATEST = text(
    "UPDATE order_lines l SET promised_on = latest.promised_on"
    " FROM (SELECT DISTINCT ON (line_id) line_id, promised_on FROM promises"
    " WHERE line_id = ANY(CAST(:lines AS uuid[]))"
    " ORDER BY line_id, stated_at DESC,"
    " CASE WHEN source = 'event' THEN promised_on END DESC NULLS FIRST, id DESC) latest"
    " WHERE l.id = latest.line_id AND l.promised_on IS DISTINCT FROM latest.promised_on"
)


@dataclass(frozen=True, slots=True)
class Stated:
    """One promise for one line; no date withdraws the one before."""

    line_id: UUID
    promised_on: date | None
    stated_at: datetime
    source: PromiseSource
    event_id: UUID | None = None


async def record_promises(session: WriteSession, stated: Sequence[Stated]) -> int:
    """Append promises and let each line have its latest; returns how many were new.

    The same line, date and moment again is written once. The caller holds the orders before,
    projects after, and reads lines anew: they are changed behind the session.
    """
    once = list({(one.line_id, one.promised_on, one.stated_at): one for one in stated}.values())
    if not once:
        return 0
    values = {
        "now": clock.now(),
        "actor": session.actor,
        # Made in the order given: of two stated at one moment the later in the list holds.
        "ids": [new_id() for _ in once],
        "lines": [one.line_id for one in once],
        "days": [one.promised_on for one in once],
        "sources": [one.source.value for one in once],
        "moments": [one.stated_at for one in once],
        "events": [one.event_id for one in once],
    }
    appended = (await session.scalars(_APPEND, values)).all()
    if appended:
        await session.execute(_LATEST, {"lines": list(set(appended))})
    return len(appended)
