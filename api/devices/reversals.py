"""Taking a receipt back: a correction is a receipt of its own, never an edit."""

from __future__ import annotations

from api.auth.caller import Caller
from api.db.uow import WriteSession
from api.devices import progress
from api.devices.at_hand import restate
from api.devices.corrections import refuse_again, reversal_of
from api.devices.errors_shipping import ReversalRefused
from api.devices.ledger import Ledger, at_hand, hold_ledger
from api.devices.models_shipping import Receipt, ReceiptLine
from api.devices.places import Place, find_place
from api.devices.receipts import lines_of


async def reverse(
    session: WriteSession, caller: Caller, receipt: Receipt, note: str | None
) -> Receipt:
    """Take a receipt back, line for line; its shipment, if any, waits to be counted again.

    Raises: ReversalRefused for a reversal, a second time, or when pieces have left the place.
    """
    place = await find_place(
        session, caller, receipt.network_id, receipt.school_id, receipt.site_id
    )
    ledger = await hold_ledger(session, [(receipt.order_id, place)])
    await refuse_again(session, receipt)
    lines = (await lines_of(session, [receipt.id]))[receipt.id]
    reversal = reversal_of(session, receipt, note)
    session.add(reversal)
    for line in lines:
        _take_back(session, ledger, place, line)
        session.add(
            ReceiptLine(
                receipt_id=reversal.id,
                line_id=line.line_id,
                accepted=line.accepted,
                rejected=line.rejected,
                over=line.over,
                reason=line.reason,
                serial_numbers=line.serial_numbers,
            )
        )
    await session.flush()
    await restate(session, receipt.network_id, (one for of in lines for one in of.serial_numbers))
    await progress.project(session, [place.school_id] if place.school_id else [])
    return reversal


def _take_back(session: WriteSession, ledger: Ledger, place: Place, line: ReceiptLine) -> None:
    of_order = ledger.lines[line.line_id]
    row = ledger.row_at(session, of_order, place)
    if line.accepted > at_hand(row):
        raise ReversalRefused(
            f"{of_order.sku}: {line.accepted} were received and {at_hand(row)} are at"
            f" {place.code} now; the others were transferred or returned since.",
            sku=of_order.sku,
            at_hand=at_hand(row),
        )
    row.accepted -= line.accepted
    row.rejected -= line.rejected
    # A return without replacement may have taken of these already.
    row.over = max(0, row.over - line.over)
