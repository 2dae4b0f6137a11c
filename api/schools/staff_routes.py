"""`/v1/staff`: people who work at schools."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from api.auth.dependencies import Reading, Writing, current_caller
from api.db.uow import ReadSession
from api.http.conditional import check_if_match, mark, not_modified, not_modified_response
from api.http.paging import ListOut, PageParams, set_link
from api.http.route import TransactionalRoute
from api.schools.callers import ReadsStaff, WritesStaff, etag_of_row
from api.schools.models import Staff
from api.schools.queries import (
    StaffFilter,
    codes_of_schools,
    find_school,
    find_staff,
    list_staff,
)
from api.schools.rules import StaffRole
from api.schools.schemas import StaffIn, StaffOut, StaffPatch, staff_out
from api.schools.staff import add_staff, change_staff

router = APIRouter(
    prefix="/v1",
    tags=["staff"],
    route_class=TransactionalRoute,
    dependencies=[Depends(current_caller)],
)

SchoolRef = Annotated[str | None, Query(max_length=100, description="A school's id or code.")]


async def _staff_out(session: ReadSession, *people: Staff) -> list[StaffOut]:
    codes = await codes_of_schools(session, (person.school_id for person in people))
    return [staff_out(person, codes[person.school_id]) for person in people]


@router.get("/staff")
async def staff(
    *,
    request: Request,
    response: Response,
    caller: ReadsStaff,
    session: Reading,
    page: PageParams,
    school: SchoolRef = None,
    role: StaffRole | None = None,
    active: bool | None = None,
) -> ListOut[StaffOut]:
    """Staff, sorted by family_name or sourced_id; those who left too unless `active=true`."""
    place = await find_school(session, caller, school) if school is not None else None
    which = StaffFilter(place.id if place else None, role, active)
    found = await list_staff(session, caller, which, page)
    set_link(request, response, found)
    return ListOut(items=await _staff_out(session, *found.items))


@router.post("/staff", status_code=201)
async def add(
    response: Response, given: StaffIn, caller: WritesStaff, session: Writing
) -> StaffOut:
    """Somebody who works at a school; the sourced id is unique in the school's network."""
    school = await find_school(session, caller, given.school)
    person = await add_staff(session, school, given)
    mark(response, etag_of_row(person))
    response.headers["location"] = f"/v1/staff/{person.id}"
    return staff_out(person, school.code)


@router.get("/staff/{staff_id}", response_model=StaffOut)
async def read(
    request: Request, response: Response, staff_id: UUID, caller: ReadsStaff, session: Reading
) -> StaffOut | Response:
    """One person."""
    found = await find_staff(session, caller, staff_id)
    if not_modified(request, etag_of_row(found)):
        return not_modified_response(etag_of_row(found))
    mark(response, etag_of_row(found))
    return (await _staff_out(session, found))[0]


@router.patch("/staff/{staff_id}")
async def change(
    *,
    request: Request,
    response: Response,
    staff_id: UUID,
    given: StaffPatch,
    caller: WritesStaff,
    session: Writing,
) -> StaffOut:
    """Change, move or (`"active": false`) deactivate somebody."""
    found = await find_staff(session, caller, staff_id)
    check_if_match(request, etag_of_row(found))
    changed = await change_staff(session, caller, found, given)
    mark(response, etag_of_row(changed))
    return (await _staff_out(session, changed))[0]
