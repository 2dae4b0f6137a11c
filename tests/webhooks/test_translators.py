"""Each vendor's words become ours; what is no event of ours says so in a sentence."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from api.devices.rules import Scheme
from api.devices.rules import ShipmentStatus as S
from api.webhooks.events import (
    ContentLine,
    Event,
    NothingToDo,
    PromisedLine,
    PromiseEvent,
    ShipmentEvent,
    Untranslatable,
    statement_key,
)
from api.webhooks.redact import redact
from api.webhooks.translators import TRANSLATORS
from api.webhooks.translators.reading import parse
from tests.webhooks.bodies import NUMBER, aftership, easypost, seventeen, shipengine, standard
from tests.webhooks.vectors import BY_NAME

RECEIVED = datetime(2026, 8, 3, 20, 0, tzinfo=UTC)
SCANNED = datetime(2026, 8, 3, 14, 5, tzinfo=UTC)


def translate(scheme: Scheme, document: Any) -> Event:
    translator, _ = TRANSLATORS[scheme]
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return translator(parse(body), RECEIVED)


def shipment(scheme: Scheme, document: Any) -> ShipmentEvent:
    event = translate(scheme, document)
    assert isinstance(event, ShipmentEvent)
    return event


@pytest.mark.parametrize(
    "name", ["standard key a", "easypost", "shippo", "aftership", "17track", "shipengine"]
)
def test_every_vendors_vector_tells_of_the_same_delivery(name: str) -> None:
    vector = BY_NAME[name]
    event = shipment(vector.scheme, vector.body)
    assert event.status is S.DELIVERED
    assert event.tracking_number == NUMBER
    assert event.carrier.lower() == ("100002" if name == "17track" else "ups")
    # AfterShip's checkpoint is local, so the moment of its event stands in, two seconds later.
    assert (event.occurred_at - SCANNED).total_seconds() == (2 if name == "aftership" else 0)
    said = event.order_number or event.reference
    assert said == (None if name in ("easypost", "shipengine") else "PO-1001")


def test_our_own_event_says_everything_there_is_to_say() -> None:
    lines = [{"sku": "CB-1", "quantity": 2, "serial_numbers": ["A1", "A2"]}]
    event = shipment(
        Scheme.STANDARD, standard(expected_on="2026-08-05", school="KIPP-ASCEND", lines=lines)
    )
    assert event == ShipmentEvent(
        kind="shipment.updated",
        carrier="UPS",
        tracking_number=NUMBER,
        status=S.IN_TRANSIT,
        raw_status="in_transit",
        occurred_at=SCANNED,
        expected_on=date(2026, 8, 5),
        order_number="PO-7",
        school="KIPP-ASCEND",
        lines=(ContentLine("CB-1", 2, ("A1", "A2")),),
    )


@pytest.mark.parametrize("status", list(S))
def test_our_own_statuses_are_the_twelve(status: S) -> None:
    assert shipment(Scheme.STANDARD, standard(status=status.value)).status is status


def test_a_promise_names_lines_and_dates() -> None:
    lines = [{"sku": "CB-1", "promised_on": "2026-08-13"}, {"sku": "CB-2", "promised_on": None}]
    event = translate(
        Scheme.STANDARD,
        {
            "type": "order.promised",
            "timestamp": "2026-08-03T14:05:00Z",
            "data": {"order_number": "PO-7", "lines": lines},
        },
    )
    promised = (PromisedLine("CB-1", date(2026, 8, 13)), PromisedLine("CB-2", None))
    assert event == PromiseEvent("order.promised", "PO-7", SCANNED, promised)


WRONG: list[tuple[str, Any]] = [
    ("data.carrier", standard(carrier=None)),
    ("data.tracking_number", standard(tracking_number="x" * 201)),
    ("data.tracking_number", standard(tracking_number="a\0b")),
    ("data.status", standard(status=None)),
    ("data.occurred_at", standard(occurred_at="2026-08-03T14:05:00")),
    ("data.occurred_at", standard(occurred_at="soon")),
    ("data.occurred_at", standard(occurred_at="0001-01-01T00:00:00+14:00")),
    ("data.expected_on", standard(expected_on="3019-01-01")),
    ("data.expected_on", standard(expected_on="13.08.2026")),
    ("data.lines", standard(lines="CB-1")),
    ("data.lines", standard(lines=[1])),
    ("data.lines[0].sku", standard(lines=[{"quantity": 1}])),
    ("data.lines[0].quantity", standard(lines=[{"sku": "A", "quantity": 0}])),
    ("data.lines[0].quantity", standard(lines=[{"sku": "A", "quantity": True}])),
    ("data.lines[0].quantity", standard(lines=[{"sku": "A", "quantity": 2**31}])),
    (
        "data.lines[0].serial_numbers",
        standard(lines=[{"sku": "A", "quantity": 1, "serial_numbers": [7]}]),
    ),
    ("data.lines", standard(lines=[{"sku": "A", "quantity": 1}] * 2)),
    ("data.lines", {"type": "order.promised", "timestamp": "2026-08-03T14:05:00Z", "data": {}}),
    ("type", {"data": {}}),
]


@pytest.mark.parametrize(("field", "document"), WRONG)
def test_a_field_that_is_wrong_is_named(field: str, document: Any) -> None:
    with pytest.raises(Untranslatable, match=r".*[.]$") as caught:
        translate(Scheme.STANDARD, document)
    assert f"`{field}`" in str(caught.value)


@pytest.mark.parametrize(
    ("scheme", "document"),
    [
        (Scheme.STANDARD, {"type": "test.event", "timestamp": "2026-08-03T14:05:00Z"}),
        (Scheme.STANDARD, {"type": "invoice.paid"}),
        (Scheme.EASYPOST, {"description": "batch.created", "result": {}}),
        (Scheme.SHIPPO, {"event": "track_updated", "test": True, "data": {}}),
        (Scheme.SHIPPO, {"event": "transaction_created", "data": {}}),
        (Scheme.AFTERSHIP, {"event": "tracking_pending_time", "msg": {}}),
        (Scheme.SEVENTEEN_TRACK, {"event": "TRACKING_STOPPED", "data": {}}),
        (Scheme.SHIPENGINE, {"resource_type": "API_BATCH", "data": {}}),
    ],
)
def test_what_moves_nothing_says_why(scheme: Scheme, document: Any) -> None:
    event = translate(scheme, document)
    assert isinstance(event, NothingToDo)
    assert event.why.endswith(".")


LAST_SCAN = {"datetime": "2026-08-03T14:05:00Z", "status": "in_transit"}


@pytest.mark.parametrize(
    ("scheme", "document", "moment"),
    [
        # The carrier's scan, not when EasyPost heard of it; details come in any order.
        (
            Scheme.EASYPOST,
            easypost(
                "in_transit",
                updated_at="2026-08-03T16:00:00Z",
                tracking_details=[LAST_SCAN, {"datetime": "2026-08-01T00:00:00Z"}],
            ),
            SCANNED,
        ),
        # A detail in a local time without its offset is no moment.
        (
            Scheme.EASYPOST,
            easypost(
                "in_transit",
                updated_at="2026-08-03T14:05:00Z",
                tracking_details=[{"datetime": "2026-08-03T23:59:00"}],
            ),
            SCANNED,
        ),
        (Scheme.EASYPOST, easypost("in_transit"), RECEIVED),
        (
            Scheme.AFTERSHIP,
            aftership("InTransit", checkpoints=[{"checkpoint_time": "2026-08-03T09:00:00"}]),
            SCANNED,
        ),
        (
            Scheme.AFTERSHIP,
            aftership("InTransit", checkpoints=[{"checkpoint_time": "2026-08-03T08:00:00-05:00"}]),
            datetime(2026, 8, 3, 13, 0, tzinfo=UTC),
        ),
        (Scheme.SEVENTEEN_TRACK, seventeen("InTransit"), SCANNED),
        (
            Scheme.SHIPENGINE,
            shipengine(
                "IT",
                events=[
                    {"occurred_at": "2026-08-03T14:05:00Z"},
                    {"occurred_at": "2026-08-02T14:05:00Z"},
                ],
            ),
            SCANNED,
        ),
        (
            Scheme.SHIPENGINE,
            shipengine("DE", events=[], actual_delivery_date="2026-08-03T14:05:00Z"),
            SCANNED,
        ),
        (Scheme.SHIPENGINE, shipengine("IT", events="none"), RECEIVED),
    ],
)
def test_the_moment_is_the_carriers_where_it_can_be_told(
    scheme: Scheme, document: dict[str, Any], moment: datetime
) -> None:
    assert shipment(scheme, document).occurred_at == moment


@pytest.mark.parametrize(
    ("scheme", "document"),
    [
        (Scheme.EASYPOST, easypost("in_transit", est_delivery_date="2026-08-05T23:30:00Z")),
        (
            Scheme.AFTERSHIP,
            aftership("InTransit", latest_estimated_delivery={"datetime": "2026-08-05T20:00:00"}),
        ),
        (
            Scheme.SEVENTEEN_TRACK,
            seventeen(
                "InTransit",
                time_metrics={
                    "estimated_delivery_date": {"from": "2026-08-04", "to": "2026-08-05"}
                },
            ),
        ),
        (Scheme.SHIPENGINE, shipengine("IT", estimated_delivery_date="2026-08-05T00:00:00Z")),
    ],
)
def test_an_expected_day_is_the_day_as_it_is_written(
    scheme: Scheme, document: dict[str, Any]
) -> None:
    assert shipment(scheme, document).expected_on == date(2026, 8, 5)


BODIES = [
    pytest.param(b"", id="empty"),
    pytest.param(b"[]", id="list"),
    pytest.param(b"null", id="null"),
    pytest.param(b'{"a": NaN}', id="NaN"),
    pytest.param(b'{"a": -Infinity}', id="infinity"),
    pytest.param(b'{"a": 1, "a": 2}', id="key twice"),
    pytest.param(b'{"a": {"b": 1, "b": 1}}', id="key twice below"),
    pytest.param(b'{"a": "\xff"}', id="not UTF-8"),
    pytest.param(b'{"a": "\\ud800"}', id="half a character"),
    pytest.param(b'{"a": 1} {}', id="two documents"),
    pytest.param(b'{"a":' * 10_000 + b"1" + b"}" * 10_000, id="10,000 levels"),
    pytest.param(b'{"a": ' + b"9" * 5_000 + b"}", id="a number of 5,000 digits"),
    pytest.param('{"a": 1}'.encode("utf-16"), id="UTF-16"),
]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("scheme", list(Scheme))
def test_a_body_that_two_readers_could_read_differently_is_refused(
    scheme: Scheme, body: bytes
) -> None:
    with pytest.raises(Untranslatable, match=r"^(The body|`).*[.]$"):
        translate(scheme, body)


def test_only_known_fields_of_a_body_are_kept_in_sight() -> None:
    _, kept = TRANSLATORS[Scheme.EASYPOST]
    document = easypost(
        "delivered",
        signed_by="Ada Lovelace",
        tracking_details=[
            {"status": "delivered", "message": "Left with Ada", "tracking_location": {"zip": "1"}},
            "a text",
            ["a list"],
        ],
        status_detail="x" * 500,
    )
    seen = redact(document, kept)
    assert "Ada" not in json.dumps(seen)
    assert seen["result"]["tracking_details"][0] == {"status": "delivered"}
    assert len(seen["result"]["status_detail"]) == 200
    assert seen["result"]["carrier"] == "UPS"


def test_equal_statements_have_one_key_whoever_makes_them() -> None:
    lines = [
        {"sku": "A", "quantity": 2, "serial_numbers": ["1", "2"]},
        {"sku": "B", "quantity": 1},
    ]
    turned = [
        {"sku": "B", "quantity": 1},
        {"sku": "A", "quantity": 2, "serial_numbers": ["2", "1"]},
    ]
    one = statement_key(shipment(Scheme.STANDARD, standard(lines=lines)))
    assert one == statement_key(shipment(Scheme.STANDARD, standard(lines=turned)))
    others = [
        standard(lines=[]),
        standard(),
        standard(lines=lines, status="delivered"),
        standard(lines=lines, expected_on="2026-08-06"),
        standard(lines=lines, occurred_at="2026-08-03T14:05:01Z"),
    ]
    keys = {statement_key(shipment(Scheme.STANDARD, other)) for other in others}
    assert len(keys | {one}) == len(others) + 1
