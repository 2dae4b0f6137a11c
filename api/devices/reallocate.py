"""Allocations of an order that is there already: a line's set, or pieces moved between schools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from api.auth.caller import Caller
from api.db.uow import ReadSession, WriteSession
from api.devices.allocations import (
    Schools,
    Share,
    line_of,
    plan_of,
    require_all_open,
    require_enough,
    require_of_network,
    require_received_fits,
    rows_of_line,
    schools_named,
    tell_changed,
    there,
    write_allocations,
)
from api.devices.errors import NotAllocated
from api.devices.holding import HeldOrder, read_order
from api.devices.models import Allocation, Order, OrderLine
from api.devices.need import USUAL_LEAD_DAYS, need_of
from api.devices.order_rules import Move
from api.devices.orders import hold_to_change, require_move
from api.devices.progress import project
from api.devices.progress_rules import Evidence, Line, Supply, gap_evidence
from api.devices.queries import find_order
from api.devices.rules import OrderState
from api.devices.schemas import (
    AllocationsIn,
    MoveIn,
    ReallocateIn,
    ReallocateOut,
    SchoolChangeOut,
    ShareOut,
    SkuChangeOut,
)
from api.devices.supplies import read_held, read_places, read_ratios
from api.schools.queries import codes_of_schools
from api.schools.rules import Receiving

# Pieces by school, of the schools whose plan is another one.
Plan = Mapping[UUID, int]


@dataclass(frozen=True, slots=True)
class _Changes:
    """New plans by line, and the codes of all schools in them."""

    plans: Mapping[UUID, Plan]
    codes: Mapping[UUID, str]

    @property
    def school_ids(self) -> set[UUID]:
        return {school_id for plan in self.plans.values() for school_id in plan}


async def set_allocations(
    session: WriteSession, caller: Caller, order_id: UUID, sku: str, given: AllocationsIn
) -> Order:
    """Let schools have these pieces of a line; with `replace: "all"` the others none.

    Raises: OrderNotFound, LineNotFound; SchoolsUnknown, MixedNetworks or Invalid for the input;
    OrderRefused; OverAllocated; BelowReceived; SchoolArchived for one that gets more.
    """
    caller.require_whole_networks()
    await find_order(session, caller, order_id)
    named = ((f"/allocations/{at}/school", one.school) for at, one in enumerate(given.allocations))
    schools = await schools_named(session, caller, named)
    held = await hold_to_change(session, caller, order_id, also=schools.ids())
    line = line_of(held, sku)
    plan = plan_of(given.allocations, schools, "/allocations")
    if given.replace == "all":
        plan = dict.fromkeys(rows_of_line(held, line), 0) | plan
    changes = await _checked(session, held, schools, {line.id: plan})
    await _write(session, held, changes)
    return held.order


def _named(given: ReallocateIn) -> Iterator[tuple[str, str]]:
    for at, move in enumerate(given.moves):
        for field in ("from_school", "to_school"):
            name = getattr(move, field)
            if name:
                yield f"/moves/{at}/{field}", name


async def reallocate(
    session: WriteSession, caller: Caller, order_id: UUID, given: ReallocateIn
) -> ReallocateOut:
    """Move pieces between schools, all moves together; a dry run only says what would be.

    Raises: NotAllocated when a school has not so many; what `set_allocations` raises.
    """
    caller.require_whole_networks()
    order = await find_order(session, caller, order_id)
    schools = await schools_named(session, caller, _named(given))
    if given.dry_run:
        held = await read_order(session, order)
    else:
        held = await hold_to_change(session, caller, order_id, also=schools.ids())
    changes = await _checked(session, held, schools, _moved(held, schools, given.moves))
    answer = await _told(session, held, changes, dry_run=given.dry_run)
    if not given.dry_run:
        await _write(session, held, changes)
    return answer


def _moved(held: HeldOrder, schools: Schools, moves: Sequence[MoveIn]) -> dict[UUID, Plan]:
    """The plans after all moves, of the schools they name. Raises: NotAllocated, LineNotFound."""
    rows = {line.id: rows_of_line(held, line) for line in held.lines}
    plans: dict[UUID, dict[UUID, int]] = {}
    skus: dict[UUID, str] = {}
    for move in moves:
        line = line_of(held, move.sku)
        skus[line.id] = line.sku
        plan = plans.setdefault(line.id, {})
        for name, pieces in ((move.from_school, -move.quantity), (move.to_school, move.quantity)):
            if name is not None:
                school_id = schools[name].id
                row = rows[line.id].get(school_id)
                plan[school_id] = plan.get(school_id, row.quantity if row else 0) + pieces
    for line_id, plan in plans.items():
        sku = skus[line_id]
        for school in schools.all():
            if plan.get(school.id, 0) < 0:
                raise NotAllocated(
                    f"{school.code} would be left with {plan[school.id]} of {sku}: it has fewer"
                    " allocated than are moved away.",
                    school=school.code,
                    sku=sku,
                )
    return dict(plans)


async def _checked(
    session: ReadSession, held: HeldOrder, schools: Schools, plans: Mapping[UUID, Plan]
) -> _Changes:
    """The plans without what they leave as it is, once every rule agrees."""
    require_move(held.order, Move.ALLOCATE)
    require_of_network(schools, held.network.id)
    codes = await codes_of_schools(session, {row for plan in plans.values() for row in plan})
    changed: dict[UUID, Plan] = {}
    gaining: set[UUID] = set()
    for line in held.lines:
        rows = rows_of_line(held, line)
        before = {school_id: row.quantity for school_id, row in rows.items()}
        plan = {
            school_id: pieces
            for school_id, pieces in plans.get(line.id, {}).items()
            if pieces != before.get(school_id, 0)
        }
        require_received_fits(line, rows, _shares({line.id: plan}), codes)
        require_enough(line.sku, line.quantity - line.cancelled, sum((before | plan).values()))
        gaining |= {one for one, pieces in plan.items() if pieces > before.get(one, 0)}
        if plan:
            changed[line.id] = plan
    require_all_open(schools, gaining)
    return _Changes(changed, codes)


def _shares(plans: Mapping[UUID, Plan]) -> list[Share]:
    return [
        Share(line_id, school_id, pieces)
        for line_id, plan in plans.items()
        for school_id, pieces in plan.items()
    ]


async def _write(session: WriteSession, held: HeldOrder, changes: _Changes) -> None:
    if not changes.plans:
        return
    await write_allocations(session, held.order, _shares(changes.plans))
    await tell_changed(session, held.order)
    if held.order.state != OrderState.DRAFT:
        await project(session, held.school_ids | changes.school_ids)


async def _told(
    session: ReadSession, held: HeldOrder, changes: _Changes, *, dry_run: bool
) -> ReallocateOut:
    gaps = await _gaps(session, held, changes)
    rows = {line.id: rows_of_line(held, line) for line in held.lines}
    schools = [
        _school(held, rows, changes, school_id, gaps.get(school_id, (None, None)))
        for school_id in sorted(changes.school_ids, key=changes.codes.__getitem__)
    ]
    left = {line.sku: _unallocated(held, line, changes) for line in held.lines}
    return ReallocateOut(
        order_id=held.order.id,
        dry_run=dry_run,
        gains=[one.school for one in schools if one.change > 0],
        loses=[one.school for one in schools if one.change < 0],
        schools=schools,
        unallocated=left,
    )


def _unallocated(held: HeldOrder, line: OrderLine, changes: _Changes) -> int:
    before = {one: row.quantity for one, row in rows_of_line(held, line).items()}
    after = before | dict(changes.plans.get(line.id, {}))
    return line.quantity - line.cancelled - sum(after.values())


def _school(
    held: HeldOrder,
    rows: Mapping[UUID, Mapping[UUID, Allocation]],
    changes: _Changes,
    school_id: UUID,
    gaps: tuple[int | None, int | None],
) -> SchoolChangeOut:
    before, after, lines = [0, 0], [0, 0], []
    for line in held.lines:
        row = rows[line.id].get(school_id)
        planned, here = (row.quantity, there(row)) if row else (0, 0)
        new = changes.plans.get(line.id, {}).get(school_id, planned)
        for share, pieces in ((before, planned), (after, new)):
            share[0] += pieces
            share[1] += max(pieces - here, 0)
        if new != planned:
            change = SkuChangeOut(sku=line.sku, before=planned, after=new, change=new - planned)
            lines.append(change)
    return SchoolChangeOut(
        school=changes.codes[school_id],
        school_id=school_id,
        change=after[0] - before[0],
        lines=lines,
        before=ShareOut(allocated=before[0], outstanding=before[1], gap=gaps[0]),
        after=ShareOut(allocated=after[0], outstanding=after[1], gap=gaps[1]),
    )


async def _gaps(
    session: ReadSession, held: HeldOrder, changes: _Changes
) -> dict[UUID, tuple[int, int]]:
    """What schools need and have on no order, before and after; of those whose need is known."""
    places = {one.school_id: one for one in await read_places(session, changes.school_ids)}
    ratios = await read_ratios(session, places.values())
    orders = await read_held(session, places)
    found = {}
    for school_id, place in places.items():
        need = need_of(place.enrollment, place.teacher_count, ratios.get(school_id))
        if need is None:
            continue
        others = [
            one.supply
            for order_id, one in orders.get(school_id, {}).items()
            if one.counts and order_id != held.order.id
        ]
        mine = orders.get(school_id, {}).get(held.order.id)
        before = [mine.supply] if mine and mine.counts else []
        after = [_after(held, changes, school_id, mine.supply if mine else None)]
        if OrderState.DRAFT in (held.order.state, held.order.held_from):
            # A draft is only a wish: it covers nothing, however it is shared.
            after = []
        found[school_id] = (
            _gap(gap_evidence(need, [*others, *before], USUAL_LEAD_DAYS)),
            _gap(gap_evidence(need, [*others, *after], USUAL_LEAD_DAYS)),
        )
    return found


def _gap(evidence: Evidence) -> int:
    return (evidence.total or 0) - evidence.done


def _after(held: HeldOrder, changes: _Changes, school_id: UUID, now: Supply | None) -> Supply:
    """This order at the school once the changes are made."""
    lines = {line.id: line for line in now.lines} if now else {}
    for line in held.lines:
        pieces = changes.plans.get(line.id, {}).get(school_id)
        if pieces is None:
            continue
        known = lines.get(line.id) or Line(line.id, line.counts_as, 0, 0, line.promised_on)
        lines[line.id] = known._replace(allocated=pieces)
    if now is not None:
        return now._replace(lines=list(lines.values()))
    receiving = held.order.receiving or held.network.receiving
    on_delivery = receiving == Receiving.on_delivery
    return Supply(held.order.number, list(lines.values()), [], on_delivery)
