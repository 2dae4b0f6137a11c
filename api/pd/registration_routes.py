"""`/v1/pd/sessions/{id}/registrations` and attendance."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from api.auth.caller import Caller
from api.auth.dependencies import Reading, Writing, allow, current_caller, database_of
from api.auth.rules import Right
from api.http.paging import ListOut, PageParams, set_link
from api.http.route import TransactionalRoute
from api.http.scope import request_id
from api.pd import registrations as service
from api.pd.attendance import record_attendance
from api.pd.queries import find_session, list_registrations
from api.pd.registration_schemas import (
    AttendanceIn,
    AttendanceOut,
    PlaceOut,
    RegisterManyIn,
    RegisterManyOut,
    RegistrationOut,
)
from api.pd.registration_views import registrations_out, row_out
from api.pd.rules import RegistrationStatus
from api.pd.rush import rush_of

router = APIRouter(
    prefix="/v1/pd/sessions/{session_id}",
    tags=["pd"],
    route_class=TransactionalRoute,
    dependencies=[Depends(current_caller)],
)

Reader = Annotated[Caller, Depends(allow(Right.pd_read))]
Writer = Annotated[Caller, Depends(allow(Right.pd_write))]


@router.get("/registrations")
async def registrations(
    *,
    request: Request,
    response: Response,
    session_id: UUID,
    caller: Reader,
    session: Reading,
    page: PageParams,
    status: RegistrationStatus | None = None,
) -> ListOut[RegistrationOut]:
    """Who is in the session or waits, in the order in which they came."""
    held = await find_session(session, caller, session_id)
    found = await list_registrations(session, caller, held.id, status, page)
    set_link(request, response, found)
    return ListOut(items=await registrations_out(session, caller, held, found.items))


@router.post("/registrations")
async def register_many(
    session_id: UUID, given: RegisterManyIn, caller: Writer, session: Writing
) -> RegisterManyOut:
    """Register many people in the order given; each has an answer, and none stops the others."""
    outcomes = await service.register(session, caller, session_id, given.staff)
    return RegisterManyOut(items=[row_out(one) for one in outcomes])


# No session of its own: those who come at once share a transaction.
@router.put("/registrations/{staff_id}")
async def register(request: Request, session_id: UUID, staff_id: UUID, caller: Writer) -> PlaceOut:
    """Register somebody: they have a seat, or wait in the order in which they came.

    Again, it changes nothing. Who is elsewhere at that time is refused (409 `double-booked`).
    """
    rush, named = rush_of(database_of(request)), request_id(request.scope)
    outcome = await rush.join(database_of(request), caller, session_id, staff_id, named)
    if outcome.place is None:
        assert outcome.refused is not None, "everybody has a place or a reason"
        raise outcome.refused
    return outcome.place


@router.delete("/registrations/{staff_id}", status_code=204)
async def withdraw(session_id: UUID, staff_id: UUID, caller: Writer, session: Writing) -> None:
    """Take somebody out; the first who waits is offered the seat, or has it at once where the
    network says so.
    """
    await service.withdraw(session, caller, session_id, staff_id)


@router.post("/registrations/{staff_id}/accept")
async def accept(session_id: UUID, staff_id: UUID, caller: Writer, session: Writing) -> PlaceOut:
    """Take the seat that is offered, before the offer expires (409 `offer-expired`); of a session
    that moved, say that they still come.
    """
    return await service.accept_offer(session, caller, session_id, staff_id)


@router.post("/attendance")
async def attendance(
    session_id: UUID, given: AttendanceIn, caller: Writer, session: Writing
) -> AttendanceOut:
    """Write down who was there and for how many hours; a later call corrects an earlier one."""
    return await record_attendance(session, caller, session_id, given.rows)
