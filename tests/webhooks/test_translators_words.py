"""Status for status what the vendors' pages say, in the vocabulary of the twelve."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from api.devices.rules import Scheme
from api.devices.rules import ShipmentStatus as S
from api.webhooks.events import ShipmentEvent
from api.webhooks.translators import TRANSLATORS
from tests.webhooks.bodies import aftership, easypost, seventeen, shipengine, shippo

WORDS: list[tuple[Scheme, dict[str, Any], S]] = [
    (Scheme.EASYPOST, easypost("unknown"), S.UNKNOWN),
    (Scheme.EASYPOST, easypost("error"), S.UNKNOWN),
    (Scheme.EASYPOST, easypost("pre_transit"), S.PRE_TRANSIT),
    (Scheme.EASYPOST, easypost("in_transit"), S.IN_TRANSIT),
    (Scheme.EASYPOST, easypost("out_for_delivery"), S.OUT_FOR_DELIVERY),
    (Scheme.EASYPOST, easypost("available_for_pickup"), S.AVAILABLE_FOR_PICKUP),
    (Scheme.EASYPOST, easypost("delivered"), S.DELIVERED),
    (Scheme.EASYPOST, easypost("failure"), S.EXCEPTION),
    (Scheme.EASYPOST, easypost("return_to_sender"), S.RETURNING),
    (Scheme.EASYPOST, easypost("cancelled"), S.CANCELLED),
    (Scheme.EASYPOST, easypost("teleported"), S.UNKNOWN),
    (Scheme.SHIPPO, shippo("UNKNOWN"), S.UNKNOWN),
    (Scheme.SHIPPO, shippo("PRE_TRANSIT", "information_received"), S.PRE_TRANSIT),
    (Scheme.SHIPPO, shippo("TRANSIT"), S.IN_TRANSIT),
    (Scheme.SHIPPO, shippo("TRANSIT", "package_departed"), S.IN_TRANSIT),
    (Scheme.SHIPPO, shippo("TRANSIT", "out_for_delivery"), S.OUT_FOR_DELIVERY),
    (Scheme.SHIPPO, shippo("TRANSIT", "notice_left", action=True), S.DELIVERY_ATTEMPTED),
    (Scheme.SHIPPO, shippo("TRANSIT", "pickup_available", action=True), S.AVAILABLE_FOR_PICKUP),
    (Scheme.SHIPPO, shippo("TRANSIT", "package_held"), S.EXCEPTION),
    (Scheme.SHIPPO, shippo("TRANSIT", "something_new", action=True), S.EXCEPTION),
    (Scheme.SHIPPO, shippo("RETURNED", "return_to_sender"), S.RETURNING),
    (Scheme.SHIPPO, shippo("FAILURE", "package_undeliverable"), S.EXCEPTION),
    (Scheme.SHIPPO, shippo("FAILURE", "package_lost"), S.LOST),
    (Scheme.SHIPPO, shippo("TELEPORTED"), S.UNKNOWN),
    (Scheme.AFTERSHIP, aftership("Pending", "Pending_001"), S.UNKNOWN),
    (Scheme.AFTERSHIP, aftership("InfoReceived", "InfoReceived_001"), S.PRE_TRANSIT),
    (Scheme.AFTERSHIP, aftership("InTransit", "InTransit_007"), S.IN_TRANSIT),
    (Scheme.AFTERSHIP, aftership("OutForDelivery"), S.OUT_FOR_DELIVERY),
    (Scheme.AFTERSHIP, aftership("AttemptFail", "AttemptFail_001"), S.DELIVERY_ATTEMPTED),
    (Scheme.AFTERSHIP, aftership("AvailableForPickup"), S.AVAILABLE_FOR_PICKUP),
    (Scheme.AFTERSHIP, aftership("Exception", "Exception_004"), S.EXCEPTION),
    (Scheme.AFTERSHIP, aftership("Exception", "Exception_010"), S.RETURNING),
    (Scheme.AFTERSHIP, aftership("Exception", "Exception_011"), S.RETURNED),
    (Scheme.AFTERSHIP, aftership("Exception", "Exception_013"), S.LOST),
    (Scheme.AFTERSHIP, aftership("Expired", "Expired_001"), S.EXCEPTION),
    (Scheme.AFTERSHIP, aftership("Teleported"), S.UNKNOWN),
    (Scheme.SEVENTEEN_TRACK, seventeen("NotFound"), S.UNKNOWN),
    (Scheme.SEVENTEEN_TRACK, seventeen("InTransit", "InTransit_PickedUp"), S.IN_TRANSIT),
    (Scheme.SEVENTEEN_TRACK, seventeen("DeliveryFailure"), S.DELIVERY_ATTEMPTED),
    (Scheme.SEVENTEEN_TRACK, seventeen("Exception", "Exception_Returned"), S.RETURNED),
    (Scheme.SEVENTEEN_TRACK, seventeen("Exception", "Exception_Lost"), S.LOST),
    (Scheme.SEVENTEEN_TRACK, seventeen("Exception", "Exception_Cancel"), S.CANCELLED),
    (Scheme.SEVENTEEN_TRACK, seventeen("Exception", "Exception_Delayed"), S.EXCEPTION),
    (Scheme.SEVENTEEN_TRACK, seventeen("Teleported"), S.UNKNOWN),
    (Scheme.SHIPENGINE, shipengine("UN"), S.UNKNOWN),
    (Scheme.SHIPENGINE, shipengine("NY"), S.PRE_TRANSIT),
    (Scheme.SHIPENGINE, shipengine("AC"), S.PRE_TRANSIT),
    (Scheme.SHIPENGINE, shipengine("AC", "PICKED_UP"), S.IN_TRANSIT),
    (Scheme.SHIPENGINE, shipengine("IT", "OUT_FOR_DELIVERY"), S.OUT_FOR_DELIVERY),
    (Scheme.SHIPENGINE, shipengine("AT"), S.DELIVERY_ATTEMPTED),
    (Scheme.SHIPENGINE, shipengine("SP"), S.AVAILABLE_FOR_PICKUP),
    (Scheme.SHIPENGINE, shipengine("EX"), S.EXCEPTION),
    (Scheme.SHIPENGINE, shipengine("DE", "DELIVERED"), S.DELIVERED),
    (Scheme.SHIPENGINE, shipengine("ZZ"), S.UNKNOWN),
]


@pytest.mark.parametrize(("scheme", "document", "status"), WORDS)
def test_a_vendors_word_is_one_of_the_twelve_and_is_kept_as_it_was(
    scheme: Scheme, document: dict[str, Any], status: S
) -> None:
    translator, _ = TRANSLATORS[scheme]
    event = translator(document, datetime(2026, 8, 3, tzinfo=UTC))
    assert isinstance(event, ShipmentEvent)
    assert event.status is status
    assert event.raw_status is not None
    assert event.raw_status.partition("/")[0] in json.dumps(document)
