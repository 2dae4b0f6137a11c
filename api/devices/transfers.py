"""Pieces that go from a site to schools."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from api import clock
from api.auth.caller import Caller
from api.db.uow import ReadSession, WriteSession
from api.devices import progress
from api.devices.allocations import tell_changed
from api.devices.corrections import refuse_again, reversal_of, reversals_of
from api.devices.errors_shipping import BeyondAllocation, NotAtHand, ReversalRefused
from api.devices.ledger import Ledger, at_hand, hold_ledger
from api.devices.models import Order, OrderLine
from api.devices.models_shipping import Transfer
from api.devices.places import Named, Place, find_place, find_places
from api.devices.receipts import codes_of_places, skus_of
from api.devices.schemas_shipping import TransferLineIn, TransferOut, TransfersIn
from api.errors import FirstBellError

Moves = Sequence[tuple[TransferLineIn, Place]]


async def transfer(
    session: WriteSession, caller: Caller, order: Order, given: TransfersIn
) -> list[Transfer]:
    """Move pieces of an order to schools, all or none. What is planned for no school becomes the
    allocation of the one that gets it.

    Raises: NotAtHand; BeyondAllocation for pieces planned for other schools; SiteNotFound,
    SchoolNotFound; Invalid for an unknown sku, or a day to come.
    """
    site = await find_place(session, caller, order.network_id, None, given.site)
    moves = await _moves(session, caller, order, given.transfers)
    day = site.day(given.moved_on, "moved_on")
    places = [site, *(school for _, school in moves)]
    ledger = await hold_ledger(session, ((order.id, place) for place in places))
    lines = [
        ledger.line(order.id, move.sku, f"/transfers/{at}/sku")
        for at, (move, _) in enumerate(moves)
    ]
    _refuse_absent(ledger, site, lines, moves)
    made: list[Transfer] = []
    for line, (move, school) in zip(lines, moves, strict=True):
        allocated = _move(session, ledger, line, move, site, school)
        made.append(
            Transfer(
                network_id=order.network_id,
                order_id=order.id,
                line_id=line.id,
                site_id=site.id,
                school_id=school.id,
                quantity=move.quantity,
                allocated=allocated,
                moved_on=day,
                recorded_at=clock.now(),
                actor=session.actor,
                serial_numbers=move.serial_numbers,
            )
        )
    session.add_all(made)
    await session.flush()
    await _tell_planned(session, ledger.orders[order.id], made)
    await progress.project(session, {school.id for _, school in moves})
    return made


async def _tell_planned(session: WriteSession, order: Order, moved: Sequence[Transfer]) -> None:
    """What became a school's allocation, or is none any more, is an edit like any other: events
    may have waited to know where the order goes.
    """
    if any(one.allocated for one in moved):
        await tell_changed(session, order)


async def _moves(
    session: ReadSession, caller: Caller, order: Order, given: Sequence[TransferLineIn]
) -> Moves:
    named: list[Named] = [(order.network_id, True, move.school) for move in given]
    places = await find_places(session, caller, named)
    moves: list[tuple[TransferLineIn, Place]] = []
    for move, name in zip(given, named, strict=True):
        place = places[name]
        if isinstance(place, FirstBellError):
            raise place
        moves.append((move, place))
    return moves


def _refuse_absent(ledger: Ledger, site: Place, lines: Sequence[OrderLine], moves: Moves) -> None:
    wanted: Counter[str] = Counter()
    for line, (move, _) in zip(lines, moves, strict=True):
        wanted[line.sku] += move.quantity
        there = at_hand(ledger.at.get((line.id, site.id)))
        if wanted[line.sku] > there:
            raise NotAtHand(
                f"{line.sku}: {there} are at {site.code}, fewer than are to leave it; receive"
                " them there first.",
                sku=line.sku,
                at_hand=there,
            )


def _move(
    session: WriteSession,
    ledger: Ledger,
    line: OrderLine,
    move: TransferLineIn,
    site: Place,
    school: Place,
) -> int:
    """How many pieces became the school's allocation with it."""
    there = ledger.row_at(session, line, school)
    total = ledger.totals[line.id]
    more = max(0, at_hand(there) + move.quantity - there.quantity - there.over)
    if more > total.unallocated:
        raise BeyondAllocation(
            f"{line.sku}: {there.quantity} are allocated to {school.code}, {at_hand(there)} are"
            f" there, and {total.unallocated} are planned for no school. Reallocate first.",
            sku=line.sku,
            school=school.code,
            allocated=there.quantity,
            unallocated=total.unallocated,
        )
    there.quantity += more
    total.allocated += more
    there.moved_in += move.quantity
    ledger.row_at(session, line, site).moved_out += move.quantity
    return more


async def take_back(
    session: WriteSession, caller: Caller, moved: Transfer, note: str | None
) -> Transfer:
    """Let the pieces be at the site again; what became the school's allocation is no school's.

    Raises: ReversalRefused for a reversal, a second time, or when pieces have left the school.
    """
    school = await find_place(session, caller, moved.network_id, moved.school_id, None)
    site = await find_place(session, caller, moved.network_id, None, moved.site_id)
    ledger = await hold_ledger(session, [(moved.order_id, site), (moved.order_id, school)])
    await refuse_again(session, moved)
    line = ledger.lines[moved.line_id]
    there = ledger.row_at(session, line, school)
    if moved.quantity > at_hand(there):
        raise ReversalRefused(
            f"{line.sku}: {moved.quantity} came with this transfer and {at_hand(there)} are at"
            f" {school.code} now; the others were returned since.",
            sku=line.sku,
            at_hand=at_hand(there),
        )
    there.moved_in -= moved.quantity
    # Somebody may have planned fewer for the school since.
    there.quantity -= min(moved.allocated, there.quantity)
    ledger.row_at(session, line, site).moved_out -= moved.quantity
    reversal = reversal_of(session, moved, note)
    session.add(reversal)
    await session.flush()
    await _tell_planned(session, ledger.orders[moved.order_id], [moved])
    await progress.project(session, [school.id])
    return reversal


async def transfers_out(session: ReadSession, transfers: Sequence[Transfer]) -> list[TransferOut]:
    skus = await skus_of(session, (one.line_id for one in transfers))
    places = (place for one in transfers for place in (one.site_id, one.school_id))
    codes = await codes_of_places(session, places)
    reversals = await reversals_of(session, Transfer, [one.id for one in transfers])
    own = set(TransferOut.model_fields) & set(Transfer.model_fields)
    return [
        TransferOut(
            **one.model_dump(include=own),
            sku=skus[one.line_id],
            site=codes[one.site_id],
            school=codes[one.school_id],
            reversed_by=reversals.get(one.id),
        )
        for one in transfers
    ]
