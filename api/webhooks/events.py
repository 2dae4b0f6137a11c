"""What a vendor's event says, in our words: translators make these, `apply` acts on them. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, NamedTuple

import orjson

from api.devices.rules import ShipmentStatus


class Untranslatable(Exception):
    """An event that cannot be understood. Its text is a sentence that holds none of its values."""


class ContentLine(NamedTuple):
    """Pieces of one sku in a shipment."""

    sku: str
    quantity: int
    serial_numbers: tuple[str, ...] = ()


class ShipmentEvent(NamedTuple):
    """The state of one shipment at `occurred_at`.

    `order_number` is the seller's word; `reference` is free text that may be an order's number.
    `lines` null: nothing is said of what is in it.
    """

    kind: str
    carrier: str
    tracking_number: str
    status: ShipmentStatus
    raw_status: str | None
    occurred_at: datetime
    expected_on: date | None = None
    order_number: str | None = None
    reference: str | None = None
    school: str | None = None
    lines: tuple[ContentLine, ...] | None = None


class PromisedLine(NamedTuple):
    """A line's new date; none withdraws the promise."""

    sku: str
    promised_on: date | None


class PromiseEvent(NamedTuple):
    """New dates for lines of an order, as they were stated at `occurred_at`."""

    kind: str
    order_number: str
    occurred_at: datetime
    lines: tuple[PromisedLine, ...]


class NothingToDo(NamedTuple):
    """An event that moves nothing, and the sentence that says why."""

    kind: str
    why: str


Event = ShipmentEvent | PromiseEvent | NothingToDo
Document = dict[str, Any]
# From the body's JSON object and the moment it came, which stands in where it names no moment.
Translator = Callable[[Document, datetime], Event]
# Which fields of a body may be kept in sight: name -> True, or the fields of what is inside.
# Everything else is left out, since carriers send recipients' names and addresses.
Kept = dict[str, "bool | Kept"]


def statement_key(event: ShipmentEvent) -> str:
    """A digest of what is said of the shipment, equal for two events that say the same.

    Vendors send one state twice under two ids; it then counts once.
    """
    lines = event.lines and sorted(
        [line.sku, line.quantity, sorted(line.serial_numbers)] for line in event.lines
    )
    said = [event.occurred_at, event.status, event.raw_status, event.expected_on, lines]
    return hashlib.sha256(orjson.dumps(said)).hexdigest()
