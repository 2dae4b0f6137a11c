"""Which school gets how many pieces of a line."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from api.auth.caller import Caller
from api.db.columns import new_id
from api.db.uow import ReadSession, WriteSession
from api.devices.errors import BelowReceived, LineNotFound, OverAllocated, invalid, mixed_networks
from api.devices.holding import HeldOrder
from api.devices.models import Allocation, Order, OrderLine
from api.devices.order_rules import AtPlace
from api.devices.schemas import AllocationIn
from api.facts import OrderChanged
from api.schools.models import School
from api.schools.queries import find_schools
from api.schools.rules import as_id, normal_code
from api.schools.service import require_open, write_changes

# One statement, so that what one school loses and another gains is never too much in between:
# the sums are taken of the updated rows first, then of the new ones.
_WRITE = text(
    "INSERT INTO allocations (id, order_id, line_id, network_id, school_id, quantity, accepted,"
    " rejected, returned, moved_in, moved_out, over)"
    " SELECT g.id, :order_id, g.line_id, :network_id, g.school_id, g.quantity, 0, 0, 0, 0, 0, 0"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:lines AS uuid[]), CAST(:schools AS uuid[]),"
    " CAST(:quantities AS int[])) g(id, line_id, school_id, quantity)"
    " ON CONFLICT (line_id, school_id, site_id) DO UPDATE SET quantity = excluded.quantity"
    " WHERE allocations.quantity <> excluded.quantity"
)


@dataclass(frozen=True, slots=True)
class Share:
    """What a school is planned to get of a line."""

    line_id: UUID
    school_id: UUID
    quantity: int


async def write_allocations(session: WriteSession, order: Order, shares: Sequence[Share]) -> None:
    """Write shares, new or changed; lines are to be read anew after it, for their sums."""
    if not shares:
        return
    values = {
        "order_id": order.id,
        "network_id": order.network_id,
        "ids": [new_id() for _ in shares],
        "lines": [share.line_id for share in shares],
        "schools": [share.school_id for share in shares],
        "quantities": [share.quantity for share in shares],
    }
    await session.execute(_WRITE, values)


async def tell_changed(
    session: WriteSession, order: Order, changes: Mapping[str, Any] | None = None
) -> None:
    """Count a version of an order whose lines or allocations are others now, and say so: what was
    told of the order may have waited for that.
    """
    write_changes(order, changes or {})
    await session.flush()
    await session.publish(OrderChanged(order.id))


class Schools:
    """Schools as a request names them, by id or code."""

    def __init__(self, found: Iterable[School]) -> None:
        self._by_key: dict[UUID | str, School] = {}
        for school in found:
            self._by_key[school.id] = self._by_key[school.code] = school

    def __getitem__(self, named: str) -> School:
        return self._by_key[as_id(named.strip()) or normal_code(named)]

    def all(self) -> list[School]:
        return list({school.id: school for school in self._by_key.values()}.values())

    def ids(self) -> set[UUID]:
        return {school.id for school in self._by_key.values()}


async def schools_named(
    session: ReadSession, caller: Caller, named: Iterable[tuple[str, str]]
) -> Schools:
    """Schools by (pointer, name). Raises: SchoolsUnknown (422), each at its own pointer."""
    where: dict[str, str] = {}
    for pointer, name in named:
        where.setdefault(name, pointer)
    return Schools(await find_schools(session, caller, list(where), where) if where else ())


def require_all_open(schools: Schools, ids: Container[UUID]) -> None:
    """Those that are to get more. Raises: SchoolArchived."""
    for school in schools.all():
        if school.id in ids:
            require_open(school)


def require_of_network(schools: Schools, network_id: UUID) -> None:
    """Raises: MixedNetworks naming a school of each network."""
    if any(school.network_id != network_id for school in schools.all()):
        one_of_each = {school.network_id: school.code for school in schools.all()}
        raise mixed_networks(sorted(one_of_each.values()))


def plan_of(given: Sequence[AllocationIn], schools: Schools, pointer: str) -> dict[UUID, int]:
    """Pieces by school. Raises: Invalid when a school is named twice."""
    plan: dict[UUID, int] = {}
    for index, one in enumerate(given):
        school = schools[one.school]
        if school.id in plan:
            detail = f"{school.code} is named twice; give each school its pieces once."
            raise invalid(f"{pointer}/{index}/school", "school-twice", detail)
        plan[school.id] = one.quantity
    return plan


def require_enough(sku: str, ordered: int, allocated: int) -> None:
    """Raises: OverAllocated."""
    if allocated > ordered:
        raise OverAllocated(
            f"{allocated} of {sku} would be allocated, and {ordered} are ordered: lower some, or"
            " order more.",
            sku=sku,
            ordered=ordered,
            allocated=allocated,
        )


def there(row: Allocation) -> int:
    """The pieces at the place now."""
    return row.accepted + row.moved_in - row.moved_out - row.returned


def at_place(row: Allocation) -> AtPlace:
    return AtPlace(row.quantity, there(row), row.over)


def line_of(held: HeldOrder, sku: str) -> OrderLine:
    """Raises: LineNotFound."""
    for line in held.lines:
        if line.sku == sku:
            return line
    raise LineNotFound(f"{held.order.number} has no line {sku[:40]!r}.")


def require_received_fits(
    line: OrderLine,
    rows: Mapping[UUID, Allocation],
    shares: Iterable[Share],
    codes: Mapping[UUID, str],
) -> None:
    """No school is planned fewer than it has; `rows` are the line's by school.

    Raises: BelowReceived.
    """
    for share in shares:
        row = rows.get(share.school_id)
        if row is None or share.quantity >= at_place(row).least:
            continue
        code = codes.get(share.school_id, str(share.school_id))
        raise BelowReceived(
            f"{there(row)} of {line.sku} are at {code} already, so it cannot be planned"
            f" {share.quantity}: return or transfer them first.",
            sku=line.sku,
            school=code,
            received=there(row),
        )


def rows_of_line(held: HeldOrder, line: OrderLine) -> dict[UUID, Allocation]:
    """The line's allocations by school; those at sites are left out."""
    return {
        row.school_id: row
        for row in held.allocations
        if row.line_id == line.id and row.school_id is not None
    }
