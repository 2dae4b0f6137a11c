"""Readiness over HTTP: one school, the board, what to do next, what was said, what changes."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import AwareDatetime

from api import clock
from api.auth.caller import Caller
from api.auth.dependencies import AllowWith, Reading, allow, database_of
from api.auth.identify import Beside
from api.auth.rules import Right
from api.db.listen import Listener
from api.db.uow import reading
from api.errors import NotFound
from api.http.conditional import CACHE_CONTROL, VARY, not_modified, not_modified_response
from api.http.paging import ListOut, PageParams, link_header, set_link
from api.http.route import TransactionalRoute
from api.readiness import service
from api.readiness.answers import Stored, answer_as_of, compute_answer, seek, sought
from api.readiness.board import LARGEST_BOARD, BoardRequest, read_board
from api.readiness.rules import Verdict
from api.readiness.schemas import ActionOut, AuditOut, BoardOut, ReadinessOut, SaidOut
from api.schools.errors import SchoolNotFound
from api.schools.queries import find_network, find_school
from api.schools.rules import as_id, normal_code
from api.tasks.schemas import GraphOut

router = APIRouter(prefix="/v1", tags=["readiness"], route_class=TransactionalRoute)

Reader = Annotated[Caller, Depends(allow(Right.readiness_read))]
Auditor = Annotated[Caller, Depends(allow(Right.audit_read))]
_JSON = "application/json"


class NothingSaid(NotFound):
    code = "nothing-said"
    title = "FirstBell had said nothing about this school by then"


def _seek(request: Request) -> Beside:
    school = request.path_params["school"]
    # A tag like the kept one leaves the document in the database.
    known = request.headers.get("if-none-match")
    return seek(as_id(school.strip()) or normal_code(school), known)


Kept = Annotated[Sequence[Any], Depends(AllowWith(Right.readiness_read, _seek))]


def _answer(request: Request, stored: Stored) -> Response:
    if not_modified(request, stored.etag):
        return not_modified_response(stored.etag)
    headers = {"etag": stored.etag, "cache-control": CACHE_CONTROL, "vary": VARY}
    return Response(stored.document, media_type=_JSON, headers=headers)


@router.get("/schools/{school}/readiness", response_model=ReadinessOut)
async def read_readiness(
    school: str,
    request: Request,
    kept: Kept,
    as_of: Annotated[
        AwareDatetime | None, Query(description="What FirstBell said at that moment.")
    ] = None,
) -> Response:
    """Whether the school will be ready for its first bell, why not, and by when."""
    found = sought(kept)
    if found is None:
        raise SchoolNotFound(f"There is no school {school[:40]!r}, or you may not see it.")
    database = database_of(request)
    if as_of is None:
        stored = found.stored or await compute_answer(database, found.school_id)
        return _answer(request, stored)
    said = await answer_as_of(database, found.school_id, as_of)
    if said is None:
        raise NothingSaid(f"The first answer about {school[:40]!r} is younger than {as_of}.")
    return Response(said, media_type=_JSON, headers={"cache-control": CACHE_CONTROL, "vary": VARY})


@router.get("/schools/{school}/readiness/history")
async def read_history(
    school: str,
    request: Request,
    response: Response,
    caller: Reader,
    session: Reading,
    page: PageParams,
) -> ListOut[SaidOut]:
    """What FirstBell said about the school, newest first unless sorted otherwise."""
    found = await find_school(session, caller, school)
    said = await service.history(session, found.id, page)
    set_link(request, response, said)
    return ListOut(items=[SaidOut.model_validate(row, from_attributes=True) for row in said.items])


@router.get("/schools/{school}/graph")
async def read_graph(school: str, request: Request, caller: Reader) -> GraphOut:
    """The graph with its forecast: what the Gantt draws."""
    database = database_of(request)
    async with reading(database) as session:
        found = await find_school(session, caller, school)
        planned = await service.planned_dates(session, found.id)
    return GraphOut.model_validate(await service.graph(database, found.id, planned))


@router.get("/readiness", response_model=BoardOut)
async def read_whole_board(
    request: Request,
    caller: Reader,
    network: str | None = None,
    wave: Annotated[str | None, Query(max_length=60)] = None,
    verdict: Annotated[list[Verdict] | None, Query()] = None,
    sort: Annotated[str, Query(max_length=40)] = "name",
    limit: Annotated[int, Query(ge=1, le=LARGEST_BOARD)] = 100,
    cursor: Annotated[str | None, Query(max_length=2000)] = None,
    as_format: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> Response:
    """Every school's row, with totals per verdict of all that the other filters let through."""
    database = database_of(request)
    network_id = None
    if network is not None:
        async with reading(database) as session:
            network_id = (await find_network(session, caller, network)).id
    asked = BoardRequest(network_id, wave, tuple(verdict or ()), sort, limit, cursor)
    board = await read_board(database, caller, asked)
    headers = {"cache-control": CACHE_CONTROL, "vary": VARY}
    link = link_header(request, board.next_cursor)
    if link is not None:
        headers["link"] = link
    if as_format == "csv":
        headers["content-disposition"] = 'attachment; filename="readiness.csv"'
        rows = await asyncio.to_thread(_csv, board.items)
        return Response(rows, media_type="text/csv; charset=utf-8", headers=headers)
    body = b'{"items":' + board.items + b',"totals":' + orjson.dumps(board.totals) + b"}"
    return Response(body, media_type=_JSON, headers=headers)


_CSV_COLUMNS = ("code", "name", "network", "wave", "first_bell", "verdict", "percent", "ready_on")


def _csv(items: bytes) -> bytes:
    """The board for a spreadsheet: a cell that would be a formula starts with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([*_CSV_COLUMNS, "float_days"])
    for row in orjson.loads(items):
        flat = {**row, **row["school"]}
        writer.writerow([_cell(flat[name]) for name in (*_CSV_COLUMNS, "float_days")])
    return out.getvalue().encode("utf-8-sig")


def _cell(value: object) -> object:
    if isinstance(value, str) and value.lstrip(" ")[:1] in tuple("=+-@\t\r\n\uff1d"):
        return "'" + value
    return value


@router.get("/actions")
async def read_actions(
    request: Request,
    caller: Reader,
    network: str | None = None,
    wave: Annotated[str | None, Query(max_length=60)] = None,
    owner: Annotated[str | None, Query(max_length=254)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> ListOut[ActionOut]:
    """What to do next across schools: what must start soonest comes first."""
    database = database_of(request)
    network_id = None
    if network is not None:
        async with reading(database) as session:
            network_id = (await find_network(session, caller, network)).id
    which = service.ActionFilter(network_id, wave, owner, limit)
    return ListOut(items=await service.actions(database, caller, which))


@router.get("/audit")
async def read_audit(
    request: Request,
    response: Response,
    caller: Auditor,
    session: Reading,
    page: PageParams,
    school: str | None = None,
    row: Annotated[str | None, Query(max_length=100)] = None,
) -> ListOut[AuditOut]:
    """Who changed what, when, from what to what."""
    found = await find_school(session, caller, school) if school is not None else None
    rows = await service.audit(session, caller, page, found.id if found else None, row)
    set_link(request, response, rows)
    return ListOut(items=[AuditOut.model_validate(one, from_attributes=True) for one in rows.items])


@router.get("/events", response_class=EventSourceResponse)
async def stream_events(request: Request, caller: Reader) -> AsyncIterator[ServerSentEvent]:
    """`school changed` with the ids of schools whose answer is another now; `{"schools": null}`
    means that any may have changed: look again. `inbox changed` when events of vendors were settled
    that the caller may see, whether or not they moved a school.
    """
    listener: Listener = request.app.state.listener
    database = database_of(request)
    yield ServerSentEvent(event="hello", data={"now": clock.now().isoformat()}, retry=3000)
    async for channel, payload in listener.stream("school_changed", "inbox_settled"):
        if channel == "inbox_settled":
            if _sees_inbox(caller, payload):
                yield ServerSentEvent(event="inbox changed", data={})
            continue
        if payload is None or payload == "*":
            yield ServerSentEvent(event="school changed", data={"schools": None})
            continue
        ids = await service.visible_ids(database, caller, payload.split(","))
        if ids:
            yield ServerSentEvent(event="school changed", data={"schools": ids})


def _sees_inbox(caller: Caller, payload: str | None) -> bool:
    """Whether a notice of settled events is for this caller: the ids of their networks, `-` among
    them for none, `*` for many, None where some may have been missed.

    Who is limited to schools hears of their own by `school changed`: that something came for
    another school of the network is not for them.
    """
    if caller.school_ids is not None or not caller.may(Right.orders_read):
        return False
    if payload is None or payload == "*" or caller.network_id is None:
        return True
    return str(caller.network_id) in payload.split(",")
