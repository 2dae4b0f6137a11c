"""Amendments: lines that an order gets after it was approved, also in place of another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from api import clock
from api.auth.caller import Caller
from api.auth.queries import same_person
from api.db.uow import WriteSession
from api.devices.allocations import (
    Schools,
    Share,
    at_place,
    plan_of,
    require_of_network,
    rows_of_line,
    tell_changed,
    write_allocations,
)
from api.devices.amend_rules import Remainder
from api.devices.errors import (
    ApprovalRequired,
    BeyondOutstanding,
    LineTaken,
    OrderRefused,
    OverAllocated,
    invalid,
)
from api.devices.holding import HeldOrder
from api.devices.models import Amendment, OrderLine
from api.devices.order_lines import check_lines, new_line
from api.devices.order_rules import Move, added_cost, approval_need, cost_of
from api.devices.orders import cost, hold_to_change, require_move, schools_of_lines
from api.devices.progress import project
from api.devices.promises import Stated, record_promises
from api.devices.queries import find_order
from api.devices.rules import OrderState, PromiseSource
from api.devices.schemas import AmendIn, NewLineIn
from api.devices.uncounted import AtSchools, read_uncounted_at_schools

# Pieces by school.
Plan = dict[UUID, int]


@dataclass(slots=True)
class _Old:
    """A line that others stand in for: what is left of it, and what was taken so far."""

    line: OrderLine
    left: Remainder
    taken: int = 0
    shares: Plan = field(default_factory=dict)

    def take(self, pieces: int, shares: Plan) -> None:
        self.left.take(pieces, shares)
        self.taken += pieces
        for school, share in shares.items():
            self.shares[school] = self.shares.get(school, 0) + share


@dataclass(frozen=True, slots=True)
class _New:
    """A line that is to come, who gets its pieces, and what it stands in for."""

    line: OrderLine
    given: NewLineIn
    plan: Plan
    old: _Old | None


async def hold_to_amend(
    session: WriteSession, caller: Caller, order_id: UUID, given: AmendIn
) -> tuple[HeldOrder, Schools]:
    """The order and the schools that its new lines name, all held.

    Raises: what `hold_to_change` does; SchoolsUnknown, SchoolArchived.
    """
    caller.require_whole_networks()
    await find_order(session, caller, order_id)
    schools = await schools_of_lines(session, caller, given.lines)
    return await hold_to_change(session, caller, order_id, also=schools.ids()), schools


async def amend(session: WriteSession, held: HeldOrder, schools: Schools, given: AmendIn) -> None:
    """Add lines. One that substitutes another takes its pieces away from what is outstanding of
    that, and unless it says who gets them, from the schools that waited for it to the same ones.

    Raises: OrderRefused; ApprovalRequired; LineTaken; BeyondOutstanding; OverAllocated;
    MixedNetworks or Invalid for the input.
    """
    order = held.order
    require_move(order, Move.AMEND)
    if order.held_from == OrderState.DRAFT:
        raise OrderRefused(
            f"{order.number} is a draft on hold: release it, then change its lines with PATCH.",
            state=order.state,
        )
    check_lines(given.lines)
    require_of_network(schools, held.network.id)
    news = _plan(held, schools, given.lines, await read_uncounted_at_schools(session, order.id))
    approved = await _approve(session, held, news)
    await _write(session, held, news, given.reason)
    await tell_changed(session, order, approved)
    await project(session, held.school_ids | {one for new in news for one in new.plan})


def _plan(
    held: HeldOrder, schools: Schools, given: Sequence[NewLineIn], uncounted: AtSchools
) -> list[_New]:
    by_sku = {line.sku: line for line in held.lines}
    position = max((line.position for line in held.lines), default=-1) + 1
    olds: dict[str, _Old] = {}
    news: list[_New] = []
    for at, one in enumerate(given):
        if one.sku in by_sku:
            raise LineTaken(
                f"{held.order.number} has a line {one.sku} already, and an order has one line for"
                " each sku: order more of it with an order of its own.",
                sku=one.sku,
            )
        plan = plan_of(one.allocations, schools, f"/lines/{at}/allocations")
        line = new_line(held.order, one, position + at)
        old = None
        if one.substitutes is not None:
            if one.substitutes not in by_sku:
                detail = f"{held.order.number} has no line {one.substitutes!r} to stand in for."
                raise invalid(f"/lines/{at}/substitutes", "line-unknown", detail)
            replaced = by_sku[one.substitutes]
            if replaced.sku not in olds:
                olds[replaced.sku] = _Old(replaced, _remainder(held, replaced, uncounted))
            old = olds[replaced.sku]
            plan = _substitute(old, one, plan)
            if "counts_as" not in one.model_fields_set:
                line.counts_as = replaced.counts_as
        news.append(_New(line, one, {id_: pieces for id_, pieces in plan.items() if pieces}, old))
    return news


def _remainder(held: HeldOrder, line: OrderLine, uncounted: AtSchools) -> Remainder:
    wanted = line.quantity - line.cancelled
    shipped = sum(pieces for (line_id, _), pieces in uncounted.items() if line_id == line.id)
    movable = {
        school_id: at_place(row).outstanding - uncounted.get((line.id, school_id), 0)
        for school_id, row in rows_of_line(held, line).items()
    }
    return Remainder(
        pieces=max(wanted - (line.accepted - line.returned) - shipped, 0),
        free=wanted - line.allocated,
        schools={school_id: pieces for school_id, pieces in movable.items() if pieces > 0},
    )


def _substitute(old: _Old, one: NewLineIn, plan: Plan) -> Plan:
    """Take the pieces off the old line; who gets them.

    Raises: BeyondOutstanding; OverAllocated when the old line would be left with fewer pieces
    than schools are planned to get of it.
    """
    sku, pieces = old.line.sku, one.quantity
    if pieces > old.left.pieces:
        raise BeyondOutstanding(
            f"{pieces} of {one.sku} cannot stand in for {sku}: {old.left.pieces} of it are neither"
            " there nor in a shipment.",
            sku=sku,
            substitutable=old.left.pieces,
        )
    named = "allocations" in one.model_fields_set
    shares = old.left.taken_for(plan) if named else old.left.shares_of(pieces)
    lacking = pieces - sum(shares.values()) - old.left.free
    if lacking > 0:
        ordered = old.line.quantity - old.line.cancelled - old.taken - pieces
        raise OverAllocated(
            f"With {pieces} of {one.sku} in place of {sku}, schools would still be planned"
            f" {lacking} more of {sku} than are left: give the substitute to those that wait for"
            " it, leave its allocations out, or allocate fewer first.",
            sku=sku,
            ordered=ordered,
            allocated=ordered + lacking,
        )
    old.take(pieces, shares)
    return plan if named else shares


async def _approve(session: WriteSession, held: HeldOrder, news: Sequence[_New]) -> dict[str, Any]:
    """What is to be written of who approved it, where that needs another person than the one who
    drew the order up.

    Raises: ApprovalRequired.
    """
    taken = {new.old.line.id: new.old.taken for new in news if new.old is not None}
    before = cost(held.lines)
    after = cost_of(
        (line.sku, line.quantity - line.substituted - taken.get(line.id, 0), line.unit_price_cents)
        for line in [*held.lines, *(new.line for new in news)]
    )
    threshold = held.network.approval_threshold_cents
    why = approval_need(after, threshold)
    added = added_cost(after, before)
    if why is None or not (added.total_cents > 0 or added.unpriced):
        return {}
    # Who adds as much as nobody may spend alone would have nobody to approve it.
    alone = approval_need(added, threshold)
    if alone is not None:
        why, way = f"By what is added: {alone}", "Draw up an order of its own for it."
    elif await same_person(session, held.order.requested_by, session.actor):
        way = "Let somebody else add it, or draw up an order of its own for it."
    else:
        return {"approved_by": session.actor, "approved_at": clock.now()}
    raise ApprovalRequired(
        f"{held.order.number} cannot get these lines like this. {why} {way}",
        total_cents=after.total_cents,
        threshold_cents=threshold,
    )


async def _write(
    session: WriteSession, held: HeldOrder, news: Sequence[_New], reason: str | None
) -> None:
    now = clock.now()
    session.add_all(new.line for new in news)
    await session.flush()
    olds = {new.old.line.id: new.old for new in news if new.old is not None}
    fewer = [
        Share(old.line.id, school_id, row.quantity - old.shares[school_id])
        for old in olds.values()
        for school_id, row in rows_of_line(held, old.line).items()
        if school_id in old.shares
    ]
    more = [Share(new.line.id, *share) for new in news for share in new.plan.items()]
    await write_allocations(session, held.order, [*fewer, *more])
    # Only now, or more would be allocated of a line than is left of it.
    for old in olds.values():
        old.line.cancelled += old.taken
        old.line.substituted += old.taken
    session.add_all(
        Amendment(
            order_id=held.order.id,
            network_id=held.order.network_id,
            line_id=new.line.id,
            substitutes_id=new.old.line.id if new.old else None,
            quantity=new.given.quantity,
            reason=reason,
            recorded_at=now,
            actor=session.actor,
        )
        for new in news
    )
    await session.flush()
    promised = [
        Stated(new.line.id, new.given.promised_on, now, PromiseSource.CALL)
        for new in news
        if new.given.promised_on is not None
    ]
    await record_promises(session, promised)
