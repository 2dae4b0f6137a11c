"""`/v1/shipments`, `/v1/receipts`, `/v1/transfers`, `/v1/returns`, and an order's own of them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from api.auth.caller import Caller
from api.auth.dependencies import Reading, Writing, allow
from api.auth.rules import Right
from api.db.uow import WriteSession
from api.devices import returns, transfers
from api.devices.bulk_receipts import receive_many
from api.devices.corrections import find_fact
from api.devices.models_shipping import DeviceReturn, Receipt, Transfer
from api.devices.order_refs import order_named
from api.devices.places import find_place
from api.devices.queries import find_order
from api.devices.receipts import list_receipts, receipts_out
from api.devices.receiving import Wish, receive_one
from api.devices.reversals import reverse
from api.devices.rules import ShipmentStatus
from api.devices.schemas_shipping import (
    BulkReceiptsIn,
    BulkReceiptsOut,
    ReceiptIn,
    ReceiptOut,
    ReturnIn,
    ReturnOut,
    ReverseIn,
    SerialLineOut,
    ShipmentDetailOut,
    ShipmentIn,
    ShipmentOut,
    ShipmentReceiptIn,
    TransferOut,
    TransfersIn,
)
from api.devices.serials import reconcile
from api.devices.shipment_views import shipment_out, shipments_out
from api.devices.shipments import ShipmentFilter, announce, find_shipment, list_shipments
from api.http.paging import ListOut, PageParams, set_link
from api.http.route import TransactionalRoute
from api.schools.queries import find_school

router = APIRouter(prefix="/v1", tags=["shipments"], route_class=TransactionalRoute)

Reader = Annotated[Caller, Depends(allow(Right.orders_read))]
Writer = Annotated[Caller, Depends(allow(Right.orders_write))]
Receiver = Annotated[Caller, Depends(allow(Right.orders_receive))]
SchoolRef = Annotated[str | None, Query(max_length=100, description="A school's id or code.")]


@router.post("/orders/{order_id}/shipments", status_code=201)
async def announce_shipment(
    order_id: UUID, given: ShipmentIn, response: Response, caller: Writer, session: Writing
) -> ShipmentDetailOut:
    """Say that something is on its way. Of a carrier and number the order has already the content
    is said anew, and the answer is 200.
    """
    order = await find_order(session, caller, order_id)
    place = await find_place(session, caller, order.network_id, given.school, given.site)
    shipment, is_new = await announce(session, order, place, given)
    if not is_new:
        response.status_code = 200
    response.headers["location"] = f"/v1/shipments/{shipment.id}"
    return await shipment_out(session, shipment)


@router.get("/shipments")
async def read_shipments(
    *,
    request: Request,
    response: Response,
    caller: Reader,
    session: Reading,
    page: PageParams,
    order: Annotated[UUID | None, Query(description="Of this order.")] = None,
    school: SchoolRef = None,
    status: ShipmentStatus | None = None,
    review: Annotated[bool | None, Query(description="Whether somebody should look.")] = None,
    received: Annotated[bool | None, Query(description="Whether it was counted.")] = None,
    q: Annotated[str | None, Query(max_length=100, description="In tracking numbers.")] = None,
) -> ListOut[ShipmentOut]:
    """Shipments, sorted by id, status_at, expected_on or updated_at."""
    place = await find_school(session, caller, school) if school is not None else None
    which = ShipmentFilter(order, place.id if place else None, status, review, received, q)
    found = await list_shipments(session, caller, which, page)
    set_link(request, response, found)
    return ListOut(items=await shipments_out(session, found.items))


@router.get("/shipments/{shipment_id}")
async def read_shipment(shipment_id: UUID, caller: Reader, session: Reading) -> ShipmentDetailOut:
    """One shipment with every scan, in the order in which things happened, and its receipts."""
    return await shipment_out(session, await find_shipment(session, caller, shipment_id))


@router.post("/shipments/{shipment_id}/receipts", status_code=201)
async def receive_shipment(
    shipment_id: UUID, given: ShipmentReceiptIn, caller: Receiver, session: Writing
) -> ReceiptOut:
    """Count a shipment; without `lines` everything came as announced. Once: who comes second is
    told who was first, and may go on with an `override_reason`.
    """
    shipment = await find_shipment(session, caller, shipment_id)
    place = await find_place(
        session, caller, shipment.network_id, shipment.school_id, shipment.site_id
    )
    wish = Wish(
        order_id=shipment.order_id,
        place=place,
        shipment_id=shipment.id,
        lines=tuple(given.lines) if given.lines else None,
        received_on=given.received_on,
        note=given.note,
        override_reason=given.override_reason,
    )
    return await _receipt_out(session, await receive_one(session, wish))


@router.post("/orders/{order_id}/receipts", status_code=201)
async def receive_order(
    order_id: UUID, given: ReceiptIn, caller: Receiver, session: Writing
) -> ReceiptOut:
    """Count pieces of an order at a school or a site, whatever shipment they came with."""
    order = await find_order(session, caller, order_id)
    place = await find_place(session, caller, order.network_id, given.school, given.site)
    wish = Wish(
        order_id=order.id,
        place=place,
        lines=tuple(given.lines),
        received_on=given.received_on,
        note=given.note,
        override_reason=given.override_reason,
    )
    return await _receipt_out(session, await receive_one(session, wish))


@router.get("/orders/{order_id}/receipts")
async def read_receipts(
    *,
    order_id: UUID,
    request: Request,
    response: Response,
    caller: Reader,
    session: Reading,
    page: PageParams,
) -> ListOut[ReceiptOut]:
    """What was counted of an order, reversals too, sorted by id, received_on or recorded_at."""
    order = await find_order(session, caller, order_id)
    found = await list_receipts(session, caller, order.id, page)
    set_link(request, response, found)
    return ListOut(items=await receipts_out(session, found.items))


@router.get("/orders/{order_id}/serials")
async def read_serials(order_id: UUID, caller: Reader, session: Reading) -> ListOut[SerialLineOut]:
    """Serial numbers of an order by line: announced, scanned, and where the two differ."""
    order = await find_order(session, caller, order_id)
    return ListOut(items=await reconcile(session, caller, order))


@router.post("/receipts/bulk")
async def receive_in_bulk(
    given: BulkReceiptsIn, caller: Receiver, session: Writing
) -> BulkReceiptsOut:
    """Count up to 1,000 at once. Each row is written as a whole or refused with its reason; the
    others stand.
    """
    return await receive_many(session, caller, given.receipts)


@router.post("/receipts/{receipt_id}/reverse", status_code=201)
async def reverse_receipt(
    receipt_id: UUID, caller: Receiver, session: Writing, given: ReverseIn | None = None
) -> ReceiptOut:
    """Take a receipt back by a receipt of its own; then count anew what is there."""
    receipt = await find_fact(session, caller, Receipt, receipt_id)
    note = given.note if given else None
    return await _receipt_out(session, await reverse(session, caller, receipt, note))


@router.post("/transfers", status_code=201)
async def move_to_schools(
    given: TransfersIn, caller: Writer, session: Writing
) -> ListOut[TransferOut]:
    """Move pieces of an order from a site to schools, all of them or none."""
    caller.require_whole_networks()
    order = await order_named(session, caller, given)
    made = await transfers.transfer(session, caller, order, given)
    return ListOut(items=await transfers.transfers_out(session, made))


@router.post("/transfers/{transfer_id}/reverse", status_code=201)
async def reverse_transfer(
    transfer_id: UUID, caller: Writer, session: Writing, given: ReverseIn | None = None
) -> TransferOut:
    """Let the pieces be at the site again, by a transfer of its own."""
    caller.require_whole_networks()
    moved = await find_fact(session, caller, Transfer, transfer_id)
    reversal = await transfers.take_back(session, caller, moved, given.note if given else None)
    return (await transfers.transfers_out(session, [reversal]))[0]


@router.post("/returns", status_code=201)
async def return_pieces(given: ReturnIn, caller: Receiver, session: Writing) -> ListOut[ReturnOut]:
    """Send pieces back to the seller: to be replaced, or off the order."""
    order = await order_named(session, caller, given)
    place = await find_place(session, caller, order.network_id, given.school, given.site)
    made = await returns.send_back(session, order, place, given)
    return ListOut(items=await returns.returns_out(session, made))


@router.post("/returns/{return_id}/reverse", status_code=201)
async def reverse_return(
    return_id: UUID, caller: Receiver, session: Writing, given: ReverseIn | None = None
) -> ReturnOut:
    """Let the pieces be there again, by a return of its own."""
    sent = await find_fact(session, caller, DeviceReturn, return_id)
    reversal = await returns.take_back(session, caller, sent, given.note if given else None)
    return (await returns.returns_out(session, [reversal]))[0]


async def _receipt_out(session: WriteSession, receipt: Receipt) -> ReceiptOut:
    return (await receipts_out(session, [receipt]))[0]
