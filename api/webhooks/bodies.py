"""What may be seen of a body: read from the sealed one for as long as it is kept, then kept itself.

Nobody looks at most bodies, and to write this beside each was a tenth of the work of an event.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from api import clock
from api.db.pool import Database
from api.db.uow import ReadSession, WriteSession, transact
from api.devices.models import Vendor
from api.devices.rules import Scheme
from api.jobs.app import Job
from api.sealing import Sealer, Unsealable
from api.settings import Settings
from api.webhooks.events import Document, Untranslatable
from api.webhooks.models import WebhookEvent
from api.webhooks.redact import redact
from api.webhooks.rules import event_purpose
from api.webhooks.secrets import sealer_for
from api.webhooks.translators import TRANSLATORS
from api.webhooks.translators.reading import parse

_log = logging.getLogger(__name__)
# How long a body is kept once its event is settled. One that waits for its order or for somebody
# to mend what made it fail is of use for longer.
_KEEP = timedelta(days=14)
_KEEP_UNSETTLED = timedelta(days=90)
# Bodies are opened in memory, and one may have 2 MB.
_AT_ONCE = 200
_DUE = text("""
SELECT e.id, e.vendor_id, v.scheme, e.sealed FROM webhook_events e
JOIN vendors v ON v.id = e.vendor_id
WHERE e.sealed IS NOT NULL AND e.settled_at < CASE
  WHEN e.outcome IN ('unmatched', 'failed') THEN CAST(:unsettled AS timestamptz)
  ELSE CAST(:settled AS timestamptz) END
LIMIT :most FOR UPDATE OF e SKIP LOCKED
""")
_FORGET = text("""
UPDATE webhook_events e SET sealed = NULL, redacted = coalesce(n.redacted, e.redacted)
FROM json_to_recordset(CAST(:rows AS json)) AS n(id uuid, redacted jsonb) WHERE e.id = n.id
""")


async def body_of(session: ReadSession, sealer: Sealer, event: WebhookEvent) -> Document | None:
    """What may be seen of an event's body; null for one that cannot be read."""
    if event.redacted is not None:
        return event.redacted
    await session.refresh(event, ["sealed"])
    if event.sealed is None:
        return None
    vendor = await session.get_one(Vendor, event.vendor_id)
    return _seen(sealer, event.vendor_id, Scheme(vendor.scheme), event.sealed)


def _seen(sealer: Sealer, vendor_id: UUID, scheme: Scheme, sealed: bytes) -> Document | None:
    _, kept = TRANSLATORS[scheme]
    try:
        return redact(parse(sealer.open(sealed, event_purpose(vendor_id))), kept)
    except (Unsealable, Untranslatable):
        return None


def forgetting_job(settings: Settings) -> Job:
    """Hourly: delete what has been kept for long enough."""

    async def forget(database: Database) -> None:
        await forget_bodies(database, sealer_for(settings))

    return Job("forget_bodies", forget, cron="11 * * * *", alone=True)


async def forget_bodies(database: Database, sealer: Sealer) -> int:
    """Delete raw bodies 14 days after they were applied, 90 where they could not be; how many.

    What may be seen of them stays. Each few in a transaction of their own.
    """

    async def some(session: WriteSession) -> int:
        now = clock.now()
        until = {"settled": now - _KEEP, "unsettled": now - _KEEP_UNSETTLED}
        due = (await session.execute(_DUE, {**until, "most": _AT_ONCE})).all()
        rows = await asyncio.to_thread(_seen_of, sealer, due)
        await session.execute(_FORGET, {"rows": orjson.dumps(rows).decode()})
        return len(due)

    forgotten = 0
    while done := await transact(database, "job:forget_bodies", some):
        forgotten += done
    return forgotten


def _seen_of(sealer: Sealer, due: Sequence[Any]) -> list[dict[str, object]]:
    return [
        {"id": event_id, "redacted": _seen(sealer, vendor_id, Scheme(scheme), sealed)}
        for event_id, vendor_id, scheme, sealed in due
    ]
