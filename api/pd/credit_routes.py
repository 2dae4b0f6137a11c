"""`/v1/pd/credits`: hours earned, for transcripts and for spreadsheets."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from api.auth.caller import Caller
from api.auth.dependencies import Reading, allow, current_caller, database_of
from api.auth.rules import Right
from api.http.paging import ListOut, PageParams, set_link
from api.http.route import TransactionalRoute
from api.pd.credit_schemas import CreditOut
from api.pd.credits import CreditFilter, credit_csv, list_credits
from api.pd.queries import find_course
from api.schools.queries import find_network, find_school

router = APIRouter(
    prefix="/v1/pd",
    tags=["pd"],
    route_class=TransactionalRoute,
    dependencies=[Depends(current_caller)],
)

Reader = Annotated[Caller, Depends(allow(Right.pd_read))]
_Ref = Annotated[str | None, Query(max_length=100, description="Id or code.")]
_SAVED = {"content-disposition": 'attachment; filename="pd-credits.csv"'}


@router.get(
    "/credits",
    response_model=ListOut[CreditOut],
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def credits_earned(
    *,
    request: Request,
    response: Response,
    caller: Reader,
    session: Reading,
    page: PageParams,
    network: _Ref = None,
    school: _Ref = None,
    course: _Ref = None,
    staff: UUID | None = None,
    since: Annotated[date | None, Query(alias="from", description="First day.")] = None,
    until: Annotated[date | None, Query(alias="to", description="Last day.")] = None,
    as_format: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> ListOut[CreditOut] | Response:
    """Hours credited to people who were at sessions, sorted by starts_at.

    As CSV it is the whole report at once, safe to open in a spreadsheet. Names are null for who
    may not see staff.
    """
    owner = await find_network(session, caller, network) if network is not None else None
    place = await find_school(session, caller, school) if school is not None else None
    of_network = owner.id if owner else place.network_id if place else caller.network_id
    of = await find_course(session, of_network, course) if course is not None else None
    which = CreditFilter(
        network_id=owner.id if owner else None,
        school_id=place.id if place else None,
        course_id=of.id if of else None,
        staff_id=staff,
        since=since,
        until=until,
    )
    if as_format == "csv":
        rows = credit_csv(database_of(request), caller, which)
        return StreamingResponse(rows, media_type="text/csv; charset=utf-8", headers=_SAVED)
    found = await list_credits(session, caller, which, page)
    set_link(request, response, found)
    return ListOut(items=list(found.items))
