"""The words of the devices room: what an order, a line, a shipment and a vendor can be. Pure."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache


class VendorKind(StrEnum):
    """A seller has orders of its own; a tracker reports on the shipments of sellers it tracks."""

    SELLER = "seller"
    TRACKER = "tracker"


class Scheme(StrEnum):
    """How a vendor signs its webhooks."""

    STANDARD = "standard"
    EASYPOST = "easypost"
    SHIPPO = "shippo"
    AFTERSHIP = "aftership"
    SEVENTEEN_TRACK = "17track"
    SHIPENGINE = "shipengine"


class OrderState(StrEnum):
    DRAFT = "draft"
    APPROVED = "approved"
    PLACED = "placed"
    ON_HOLD = "on_hold"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class CountsAs(StrEnum):
    """What a line's pieces are for the need of a school."""

    STUDENT_DEVICE = "student_device"
    TEACHER_DEVICE = "teacher_device"
    ACCESSORY = "accessory"


class PromiseSource(StrEnum):
    """Who said so: somebody through the API, the vendor's event, or our own estimate."""

    CALL = "call"
    EVENT = "event"
    ESTIMATE = "estimate"


class ShipmentStatus(StrEnum):
    """The one vocabulary every carrier's words are translated to."""

    UNKNOWN = "unknown"
    PRE_TRANSIT = "pre_transit"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    DELIVERY_ATTEMPTED = "delivery_attempted"
    AVAILABLE_FOR_PICKUP = "available_for_pickup"
    DELIVERED = "delivered"
    EXCEPTION = "exception"
    LOST = "lost"
    RETURNING = "returning"
    RETURNED = "returned"
    CANCELLED = "cancelled"


# A batch of events asks for the same ones several times each.
_remembered = lru_cache(maxsize=30_000)


@_remembered
def number_key(number: str) -> str:
    """An order's number as it is compared: without case, and without space around it."""
    return number.strip().casefold()


@_remembered
def carrier_key(carrier: str) -> str:
    return carrier.strip().casefold()


@_remembered
def tracking_key(tracking_number: str) -> str:
    """A tracking number as it is compared: without case or spaces."""
    return "".join(tracking_number.split()).casefold()
