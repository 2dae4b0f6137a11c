"""What counts say of an order, a gate and what is missing: examples, then properties."""

from __future__ import annotations

from datetime import date
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from api.devices.progress_rules import (
    Evidence,
    Line,
    Parcel,
    Supply,
    counted,
    gap_evidence,
    gate_evidence,
    order_evidence,
    outstanding,
)
from api.devices.rules import CountsAs

STUDENT, TEACHER = CountsAs.STUDENT_DEVICE, CountsAs.TEACHER_DEVICE
ACCESSORY = CountsAs.ACCESSORY
LAPTOP, TABLET, CASE = uuid4(), uuid4(), uuid4()
MAY, JUNE, JULY = date(2027, 5, 3), date(2027, 6, 3), date(2027, 7, 3)


def laptops(allocated: int = 100, at_hand: int = 0, promised: date | None = None) -> Line:
    return Line(LAPTOP, STUDENT, allocated, at_hand, promised)


def supply(*lines: Line, on_delivery: bool = True, parcels: tuple[Parcel, ...] = ()) -> Supply:
    return Supply("PO-1", lines, parcels, on_delivery)


def delivered(pieces: int, line: UUID = LAPTOP, day: date = MAY) -> Parcel:
    return Parcel({line: pieces}, delivered_on=day)


def coming(pieces: int, expected: date | None, line: UUID = LAPTOP) -> Parcel:
    return Parcel({line: pieces}, expected)


def evidence(order: Supply) -> Evidence:
    return order_evidence(order, usual_lead=30)


def test_a_delivery_counts_until_somebody_counts_where_that_is_enough() -> None:
    order = supply(laptops(at_hand=40), parcels=(delivered(60),))
    assert evidence(order)[:3] == (100, 100, "devices")
    assert evidence(order._replace(on_delivery=False)).done == 40


def test_a_carrier_is_not_believed_more_than_was_allocated() -> None:
    order = supply(laptops(at_hand=40), parcels=(delivered(60), delivered(60)))
    assert counted(order, order.lines[0]) == 100


def test_what_is_delivered_and_not_counted_expects_nothing_and_says_so() -> None:
    line = laptops(promised=JUNE)
    order = supply(line, on_delivery=False, parcels=(delivered(100),))
    expected = Evidence(0, 100, "devices", cause="100 delivered on 3 May, not counted")
    assert evidence(order) == expected


def test_the_rest_of_a_delivery_is_still_promised() -> None:
    line = laptops(promised=JUNE)
    order = supply(line, on_delivery=False, parcels=(delivered(60),))
    assert evidence(order).expected_on == JUNE


def test_a_delivery_of_unknown_content_moves_no_count() -> None:
    order = supply(laptops(promised=JUNE), parcels=(Parcel({}, delivered_on=MAY),))
    assert evidence(order).done == 0
    assert evidence(order).cause == "a delivery of 3 May is not counted"


def test_what_is_on_its_way_knows_better_than_the_promise_when_it_holds_all() -> None:
    line = laptops(at_hand=20, promised=MAY)
    for parcels, day in (
        ((coming(80, JUNE),), JUNE),
        ((coming(40, JUNE), coming(40, JULY)), JULY),
        ((coming(79, JUNE),), MAY),
        ((coming(40, JUNE), coming(40, None)), MAY),
        ((coming(80, JUNE, TABLET),), MAY),
        ((Parcel({}, JULY),), JULY),
        ((Parcel({}, None),), MAY),
        ((coming(80, JUNE), Parcel({}, JULY)), JUNE),
    ):
        assert evidence(supply(line, parcels=parcels)).expected_on == day


def test_the_last_line_decides_when_an_order_is_here() -> None:
    lines = (laptops(promised=JUNE), Line(CASE, ACCESSORY, 10, 0, JULY))
    assert evidence(supply(*lines)).expected_on == JULY
    complete = (lines[0], lines[1]._replace(at_hand=10))
    assert evidence(supply(*complete)).expected_on == JUNE


def test_without_a_promise_the_lead_time_holds_the_learned_one_first() -> None:
    assert evidence(supply(laptops())).lead_days == 30
    learned = laptops()._replace(lead_days=12, spread_days=4)
    assert evidence(supply(learned))[3:6] == (None, 12, 4)
    complete = learned._replace(at_hand=100)
    assert evidence(supply(complete))[3:] == (None, None, None, None)


def test_an_order_with_accessories_counts_items() -> None:
    order = supply(laptops(at_hand=100), Line(CASE, ACCESSORY, 10, 5))
    assert evidence(order)[:3] == (105, 110, "items")


def test_a_hold_says_why() -> None:
    held = supply(laptops())._replace(on_hold=True)
    assert evidence(held).cause == "PO-1 is on hold"
    assert evidence(held._replace(reason="price")).cause == "PO-1 is on hold: price"


def test_the_gate_counts_each_class_up_to_its_need() -> None:
    need = {STUDENT: 100, TEACHER: 10}
    order = supply(laptops(at_hand=120), Line(TABLET, TEACHER, 10, 4), Line(CASE, ACCESSORY, 9, 9))
    assert gate_evidence(need, [order])[:2] == (104, 110)
    assert gate_evidence(None, [order])[:2] == (124, None)


def test_what_is_on_no_order_is_missing_and_what_is_on_one_is_not() -> None:
    need = {STUDENT: 100, TEACHER: 10}
    open_order = supply(laptops(allocated=70, at_hand=20))
    gap = gap_evidence(need, [open_order], 30)
    assert gap == Evidence(70, 110, "devices", None, 30, None, "40 devices on no order")
    closed = open_order._replace(closed=True)
    assert gap_evidence(need, [closed], 30).cause == "90 devices on no order"
    assert gap_evidence({STUDENT: 71}, [open_order], 30).cause == "1 device on no order"
    covered = gap_evidence({STUDENT: 70}, [open_order], 30)
    assert covered == Evidence(70, 70, "devices")


pieces = st.integers(0, 500)
lines_of = st.lists(
    st.builds(Line, st.uuids(), st.sampled_from(CountsAs), pieces, pieces, st.none()),
    min_size=1,
    max_size=4,
)


@st.composite
def supplies(draw: st.DrawFn) -> Supply:
    lines = draw(lines_of)
    ids = [line.id for line in lines]
    content = st.dictionaries(st.sampled_from(ids), st.integers(1, 500))
    days = st.none() | st.dates(date(2027, 1, 1), date(2027, 12, 31))
    parcels = draw(st.lists(st.builds(Parcel, content, days, days), max_size=4))
    on_delivery, closed = draw(st.booleans()), draw(st.booleans())
    return Supply("PO-1", lines, parcels, on_delivery, closed=closed)


@given(supplies())
def test_done_is_never_more_than_the_total(order: Supply) -> None:
    found = evidence(order)
    assert found.total is not None
    assert 0 <= found.done <= found.total


@given(supplies())
def test_an_order_is_complete_only_when_each_of_its_lines_is(order: Supply) -> None:
    found = evidence(order)
    assert (found.done == found.total) == all(outstanding(order, one) == 0 for one in order.lines)


@given(supplies(), st.integers(1, 1_000))
def test_a_surplus_on_one_line_closes_no_other(order: Supply, more: int) -> None:
    first, *rest = order.lines
    full = first._replace(at_hand=max(first.at_hand, first.allocated))
    before = order._replace(lines=[full, *rest])
    after = order._replace(lines=[full._replace(at_hand=full.at_hand + more), *rest])
    assert evidence(after)[:3] == evidence(before)[:3]


@given(supplies(), st.data())
def test_a_count_replaces_the_carriers_figure_also_downward(
    order: Supply, data: st.DataObject
) -> None:
    """The counted delivery is left out of the parcels: only what was accepted is left."""
    line = order.lines[0]
    said = data.draw(st.integers(1, 500))
    accepted = data.draw(st.integers(0, said))
    bare = order._replace(parcels=(), lines=[line._replace(at_hand=0)], on_delivery=True)
    announced = bare._replace(parcels=[delivered(said, line.id)])
    received = bare._replace(lines=[line._replace(at_hand=accepted)])
    assert counted(announced, announced.lines[0]) == min(said, line.allocated)
    assert counted(received, received.lines[0]) == accepted


@given(supplies())
def test_nothing_is_expected_of_what_is_complete(order: Supply) -> None:
    full = order._replace(lines=[one._replace(at_hand=one.allocated) for one in order.lines])
    assert evidence(full)[3:6] == (None, None, None)


@given(st.lists(supplies(), max_size=3), pieces, pieces)
def test_the_gate_and_the_gap_stay_within_the_need(
    orders: list[Supply], students: int, teachers: int
) -> None:
    need = {STUDENT: students, TEACHER: teachers}
    gate, gap = gate_evidence(need, orders), gap_evidence(need, orders, 30)
    assert gate.total == gap.total == students + teachers
    assert 0 <= gate.done <= gap.done <= gap.total
    assert (gap.cause is None) == (gap.done == gap.total)
