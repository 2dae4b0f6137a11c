"""Shippo tracks: `track_updated`, and the older Transaction bodies passed over.

Source: docs.goshippo.com/docs/Tracking. Ordered by `tracking_status.status_date`, the carrier's
moment in UTC. `metadata` is the account's own text, often an order's number.
"""

from __future__ import annotations

from datetime import datetime

from api.devices.rules import ShipmentStatus as S
from api.webhooks.events import Document, Event, Kept, NothingToDo, ShipmentEvent
from api.webhooks.translators.reading import Part

_STATUSES = {
    "UNKNOWN": S.UNKNOWN,
    "PRE_TRANSIT": S.PRE_TRANSIT,
    "TRANSIT": S.IN_TRANSIT,
    "DELIVERED": S.DELIVERED,
    "RETURNED": S.RETURNING,
    "FAILURE": S.EXCEPTION,
}
_IN_TRANSIT = {
    "out_for_delivery": S.OUT_FOR_DELIVERY,
    "delivery_attempted": S.DELIVERY_ATTEMPTED,
    "notice_left": S.DELIVERY_ATTEMPTED,
    "location_inaccessible": S.DELIVERY_ATTEMPTED,
    "reschedule_delivery": S.DELIVERY_ATTEMPTED,
    "pickup_available": S.AVAILABLE_FOR_PICKUP,
    "address_issue": S.EXCEPTION,
    "contact_carrier": S.EXCEPTION,
    "package_damaged": S.EXCEPTION,
    "package_held": S.EXCEPTION,
}
_FAILED = {"package_lost": S.LOST, "package_disposed": S.LOST}
KEPT: Kept = {
    "event": True,
    "test": True,
    "data": {
        **dict.fromkeys(("carrier", "tracking_number", "eta", "original_eta", "metadata"), True),
        "tracking_status": {
            **dict.fromkeys(("object_id", "object_created", "object_updated"), True),
            **dict.fromkeys(("status", "status_date"), True),
            "substatus": {"code": True, "action_required": True},
        },
    },
}


def translate(document: Document, received_at: datetime) -> Event:
    """Raises: Untranslatable for a track without a number, carrier or status."""
    event = Part(document)
    kind = event.any_text("event") or "event"
    if document.get("test") is True:
        return NothingToDo(kind, "A test: it came through and moves nothing.")
    if kind != "track_updated":
        return NothingToDo(kind, "Only track_updated moves something.")
    track = event.part("data")
    latest = track.part("tracking_status")
    status, substatus = latest.text("status"), latest.part("substatus")
    code = substatus.any_text("code")
    return ShipmentEvent(
        kind=kind,
        carrier=track.text("carrier"),
        tracking_number=track.text("tracking_number"),
        status=_status(status, code, substatus.fields.get("action_required") is True),
        raw_status=f"{status}/{code}" if code else status,
        occurred_at=latest.any_moment("status_date") or received_at,
        expected_on=track.any_day("eta"),
        reference=track.any_text("metadata"),
    )


def _status(status: str, code: str | None, needs_action: bool) -> S:
    general = _STATUSES.get(status, S.UNKNOWN)
    if general is S.IN_TRANSIT:
        return _IN_TRANSIT.get(code or "", S.EXCEPTION if needs_action else general)
    if general is S.EXCEPTION:
        return _FAILED.get(code or "", general)
    return general
