"""Orders: drawn up, changed, approved, placed, held, cancelled and closed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from api import clock
from api.auth.caller import Caller
from api.auth.queries import same_person
from api.db.uow import ReadSession, WriteSession
from api.devices.allocations import (
    Schools,
    Share,
    at_place,
    require_all_open,
    require_of_network,
    rows_of_line,
    schools_named,
    there,
    write_allocations,
)
from api.devices.errors import (
    AlreadyReceived,
    ApprovalRequired,
    NumberTaken,
    OrderRefused,
    PiecesAtSite,
    PiecesOutstanding,
    invalid,
)
from api.devices.holding import HeldOrder, hold_order, reload
from api.devices.models import Order, OrderLine
from api.devices.order_lines import check_lines, write_lines
from api.devices.order_rules import (
    Closing,
    Cost,
    Move,
    approval_need,
    closing,
    cost_of,
    refusal,
)
from api.devices.progress import project
from api.devices.promises import Stated, record_promises
from api.devices.queries import find_order, find_order_by_number, find_vendor
from api.devices.rules import OrderState, PromiseSource, VendorKind, number_key
from api.devices.schemas import HoldIn, LineIn, OrderIn, OrderPatchIn, PromisesIn
from api.facts import OrderPlaced
from api.schools.models import Network
from api.schools.queries import find_network
from api.schools.service import changed_fields, flush, write_changes

__all__ = ["find_order", "find_order_by_number"]

_ENDED = (OrderState.CLOSED, OrderState.CANCELLED)


async def create_order(session: WriteSession, caller: Caller, given: OrderIn) -> Order:
    """A draft: it moves no task until it is approved.

    Raises: VendorNotFound; SchoolsUnknown, MixedNetworks or Invalid for its input; SchoolArchived;
    OverAllocated; NumberTaken; Forbidden for a caller limited to schools.
    """
    caller.require_whole_networks()
    vendor = await find_vendor(session, given.vendor)
    if vendor.kind != VendorKind.SELLER:
        detail = f"{vendor.slug} tracks shipments and sells nothing; name who sells."
        raise invalid("/vendor", "vendor-not-seller", detail)
    check_lines(given.lines)
    schools = await schools_of_lines(session, caller, given.lines)
    network = await _network_of(session, caller, given.network, schools)
    order = new_draft(session, network.id, vendor.id, given.number)
    order.receiving = given.receiving
    order.over_tolerance_percent = given.over_tolerance_percent
    await flush(session, _number_taken(vendor.slug, given.number))
    await write_lines(session, order, given.lines, schools)
    return order


def new_draft(session: WriteSession, network_id: UUID, vendor_id: UUID, number: str) -> Order:
    """A draft without lines, drawn up by who acts; the caller flushes."""
    now = clock.now()
    order = Order(
        network_id=network_id,
        vendor_id=vendor_id,
        number=number,
        number_key=number_key(number),
        requested_by=session.actor,
        created_at=now,
        updated_at=now,
    )
    session.add(order)
    return order


def _number_taken(slug: str, number: str) -> dict[str, NumberTaken]:
    detail = f"{slug} has an order {number} already; change that one, or give this another number."
    return {"uq_orders_vendor_id_number_key": NumberTaken(detail)}


async def schools_of_lines(
    session: ReadSession, caller: Caller, lines: Iterable[LineIn]
) -> Schools:
    """The schools that get pieces of these lines. Raises: SchoolsUnknown (422); SchoolArchived."""
    named = (
        (f"/lines/{at}/allocations/{index}/school", one.school)
        for at, line in enumerate(lines)
        for index, one in enumerate(line.allocations)
    )
    schools = await schools_named(session, caller, named)
    require_all_open(schools, schools.ids())
    return schools


async def _network_of(
    session: ReadSession, caller: Caller, named: str | None, schools: Schools
) -> Network:
    """Whose the order is: as named, else its schools', else the caller's only one.

    Raises: NetworkNotFound; MixedNetworks; Invalid when nothing says whose it is.
    """
    first = next(iter(schools.all()), None)
    if named is None:
        network_id = first.network_id if first else caller.network_id
        if network_id is None:
            detail = "No school says whose order this is; name its network."
            raise invalid("/network", "network-required", detail)
        named = str(network_id)
    network = await find_network(session, caller, named)
    require_of_network(schools, network.id)
    return network


async def hold_to_change(
    session: WriteSession, caller: Caller, order_id: UUID, *, also: Iterable[UUID] = ()
) -> HeldOrder:
    """An order that the caller may change, held.

    Raises: Forbidden for a caller limited to schools, since an order is its network's;
    OrderNotFound.
    """
    caller.require_whole_networks()
    await find_order(session, caller, order_id)
    return await hold_order(session, order_id, also=also)


async def change_order(
    session: WriteSession, caller: Caller, held: HeldOrder, patch: OrderPatchIn
) -> None:
    """Raises: OrderRefused; what `create_order` raises."""
    order, given = held.order, patch.changes()
    if order.state in _ENDED:
        raise OrderRefused(f"{order.number} is {order.state} and kept so.", state=order.state)
    of_draft = given.keys() & {"number", "lines"}
    if of_draft and order.state != OrderState.DRAFT:
        raise OrderRefused(
            f"{order.number} is {order.state.replace('_', ' ')}: only a draft changes its"
            f" {' and '.join(sorted(of_draft))}. Allocations and promises have calls of their own.",
            state=order.state,
        )
    lines: list[LineIn] | None = given.pop("lines", None)
    if lines is not None and await _replace_lines(session, caller, held, lines):
        # Whoever approves has to be somebody else than who last said what is ordered.
        given["requested_by"] = session.actor
        write_changes(order, {})
    if "number" in given:
        given["number_key"] = number_key(given["number"])
    changes = changed_fields(order, given)
    if changes:
        write_changes(order, changes)
    await flush(session, _number_taken(held.vendor.slug, order.number))
    if changes and order.state != OrderState.DRAFT:
        await project(session, held.school_ids)


async def _replace_lines(
    session: WriteSession, caller: Caller, held: HeldOrder, lines: list[LineIn]
) -> bool:
    check_lines(lines)
    schools = await schools_of_lines(session, caller, lines)
    require_of_network(schools, held.network.id)
    return await write_lines(session, held.order, lines, schools, held.lines, held.allocations)


def require_move(order: Order, move: Move) -> None:
    """Raises: OrderRefused."""
    problem = refusal(order.number, order.state, move)
    if problem is not None:
        raise OrderRefused(problem, state=order.state)


def cost(lines: Iterable[OrderLine]) -> Cost:
    """What the order costs; what another line stands in for is not paid."""
    return cost_of(
        (line.sku, line.quantity - line.substituted, line.unit_price_cents) for line in lines
    )


def _approval_required(held: HeldOrder, why: str) -> ApprovalRequired:
    return ApprovalRequired(
        f"{held.order.number} cannot be placed like this. {why}",
        total_cents=cost(held.lines).total_cents,
        threshold_cents=held.network.approval_threshold_cents,
    )


async def approve(session: WriteSession, held: HeldOrder) -> None:
    """Raises: OrderRefused; ApprovalRequired when the same person drew it up, by whatever token."""
    require_move(held.order, Move.APPROVE)
    why = approval_need(cost(held.lines), held.network.approval_threshold_cents)
    if why is not None and await same_person(session, held.order.requested_by, session.actor):
        raise _approval_required(held, why)
    _approve(session, held.order)
    await project(session, held.school_ids)


def _approve(session: WriteSession, order: Order) -> None:
    changes = {
        "state": OrderState.APPROVED,
        "approved_by": session.actor,
        "approved_at": clock.now(),
    }
    write_changes(order, changes)


async def place(session: WriteSession, held: HeldOrder) -> None:
    """The order stands with its seller: each of its schools now waits for it.

    Below the network's threshold this approves as well.
    Raises: OrderRefused; ApprovalRequired.
    """
    await place_all(session, [held])


async def place_all(session: WriteSession, many: Sequence[HeldOrder]) -> None:
    """Place orders, all or none; their schools answer once. Raises: what `place` does."""
    for held in many:
        order = held.order
        require_move(order, Move.PLACE)
        if order.state == OrderState.DRAFT:
            why = approval_need(cost(held.lines), held.network.approval_threshold_cents)
            if why is not None:
                raise _approval_required(held, why)
            _approve(session, order)
        write_changes(order, {"state": OrderState.PLACED, "placed_at": clock.now()})
    await session.flush()
    for held in many:
        order = held.order
        await session.publish(
            OrderPlaced(order.id, order.network_id, order.vendor_id, order.number_key)
        )
    await project(session, {school_id for held in many for school_id in held.school_ids})


async def put_on_hold(session: WriteSession, held: HeldOrder, given: HoldIn) -> None:
    """Hold it with a reason, or release it to what it was. Raises: OrderRefused."""
    order = held.order
    if given.release:
        require_move(order, Move.RELEASE)
        changes = {"state": order.held_from, "held_from": None, "reason": None}
    else:
        require_move(order, Move.HOLD)
        changes = {"state": OrderState.ON_HOLD, "held_from": order.state, "reason": given.reason}
    write_changes(order, changes)
    await session.flush()
    await project(session, held.school_ids)


async def cancel(session: WriteSession, held: HeldOrder, reason: str) -> None:
    """Raises: OrderRefused; AlreadyReceived once pieces were counted anywhere."""
    order = held.order
    require_move(order, Move.CANCEL)
    counted = sum(row.accepted + row.rejected for row in held.allocations)
    if counted:
        raise AlreadyReceived(
            f"{counted} pieces of {order.number} were counted already: close it with a reason, or"
            " reverse the receipts first."
        )
    write_changes(order, {"state": OrderState.CANCELLED, "held_from": None, "reason": reason})
    await session.flush()
    await project(session, held.school_ids)


async def close(session: WriteSession, held: HeldOrder, reason: str | None) -> None:
    """End it. With pieces outstanding that needs a reason, and they are cancelled: no school
    waits for them any more.

    Raises: OrderRefused; PiecesOutstanding; PiecesAtSite while schools wait for what a site has.
    """
    order = held.order
    require_move(order, Move.CLOSE)
    left = {line.sku: _closing(held, line) for line in held.lines}
    stuck = {sku: one.stuck for sku, one in left.items() if one.stuck}
    if stuck:
        raise PiecesAtSite(
            f"Schools wait for pieces that are at a site: {_listed(stuck)}. Transfer them, or"
            " allocate fewer.",
            lines=stuck,
        )
    missing = {sku: one.missing for sku, one in left.items() if one.missing}
    if missing and reason is None:
        raise PiecesOutstanding(
            f"{order.number} still lacks {_listed(missing)}: to close it short, give a reason.",
            lines=missing,
        )
    await _give_up(session, held, left)
    closed = {"state": OrderState.CLOSED, "closed_at": clock.now()}
    write_changes(order, closed | {"reason": reason if missing else None})
    await session.flush()
    await project(session, held.school_ids)


def _closing(held: HeldOrder, line: OrderLine) -> Closing:
    schools = [at_place(row) for row in rows_of_line(held, line).values()]
    at_sites = sum(
        there(row) for row in held.allocations if row.line_id == line.id and row.site_id is not None
    )
    wanted = line.quantity - line.cancelled
    return closing(wanted, line.accepted - line.returned, schools, at_sites)


def _listed(pieces: dict[str, int]) -> str:
    return ", ".join(f"{count} of {sku}" for sku, count in pieces.items())


async def _give_up(session: WriteSession, held: HeldOrder, left: dict[str, Closing]) -> None:
    """Plan for each school what it has, then cancel what the seller owes."""
    shares = [
        Share(row.line_id, row.school_id, there(row))
        for row in held.allocations
        if row.school_id is not None and there(row) < row.quantity
    ]
    await write_allocations(session, held.order, shares)
    fresh = await reload(session, held)
    for line in fresh.lines:
        line.cancelled += left[line.sku].outstanding
    await session.flush()


async def state_promises(session: WriteSession, held: HeldOrder, given: PromisesIn) -> int:
    """Record what was said to us by call, or what we reckon; how many were not known before.

    A promise is a fact: no state of the order refuses it.
    Raises: Invalid for a line that is not there, is named twice, or a moment to come.
    """
    now = clock.now()
    stated_at = given.stated_at or now
    if stated_at > now:
        raise invalid("/stated_at", "future", "Nobody can have said it already: it is to come.")
    lines = {line.sku: line.id for line in held.lines}
    stated: dict[str, Stated] = {}
    for index, one in enumerate(given.lines):
        pointer = f"/lines/{index}/sku"
        if one.sku not in lines:
            detail = f"{held.order.number} has no line {one.sku!r}."
            raise invalid(pointer, "line-unknown", detail)
        if one.sku in stated:
            raise invalid(pointer, "sku-twice", f"{one.sku} is promised twice; name it once.")
        source = PromiseSource(given.source)
        stated[one.sku] = Stated(lines[one.sku], one.promised_on, stated_at, source)
    recorded = await record_promises(session, list(stated.values()))
    if recorded:
        await project(session, held.school_ids)
    return recorded
