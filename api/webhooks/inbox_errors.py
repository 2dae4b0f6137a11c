"""What the inbox refuses, as sentences."""

from __future__ import annotations

from typing import ClassVar

from api.errors import Conflict, NotFound


class EventNotFound(NotFound):
    code: ClassVar[str] = "webhook-event-not-found"
    title: ClassVar[str] = "There is no such event, or you may not see it"


class ShipmentUnknown(NotFound):
    code: ClassVar[str] = "shipment-not-found"
    title: ClassVar[str] = "There is no such shipment, or you may not see it"


class EventSettled(Conflict):
    """Only what is unmatched or has failed can be matched by hand; `outcome` is the present one."""

    code: ClassVar[str] = "event-settled"
    title: ClassVar[str] = "The event needs no match"


class BodyForgotten(Conflict):
    """Raw bodies are kept for a while only, and without one there is nothing to apply."""

    code: ClassVar[str] = "body-forgotten"
    title: ClassVar[str] = "The event's body is no longer kept"


class NotItsOrder(Conflict):
    """A vendor's event can only touch its own orders, or those of sellers it tracks."""

    code: ClassVar[str] = "not-its-order"
    title: ClassVar[str] = "The order is another seller's"
