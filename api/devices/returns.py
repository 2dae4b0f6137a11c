"""Pieces sent back to the seller: to be replaced, or off the order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import text

from api import clock
from api.auth.caller import Caller
from api.db.uow import ReadSession, WriteSession
from api.devices import progress
from api.devices.at_hand import restate, scanned_among
from api.devices.corrections import refuse_again, reversal_of, reversals_of
from api.devices.errors_shipping import BeyondAllocation, NotAtHand, ReversalRefused
from api.devices.ledger import Ledger, at_hand, hold_ledger
from api.devices.models import Allocation, Order, OrderLine
from api.devices.models_shipping import DeviceReturn
from api.devices.places import Place, find_place
from api.devices.receipt_rules import excess
from api.devices.receipts import codes_of_places, skus_of
from api.devices.schemas_shipping import PiecesIn, ReturnIn, ReturnOut

_CANCEL = text("UPDATE order_lines SET cancelled = cancelled + :pieces WHERE id = :line")


async def send_back(
    session: WriteSession, order: Order, place: Place, given: ReturnIn
) -> list[DeviceReturn]:
    """Return pieces that are at a place; with `replacement` as many are outstanding again.

    Raises: NotAtHand; BeyondAllocation for a site's pieces that are planned for schools and not
    to be replaced; Invalid for an unknown sku, or a day to come.
    """
    day = place.day(given.returned_on, "returned_on")
    ledger = await hold_ledger(session, [(order.id, place)])
    made: list[DeviceReturn] = []
    dropped: list[tuple[OrderLine, int]] = []
    for at, piece in enumerate(given.lines):
        line = ledger.line(order.id, piece.sku, f"/lines/{at}/sku")
        row = _at_hand(ledger, line, place, piece.quantity)
        row.returned += piece.quantity
        over = 0
        if not given.replacement:
            fewer = _drop(ledger, line, row, place, piece.quantity)
            over = piece.quantity - fewer
            dropped.append((line, fewer))
        made.append(_return(session, order, line, place, day, given, piece, over))
    session.add_all(made)
    # First the allocations, or a line would be cancelled below what is allocated of it.
    await session.flush()
    for line, pieces in dropped:
        await session.execute(_CANCEL, {"line": line.id, "pieces": pieces})
    serials = (one for piece in given.lines for one in piece.serial_numbers)
    await restate(session, order.network_id, serials)
    await progress.project(session, [place.school_id] if place.school_id else [])
    return made


def _at_hand(ledger: Ledger, line: OrderLine, place: Place, pieces: int) -> Allocation:
    row = ledger.at.get((line.id, place.id))
    if row is None or at_hand(row) < pieces:
        there = at_hand(row)
        raise NotAtHand(
            f"{line.sku}: {there} are at {place.code}; no more than that can go back.",
            sku=line.sku,
            at_hand=there,
        )
    return row


def _drop(ledger: Ledger, line: OrderLine, row: Allocation, place: Place, pieces: int) -> int:
    """Expect the pieces no longer; how many of them are off the line. Those that came beyond the
    order go first.
    """
    beyond = min(row.over, pieces)
    row.over -= beyond
    fewer = pieces - beyond
    total = ledger.totals[line.id]
    if place.school_id is not None:
        row.quantity -= fewer
    elif fewer > total.unallocated:
        raise BeyondAllocation(
            f"{line.sku}: of the pieces at {place.code} {total.unallocated} are planned for no"
            " school. Allocate fewer to schools first, or have them replaced.",
            sku=line.sku,
            school=None,
            allocated=total.allocated,
            unallocated=total.unallocated,
        )
    return fewer


def _return(
    session: WriteSession,
    order: Order,
    line: OrderLine,
    place: Place,
    day: date,
    given: ReturnIn,
    piece: PiecesIn,
    over: int,
) -> DeviceReturn:
    return DeviceReturn(
        network_id=order.network_id,
        order_id=order.id,
        line_id=line.id,
        school_id=place.school_id,
        site_id=place.site_id,
        quantity=piece.quantity,
        over=over,
        reason=given.reason,
        replacement=given.replacement,
        returned_on=day,
        recorded_at=clock.now(),
        actor=session.actor,
        serial_numbers=piece.serial_numbers,
    )


async def take_back(
    session: WriteSession, caller: Caller, sent: DeviceReturn, note: str | None
) -> DeviceReturn:
    """Let the pieces be there again, and on the order again where the return took them off.

    Raises: ReversalRefused for a reversal, a second time, or when what replaced the pieces was
    counted, so that there would be more than is expected.
    """
    place = await find_place(session, caller, sent.network_id, sent.school_id, sent.site_id)
    ledger = await hold_ledger(session, [(sent.order_id, place)])
    await refuse_again(session, sent)
    await _refuse_scanned_since(session, sent)
    line = ledger.lines[sent.line_id]
    row = ledger.row_at(session, line, place)
    if sent.replacement:
        _refuse_beyond(ledger, line, place, sent.quantity)
    else:
        fewer = sent.quantity - sent.over
        row.over += sent.over
        if place.school_id is not None:
            row.quantity += fewer
        # First the line, or more would be allocated of it than it has.
        await session.execute(_CANCEL, {"line": line.id, "pieces": -fewer})
    row.returned -= sent.quantity
    reversal = reversal_of(session, sent, note)
    session.add(reversal)
    await session.flush()
    await restate(session, sent.network_id, sent.serial_numbers)
    await progress.project(session, [place.school_id] if place.school_id else [])
    return reversal


async def _refuse_scanned_since(session: WriteSession, sent: DeviceReturn) -> None:
    """Raises: ReversalRefused when a device came back and was counted anew."""
    scanned = await scanned_among(session, [sent.network_id], sent.serial_numbers)
    for serial in sorted(scanned)[:1]:
        since = scanned[serial]
        raise ReversalRefused(
            f"{serial} was counted again at {since.place} for {since.order_number}, so it was sent"
            " back. Reverse that receipt first, if it is the mistake.",
            receipt_id=str(since.receipt_id),
        )


def _refuse_beyond(ledger: Ledger, line: OrderLine, place: Place, pieces: int) -> None:
    more = excess(ledger.total_at(line, place), ledger.totals[line.id], pieces)
    if more:
        raise ReversalRefused(
            f"{line.sku}: with these {pieces} back at {place.code}, {more} would be more than is"
            " expected there, since others were counted in their place. Reverse that receipt"
            " first, or count these with a receipt and an override_reason.",
            sku=line.sku,
            over=more,
        )


async def returns_out(session: ReadSession, returns: Sequence[DeviceReturn]) -> list[ReturnOut]:
    skus = await skus_of(session, (one.line_id for one in returns))
    places = [place for one in returns for place in (one.school_id, one.site_id) if place]
    codes = await codes_of_places(session, places)
    reversals = await reversals_of(session, DeviceReturn, [one.id for one in returns])
    own = set(ReturnOut.model_fields) & set(DeviceReturn.model_fields)
    return [
        ReturnOut(
            **one.model_dump(include=own),
            sku=skus[one.line_id],
            school=codes[one.school_id] if one.school_id else None,
            site=codes[one.site_id] if one.site_id else None,
            reversed_by=reversals.get(one.id),
        )
        for one in returns
    ]
