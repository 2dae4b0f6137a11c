"""`/v1/orders`: drawn up, decided, promised, allocated."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from api.auth.caller import Caller
from api.auth.dependencies import Reading, Writing, allow, current_caller
from api.auth.rules import Right
from api.db.uow import ReadSession
from api.devices import orders
from api.devices.amendments import amend, hold_to_amend
from api.devices.import_orders import import_orders
from api.devices.models import Order
from api.devices.order_views import order_detail, orders_out, promises_out
from api.devices.queries import OrderFilter, find_order, find_vendor, list_orders
from api.devices.reallocate import reallocate, set_allocations
from api.devices.rules import OrderState
from api.devices.schemas import (
    AllocationsIn,
    AmendIn,
    CancelIn,
    CloseIn,
    HoldIn,
    OrderDetailOut,
    OrderImportOut,
    OrderIn,
    OrderOut,
    OrderPatchIn,
    PromisesIn,
    PromisesOut,
    ReallocateIn,
    ReallocateOut,
)
from api.http.conditional import check_if_match, etag_of, mark
from api.http.csv_upload import CSV_BODY, Mode, OnError, read_csv
from api.http.paging import ListOut, PageParams, set_link
from api.http.route import TransactionalRoute
from api.schools.queries import find_school

_COMMON: dict[str, Any] = {
    "prefix": "/v1",
    "tags": ["orders"],
    "route_class": TransactionalRoute,
    "dependencies": [Depends(current_caller)],
}
router = APIRouter(**_COMMON)
# Apart, so that whoever includes it can allow files larger than other bodies.
uploads = APIRouter(**_COMMON)

Reader = Annotated[Caller, Depends(allow(Right.orders_read))]
Writer = Annotated[Caller, Depends(allow(Right.orders_write))]
Place = Annotated[bool, Query(description="Whether to place the drafts that the file names.")]


def etag_of_order(order: Order) -> str:
    """The tag of what people edit and decide; promises, scans and receipts do not move it."""
    return etag_of("Order", order.id, order.version)


async def _detail(
    session: ReadSession, caller: Caller, order: Order, response: Response
) -> OrderDetailOut:
    mark(response, etag_of_order(order))
    return await order_detail(session, caller, order)


@router.get("/orders")
async def list_all(
    *,
    request: Request,
    response: Response,
    caller: Reader,
    session: Reading,
    page: PageParams,
    vendor: Annotated[str | None, Query(max_length=100, description="A seller's slug.")] = None,
    state: OrderState | None = None,
    school: Annotated[str | None, Query(max_length=100, description="Id or code.")] = None,
    q: Annotated[str | None, Query(max_length=200, description="Part of a number.")] = None,
) -> ListOut[OrderOut]:
    """Orders with their lines; who gets what is in the order itself."""
    seller = await find_vendor(session, vendor) if vendor is not None else None
    fed = await find_school(session, caller, school) if school is not None else None
    which = OrderFilter(seller.id if seller else None, state, fed.id if fed else None, q)
    found = await list_orders(session, caller, which, page)
    set_link(request, response, found)
    return ListOut(items=await orders_out(session, found.items))


@router.post("/orders", status_code=201)
async def create(
    given: OrderIn, response: Response, caller: Writer, session: Writing
) -> OrderDetailOut:
    """Draw up an order. It moves nothing until it is approved and placed."""
    order = await orders.create_order(session, caller, given)
    response.headers["location"] = f"/v1/orders/{order.id}"
    return await _detail(session, caller, order, response)


@uploads.post("/orders/import", openapi_extra=CSV_BODY)
async def import_file(
    request: Request,
    caller: Writer,
    session: Writing,
    mode: Mode = "apply",
    on_error: OnError = "skip",
    place: Place = False,
) -> OrderImportOut:
    """Draw up and change orders from a CSV file with a row for each line and school.

    The columns are `vendor,number,sku,school,quantity,line_quantity,description,
    unit_price_cents,counts_as,promised_on` in any order; the first five are required.
    `line_quantity` is what is ordered of the line, where that is more than its schools get. What
    the file does not name stays; once an order is approved, only its allocations and promises
    follow the file.

    `place=true` places the drafts that the file names, when no row was rejected. What another
    person has to approve stays a draft, and the answer says why.
    """
    raw = await read_csv(request)
    return await import_orders(session, caller, raw, mode, on_error, place=place)


@router.get("/orders/{order_id}")
async def read(
    order_id: UUID, response: Response, caller: Reader, session: Reading
) -> OrderDetailOut:
    """An order with its allocations, and what happened to it, the newest first."""
    return await _detail(session, caller, await find_order(session, caller, order_id), response)


@router.patch("/orders/{order_id}")
async def change(
    order_id: UUID,
    given: OrderPatchIn,
    request: Request,
    response: Response,
    caller: Writer,
    session: Writing,
) -> OrderDetailOut:
    """Change a draft's number and lines; at any time how it is received."""
    held = await orders.hold_to_change(session, caller, order_id)
    check_if_match(request, etag_of_order(held.order))
    await orders.change_order(session, caller, held, given)
    return await _detail(session, caller, held.order, response)


@router.post("/orders/{order_id}/lines", status_code=201)
async def add_lines(
    order_id: UUID,
    given: AmendIn,
    request: Request,
    response: Response,
    caller: Writer,
    session: Writing,
) -> OrderDetailOut:
    """Add lines to an order that is approved, placed or on hold, also in place of another line.

    A line that `substitutes` another takes as many pieces as it has away from what is outstanding
    of that one and in no shipment. Where it names no allocations, the schools that wait for the
    other line get it, each in proportion. From the network's threshold on, an order is made
    dearer by another person than the one who drew it up, and by less than the threshold.
    """
    held, schools = await hold_to_amend(session, caller, order_id, given)
    check_if_match(request, etag_of_order(held.order))
    await amend(session, held, schools, given)
    return await _detail(session, caller, held.order, response)


@router.post("/orders/{order_id}/approve")
async def approve(
    order_id: UUID, response: Response, caller: Writer, session: Writing
) -> OrderDetailOut:
    """From the network's threshold on, by another person than the one who drew it up."""
    held = await orders.hold_to_change(session, caller, order_id)
    await orders.approve(session, held)
    return await _detail(session, caller, held.order, response)


@router.post("/orders/{order_id}/place")
async def place(
    order_id: UUID, response: Response, caller: Writer, session: Writing
) -> OrderDetailOut:
    """The order went to its seller: each of its schools now waits for it."""
    held = await orders.hold_to_change(session, caller, order_id)
    await orders.place(session, held)
    return await _detail(session, caller, held.order, response)


@router.post("/orders/{order_id}/hold")
async def hold(
    order_id: UUID, given: HoldIn, response: Response, caller: Writer, session: Writing
) -> OrderDetailOut:
    """Put it on hold with a reason, or release it to what it was before."""
    held = await orders.hold_to_change(session, caller, order_id)
    await orders.put_on_hold(session, held, given)
    return await _detail(session, caller, held.order, response)


@router.post("/orders/{order_id}/cancel")
async def cancel(
    order_id: UUID, given: CancelIn, response: Response, caller: Writer, session: Writing
) -> OrderDetailOut:
    """Give it up before anything came."""
    held = await orders.hold_to_change(session, caller, order_id)
    await orders.cancel(session, held, given.reason)
    return await _detail(session, caller, held.order, response)


@router.post("/orders/{order_id}/close")
async def close(
    order_id: UUID,
    response: Response,
    caller: Writer,
    session: Writing,
    given: CloseIn | None = None,
) -> OrderDetailOut:
    """End it; with a reason also short, and then nobody waits for the rest."""
    held = await orders.hold_to_change(session, caller, order_id)
    await orders.close(session, held, given.reason if given else None)
    return await _detail(session, caller, held.order, response)


@router.post("/orders/{order_id}/promises")
async def promise(
    order_id: UUID, given: PromisesIn, caller: Writer, session: Writing
) -> PromisesOut:
    """Record when lines are promised; every school that waits for them answers anew."""
    held = await orders.hold_to_change(session, caller, order_id)
    recorded = await orders.state_promises(session, held, given)
    skus = [line.sku for line in given.lines]
    return await promises_out(session, held.order, skus, recorded)


@router.put("/orders/{order_id}/lines/{sku:path}/allocations")
async def allocate(
    order_id: UUID,
    sku: str,
    given: AllocationsIn,
    response: Response,
    caller: Writer,
    session: Writing,
) -> OrderDetailOut:
    """Say which schools get how many pieces of a line; not fewer than they have already."""
    order = await set_allocations(session, caller, order_id, sku, given)
    return await _detail(session, caller, order, response)


@router.post("/orders/{order_id}/reallocate")
async def move_allocations(
    order_id: UUID, given: ReallocateIn, caller: Writer, session: Writing
) -> ReallocateOut:
    """Move pieces between schools, all moves or none; `dry_run` says who gains and loses what."""
    return await reallocate(session, caller, order_id, given)
