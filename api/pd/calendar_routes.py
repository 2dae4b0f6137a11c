"""`/v1/calendars`: links that show PD in people's own calendars."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from starlette.types import Receive, Scope, Send

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
from api.http.conditional import mark, not_modified, not_modified_response
from api.http.door import ShortWay
from api.http.idempotency import never_store
from api.http.paging import ListOut, PageParams, set_link
from api.http.route import TransactionalRoute
from api.pd.calendar_feeds import body_of, find_feed
from api.pd.calendar_schemas import CalendarIn, CalendarOut, NewCalendarOut, calendar_out
from api.pd.calendars import list_links, make_link, revoke_link
from api.pd.rules import CalendarKind

_ICS = "text/calendar; charset=utf-8"
_SHOWN: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The calendar (RFC 5545).",
        "content": {_ICS: {"schema": {"type": "string"}}},
    },
    304: {"description": "It is as it was."},
}

router = APIRouter(
    prefix="/v1",
    tags=["pd"],
    route_class=TransactionalRoute,
    dependencies=[Depends(current_caller)],
)
# Open to whoever has the link: a calendar program cannot sign in.
feeds = APIRouter(prefix="/v1", tags=["pd"], route_class=TransactionalRoute)

Reader = Annotated[Caller, Depends(allow(Right.pd_read))]


@feeds.get("/calendars/{token}.ics", response_model=None, responses=_SHOWN)
async def show_calendar(request: Request, token: str) -> Response:
    """For calendar programs: the sessions that a link shows, in UTC and without who attends.

    Ask again with `If-None-Match`: while nothing changed the answer is 304.
    """
    database = database_of(request)
    address = request.client.host if request.client else ""
    feed = await find_feed(database, token, settings_of(request).public_url, address)
    if not_modified(request, feed.etag):
        return not_modified_response(feed.etag)
    etag, body = await body_of(database, feed)
    return mark(Response(body, media_type=_ICS), etag)


async def enter(token: str, scope: Scope, receive: Receive, send: Send) -> None:
    """The short way of `show_calendar`: a district's calendar programs poll all day."""
    answer = await show_calendar(Request(scope), token)
    await answer(scope, receive, send)


SHORT_WAY = ShortWay("GET", "/v1/calendars/", ".ics", feeds.routes[0], enter)


@router.post("/calendars", status_code=201)
async def make(
    request: Request, given: CalendarIn, caller: Reader, session: Writing
) -> NewCalendarOut:
    """Make a link for a calendar program. Its address is shown once; revoke it when it leaked."""
    link, token = await make_link(session, caller, given)
    never_store(request, "url", "webcal")
    url = f"{own_address(request, settings_of(request))}/v1/calendars/{token}.ics"
    return NewCalendarOut(
        **calendar_out(link).model_dump(), url=url, webcal=f"webcal:{url.partition(':')[2]}"
    )


@router.get("/calendars")
async def calendars(
    *,
    request: Request,
    response: Response,
    caller: Reader,
    session: Reading,
    page: PageParams,
    kind: CalendarKind | None = None,
) -> ListOut[CalendarOut]:
    """Links that still show something, sorted by created_at or last_read_at."""
    found = await list_links(session, caller, kind, page)
    set_link(request, response, found)
    return ListOut(items=[calendar_out(link) for link in found.items])


@router.delete("/calendars/{calendar_id}", status_code=204)
async def revoke(calendar_id: UUID, caller: Reader, session: Writing) -> None:
    """Revoke a link: from the next poll on it shows nothing."""
    await revoke_link(session, caller, calendar_id)
