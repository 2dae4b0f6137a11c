"""`/v1/schools` and their import."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from api.auth.dependencies import Reading, Writing, current_caller
from api.db.uow import ReadSession
from api.http.conditional import check_if_match, mark, not_modified, not_modified_response
from api.http.csv_upload import CSV_BODY, Mode, OnError, read_csv
from api.http.paging import ListOut, PageParams, set_link
from api.http.route import TransactionalRoute
from api.schools import service
from api.schools.callers import ReadsSchools, WritesSchools, etag_of_row
from api.schools.import_service import import_schools
from api.schools.models import School
from api.schools.queries import (
    SchoolFilter,
    find_network,
    find_school,
    list_schools,
    networks_by_id,
)
from api.schools.schemas import ImportOut, SchoolIn, SchoolOut, SchoolPatch, school_out

router = APIRouter(
    prefix="/v1",
    tags=["schools"],
    route_class=TransactionalRoute,
    dependencies=[Depends(current_caller)],
)
# Apart, so that whoever includes it can allow files larger than other bodies.
uploads = APIRouter(
    prefix="/v1",
    tags=["schools"],
    route_class=TransactionalRoute,
    dependencies=[Depends(current_caller)],
)

Search = Annotated[str | None, Query(max_length=200, description="Part of a name or code.")]
NetworkRef = Annotated[str | None, Query(max_length=100, description="A network's id or code.")]
Archived = Annotated[bool, Query(description="True lists archived schools only.")]


async def _schools_out(session: ReadSession, *schools: School) -> list[SchoolOut]:
    networks = await networks_by_id(session, (school.network_id for school in schools))
    return [school_out(school, networks[school.network_id].code) for school in schools]


@router.get("/schools")
async def schools(
    *,
    request: Request,
    response: Response,
    caller: ReadsSchools,
    session: Reading,
    page: PageParams,
    network: NetworkRef = None,
    q: Search = None,
    archived: Archived = False,
) -> ListOut[SchoolOut]:
    """Schools, sorted by name, code or enrollment."""
    owner = await find_network(session, caller, network) if network is not None else None
    which = SchoolFilter(owner.id if owner else None, q, archived)
    found = await list_schools(session, caller, which, page)
    set_link(request, response, found)
    return ListOut(items=await _schools_out(session, *found.items))


@router.post("/schools", status_code=201)
async def add_school(
    response: Response, given: SchoolIn, caller: WritesSchools, session: Writing
) -> SchoolOut:
    """A new school. `model`, `first_bell` or `wave` open its first rollout, still empty."""
    network = await find_network(session, caller, given.network)
    school = await service.add_school(session, caller, network, given)
    mark(response, etag_of_row(school))
    response.headers["location"] = f"/v1/schools/{school.id}"
    return school_out(school, network.code)


@uploads.post("/schools/import", openapi_extra=CSV_BODY)
async def import_file(
    request: Request,
    caller: WritesSchools,
    session: Writing,
    mode: Mode = "apply",
    on_error: OnError = "skip",
) -> ImportOut:
    """Make and change schools from a CSV file, header first.

    The columns are `code,sourced_id,name,network,timezone,enrollment,teacher_count,model,
    first_bell,wave` in any order; only `name` and `network` are required. A row means the school
    with its code, else with its sourced id, else (having neither) its name. An absent column is
    left alone; an empty cell clears `enrollment` and `teacher_count`, and elsewhere says nothing.
    """
    return await import_schools(session, caller, await read_csv(request), mode, on_error)


@router.get("/schools/{school}", response_model=SchoolOut)
async def read_school(
    request: Request, response: Response, school: str, caller: ReadsSchools, session: Reading
) -> SchoolOut | Response:
    """A school by its id or code, an archived one too."""
    found = await find_school(session, caller, school)
    if not_modified(request, etag_of_row(found)):
        return not_modified_response(etag_of_row(found))
    mark(response, etag_of_row(found))
    return (await _schools_out(session, found))[0]


@router.patch("/schools/{school}")
async def change_school(
    *,
    request: Request,
    response: Response,
    school: str,
    given: SchoolPatch,
    caller: WritesSchools,
    session: Writing,
) -> SchoolOut:
    """Change what is known of a school; `archived` puts it away or brings it back."""
    found = await find_school(session, caller, school)
    check_if_match(request, etag_of_row(found))
    changed = await service.change_school(session, found, given)
    mark(response, etag_of_row(changed))
    return (await _schools_out(session, changed))[0]
