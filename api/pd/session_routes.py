"""`/v1/pd/sessions`: planned, moved, given a trainer, cancelled."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from api.auth.caller import Caller
from api.auth.dependencies import Reading, Writing, allow, current_caller
from api.auth.rules import Right
from api.http.conditional import (
    check_if_match,
    etag_of,
    mark,
)
from api.http.paging import ListOut, PageParams, set_link
from api.http.route import TransactionalRoute
from api.pd import sessions as service
from api.pd.models import Session
from api.pd.moving import change_session
from api.pd.queries import (
    SessionFilter,
    find_course,
    find_session,
    list_notices,
    list_sessions,
)
from api.pd.registration_schemas import NoticeOut
from api.pd.rules import NoticeKind, SessionStatus
from api.pd.schemas import CancelIn, SessionIn, SessionOut, SessionPatch, TrainerChangeIn
from api.pd.session_views import session_out, sessions_out
from api.schools.queries import find_network, find_school

router = APIRouter(
    prefix="/v1/pd/sessions",
    tags=["pd"],
    route_class=TransactionalRoute,
    dependencies=[Depends(current_caller)],
)

Reader = Annotated[Caller, Depends(allow(Right.pd_read))]
Writer = Annotated[Caller, Depends(allow(Right.pd_write))]
Ref = Annotated[str | None, Query(max_length=100, description="Id or code.")]
Day = Annotated[date | None, Query(description="A day where the session is held.")]


def etag_of_session(found: Session) -> str:
    """The tag of what people plan; seats that are taken do not move it."""
    return etag_of("Session", found.id, found.version)


@router.get("")
async def sessions(
    *,
    request: Request,
    response: Response,
    caller: Reader,
    session: Reading,
    page: PageParams,
    network: Ref = None,
    course: Ref = None,
    school: Ref = None,
    site: Annotated[UUID | None, Query(description="A site's id.")] = None,
    trainer: Annotated[UUID | None, Query(description="Somebody on the staff.")] = None,
    staff: Annotated[UUID | None, Query(description="Who goes to it or waits.")] = None,
    status: SessionStatus | None = None,
    since: Annotated[Day, Query(alias="from")] = None,
    until: Annotated[Day, Query(alias="to")] = None,
) -> ListOut[SessionOut]:
    """Sessions of the caller's network, sorted by starts_at or revised_at."""
    owner = await find_network(session, caller, network) if network is not None else None
    place = await find_school(session, caller, school) if school is not None else None
    network_id = owner.id if owner else caller.network_id
    of = await find_course(session, network_id, course) if course is not None else None
    by_id = of is not None and course != of.code
    which = SessionFilter(
        course_id=of.id if of and by_id else None,
        code=of.code if of and not by_id else None,
        network_id=owner.id if owner else None,
        school_id=place.id if place else None,
        site_id=site,
        trainer_id=trainer,
        staff_id=staff,
        status=status,
        since=since,
        until=until,
    )
    found = await list_sessions(session, caller, which, page)
    set_link(request, response, found)
    return ListOut(items=await sessions_out(session, found.items))


@router.post("", status_code=201)
async def plan(
    response: Response, given: SessionIn, caller: Writer, session: Writing
) -> SessionOut:
    """Plan a session; it is open for registration once it is created.

    A room or trainer that is taken at that time refuses it (409 `double-booked`, naming what is
    in the way). `warnings` says what rules of the network warn of.
    """
    planned, warnings = await service.plan_session(session, caller, given)
    shown = await session_out(session, planned, warnings)
    mark(response, etag_of_session(planned))
    response.headers["location"] = f"/v1/pd/sessions/{planned.id}"
    return shown


@router.get("/{session_id}")
async def read(
    response: Response, session_id: UUID, caller: Reader, session: Reading
) -> SessionOut:
    """One session. Its tag is of what people plan and does not move when a seat is taken, so it
    is good for a change and never answered 304.
    """
    found = await find_session(session, caller, session_id)
    mark(response, etag_of_session(found))
    return await session_out(session, found)


@router.patch("/{session_id}")
async def change(
    *,
    request: Request,
    response: Response,
    session_id: UUID,
    given: SessionPatch,
    caller: Writer,
    session: Writing,
) -> SessionOut:
    """Change a session. Another time or place is all or nothing: what it collides with is named
    (409 `double-booked`), all who come, wait or train are told, and calendars see it move.
    """
    found = await find_session(session, caller, session_id)
    check_if_match(request, etag_of_session(found))
    warnings = await change_session(session, caller, found, given)
    shown = await session_out(session, found, warnings)
    mark(response, etag_of_session(found))
    return shown


@router.post("/{session_id}/cancel")
async def cancel(
    response: Response, session_id: UUID, given: CancelIn, caller: Writer, session: Writing
) -> SessionOut:
    """Cancel a session. Who was to come is free at that time, and is told; it stays in calendars
    as cancelled for some weeks.
    """
    found = await find_session(session, caller, session_id)
    await service.cancel_session(session, caller, found, given.reason)
    shown = await session_out(session, found)
    mark(response, etag_of_session(found))
    return shown


@router.post("/{session_id}/trainer")
async def replace_trainer(
    response: Response,
    session_id: UUID,
    given: TrainerChangeIn,
    caller: Writer,
    session: Writing,
) -> SessionOut:
    """Another trainer, or none any more: registrations stay, those who come are told, and the
    session warns while nobody is found.
    """
    found = await find_session(session, caller, session_id)
    warnings = await service.change_trainer(session, caller, found, given)
    shown = await session_out(session, found, warnings)
    mark(response, etag_of_session(found))
    return shown


@router.get("/{session_id}/notices")
async def notices(
    *,
    request: Request,
    response: Response,
    session_id: UUID,
    caller: Reader,
    session: Reading,
    page: PageParams,
) -> ListOut[NoticeOut]:
    """What people had to be told of this session, and whether they have been."""
    held = await find_session(session, caller, session_id)
    caller.require_network(held.network_id)
    found = await list_notices(session, held.id, page)
    set_link(request, response, found)
    return ListOut(
        items=[
            NoticeOut(
                id=one.id,
                staff=one.staff_id,
                kind=NoticeKind(one.kind),
                details=one.details,
                created_at=one.created_at,
                sent_at=one.sent_at,
            )
            for one in found.items
        ]
    )
