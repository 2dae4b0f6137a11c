"""The rules of orders, without a database."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.devices.order_rules import (
    FROM,
    AtPlace,
    Cost,
    LineCounts,
    Move,
    approval_need,
    closing,
    cost_of,
    derive,
    dollars,
    refusal,
)
from api.devices.rules import OrderState

TODAY = date(2027, 7, 1)
PIECES = st.integers(0, 500)


def counts(**given: int | date | None) -> LineCounts:
    known = {
        "quantity": 100,
        "cancelled": 0,
        "accepted": 0,
        "returned": 0,
        "under_way": 0,
        "delivered": 0,
        "promised_on": None,
    }
    return LineCounts(**{**known, **given})  # type: ignore[arg-type]  # each named as its field


@pytest.mark.parametrize("move", Move)
@pytest.mark.parametrize("state", OrderState)
def test_a_refusal_says_in_which_states_it_would_do(move: Move, state: OrderState) -> None:
    why = refusal("PO-1", state, move)
    assert (why is None) == (state in FROM[move])
    if why is not None:
        assert why.startswith(f"PO-1 is {state.value.replace('_', ' ')}; ")
        assert all(one.value.replace("_", " ") in why for one in FROM[move])


def test_what_has_ended_stays_ended() -> None:
    ended = {OrderState.CLOSED, OrderState.CANCELLED}
    assert not any(ended & FROM[move] for move in Move)


@pytest.mark.parametrize(
    ("total", "unpriced", "threshold", "needs"),
    [
        (100, (), None, False),
        (99, (), 100, False),
        (100, (), 100, True),
        (0, (), 0, True),
        (0, ("CB",), None, False),
        (0, ("CB",), 100, True),
    ],
)
def test_another_person_is_needed_from_the_threshold_on(
    total: int, unpriced: tuple[str, ...], threshold: int | None, needs: bool
) -> None:
    assert (approval_need(Cost(total, unpriced), threshold) is not None) == needs


def test_money_is_counted_in_whole_cents() -> None:
    assert cost_of([("A", 3, 33), ("B", 2, None)]) == Cost(99, ("B",))
    assert dollars(123_456_789) == "1,234,567.89"


def test_pieces_in_no_shipment_are_backordered_and_late_ones_overdue() -> None:
    late = TODAY - timedelta(days=1)
    line = counts(accepted=30, returned=5, under_way=20, delivered=10, promised_on=late)
    told = derive(line, OrderState.PLACED, TODAY)
    assert (told.outstanding, told.backordered, told.overdue) == (75, 45, 65)
    assert derive(line, OrderState.DRAFT, TODAY).overdue == 0
    on_the_day = counts(promised_on=TODAY)
    assert derive(on_the_day, OrderState.PLACED, TODAY).overdue == 0


@given(PIECES, PIECES, PIECES, PIECES, PIECES, st.sampled_from(OrderState), st.booleans())
def test_what_a_line_tells_never_contradicts_itself(
    accepted: int, returned: int, cancelled: int, under_way: int, delivered: int,
    state: OrderState, late: bool,
) -> None:  # fmt: skip
    line = counts(
        quantity=500,
        cancelled=cancelled,
        accepted=accepted,
        returned=min(returned, accepted),
        under_way=under_way,
        delivered=delivered,
        promised_on=TODAY - timedelta(days=1) if late else None,
    )
    told = derive(line, state, TODAY)
    assert 0 <= told.backordered <= told.outstanding <= 500 - cancelled
    assert 0 <= told.overdue <= told.outstanding
    assert not (told.over and told.outstanding), "a line is short or over, never both"
    there = line.accepted - line.returned
    if state not in (OrderState.CLOSED, OrderState.CANCELLED):
        assert there + told.outstanding - told.over == 500 - cancelled


@given(st.lists(st.tuples(PIECES, PIECES), max_size=5), PIECES, PIECES)
def test_closing_gives_up_what_is_owed_and_what_schools_lack(
    places: list[tuple[int, int]], spare: int, at_sites: int
) -> None:
    schools = [AtPlace(planned, there, max(there - planned, 0)) for planned, there in places]
    wanted = sum(place.quantity for place in schools) + spare
    there = sum(place.there for place in schools) + at_sites
    left = closing(wanted, there, schools, at_sites)
    assert left.missing >= left.waiting == sum(place.outstanding for place in schools)
    assert (left.stuck > 0) == (at_sites > 0 and left.waiting > 0)
    assert left.missing or all(place.there >= place.quantity for place in schools)


def test_a_plan_goes_down_to_what_is_there_less_what_was_let_in() -> None:
    assert AtPlace(quantity=100, there=110, over=10).least == 100
    assert AtPlace(quantity=100, there=40, over=0).least == 40
    assert AtPlace(quantity=100, there=110, over=10).outstanding == 0
