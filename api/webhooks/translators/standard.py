"""FirstBell's own events, for sellers that write to us: `shipment.updated`, `order.promised`.

`shipment.delivered` and the like are taken too: the status may be the type's second word. A
moment needs its offset from UTC; there is nobody to guess one for.
"""

from __future__ import annotations

from datetime import date, datetime

from api.devices.rules import ShipmentStatus
from api.webhooks.events import (
    ContentLine,
    Document,
    Event,
    Kept,
    NothingToDo,
    PromisedLine,
    PromiseEvent,
    ShipmentEvent,
    Untranslatable,
)
from api.webhooks.translators.reading import LONGEST_TEXT, Part

_STATUSES = {status.value: status for status in ShipmentStatus}
_MOST_PIECES = 1_000_000
_MOST_LINES = 1_000
_LINE: Kept = {"sku": True, "quantity": True, "serial_numbers": True, "promised_on": True}
KEPT: Kept = {
    "type": True,
    "timestamp": True,
    "data": {
        **dict.fromkeys(("order_number", "carrier", "tracking_number", "status"), True),
        **dict.fromkeys(("occurred_at", "expected_on", "school"), True),
        "lines": _LINE,
    },
}


def translate(document: Document, _received_at: datetime) -> Event:
    """Raises: Untranslatable naming the field that is missing or wrong."""
    event = Part(document)
    kind = event.text("type")
    if kind == "order.promised":
        return _promise(event, kind)
    subject, _, word = kind.partition(".")
    if subject == "shipment" and (word == "updated" or word in _STATUSES):
        return _shipment(event, kind, word)
    if subject == "test":
        return NothingToDo(kind, "A test: it came through and moves nothing.")
    return NothingToDo(kind, "Only shipment.updated and order.promised move something.")


def _shipment(event: Part, kind: str, word: str) -> ShipmentEvent:
    data = event.part("data")
    said = data.any_text("status")
    raw = said or (word if word in _STATUSES else data.text("status"))
    # The event's own moment is when it was made; the body's says when it happened.
    happened = "occurred_at" in data.fields or "timestamp" not in event.fields
    return ShipmentEvent(
        kind=kind,
        carrier=data.text("carrier"),
        tracking_number=data.text("tracking_number"),
        status=_STATUSES.get(raw, ShipmentStatus.UNKNOWN),
        raw_status=raw,
        occurred_at=data.moment("occurred_at") if happened else event.moment("timestamp"),
        expected_on=_day(data, "expected_on"),
        order_number=data.any_text("order_number"),
        school=data.any_text("school"),
        lines=_content(data),
    )


def _promise(event: Part, kind: str) -> PromiseEvent:
    data = event.part("data")
    lines = [PromisedLine(line.text("sku"), _day(line, "promised_on")) for line in _lines(data)]
    if not lines:
        raise data.missing("lines", "a list of at least one line")
    if len({line.sku for line in lines}) != len(lines):
        raise Untranslatable("`data.lines` names a sku twice.")
    return PromiseEvent(kind, data.text("order_number"), event.moment("timestamp"), tuple(lines))


def _day(part: Part, name: str) -> date | None:
    if part.fields.get(name) is None:
        return None
    found = part.any_day(name)
    if found is None:
        raise part.missing(name, "a date between 2000 and 2100, such as 2027-08-13")
    return found


def _content(data: Part) -> tuple[ContentLine, ...] | None:
    if data.fields.get("lines") is None:
        return None
    lines = tuple(
        ContentLine(line.text("sku"), _quantity(line), _serials(line)) for line in _lines(data)
    )
    if len({line.sku for line in lines}) != len(lines):
        raise Untranslatable("`data.lines` names a sku twice.")
    return lines


def _lines(data: Part) -> list[Part]:
    lines, given = data.parts("lines"), data.fields.get("lines")
    if not isinstance(given, list) or len(lines) != len(given) or len(lines) > _MOST_LINES:
        raise data.missing("lines", f"a list of at most {_MOST_LINES} objects")
    return lines


def _quantity(line: Part) -> int:
    found = line.fields.get("quantity")
    if not isinstance(found, int) or isinstance(found, bool) or not 0 < found <= _MOST_PIECES:
        raise line.missing("quantity", f"a whole number from 1 to {_MOST_PIECES}")
    return found


def _serials(line: Part) -> tuple[str, ...]:
    given = line.fields.get("serial_numbers")
    if given is None:
        return ()
    if not isinstance(given, list) or not all(_is_serial(one) for one in given):
        raise line.missing(
            "serial_numbers", f"a list of texts of at most {LONGEST_TEXT} characters"
        )
    return tuple(dict.fromkeys(one.strip() for one in given))


def _is_serial(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= LONGEST_TEXT and "\x00" not in value
