"""`/v1/vendors`: who sells and who tracks, their secrets, and how their events fare."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from api.auth.browser import own_address
from api.auth.caller import Caller
from api.auth.dependencies import (
    Reading,
    Writing,
    allow,
    current_caller,
    database_of,
    settings_of,
)
from api.auth.rules import Right
from api.db.uow import ReadSession, reading
from api.devices.models import Vendor
from api.devices.queries import find_vendor
from api.http.conditional import check_if_match, etag_of, mark
from api.http.idempotency import never_store
from api.http.paging import ListOut, PageParams, set_link
from api.http.route import TransactionalRoute
from api.webhooks import trial, vendors
from api.webhooks.intake import Intake
from api.webhooks.schemas import (
    NewVendorOut,
    ReceivedOut,
    SecretIn,
    SecretOut,
    VendorIn,
    VendorOut,
    VendorPatch,
)
from api.webhooks.secrets import rotate_secret, sealer_for

router = APIRouter(
    prefix="/v1/vendors",
    tags=["vendors"],
    route_class=TransactionalRoute,
    dependencies=[Depends(current_caller)],
)
ReadsOrders = Annotated[Caller, Depends(allow(Right.orders_read))]
ManagesVendors = Annotated[Caller, Depends(allow(Right.vendors_manage))]


def _etag(vendor: Vendor) -> str:
    return etag_of("vendor", vendor.id, vendor.version)


async def _shown(
    request: Request, session: ReadSession, caller: Caller, vendor: Vendor
) -> VendorOut:
    address = own_address(request, settings_of(request))
    return (await vendors.show_vendors(session, caller, [vendor], address))[0]


@router.get("")
async def read_vendors(
    request: Request, response: Response, caller: ReadsOrders, session: Reading, page: PageParams
) -> ListOut[VendorOut]:
    """Vendors, which all networks share."""
    found = await vendors.list_vendors(session, page)
    set_link(request, response, found)
    address = own_address(request, settings_of(request))
    return ListOut(items=await vendors.show_vendors(session, caller, found.items, address))


@router.post("", status_code=201)
async def add_vendor(
    request: Request, response: Response, given: VendorIn, caller: ManagesVendors, session: Writing
) -> NewVendorOut:
    """A vendor. Its secret is shown once: hand it to the vendor."""
    sealer = sealer_for(settings_of(request))
    vendor, secret = await vendors.add_vendor(session, caller, sealer, given)
    never_store(request, "secret")
    mark(response, _etag(vendor))
    response.headers["location"] = f"/v1/vendors/{vendor.slug}"
    return NewVendorOut(vendor=await _shown(request, session, caller, vendor), secret=secret)


@router.get("/{slug}")
async def read_vendor(
    request: Request, response: Response, slug: str, caller: ReadsOrders, session: Reading
) -> VendorOut:
    """One vendor; its ETag is of what people edit, not of how its events fare."""
    vendor = await find_vendor(session, slug)
    mark(response, _etag(vendor))
    return await _shown(request, session, caller, vendor)


@router.patch("/{slug}")
async def change_vendor(
    *,
    request: Request,
    response: Response,
    slug: str,
    given: VendorPatch,
    caller: ManagesVendors,
    session: Writing,
) -> VendorOut:
    """Rename a vendor, say which sellers it tracks, or give it the keys it signs with now."""
    vendor = await find_vendor(session, slug)
    caller.require_everywhere()
    check_if_match(request, _etag(vendor))
    vendor = await vendors.change_vendor(session, caller, vendor, given)
    mark(response, _etag(vendor))
    return await _shown(request, session, caller, vendor)


@router.post("/{slug}/secrets", status_code=201)
async def rotate(
    request: Request, slug: str, given: SecretIn, caller: ManagesVendors, session: Writing
) -> SecretOut:
    """A new secret, shown once, beside the one before; any older one ends now.

    `overlap_hours: 0` also ends the one before, as for a secret that leaked.
    """
    caller.require_everywhere()
    vendor = await find_vendor(session, slug)
    sealer, overlap = sealer_for(settings_of(request)), timedelta(hours=given.overlap_hours)
    secret, retires_at = await rotate_secret(session, sealer, vendor, given.secret, overlap)
    never_store(request, "secret")
    return SecretOut(secret=secret, old_retires_at=retires_at)


@router.post("/{slug}/test-event", status_code=202)
async def send_test_event(request: Request, slug: str, caller: ManagesVendors) -> ReceivedOut:
    """Sign an event as the vendor would, and take it in as any other; it is settled as ignored."""
    caller.require_everywhere()
    async with reading(database_of(request)) as session:
        vendor = await find_vendor(session, slug)
        posted = await trial.build_test_event(session, sealer_for(settings_of(request)), vendor)
    intake: Intake = request.app.state.intake
    received = await intake.receive(vendor.slug, posted)
    return ReceivedOut(id=received.id, outcome=received.outcome)
