"""EasyPost trackers: `tracker.created` and `tracker.updated`.

Source: docs.easypost.com/docs/webhooks and the Event and Tracker objects of its fixtures. What
happened last is ordered by the last of `tracking_details`, which is the carrier's moment;
`updated_at`, EasyPost's own, stands in where there are no details.
"""

from __future__ import annotations

from datetime import datetime

from api.devices.rules import ShipmentStatus as S
from api.webhooks.events import Document, Event, Kept, NothingToDo, ShipmentEvent
from api.webhooks.translators.reading import Part, latest

_STATUSES = {
    "unknown": S.UNKNOWN,
    "error": S.UNKNOWN,
    "pre_transit": S.PRE_TRANSIT,
    "in_transit": S.IN_TRANSIT,
    "out_for_delivery": S.OUT_FOR_DELIVERY,
    "available_for_pickup": S.AVAILABLE_FOR_PICKUP,
    "delivered": S.DELIVERED,
    "failure": S.EXCEPTION,
    "return_to_sender": S.RETURNING,
    "cancelled": S.CANCELLED,
}
KEPT: Kept = {
    **dict.fromkeys(("id", "object", "description", "mode", "created_at", "updated_at"), True),
    "result": {
        **dict.fromkeys(("id", "object", "tracking_code", "carrier", "status"), True),
        **dict.fromkeys(("status_detail", "est_delivery_date", "updated_at"), True),
        "tracking_details": {"datetime": True, "status": True, "status_detail": True},
    },
}


def translate(document: Document, received_at: datetime) -> Event:
    """Raises: Untranslatable for a tracker without a number, carrier or status."""
    event = Part(document)
    kind = event.any_text("description") or "event"
    if not kind.startswith("tracker."):
        return NothingToDo(kind, "Only trackers move something.")
    tracker = event.part("result")
    raw = tracker.text("status")
    occurred_at = (
        latest(tracker.parts("tracking_details"), "datetime")
        or tracker.any_moment("updated_at")
        or event.any_moment("created_at")
    )
    return ShipmentEvent(
        kind=kind,
        carrier=tracker.text("carrier"),
        tracking_number=tracker.text("tracking_code"),
        status=_STATUSES.get(raw, S.UNKNOWN),
        raw_status=raw,
        occurred_at=occurred_at or received_at,
        expected_on=tracker.any_day("est_delivery_date"),
    )
