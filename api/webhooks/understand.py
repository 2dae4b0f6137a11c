"""An event's stored body, opened and translated. Needs nothing but the event itself."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from api.sealing import Sealer, Unsealable
from api.webhooks.events import Document, NothingToDo, PromiseEvent, ShipmentEvent, Untranslatable
from api.webhooks.match_rules import Speaker
from api.webhooks.redact import redact
from api.webhooks.rules import Outcome, event_purpose
from api.webhooks.translators import TRANSLATORS
from api.webhooks.translators.reading import parse

_log = logging.getLogger(__name__)


class Stored(NamedTuple):
    """A row of the inbox that is to be applied."""

    id: UUID
    received_at: datetime
    sealed: bytes
    order_id: UUID | None = None
    shipment_id: UUID | None = None


class Understood(NamedTuple):
    """What the body says; without an `event` the outcome is settled already, for `reason`."""

    redacted: Document | None = None
    event: ShipmentEvent | PromiseEvent | None = None
    outcome: Outcome = Outcome.FAILED
    kind: str | None = None
    reason: str | None = None


def understand(sealer: Sealer, speaker: Speaker, stored: Stored) -> Understood:
    """Never raises: a body that breaks a translator is this event's failure and no other's."""
    translate, kept = TRANSLATORS[speaker.scheme]
    redacted: Document | None = None
    try:
        document = parse(sealer.open(stored.sealed, event_purpose(speaker.id)))
        redacted = redact(document, kept)
        event = translate(document, stored.received_at)
    except Unsealable:
        return Understood(
            reason="The body was sealed with another secret key than FIRSTBELL_SECRET_KEY is now."
        )
    except Untranslatable as error:
        return Understood(redacted, reason=str(error))
    except Exception:
        # Without the error's text, which may hold a name.
        _log.exception("the event %s of %s broke its translator", stored.id, speaker.slug)
        return Understood(redacted, reason="The body could not be read; the log says why.")
    if isinstance(event, NothingToDo):
        return Understood(redacted, None, Outcome.IGNORED, event.kind, event.why)
    return Understood(redacted, event, kind=event.kind)
