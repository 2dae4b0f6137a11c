"""`/v1/webhook-events`: what vendors posted, and what became of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime

from api.auth.caller import Caller
from api.auth.dependencies import Reading, Writing, allow, current_caller, settings_of
from api.auth.rules import Right
from api.db.uow import ReadSession
from api.devices.queries import find_vendor
from api.http.paging import ListOut, PageParams, set_link
from api.http.route import TransactionalRoute
from api.webhooks import inbox
from api.webhooks.bodies import body_of
from api.webhooks.inbox_schemas import (
    EventDetailOut,
    EventOut,
    MatchIn,
    ReplayedOut,
    ReplayIn,
    SuggestionOut,
)
from api.webhooks.models import WebhookEvent
from api.webhooks.rules import Outcome
from api.webhooks.secrets import sealer_for
from api.webhooks.suggest import suggest

router = APIRouter(
    prefix="/v1/webhook-events",
    tags=["inbox"],
    route_class=TransactionalRoute,
    dependencies=[Depends(current_caller)],
)
ReadsOrders = Annotated[Caller, Depends(allow(Right.orders_read))]
WritesOrders = Annotated[Caller, Depends(allow(Right.orders_write))]


async def _shown(session: ReadSession, event: WebhookEvent) -> EventOut:
    return (await inbox.show_events(session, [event]))[0]


@router.get("")
async def read_events(
    *,
    request: Request,
    response: Response,
    caller: ReadsOrders,
    session: Reading,
    page: PageParams,
    vendor: Annotated[str | None, Query(max_length=40, description="A vendor's slug.")] = None,
    outcome: Outcome | None = None,
    since: AwareDatetime | None = None,
    q: Annotated[str | None, Query(max_length=100, description="Part of a number.")] = None,
) -> ListOut[EventOut]:
    """Events, the newest first. Unmatched ones are of no network: they show where all do."""
    vendor_id = (await find_vendor(session, vendor)).id if vendor is not None else None
    which = inbox.EventFilter(vendor_id, outcome, since, q)
    page = page if page.sort else replace(page, sort=inbox.NEWEST_FIRST)
    found = await inbox.list_events(session, caller, which, page)
    set_link(request, response, found)
    return ListOut(items=await inbox.show_events(session, found.items))


@router.get("/{event_id}")
async def read_event(
    event_id: UUID, request: Request, caller: ReadsOrders, session: Reading
) -> EventDetailOut:
    """One event: what may be seen of its body, and for an unmatched one what it may be about."""
    event = await inbox.find_event(session, caller, event_id)
    shown = await _shown(session, event)
    suggestions = await suggest(session, caller, event)
    return EventDetailOut(
        **shown.model_dump(),
        body=await body_of(session, sealer_for(settings_of(request)), event),
        suggestions=[SuggestionOut.model_validate(one) for one in suggestions],
    )


@router.post("/replay", status_code=202)
async def replay_events(given: ReplayIn, caller: WritesOrders, session: Writing) -> ReplayedOut:
    """Apply a vendor's events again, as after mending what made them fail; none counts twice."""
    vendor = await find_vendor(session, given.vendor)
    replayed = await inbox.replay_since(session, caller, vendor, given.since, given.outcome)
    return ReplayedOut(replayed=replayed)


@router.post("/{event_id}/match", status_code=202)
async def match_event(
    event_id: UUID, given: MatchIn, caller: WritesOrders, session: Writing
) -> EventOut:
    """Say which order or shipment an unmatched event is about; it is then applied."""
    return await _shown(session, await inbox.match(session, caller, event_id, given))


@router.post("/{event_id}/replay", status_code=202)
async def replay_event(event_id: UUID, caller: WritesOrders, session: Writing) -> EventOut:
    """Apply an event again; what it said before is not counted twice."""
    return await _shown(session, await inbox.replay(session, caller, event_id))
