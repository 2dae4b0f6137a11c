"""The fold of a shipment's scans: the order in which they are heard plays no part."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.devices.fold import Folded, ScanFacts, fold
from api.devices.receipt_rules import (
    LineTotal,
    PlaceTotal,
    excess,
    is_tolerated,
    normal_serial,
)
from api.devices.rules import ShipmentStatus as S

START = datetime(2027, 7, 1, 8, tzinfo=UTC)


def at(hours: int) -> datetime:
    return START + timedelta(hours=hours)


def scan(hours: int, status: S | None = None, key: str = "", **more: object) -> ScanFacts:
    name = key or f"{hours}:{status}"
    return ScanFacts(uuid4(), name, at(hours), status, **more)  # type: ignore[arg-type]  # as told


@st.composite
def scans(draw: st.DrawFn) -> list[ScanFacts]:
    """A shipment's scans; few hours, so that two often happen at one moment."""
    told = draw(
        st.lists(
            st.tuples(
                st.integers(0, 6),
                st.none() | st.sampled_from(S),
                st.none() | st.dates(date(2027, 7, 1), date(2027, 7, 9)),
                st.booleans(),
            ),
            max_size=10,
        )
    )
    return [
        ScanFacts(UUID(int=n), f"key-{n}", at(hours), status, str(status), expected_on, has_lines)
        for n, (hours, status, expected_on, has_lines) in enumerate(told)
    ]


@given(scans(), st.data())
def test_any_order_and_any_duplicates_give_the_state_of_the_ordered_stream(
    told: list[ScanFacts], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(told), max_size=5)) if told else []
    shuffled = data.draw(st.permutations([*told, *again]))
    assert fold(shuffled) == fold(told)


@given(scans())
def test_delivered_is_never_left_by_an_older_scan(older: list[ScanFacts]) -> None:
    state = fold([scan(7, S.DELIVERED), *older])
    assert state.status is S.DELIVERED
    assert state.delivered_at is not None
    # An older scan may tell that it was delivered earlier.
    assert state.delivered_at <= at(7)


@given(scans(), st.integers(8, 9), st.sampled_from(S))
def test_delivered_is_left_by_a_later_return_and_by_nothing_else(
    older: list[ScanFacts], hours: int, status: S
) -> None:
    state = fold([*older, scan(7, S.DELIVERED), scan(hours, status)])
    goes_back = status in (S.RETURNING, S.RETURNED)
    assert state.status is (status if goes_back else S.DELIVERED)
    if not goes_back and status not in (S.DELIVERED, S.UNKNOWN):
        assert state.review is not None


def test_scans_that_come_late_do_not_undo_the_delivery() -> None:
    state = fold([scan(5, S.DELIVERED), scan(1, S.PRE_TRANSIT), scan(3, S.OUT_FOR_DELIVERY)])
    assert (state.status, state.delivered_at, state.review) == (S.DELIVERED, at(5), None)


def test_a_second_scan_of_the_delivery_moves_nothing() -> None:
    state = fold([scan(5, S.DELIVERED), scan(6, S.DELIVERED)])
    assert (state.delivered_at, state.status_at, state.review) == (at(5), at(5), None)


@pytest.mark.parametrize("status", [S.IN_TRANSIT, S.EXCEPTION, S.LOST, S.CANCELLED])
def test_a_later_contradiction_keeps_delivered_and_opens_a_review(status: S) -> None:
    state = fold([scan(5, S.DELIVERED), scan(30, status)])
    assert (state.status, state.delivered_at) == (S.DELIVERED, at(5))
    assert state.review is not None
    assert "2027-07-02" in state.review
    assert status.value.replace("_", " ") in state.review


def test_a_later_delivery_closes_the_review_and_is_the_one_that_counts() -> None:
    told = [scan(5, S.DELIVERED), scan(6, S.IN_TRANSIT), scan(9, S.DELIVERED)]
    state = fold(told)
    assert (state.status, state.delivered_at, state.review) == (S.DELIVERED, at(9), None)


def test_a_lost_shipment_that_turns_up_moves_on_and_is_looked_at() -> None:
    state = fold([scan(1, S.IN_TRANSIT), scan(2, S.LOST), scan(3, S.IN_TRANSIT)])
    assert state.status is S.IN_TRANSIT
    assert state.review is not None
    assert fold([scan(1, S.IN_TRANSIT), scan(2, S.LOST), scan(1, S.EXCEPTION)]).status is S.LOST


def test_what_went_back_and_is_delivered_is_looked_at() -> None:
    """It may have been delivered to its sender."""
    state = fold([scan(1, S.RETURNING), scan(2, S.DELIVERED)])
    assert (state.status, state.delivered_at) == (S.DELIVERED, at(2))
    assert state.review is not None


def test_a_delivery_that_goes_back_needs_no_review() -> None:
    state = fold([scan(1, S.DELIVERED), scan(2, S.RETURNING), scan(3, S.RETURNED)])
    assert (state.status, state.review) == (S.RETURNED, None)


def test_a_word_we_do_not_know_keeps_what_is_known() -> None:
    known = scan(1, S.IN_TRANSIT, raw_status="moving")
    state = fold([known, scan(2, S.UNKNOWN, raw_status="gone fishing")])
    assert (state.status, state.raw_status, state.status_at) == (S.IN_TRANSIT, "moving", at(1))
    assert fold([scan(2, S.UNKNOWN, raw_status="gone fishing")]).raw_status == "gone fishing"


def test_dates_and_content_are_the_latest_stated_by_occurrence() -> None:
    first = scan(1, expected_on=date(2027, 7, 5), has_lines=True)
    second = scan(2, S.IN_TRANSIT, expected_on=date(2027, 7, 8))
    state = fold([second, first])
    assert (state.expected_on, state.lines_from) == (date(2027, 7, 8), first.id)


@pytest.mark.parametrize("keys", [("a", "b"), ("b", "a")])
def test_of_two_days_said_of_one_scan_the_later_one_holds(keys: tuple[str, str]) -> None:
    first, revised = keys
    state = fold(
        [
            scan(1, S.IN_TRANSIT, revised, expected_on=date(2027, 7, 8)),
            scan(1, S.IN_TRANSIT, first, expected_on=date(2027, 7, 5)),
            scan(1, S.IN_TRANSIT, "c"),
        ]
    )
    assert state.expected_on == date(2027, 7, 8)


def test_of_nothing_nothing_is_known() -> None:
    assert fold([]) == Folded()


pieces = st.integers(0, 50)


@given(pieces, pieces, pieces, pieces, st.none() | pieces, st.integers(1, 50))
def test_what_is_let_in_beyond_is_exactly_what_the_guards_ask_for(
    expected: int, present: int, at_hand: int, over: int, planned: int | None, accepted: int
) -> None:
    """The database refuses one piece more without its `over`, and none that it covers."""
    line = LineTotal(expected=expected, present=present, over=over, allocated=0)
    place = PlaceTotal(planned=planned, at_hand=at_hand, over=over)

    def holds(more: int) -> bool:
        fits_line = present + accepted <= expected + over + more
        return fits_line and (planned is None or at_hand + accepted <= planned + over + more)

    more = excess(place, line, accepted)
    assert holds(more)
    assert more == 0 or not holds(more - 1)


@pytest.mark.parametrize(
    ("planned", "over", "more", "tolerated"),
    [
        (100, 0, 5, True),
        (100, 0, 6, False),
        (100, 3, 2, True),
        (100, 3, 3, False),
        (19, 0, 1, False),
    ],
)
def test_the_tolerance_is_of_what_is_planned_and_is_used_up(
    planned: int, over: int, more: int, tolerated: bool
) -> None:
    line = LineTotal(expected=1000, present=0, over=0, allocated=0)
    assert is_tolerated(PlaceTotal(planned, planned, over), line, more, 5) is tolerated


def test_serial_numbers_compare_without_case_and_spaces() -> None:
    assert normal_serial(" 5cd 1234 abc ") == "5CD1234ABC"
