"""What was learned of a vendor's lead times, over HTTP."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict

from api.auth.caller import Caller
from api.auth.dependencies import Reading, Writing, allow
from api.auth.rules import Right
from api.devices import lead_times
from api.devices.queries import find_vendor
from api.http.paging import ListOut, PageParams, set_link
from api.http.route import TransactionalRoute

router = APIRouter(prefix="/v1/vendors", tags=["vendors"], route_class=TransactionalRoute)

Manager = Annotated[Caller, Depends(allow(Right.vendors_manage))]


class LeadTimeOut(BaseModel):
    """In working days: from placing an order to the count (median), and from the first promise
    to the count (four of five within it).
    """

    model_config = ConfigDict(from_attributes=True)

    sku: str
    samples: int
    lead_days: int
    spread_days: int
    learned_at: datetime


class LearnedOut(BaseModel):
    """How many skus have other lead times now."""

    changed: int


@router.get("/{slug}/lead-times", dependencies=[Depends(allow(Right.orders_read))])
async def list_lead_times(
    slug: str,
    request: Request,
    response: Response,
    session: Reading,
    page: PageParams,
) -> ListOut[LeadTimeOut]:
    """What deliveries have taught of a vendor's skus; learned anew every night."""
    vendor = await find_vendor(session, slug)
    rows = await lead_times.list_lead_times(session, vendor, page)
    set_link(request, response, rows)
    return ListOut(items=[LeadTimeOut.model_validate(row) for row in rows.items])


@router.post("/{slug}/lead-times")
async def learn_lead_times(slug: str, caller: Manager, session: Writing) -> LearnedOut:
    """Learn now instead of tonight; tasks that wait for the vendor move with it."""
    caller.require_everywhere()
    vendor = await find_vendor(session, slug)
    return LearnedOut(changed=await lead_times.learn_lead_times(session, vendor.id))
