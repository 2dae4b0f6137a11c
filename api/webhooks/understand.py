"""An event's stored body, opened and translated. Needs nothing but the event itself."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from traceback import format_tb
from typing import NamedTuple
from uuid import UUID

from api.sealing import Sealer, Unsealable
from api.webhooks.events import NothingToDo, PromiseEvent, ShipmentEvent, Untranslatable
from api.webhooks.match_rules import Speaker
from api.webhooks.rules import Outcome, event_purpose
from api.webhooks.translators import TRANSLATORS
from api.webhooks.translators.reading import parse

_log = logging.getLogger(__name__)
# Time zones taken for one another put a moment off by half a day, which the next scan mends.
_CLOCKS_DIFFER = timedelta(days=1)
Told = ShipmentEvent | PromiseEvent


class Stored(NamedTuple):
    """A row of the inbox that is to be applied."""

    id: UUID
    received_at: datetime
    sealed: bytes
    order_id: UUID | None = None
    shipment_id: UUID | None = None


class Understood(NamedTuple):
    """What the body says; without an `event` the outcome is settled already, for `reason`."""

    event: Told | None = None
    outcome: Outcome = Outcome.FAILED
    kind: str | None = None
    reason: str | None = None


def understand(sealer: Sealer, speaker: Speaker, stored: Stored) -> Understood:
    """Never raises: a body that breaks a translator is this event's failure and no other's."""
    translate, _ = TRANSLATORS[speaker.scheme]
    try:
        document = parse(sealer.open(stored.sealed, event_purpose(speaker.id)))
        event = translate(document, stored.received_at)
    except Unsealable:
        return Understood(
            reason="The body was sealed with another secret key than FIRSTBELL_SECRET_KEY is now."
        )
    except Untranslatable as error:
        return Understood(reason=str(error))
    except Exception as error:
        # Where, and not the error's text, which may hold a name.
        where = "".join(format_tb(error.__traceback__))
        name = type(error).__name__
        _log.error(
            "%s of event %s broke its translator: %s\n%s", speaker.slug, stored.id, name, where
        )
        return Understood(reason="The body could not be read; the log says why.")
    if isinstance(event, NothingToDo):
        return Understood(None, Outcome.IGNORED, event.kind, event.why)
    return Understood(_not_to_come(event, stored.received_at), kind=event.kind)


def _not_to_come(event: Told, received_at: datetime) -> Told:
    """An event told as of a day to come happened when it came, at the latest: with a wrong year
    it would outweigh whatever is true of the shipment for good.
    """
    if event.occurred_at <= received_at + _CLOCKS_DIFFER:
        return event
    return event._replace(occurred_at=received_at)
