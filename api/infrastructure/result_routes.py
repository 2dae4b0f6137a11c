"""What was measured at schools, and what people say of a check there."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from api.auth.caller import Caller
from api.auth.dependencies import Reading, Writing, allow, current_caller
from api.auth.rules import Right
from api.http.paging import ListOut, PageParams, set_link
from api.http.route import TransactionalRoute
from api.infrastructure import saying
from api.infrastructure.catalogue import read_catalogue
from api.infrastructure.errors import check_not_found
from api.infrastructure.matrix import school_checks
from api.infrastructure.models import Premises
from api.infrastructure.queries import list_results
from api.infrastructure.recording import OnError, record, record_many, results_out
from api.infrastructure.result_schemas import (
    BulkResultsIn,
    BulkResultsOut,
    ExemptionIn,
    ExemptionOut,
    PremisesIn,
    PremisesOut,
    ResultIn,
    ResultOut,
    RetestIn,
    RetestOut,
    SchoolCheckOut,
)
from api.schools.queries import find_school

router = APIRouter(
    prefix="/v1",
    tags=["check-results"],
    route_class=TransactionalRoute,
    dependencies=[Depends(current_caller)],
)

Reader = Annotated[Caller, Depends(allow(Right.checks_read))]
Writer = Annotated[Caller, Depends(allow(Right.checks_write))]
# An exemption opens a gate as a waiver does, so whoever only measures cannot give one.
Approver = Annotated[Caller, Depends(allow(Right.waivers_approve))]


@router.get("/schools/{school}/checks")
async def read_school_checks(
    school: str, caller: Reader, session: Reading
) -> ListOut[SchoolCheckOut]:
    """Where a school stands with everything that is asked of it, by slug, and why."""
    place = await find_school(session, caller, school)
    return ListOut(items=await school_checks(session, place))


@router.get("/schools/{school}/checks/{check}")
async def read_school_check(
    school: str, check: str, caller: Reader, session: Reading
) -> SchoolCheckOut:
    """Where a school stands with one check."""
    place = await find_school(session, caller, school)
    asked = (await read_catalogue(session, place.network_id)).find(check)
    found = await school_checks(session, place, asked.slug)
    if not found:
        raise check_not_found(check)
    return found[0]


@router.get("/schools/{school}/checks/{check}/results")
async def read_results(
    *,
    request: Request,
    response: Response,
    school: str,
    check: str,
    caller: Reader,
    session: Reading,
    page: PageParams,
) -> ListOut[ResultOut]:
    """What was measured of a check at a school, the newest first; sorted by measured_at,
    recorded_at or id. Also what was measured of a shared check that the network has replaced.
    """
    place = await find_school(session, caller, school)
    catalogue = await read_catalogue(session, place.network_id)
    slug = catalogue.find(check).slug
    found = await list_results(session, place.id, catalogue.ids([slug]), page)
    set_link(request, response, found)
    return ListOut(items=await results_out(session, place, slug, found.items))


@router.post("/schools/{school}/checks/{check}/results", status_code=201)
async def post_result(
    school: str, check: str, given: ResultIn, caller: Writer, session: Writing
) -> ResultOut:
    """Keep a measurement: a value, or what iperf3 or an ndt7 client wrote. Nothing changes or
    deletes it; a wrong one is followed by a right one with the same `measured_at`.
    """
    place = await find_school(session, caller, school)
    slug = (await read_catalogue(session, place.network_id)).find(check).slug
    result = await record(session, place, check, given)
    return (await results_out(session, place, slug, [result]))[0]


@router.post("/check-results/bulk")
async def post_results(
    given: BulkResultsIn,
    caller: Writer,
    session: Writing,
    on_error: Annotated[
        OnError, Query(description="`skip` keeps what can be kept and answers each other row.")
    ] = "abort",
) -> BulkResultsOut:
    """Keep up to 5,000 measurements of any schools and checks, all or none."""
    return await record_many(session, caller, given.results, on_error)


@router.post("/schools/{school}/checks/{check}/retests", status_code=201)
async def post_retest(
    school: str, check: str, given: RetestIn, caller: Writer, session: Writing
) -> RetestOut:
    """Agree on a day to measure again; the forecast goes by it, and the next result ends it."""
    place = await find_school(session, caller, school)
    return RetestOut.model_validate(await saying.schedule(session, place, check, given))


@router.delete("/schools/{school}/checks/{check}/retests", status_code=204)
async def delete_retest(school: str, check: str, caller: Writer, session: Writing) -> None:
    """Call the scheduled measurement off."""
    place = await find_school(session, caller, school)
    await saying.unschedule(session, place, check)


@router.post("/schools/{school}/checks/{check}/exemption", status_code=201)
async def post_exemption(
    school: str, check: str, given: ExemptionIn, caller: Approver, session: Writing
) -> ExemptionOut:
    """Say why a check does not concern a school, such as a WAN check where there is one building.

    To open without a check that does concern it, ask for a waiver of its task.
    """
    place = await find_school(session, caller, school)
    return ExemptionOut.model_validate(await saying.exempt(session, place, check, given))


@router.delete("/schools/{school}/checks/{check}/exemption", status_code=204)
async def delete_exemption(school: str, check: str, caller: Approver, session: Writing) -> None:
    """Let the check concern the school again."""
    place = await find_school(session, caller, school)
    await saying.end_exemption(session, place, check)


def _premises_out(found: Premises | None) -> PremisesOut:
    if found is None:
        return PremisesOut(rooms=None, other_users=None, updated_at=None)
    return PremisesOut.model_validate(found, from_attributes=True)


@router.get("/schools/{school}/premises")
async def read_premises(school: str, caller: Reader, session: Reading) -> PremisesOut:
    """Rooms, and people besides students and teachers, which some thresholds count."""
    place = await find_school(session, caller, school)
    return _premises_out(await saying.read_premises(session, place))


@router.put("/schools/{school}/premises")
async def put_premises(
    school: str, given: PremisesIn, caller: Writer, session: Writing
) -> PremisesOut:
    """Say how many rooms a school has and who else uses its network; all checks are judged anew."""
    place = await find_school(session, caller, school)
    return _premises_out(await saying.set_premises(session, place, given))
