"""Which shipment a tracker means: by number and carrier, at that time, and of its sellers only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.devices.rules import OrderState, Scheme, ShipmentStatus, VendorKind
from api.webhooks.events import PromisedLine, PromiseEvent, ShipmentEvent
from api.webhooks.match_rules import (
    Ground,
    KnownOrder,
    KnownShipment,
    Parcel,
    Sought,
    Speaker,
    Unmatched,
    choose,
    find_all,
)

NOW = datetime(2027, 6, 1, tzinfo=UTC)
NETWORK, SCHOOL, OTHER = uuid4(), uuid4(), uuid4()


def shipment(
    created_days_ago: float = 1,
    final_days_ago: float | None = None,
    carrier: str = "ups",
    order: UUID | None = None,
) -> KnownShipment:
    final = None if final_days_ago is None else NOW - timedelta(days=final_days_ago)
    return KnownShipment(
        id=uuid4(),
        order_id=order or uuid4(),
        network_id=NETWORK,
        school_id=SCHOOL,
        carrier_key=carrier,
        tracking_key="1z",
        status=ShipmentStatus.DELIVERED if final else ShipmentStatus.IN_TRANSIT,
        status_at=final,
        created_at=NOW - timedelta(days=created_days_ago),
    )


@pytest.mark.parametrize(
    ("shipments", "meant"),
    [
        ([], None),
        ([shipment(5)], 0),
        ([shipment(5), shipment(2)], 1),
        # Given out again: delivered long ago is not meant, delivered lately is.
        ([shipment(300, 200)], None),
        ([shipment(300, 200), shipment(1)], 1),
        ([shipment(100, 90)], 0),
        # Typed in after the carrier's first scan; not the one of next term.
        ([shipment(-3)], 0),
        ([shipment(-3), shipment(2)], 1),
        ([shipment(-20), shipment(-3)], 1),
        ([shipment(-40)], None),
    ],
)
def test_the_shipment_meant_is_that_of_the_time(
    shipments: list[KnownShipment], meant: int | None
) -> None:
    chosen = choose(shipments, NOW)
    assert chosen == (None if meant is None else shipments[meant])


@given(
    st.lists(
        st.builds(
            shipment,
            st.floats(-60, 400),
            st.none() | st.floats(0, 400),
        ),
        max_size=6,
    ),
    st.randoms(use_true_random=False),
)
def test_the_choice_does_not_depend_on_their_order(
    shipments: list[KnownShipment], chance: object
) -> None:
    chosen = choose(shipments, NOW)
    turned = list(shipments)
    chance.shuffle(turned)  # type: ignore[attr-defined]  # a random.Random, which mypy is not told
    assert choose(turned, NOW) == chosen


def event(**more: object) -> ShipmentEvent:
    values: dict[str, object] = {
        "kind": "k",
        "carrier": "UPS",
        "tracking_number": "1 z",
        "status": ShipmentStatus.IN_TRANSIT,
        "raw_status": "it",
        "occurred_at": NOW,
    }
    return ShipmentEvent(**{**values, **more})  # type: ignore[arg-type]  # a test's short hand


def order(
    number: str = "po-1", state: OrderState = OrderState.PLACED, schools: int = 1
) -> KnownOrder:
    some = (SCHOOL, OTHER)[:schools]
    return KnownOrder(uuid4(), NETWORK, number.upper(), number, state, some, schools)


SELLER = Speaker(uuid4(), "acme", Scheme.STANDARD, VendorKind.SELLER, frozenset())
TRACKER = Speaker(uuid4(), "eye", Scheme.EASYPOST, VendorKind.TRACKER, frozenset())


def find(
    speaker: Speaker, said: ShipmentEvent | PromiseEvent, *known: KnownOrder | KnownShipment
) -> object:
    ground = Ground(
        {one.id: one for one in known if isinstance(one, KnownOrder)},
        {one.id: one for one in known if isinstance(one, KnownShipment)},
        {(NETWORK, "B"): OTHER},
    )
    return find_all(speaker, ground, [Sought(said)])[0]


def test_a_tracker_finds_by_number_and_carrier_where_that_is_a_word() -> None:
    ups, fedex = shipment(), shipment(carrier="fedex")
    assert find(TRACKER, event(), ups, fedex) == ups
    assert find(TRACKER, event(carrier="FEDEX"), ups, fedex) == fedex
    assert isinstance(find(TRACKER, event(carrier="usps"), ups, fedex), Unmatched)
    # A number of 17TRACK's own says nothing of the carrier.
    assert find(TRACKER, event(carrier="100002"), ups) == ups


def test_a_trackers_reference_opens_nothing_and_a_sellers_does() -> None:
    placed = order()
    assert isinstance(find(TRACKER, event(reference="PO-1"), placed), Unmatched)
    opened = find(SELLER, event(reference="PO-1"), placed)
    assert isinstance(opened, Parcel)
    assert (opened.school_id, opened.carrier) == (SCHOOL, "UPS")
    # Free text that is no order's number leaves the tracking number to go by.
    known = shipment()
    assert find(SELLER, event(reference="thanks"), known) == known


def test_a_sellers_number_means_its_order_and_no_other_shipment() -> None:
    placed, elsewhere = order(), shipment()
    assert isinstance(find(SELLER, event(order_number="PO-1"), placed, elsewhere), Parcel)
    assert isinstance(find(SELLER, event(order_number="PO-2"), placed, elsewhere), Unmatched)
    known = shipment(order=placed.id)
    assert find(SELLER, event(order_number="PO-1"), placed, known) == known


@pytest.mark.parametrize("state", list(OrderState))
def test_only_what_is_ordered_ships(state: OrderState) -> None:
    found = find(SELLER, event(order_number="PO-1"), order(state=state))
    ships = state not in (OrderState.DRAFT, OrderState.CANCELLED)
    assert isinstance(found, Parcel if ships else Unmatched)


def test_the_school_is_the_named_one_or_the_only_one() -> None:
    named = find(SELLER, event(order_number="PO-1", school="B"), order(schools=2))
    assert isinstance(named, Parcel)
    assert named.school_id == OTHER
    for schools, words in ((2, "goes to 2 schools"), (0, "allocates to no school")):
        found = find(SELLER, event(order_number="PO-1"), order(schools=schools))
        assert isinstance(found, Unmatched)
        assert words in found.reason
        assert found.network_id == NETWORK


def test_an_order_number_of_two_tracked_sellers_is_nobodys() -> None:
    promise = PromiseEvent("order.promised", "PO-1", NOW, (PromisedLine("CB", None),))
    one = order()
    assert find(TRACKER, promise, one) == one
    found = find(TRACKER, promise, one, order())
    assert isinstance(found, Unmatched)
    assert "Several" in found.reason
