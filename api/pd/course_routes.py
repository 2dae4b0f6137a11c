"""`/v1/pd/courses`, what schools have of them, and a network's rules."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from api.auth.caller import Caller
from api.auth.dependencies import Reading, Writing, allow, current_caller
from api.auth.rules import Right
from api.db.uow import ReadSession
from api.http.conditional import (
    check_if_match,
    etag_of,
    mark,
    not_modified,
    not_modified_response,
)
from api.http.paging import ListOut, PageParams, set_link
from api.http.route import TransactionalRoute
from api.pd.courses import add_course, change_course, course_out
from api.pd.coverage import coverage_of
from api.pd.models import Course
from api.pd.network_rules import read_settings, rules_out, write_settings
from api.pd.queries import CourseFilter, find_course, list_courses
from api.pd.registration_schemas import CoverageOut
from api.pd.schemas import CourseIn, CourseOut, CoursePatch, RulesIn, RulesOut
from api.schools.models import School
from api.schools.queries import (
    SchoolFilter,
    find_network,
    find_school,
    list_schools,
    networks_by_id,
)

router = APIRouter(
    prefix="/v1",
    tags=["pd"],
    route_class=TransactionalRoute,
    dependencies=[Depends(current_caller)],
)

Reader = Annotated[Caller, Depends(allow(Right.pd_read))]
Writer = Annotated[Caller, Depends(allow(Right.pd_write))]
Ref = Annotated[str | None, Query(max_length=100, description="Id or code.")]


def etag_of_course(course: Course) -> str:
    return etag_of("Course", course.id, course.version)


async def _out(session: ReadSession, *courses: Course) -> list[CourseOut]:
    ids = {course.network_id for course in courses if course.network_id}
    codes = {one: network.code for one, network in (await networks_by_id(session, ids)).items()}
    return [course_out(course, codes) for course in courses]


@router.get("/pd/courses")
async def courses(
    *,
    request: Request,
    response: Response,
    caller: Reader,
    session: Reading,
    page: PageParams,
    network: Ref = None,
    archived: bool = False,
    q: Annotated[str | None, Query(max_length=100, description="Part of code or title.")] = None,
) -> ListOut[CourseOut]:
    """The shared catalogue and the networks' own courses, sorted by code or title."""
    owner = await find_network(session, caller, network) if network is not None else None
    which = CourseFilter(owner.id if owner else None, archived, q)
    found = await list_courses(session, caller, which, page)
    set_link(request, response, found)
    return ListOut(items=await _out(session, *found.items))


@router.post("/pd/courses", status_code=201)
async def add(response: Response, given: CourseIn, caller: Writer, session: Writing) -> CourseOut:
    """Add a course: to a network's catalogue, or without one to that of all."""
    course = await add_course(session, caller, given)
    mark(response, etag_of_course(course))
    response.headers["location"] = f"/v1/pd/courses/{course.id}"
    return (await _out(session, course))[0]


@router.get("/pd/courses/{course}", response_model=CourseOut)
async def read(
    request: Request, response: Response, course: str, caller: Reader, session: Reading
) -> CourseOut | Response:
    """One course, by id or code; by code the network's own before the shared one."""
    found = await find_course(session, caller.network_id, course)
    if not_modified(request, etag_of_course(found)):
        return not_modified_response(etag_of_course(found))
    mark(response, etag_of_course(found))
    return (await _out(session, found))[0]


@router.patch("/pd/courses/{course}")
async def change(
    *,
    request: Request,
    response: Response,
    course: str,
    given: CoursePatch,
    caller: Writer,
    session: Writing,
) -> CourseOut:
    """Change a course, or put it away (`"archived": true`); schools are counted anew."""
    found = await find_course(session, caller.network_id, course)
    check_if_match(request, etag_of_course(found))
    changed = await change_course(session, caller, found, given)
    mark(response, etag_of_course(changed))
    return (await _out(session, changed))[0]


@router.get("/pd/coverage")
async def coverage(
    *,
    request: Request,
    response: Response,
    caller: Reader,
    session: Reading,
    page: PageParams,
    network: Ref = None,
    school: Ref = None,
) -> ListOut[CoverageOut]:
    """How far schools are with the courses they need: people and hours completed, booked and in
    no session. A page counts schools, sorted by name or code; each may have several rows.
    """
    if school is not None:
        found: list[School] = [await find_school(session, caller, school)]
        return ListOut(items=await coverage_of(session, found))
    owner = await find_network(session, caller, network) if network is not None else None
    which = SchoolFilter(network_id=owner.id if owner else None)
    schools = await list_schools(session, caller, which, page)
    set_link(request, response, schools)
    return ListOut(items=await coverage_of(session, schools.items))


@router.get("/networks/{network}/pd-rules")
async def rules(network: str, caller: Reader, session: Reading) -> RulesOut:
    """What the network's rules do, defaults included, and how it fills a freed seat."""
    owner = await find_network(session, caller, network)
    return rules_out(await read_settings(session, owner.id))


@router.put("/networks/{network}/pd-rules")
async def set_rules(network: str, given: RulesIn, caller: Writer, session: Writing) -> RulesOut:
    """Say all of it anew; a rule that is left out is at its default again."""
    owner = await find_network(session, caller, network)
    caller.require_network(owner.id)
    return rules_out(await write_settings(session, owner.id, given))
