"""The probe: handed out to anybody, believed by its signature, its code made by who may measure."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse

from api import clock
from api.auth.browser import own_address
from api.auth.caller import Caller
from api.auth.dependencies import Reading, Writing, allow, database_of, settings_of
from api.auth.rules import Right
from api.db.uow import WriteSession, reading, writing
from api.errors import Malformed
from api.http.idempotency import never_store
from api.http.paging import ListOut, PageParams, set_link
from api.http.route import TransactionalRoute
from api.http.scope import request_id
from api.infrastructure.probe.budget import spend
from api.infrastructure.probe.codes import Speaker, find_speaker, replace_code, sealer_for
from api.infrastructure.probe.errors import ProbeNotBelieved
from api.infrastructure.probe.reports import find_report, list_reports, take_in
from api.infrastructure.probe.rules import (
    HEADER,
    LARGEST_REPORT,
    LARGEST_TRANSFER,
    is_recent,
    is_signed,
    transfer_line,
)
from api.infrastructure.probe.schemas import (
    ProbeCodeOut,
    ProbeReportIn,
    ProbeReportOut,
    ProbeRunDetailOut,
    ProbeRunOut,
)
from api.infrastructure.probe.script import furnished
from api.infrastructure.probe.transfer import noise, swallow
from api.schools.queries import find_school

router = APIRouter(prefix="/v1", tags=["probe"], route_class=TransactionalRoute)

Signature = Annotated[
    str | None, Header(alias=HEADER, max_length=200, description="`v1=` and HMAC-SHA256 in hex.")
]
Reads = Annotated[Caller, Depends(allow(Right.checks_read))]
Measures = Annotated[Caller, Depends(allow(Right.checks_write))]
SchoolCode = Annotated[
    str | None,
    Query(
        max_length=40,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$",
        description="Written into the file; nobody looks whether it is there.",
    ),
]
Suites = Annotated[
    list[str] | None,
    Query(max_length=20, description="Only the services of these, such as `google`."),
]
_SCRIPT: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/x-python": {"schema": {"type": "string"}}}}
}
_BYTES: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    }
}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class Script(PlainTextResponse):
    media_type = "text/x-python"


@router.get("/probe.py", response_class=Script, responses=_SCRIPT)
async def read_probe(
    request: Request, school: SchoolCode = None, suites: Suites = None
) -> Response:
    """The probe, for any laptop with Python 3.8: `curl -O`, then `python3 probe.py --help`.

    Open, and it holds no secret: what it measured is believed by the code that the school's
    technician was given.
    """
    address = own_address(request, settings_of(request))
    text = furnished(address, school.upper() if school else None, frozenset(suites or ()))
    return Script(text, headers={"Content-Disposition": 'attachment; filename="probe.py"'})


async def _speaker(request: Request, school: str) -> Speaker | None:
    sealer = sealer_for(settings_of(request))
    async with reading(database_of(request)) as session:
        return await find_speaker(session, sealer, school)


def _speaking(request: Request, speaker: Speaker) -> AbstractAsyncContextManager[WriteSession]:
    actor = f"probe:{speaker.code}"
    return writing(database_of(request), actor, request_id(request.scope))


async def believe_report(request: Request, school: str, signature: Signature = None) -> Speaker:
    """The school whose code signed the body. Raises: ProbeNotBelieved."""
    body, speaker = await request.body(), await _speaker(request, school)
    if not is_signed(signature, body, speaker.codes if speaker else ()) or speaker is None:
        raise ProbeNotBelieved
    return speaker


Reporting = Annotated[Speaker, Depends(believe_report)]


async def _report_session(request: Request, speaker: Reporting) -> AsyncIterator[WriteSession]:
    async with _speaking(request, speaker) as session:
        yield session


ReportWriting = Annotated[WriteSession, Depends(_report_session, scope="function")]


@router.post(
    "/schools/{school}/probe-reports",
    status_code=201,
    responses={200: {"model": ProbeReportOut, "description": "It had come before."}},
    max_body_size=LARGEST_REPORT,
)
async def post_report(
    request: Request,
    response: Response,
    given: ProbeReportIn,
    speaker: Reporting,
    session: ReportWriting,
) -> ProbeReportOut:
    """For the probe: what it measured, signed over the body with the school's code.

    Every check it says anything of gets a result. The same report again changes nothing (200);
    its id with other content is 409.
    """
    answer, is_new = await take_in(session, speaker, given, await request.body())
    if not is_new:
        response.status_code = 200
    return answer


async def allow_transfer(
    request: Request,
    school: Annotated[str, Query(max_length=100)],
    count: Annotated[int, Query(alias="bytes", ge=1, le=LARGEST_TRANSFER)],
    at: Annotated[int, Query(ge=0, le=10**11, description="Unix time of the request.")],
    signature: Signature = None,
) -> int:
    """How many bytes to transfer, taken from the school's hour.

    Raises: ProbeNotBelieved; ThroughputSpent.
    """
    speaker = await _speaker(request, school)
    signed = transfer_line(request.method, request.scope["query_string"])
    believed = is_signed(signature, signed, speaker.codes if speaker else ())
    if not believed or speaker is None or not is_recent(at, clock.now()):
        raise ProbeNotBelieved
    async with _speaking(request, speaker) as session:
        await spend(session, speaker.id, count)
    return count


Transfer = Annotated[int, Depends(allow_transfer)]


@router.get("/probe/throughput", response_class=StreamingResponse, responses=_BYTES)
async def send_bytes(count: Transfer) -> Response:
    """For the probe: so many random bytes. Signed over `GET`, a space, path and query."""
    return StreamingResponse(
        noise(count),
        media_type="application/octet-stream",
        headers={"Content-Length": str(count)},
    )


@router.post(
    "/probe/throughput",
    status_code=204,
    openapi_extra=_BODY,
    max_body_size=LARGEST_TRANSFER,
)
async def receive_bytes(request: Request, count: Transfer) -> None:
    """For the probe: so many bytes, which are forgotten. Signed over `POST`, path and query."""
    if await swallow(request) != count:
        raise Malformed("The body has another length than `bytes` says.")


@router.get("/schools/{school}/probe-reports")
async def read_reports(
    *,
    request: Request,
    response: Response,
    school: str,
    caller: Reads,
    session: Reading,
    page: PageParams,
) -> ListOut[ProbeRunOut]:
    """The runs of the probe, the newest first; sorted by measured_at, received_at or id."""
    place = await find_school(session, caller, school)
    found = await list_reports(session, place.id, page)
    set_link(request, response, found)
    return ListOut(items=[ProbeRunOut.model_validate(one) for one in found.items])


@router.get("/schools/{school}/probe-reports/{report_id}")
async def read_report(
    school: str, report_id: UUID, caller: Reads, session: Reading
) -> ProbeRunDetailOut:
    """One run with all that the probe wrote."""
    place = await find_school(session, caller, school)
    return ProbeRunDetailOut.model_validate(await find_report(session, place.id, report_id))


@router.post("/schools/{school}/probe-code", status_code=201)
async def make_code(
    request: Request, school: str, caller: Measures, session: Writing
) -> ProbeCodeOut:
    """A new code for the school's probes, shown once; the one before is good for a week more."""
    found = await find_school(session, caller, school)
    code, row, until = await replace_code(session, sealer_for(settings_of(request)), found)
    never_store(request, "code")
    return ProbeCodeOut(code=code, created_at=row.created_at, previous_until=until)
