"""17TRACK v2: `TRACKING_UPDATED`.

Source: asset.17track.net/api/document/v2.2_en. Ordered by `latest_event`, whose `time_utc` is
preferred to `time_iso` with its offset. `carrier` is a number of 17TRACK's own, so a shipment is
found by its tracking number alone; `tag` is the account's own text, often an order's number.
"""

from __future__ import annotations

from datetime import date, datetime

from api.devices.rules import ShipmentStatus as S
from api.webhooks.events import Document, Event, Kept, NothingToDo, ShipmentEvent
from api.webhooks.translators.reading import Part

_STATUSES = {
    "NotFound": S.UNKNOWN,
    "InfoReceived": S.PRE_TRANSIT,
    "InTransit": S.IN_TRANSIT,
    "Expired": S.EXCEPTION,
    "AvailableForPickup": S.AVAILABLE_FOR_PICKUP,
    "OutForDelivery": S.OUT_FOR_DELIVERY,
    "DeliveryFailure": S.DELIVERY_ATTEMPTED,
    "Delivered": S.DELIVERED,
    "Exception": S.EXCEPTION,
}
_SUB_STATUSES = {
    "Exception_Returning": S.RETURNING,
    "Exception_Returned": S.RETURNED,
    "Exception_Lost": S.LOST,
    "Exception_Cancel": S.CANCELLED,
}
KEPT: Kept = {
    "event": True,
    "data": {
        **dict.fromkeys(("number", "carrier", "tag"), True),
        "track_info": {
            "latest_status": {"status": True, "sub_status": True},
            "latest_event": dict.fromkeys(("time_iso", "time_utc", "stage", "sub_status"), True),
            "time_metrics": {"estimated_delivery_date": {"from": True, "to": True}},
        },
    },
}


def translate(document: Document, received_at: datetime) -> Event:
    """Raises: Untranslatable for a tracking without a number, carrier or status."""
    event = Part(document)
    kind = event.any_text("event") or "event"
    if kind != "TRACKING_UPDATED":
        return NothingToDo(kind, "Only TRACKING_UPDATED moves something.")
    data = event.part("data")
    info = data.part("track_info")
    status = info.part("latest_status").text("status")
    detail = info.part("latest_status").any_text("sub_status")
    last = info.part("latest_event")
    return ShipmentEvent(
        kind=kind,
        carrier=data.text("carrier"),
        tracking_number=data.text("number"),
        status=_SUB_STATUSES.get(detail or "") or _STATUSES.get(status, S.UNKNOWN),
        raw_status=f"{status}/{detail}" if detail else status,
        occurred_at=last.any_moment("time_utc") or last.any_moment("time_iso") or received_at,
        expected_on=_expected(info),
        reference=data.any_text("tag"),
    )


def _expected(info: Part) -> date | None:
    """The end of the window, since a promise is kept until then."""
    window = info.part("time_metrics").part("estimated_delivery_date")
    return window.any_day("to") or window.any_day("from")
