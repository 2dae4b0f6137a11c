"""AfterShip Tracking: `tracking_update` and `edd_revise`.

Source: aftership.com/docs/tracking/webhook. Where `checkpoint_time` is local and without an
offset, as it mostly is, nobody can say which moment it was: then `ts`, the moment of the event
itself in Unix seconds, orders it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from api.devices.rules import ShipmentStatus as S
from api.webhooks.events import Document, Event, Kept, NothingToDo, ShipmentEvent
from api.webhooks.translators.reading import Part, latest

_TAGS = {
    "Pending": S.UNKNOWN,
    "InfoReceived": S.PRE_TRANSIT,
    "InTransit": S.IN_TRANSIT,
    "OutForDelivery": S.OUT_FOR_DELIVERY,
    "AttemptFail": S.DELIVERY_ATTEMPTED,
    "Delivered": S.DELIVERED,
    "AvailableForPickup": S.AVAILABLE_FOR_PICKUP,
    "Exception": S.EXCEPTION,
    "Expired": S.EXCEPTION,
}
_SUBTAGS = {"Exception_010": S.RETURNING, "Exception_011": S.RETURNED, "Exception_013": S.LOST}
_MOVING = frozenset({"tracking_update", "edd_revise"})
_NEWEST_SECOND = 4_102_444_800  # 2100-01-01
KEPT: Kept = {
    **dict.fromkeys(("event", "event_id", "is_tracking_first_tag", "ts"), True),
    "msg": {
        **dict.fromkeys(("id", "tracking_number", "slug", "tag", "subtag", "order_number"), True),
        "expected_delivery": True,
        "latest_estimated_delivery": {"datetime": True},
        "courier_estimated_delivery_date": {"estimated_delivery_date": True},
        "checkpoints": {"checkpoint_time": True, "tag": True, "subtag": True},
    },
}


def translate(document: Document, received_at: datetime) -> Event:
    """Raises: Untranslatable for a tracking without a number, courier or tag."""
    event = Part(document)
    kind = event.any_text("event") or "event"
    if kind not in _MOVING:
        return NothingToDo(kind, "Only tracking_update and edd_revise move something.")
    tracking = event.part("msg")
    tag, subtag = tracking.text("tag"), tracking.any_text("subtag")
    occurred_at = latest(tracking.parts("checkpoints"), "checkpoint_time") or _seconds(document)
    return ShipmentEvent(
        kind=kind,
        carrier=tracking.text("slug"),
        tracking_number=tracking.text("tracking_number"),
        status=_SUBTAGS.get(subtag or "") or _TAGS.get(tag, S.UNKNOWN),
        raw_status=f"{tag}/{subtag}" if subtag else tag,
        occurred_at=occurred_at or received_at,
        expected_on=_expected(tracking),
        reference=tracking.any_text("order_number"),
    )


def _expected(tracking: Part) -> date | None:
    return (
        tracking.part("latest_estimated_delivery").any_day("datetime")
        or tracking.part("courier_estimated_delivery_date").any_day("estimated_delivery_date")
        or tracking.any_day("expected_delivery")
    )


def _seconds(document: Document) -> datetime | None:
    given = document.get("ts")
    if not isinstance(given, int) or isinstance(given, bool) or not 0 < given < _NEWEST_SECOND:
        return None
    return datetime.fromtimestamp(given, UTC)
