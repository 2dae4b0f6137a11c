"""Pieces sent back to the seller: to be replaced, or off the order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import text

from api import clock
from api.db.uow import ReadSession, WriteSession
from api.devices import progress
from api.devices.errors_shipping import BeyondAllocation, NotAtHand
from api.devices.ledger import Ledger, at_hand, hold_ledger
from api.devices.models import Allocation, Order, OrderLine
from api.devices.models_shipping import DeviceReturn
from api.devices.places import Place
from api.devices.receipts import codes_of_places, skus_of
from api.devices.schemas_shipping import ReturnIn, ReturnOut

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
        if not given.replacement:
            dropped.append((line, _drop(ledger, line, row, place, piece.quantity)))
        made.append(_return(session, order, line, place, day, given, at))
    session.add_all(made)
    # First the allocations, or a line would be cancelled below what is allocated of it.
    await session.flush()
    for line, pieces in dropped:
        await session.execute(_CANCEL, {"line": line.id, "pieces": pieces})
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
    at: int,
) -> DeviceReturn:
    piece = given.lines[at]
    return DeviceReturn(
        network_id=order.network_id,
        order_id=order.id,
        line_id=line.id,
        school_id=place.school_id,
        site_id=place.site_id,
        quantity=piece.quantity,
        reason=given.reason,
        replacement=given.replacement,
        returned_on=day,
        recorded_at=clock.now(),
        actor=session.actor,
        serial_numbers=piece.serial_numbers,
    )


async def returns_out(session: ReadSession, returns: Sequence[DeviceReturn]) -> list[ReturnOut]:
    skus = await skus_of(session, (one.line_id for one in returns))
    places = [place for one in returns for place in (one.school_id, one.site_id) if place]
    codes = await codes_of_places(session, places)
    own = set(ReturnOut.model_fields) - {"sku", "site", "school"}
    return [
        ReturnOut(
            **one.model_dump(include=own),
            sku=skus[one.line_id],
            school=codes[one.school_id] if one.school_id else None,
            site=codes[one.site_id] if one.site_id else None,
        )
        for one in returns
    ]
