"""What an import of orders would do, decided without a database."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.db.columns import new_id
from api.devices.import_order_plan import (
    Known,
    KnownLine,
    KnownOrder,
    KnownSchool,
    KnownVendor,
    Plan,
    plan,
)
from api.devices.import_order_rows import Row, parse
from api.devices.order_rules import AtPlace
from api.devices.rules import OrderState
from api.schools.errors import FileUnreadable

ACME, NETWORK, ORDER = new_id(), new_id(), new_id()
SCHOOLS = {code: KnownSchool(new_id(), NETWORK, code, archived=False) for code in "ABCD"}


def known(
    state: OrderState = OrderState.DRAFT,
    quantity: int = 100,
    places: dict[str, AtPlace] | None = None,
    *,
    visible: bool = True,
) -> Known:
    """Order PO-1 of acme with the line CB, shared as `places` say."""
    shared = {SCHOOLS[code].id: place for code, place in (places or {}).items()}
    line = KnownLine(new_id(), quantity, 0, "A computer", 29_900, "student_device", None, shared)
    order = KnownOrder(ORDER, NETWORK, state, visible, {"CB": line})
    return Known({"acme": KnownVendor(ACME, "acme", sells=True)}, SCHOOLS, {(ACME, "po-1"): order})


NOTHING = Known({"acme": KnownVendor(ACME, "acme", sells=True)}, SCHOOLS, {})


def row(number: int, school: str, quantity: int, **more: Any) -> Row:
    given = {"vendor": "acme", "number": "PO-1", "sku": "CB"} | more
    return Row(row=number, school=school, quantity=quantity, **given)


def counts(made: Plan) -> tuple[int, int, int, int]:
    return made.created, made.updated, made.unchanged, made.rejected


def codes(made: Plan) -> list[tuple[int, str | None, str]]:
    return [(issue.row, issue.column, issue.code) for issue in made.issues]


def test_a_new_line_is_ordered_as_often_as_its_schools_get_it() -> None:
    made = plan([row(2, "A", 60), row(3, "b", 40)], NOTHING)
    (order,) = made.orders
    assert (order.network_id, order.lines["CB"].quantity) == (NETWORK, 100)
    assert counts(made) == (2, 0, 0, 0)
    spare = plan([row(2, "A", 60, line_quantity=80), row(3, "B", 10)], NOTHING)
    assert spare.orders[0].lines["CB"].quantity == 80


def test_the_same_file_again_plans_nothing() -> None:
    there = known(places={"A": AtPlace(60, 0, 0), "B": AtPlace(40, 0, 0)})
    made = plan([row(2, "A", 60, unit_price_cents=29_900), row(3, "B", 40)], there)
    assert made.orders == []
    assert counts(made) == (0, 0, 2, 0)


@pytest.mark.parametrize(("quantity", "after"), [(60, 90), (80, 80)])
def test_a_drafts_line_follows_its_schools_unless_more_was_ordered(
    quantity: int, after: int
) -> None:
    there = known(quantity=quantity, places={"A": AtPlace(60, 0, 0)})
    made = plan([row(2, "A", 60), row(3, "B", 30 if quantity == 60 else 20)], there)
    assert made.orders[0].lines["CB"].quantity == after


def test_of_two_rows_that_take_the_last_pieces_the_first_has_them() -> None:
    there = known(OrderState.PLACED, 100, {"A": AtPlace(60, 0, 0)})
    made = plan([row(2, "B", 40), row(3, "C", 40), row(4, "A", 60)], there)
    assert codes(made) == [(3, "quantity", "over-allocated")]
    assert counts(made) == (1, 0, 1, 1)
    room = plan([row(2, "B", 40), row(3, "C", 40), row(4, "A", 20)], there)
    assert counts(room) == (2, 1, 0, 0), "what A loses others gain, in whichever order"


@pytest.mark.parametrize(
    ("state", "more", "code"),
    [
        (OrderState.PLACED, {"unit_price_cents": 1}, "order-state"),
        (OrderState.PLACED, {"line_quantity": 99}, "order-state"),
        (OrderState.PLACED, {"sku": "NEW"}, "order-state"),
        (OrderState.CLOSED, {"promised_on": date(2027, 8, 13)}, "order-state"),
        (OrderState.CANCELLED, {"quantity": 9}, "order-state"),
        (OrderState.DRAFT, {"quantity": 4}, "below-received"),
        (OrderState.DRAFT, {"vendor": "nobody"}, "vendor-unknown"),
        (OrderState.DRAFT, {"school": "NOWHERE"}, "school-unknown"),
    ],
)
def test_a_row_that_cannot_be_is_refused_with_its_reason(
    state: OrderState, more: dict[str, Any], code: str
) -> None:
    there = known(state, 100, {"A": AtPlace(60, 5, 0)})
    given: dict[str, Any] = {"school": "A", "quantity": 60} | more
    made = plan([row(2, **given)], there)
    assert [issue.code for issue in made.issues] == [code]
    assert made.orders == []


def test_a_promise_follows_the_file_while_the_order_stands() -> None:
    there = known(OrderState.PLACED, 100, {"A": AtPlace(60, 0, 0)})
    made = plan([row(2, "A", 60, promised_on=date(2027, 8, 13))], there)
    assert made.orders[0].lines["CB"].promise == date(2027, 8, 13)
    assert counts(made) == (0, 1, 0, 0)


def test_rows_of_one_line_agree_and_name_a_school_once() -> None:
    made = plan(
        [
            row(2, "A", 1, unit_price_cents=5),
            row(3, "B", 1, unit_price_cents=6),
            row(4, "A", 2),
            row(5, "C", 1),
        ],
        NOTHING,
    )
    assert codes(made) == [(3, "unit_price_cents", "line-differs"), (4, "school", "row-twice")]
    assert made.orders[0].lines["CB"].quantity == 2


def test_schools_of_another_network_and_numbers_of_others_are_refused() -> None:
    elsewhere = KnownSchool(new_id(), new_id(), "X", archived=False)
    schools = SCHOOLS | {"X": elsewhere, "OLD": KnownSchool(new_id(), NETWORK, "OLD", True)}
    made = plan(
        [row(2, "A", 1), row(3, "X", 1), row(4, "OLD", 1)], Known(NOTHING.vendors, schools, {})
    )
    assert codes(made) == [(3, "school", "mixed-networks"), (4, "school", "school-archived")]
    assert codes(plan([row(2, "A", 1)], known(visible=False))) == [(2, "number", "number-taken")]


def test_nothing_at_all_is_no_line() -> None:
    made = plan([row(2, "A", 0)], NOTHING)
    assert made.orders == []
    assert counts(made) == (0, 0, 0, 1)


SHARES = st.dictionaries(st.sampled_from("ABCD"), st.integers(0, 100))


@given(
    before=SHARES,
    spare=st.integers(0, 50),
    rows=st.lists(st.tuples(st.sampled_from("ABCD"), st.integers(0, 120)), max_size=8),
    state=st.sampled_from(OrderState),
    ordered=st.none() | st.integers(1, 400),
)
def test_whatever_is_planned_can_be_written(
    before: dict[str, int],
    spare: int,
    rows: list[tuple[str, int]],
    state: OrderState,
    ordered: int | None,
) -> None:
    """The database's own checks hold after it, and doing it a second time plans nothing."""
    quantity = sum(before.values()) + spare or 1
    there = known(state, quantity, {code: AtPlace(n, 0, 0) for code, n in before.items()})
    given = [row(at, code, n, line_quantity=ordered) for at, (code, n) in enumerate(rows, 2)]
    made = plan(given, there)
    assert sum(counts(made)) == len(rows)
    shared: dict[UUID, int] = {SCHOOLS[code].id: n for code, n in before.items()}
    for order in made.orders:
        line = order.lines["CB"]
        shared |= line.shares
        quantity = line.quantity
    assert sum(shared.values()) <= quantity
    assert quantity > 0
    places = {code: AtPlace(shared.get(SCHOOLS[code].id, 0), 0, 0) for code in SCHOOLS}
    accepted = [one for one in given if one.row not in {issue.row for issue in made.issues}]
    again = plan(accepted, known(state, quantity, places))
    assert again.orders == []
    assert again.rejected == 0


def test_a_file_is_read_cell_by_cell() -> None:
    file = parse(
        b"sku;vendor;number;school;quantity;counts_as;promised_on\n"
        b"CB;acme;PO-1;A;10.0;Student Device;2027-08-13\n"
        b"CB;acme;PO-1;B;-1;robot;1927-08-13\n"
    )
    (good,) = file.rows
    assert (good.quantity, good.counts_as) == (10, "student_device")
    assert [(issue.column, issue.code) for issue in file.issues] == [
        ("quantity", "number-invalid"),
        ("counts_as", "counts-as-unknown"),
        ("promised_on", "date-invalid"),
    ]
    assert file.rejected == 1
    with pytest.raises(FileUnreadable):
        parse(b"vendor,number,sku,school\nacme,1,CB,A\n")
