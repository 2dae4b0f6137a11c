"""ShipEngine (ShipStation API) tracking: resource type `API_TRACK`.

Source: ShipEngine/shipengine-openapi, tracking information. Ordered by the last `occurred_at` of
`events`, which is UTC; `carrier_occurred_at` is local and is passed over.
"""

from __future__ import annotations

from datetime import datetime

from api.devices.rules import ShipmentStatus as S
from api.webhooks.events import Document, Event, Kept, NothingToDo, ShipmentEvent
from api.webhooks.translators.reading import Part, latest

_STATUSES = {
    "UN": S.UNKNOWN,
    # "Accepted" is said of a label's data and of a parcel alike; the detail tells which.
    "AC": S.PRE_TRANSIT,
    "NY": S.PRE_TRANSIT,
    "IT": S.IN_TRANSIT,
    "AT": S.DELIVERY_ATTEMPTED,
    "SP": S.AVAILABLE_FOR_PICKUP,
    "DE": S.DELIVERED,
    "EX": S.EXCEPTION,
}
_UNDER_WAY = frozenset({S.PRE_TRANSIT, S.IN_TRANSIT})
_DETAILS = {
    "RECEIVED_BY_CARRIER": S.IN_TRANSIT,
    "PICKED_UP": S.IN_TRANSIT,
    "OUT_FOR_DELIVERY": S.OUT_FOR_DELIVERY,
    "ATTEMPTED_DELIVERY": S.DELIVERY_ATTEMPTED,
}
KEPT: Kept = {
    "resource_type": True,
    "data": {
        **dict.fromkeys(("tracking_number", "carrier_code", "status_code"), True),
        **dict.fromkeys(("status_detail_code", "carrier_status_code"), True),
        **dict.fromkeys(("estimated_delivery_date", "actual_delivery_date"), True),
        "events": dict.fromkeys(("occurred_at", "status_code", "event_code"), True),
    },
}


def translate(document: Document, received_at: datetime) -> Event:
    """Raises: Untranslatable for a tracking without a number, carrier or status."""
    event = Part(document)
    kind = event.any_text("resource_type") or "event"
    if kind != "API_TRACK":
        return NothingToDo(kind, "Only API_TRACK moves something.")
    tracking = event.part("data")
    code, detail = tracking.text("status_code"), tracking.any_text("status_detail_code")
    status = _STATUSES.get(code, S.UNKNOWN)
    if status in _UNDER_WAY:
        status = _DETAILS.get(detail or "", status)
    occurred_at = latest(tracking.parts("events"), "occurred_at")
    if occurred_at is None and status is S.DELIVERED:
        occurred_at = tracking.any_moment("actual_delivery_date")
    return ShipmentEvent(
        kind=kind,
        carrier=tracking.text("carrier_code"),
        tracking_number=tracking.text("tracking_number"),
        status=status,
        raw_status=f"{code}/{detail}" if detail else code,
        occurred_at=occurred_at or received_at,
        expected_on=tracking.any_day("estimated_delivery_date"),
    )
