"""What an import of orders would do, decided before anything is written. Pure.

A row means the line of its sku in the seller's order of its number, and what its school gets of
it. What the file does not name stays as it is. A draft follows the file; an order that is
approved only lets its allocations and promises follow, and one that has ended nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from api.devices.import_order_rows import Row
from api.devices.order_rules import AtPlace
from api.devices.rules import OrderState, number_key
from api.schools.csv_table import Issue, shown
from api.schools.rules import normal_code

# What a row says of its line, not of its school's share.
_OF_LINE = ("line_quantity", "description", "unit_price_cents", "counts_as", "promised_on")
_ENDED = (OrderState.CLOSED, OrderState.CANCELLED)


@dataclass(frozen=True, slots=True)
class KnownVendor:
    id: UUID
    slug: str
    sells: bool


@dataclass(frozen=True, slots=True)
class KnownSchool:
    id: UUID
    network_id: UUID
    code: str
    archived: bool


@dataclass(frozen=True, slots=True)
class KnownLine:
    """Named as the columns of the file; `cancelled` pieces cannot be allocated."""

    id: UUID
    line_quantity: int
    cancelled: int
    description: str | None
    unit_price_cents: int | None
    counts_as: str
    promised_on: date | None
    places: Mapping[UUID, AtPlace]

    @property
    def allocated(self) -> int:
        return sum(place.quantity for place in self.places.values())


@dataclass(frozen=True, slots=True)
class KnownOrder:
    id: UUID
    network_id: UUID
    state: OrderState
    visible: bool
    lines: Mapping[str, KnownLine]


@dataclass(frozen=True, slots=True)
class Known:
    """What there is: vendors by slug, schools by code or id in capitals, orders by seller and
    number.
    """

    vendors: Mapping[str, KnownVendor]
    schools: Mapping[str, KnownSchool]
    orders: Mapping[tuple[UUID, str], KnownOrder]


@dataclass(slots=True)
class LinePlan:
    """A line with the rows that are about it, and what they come to.

    `stated` is what rows say of the line, with the row that said it first; `shares` are new or
    changed; `quantity` is what is ordered afterwards.
    """

    known: KnownLine | None
    stated: dict[str, tuple[Any, int]] = field(default_factory=dict)
    rows: list[tuple[Row, UUID]] = field(default_factory=list)
    shares: dict[UUID, int] = field(default_factory=dict)
    quantity: int = 0

    def says(self, name: str) -> Any:
        """What the rows say in a column; None when they say nothing."""
        return self.stated[name][0] if name in self.stated else None

    @property
    def changes(self) -> dict[str, Any]:
        """Columns of the line that get another value, `promised_on` and `quantity` left out."""
        names = ("description", "unit_price_cents", "counts_as")
        return {
            name: self.says(name)
            for name in names
            if name in self.stated
            and (self.known is None or getattr(self.known, name) != self.says(name))
        }

    @property
    def promise(self) -> date | None:
        """A promise that is new."""
        day: date | None = self.says("promised_on")
        return day if self.known is None or day != self.known.promised_on else None

    @property
    def is_changed(self) -> bool:
        other = self.known is None or self.known.line_quantity != self.quantity
        return bool(other or self.changes or self.promise or self.shares)


@dataclass(slots=True)
class OrderPlan:
    known: KnownOrder | None
    vendor_id: UUID
    vendor: str
    number: str
    network_id: UUID
    lines: dict[str, LinePlan] = field(default_factory=dict)

    @property
    def is_draft(self) -> bool:
        return self.known is None or self.known.state is OrderState.DRAFT

    @property
    def changed(self) -> dict[str, LinePlan]:
        return {sku: line for sku, line in self.lines.items() if line.is_changed}

    def priced(self) -> list[tuple[str, int, int | None]]:
        """(sku, pieces, price of one) of a draft's lines as they are afterwards."""
        before = self.known.lines if self.known else {}
        lines = {sku: (sku, one.line_quantity, one.unit_price_cents) for sku, one in before.items()}
        for sku, planned in self.lines.items():
            price = before[sku].unit_price_cents if sku in before else None
            lines[sku] = (sku, planned.quantity, planned.changes.get("unit_price_cents", price))
        return list(lines.values())


@dataclass(slots=True)
class Plan:
    orders: list[OrderPlan] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0

    def refuse(self, issue: Issue) -> None:
        self.issues.append(issue)
        self.rejected += 1


class _Refused(Exception):
    def __init__(self, row: Row, column: str, code: str, expected: str) -> None:
        got = getattr(row, column)
        super().__init__(code)
        self.issue = Issue(row.row, column, code, shown("" if got is None else str(got)), expected)


def plan(rows: Iterable[Row], known: Known, *, drafts: bool = False) -> Plan:
    """Every row as a share of a line, or an issue; of rows that mean one share, the first. Its
    orders are those that change, and with `drafts` also the drafts that stay as they are.
    """
    made = Plan()
    orders: dict[tuple[UUID, str], OrderPlan] = {}
    for row in rows:
        try:
            _take(row, known, orders)
        except _Refused as refused:
            made.refuse(refused.issue)
    for order in orders.values():
        for sku in list(order.lines):
            _settle(order, order.lines[sku], made)
            if not order.lines[sku].rows:
                del order.lines[sku]
        if order.changed or (drafts and order.is_draft and order.lines):
            made.orders.append(order)
    return made


def _take(row: Row, known: Known, orders: dict[tuple[UUID, str], OrderPlan]) -> None:
    """Add the row to its order and line. Raises: _Refused."""
    vendor = known.vendors.get(row.vendor.casefold())
    if vendor is None or not vendor.sells:
        raise _Refused(row, "vendor", "vendor-unknown", "the slug of a seller")
    school = known.schools.get(normal_code(row.school))
    if school is None:
        raise _Refused(row, "school", "school-unknown", "a school that you may see")
    if school.archived:
        raise _Refused(row, "school", "school-archived", "a school not archived")
    key = (vendor.id, number_key(row.number))
    order = orders.get(key) or _order(row, vendor, school, known.orders.get(key))
    if school.network_id != order.network_id:
        expected = "a school of the order's network; an order belongs to one"
        raise _Refused(row, "school", "mixed-networks", expected)
    line = order.lines.get(row.sku) or LinePlan(_known_line(order, row.sku))
    _check(row, school, order, line)
    orders[key] = order
    order.lines[row.sku] = line
    line.rows.append((row, school.id))
    for name in _OF_LINE:
        value = getattr(row, name)
        if value is not None:
            line.stated.setdefault(name, (value, row.row))


def _known_line(order: OrderPlan, sku: str) -> KnownLine | None:
    return order.known.lines.get(sku) if order.known else None


def _order(
    row: Row, vendor: KnownVendor, school: KnownSchool, known: KnownOrder | None
) -> OrderPlan:
    if known is not None and not known.visible:
        expected = "a number that this seller's orders do not have yet"
        raise _Refused(row, "number", "number-taken", expected)
    network_id = known.network_id if known else school.network_id
    return OrderPlan(known, vendor.id, vendor.slug, row.number, network_id)


def _check(row: Row, school: KnownSchool, order: OrderPlan, line: LinePlan) -> None:
    for other, school_id in line.rows:
        if school_id == school.id:
            expected = f"one row for a line and school; line {other.row} is about them already"
            raise _Refused(row, "school", "row-twice", expected)
    for name, (value, where) in line.stated.items():
        if getattr(row, name) not in (None, value):
            raise _Refused(row, name, "line-differs", f"{value}, as line {where} says of this sku")
    if not order.is_draft:
        _check_state(row, school, order, line.known)
    place = line.known.places.get(school.id) if line.known else None
    if place is not None and row.quantity < place.least:
        expected = f"at least {place.least}, since so many are there already"
        raise _Refused(row, "quantity", "below-received", expected)


def _check_state(row: Row, school: KnownSchool, order: OrderPlan, line: KnownLine | None) -> None:
    """Past the draft, lines are fixed; past the end, all is."""
    assert order.known is not None
    state = order.known.state.value.replace("_", " ")
    if line is None:
        expected = f"a sku of this order, which is {state}; only a draft gets new lines"
        raise _Refused(row, "sku", "order-state", expected)
    fixed = _OF_LINE if order.known.state in _ENDED else _OF_LINE[:-1]
    for name in fixed:
        if getattr(row, name) not in (None, getattr(line, name)):
            expected = f"{getattr(line, name)}, since the order is {state}"
            raise _Refused(row, name, "order-state", expected)
    if order.known.state in _ENDED:
        place = line.places.get(school.id)
        before = place.quantity if place else 0
        if row.quantity != before:
            expected = f"{before}, since the order is {state}"
            raise _Refused(row, "quantity", "order-state", expected)


def _settle(order: OrderPlan, line: LinePlan, made: Plan) -> None:
    """Let the rows of a line fit into what is ordered of it, and count what becomes of them."""
    known = line.known
    before = {one: place.quantity for one, place in known.places.items()} if known else {}
    limit = _limit(order, line)
    over = -1 if limit is None else _total(line, before) - limit
    # The last ones first: of two rows that take the last piece, the first has it.
    for row, school_id in reversed(list(line.rows)):
        if over > 0 and row.quantity > before.get(school_id, 0):
            over -= row.quantity - before.get(school_id, 0)
            _drop(line, row, school_id, made, f"at most {limit} for all schools of the line")
    if over > 0 or (limit is None and not _total(line, before)):
        least = f"at most {limit} allocated" if over > 0 else "at least one piece of a line"
        for row, school_id in list(line.rows):
            _drop(line, row, school_id, made, least)
    line.quantity = _quantity(order, line, before)
    for row, school_id in line.rows:
        _count(row, school_id, line, before, made)


def _limit(order: OrderPlan, line: LinePlan) -> int | None:
    """How many pieces there are to allocate; None where the line follows its schools."""
    stated: int | None = line.says("line_quantity")
    if line.known is None:
        return stated
    if not order.is_draft:
        return line.known.line_quantity - line.known.cancelled
    if stated is None and line.known.allocated < line.known.line_quantity:
        return line.known.line_quantity
    return stated


def _total(line: LinePlan, before: Mapping[UUID, int]) -> int:
    return sum((dict(before) | {one: row.quantity for row, one in line.rows}).values())


def _drop(line: LinePlan, row: Row, school_id: UUID, made: Plan, expected: str) -> None:
    line.rows.remove((row, school_id))
    issue = Issue(row.row, "quantity", "over-allocated", str(row.quantity), expected)
    made.refuse(issue)


def _quantity(order: OrderPlan, line: LinePlan, before: Mapping[UUID, int]) -> int:
    known = line.known
    stated: int | None = line.says("line_quantity")
    if known is not None and (not order.is_draft or not line.rows):
        return known.line_quantity
    if stated is not None:
        return stated
    if known is not None and known.allocated < known.line_quantity:
        return known.line_quantity
    return _total(line, before)


def _count(
    row: Row, school_id: UUID, line: LinePlan, before: Mapping[UUID, int], made: Plan
) -> None:
    if row.quantity != before.get(school_id, 0):
        line.shares[school_id] = row.quantity
    of_line = any(
        getattr(row, name) not in (None, getattr(line.known, name, None)) for name in _OF_LINE
    )
    if line.known is None or (school_id not in before and row.quantity):
        made.created += 1
    elif of_line or school_id in line.shares:
        made.updated += 1
    else:
        made.unchanged += 1
