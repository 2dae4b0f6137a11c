"""Registrations as they are shown; names only to who may see them."""

from __future__ import annotations

from collections.abc import Sequence

from api.auth.caller import Caller
from api.auth.rules import Right
from api.db.uow import ReadSession
from api.pd.models import Registration, Session
from api.pd.queries import staff_by_id
from api.pd.registration_schemas import RegistrationOut, RowOut
from api.pd.registrations import Outcome
from api.pd.rules import RegistrationStatus
from api.pd.waitlist import positions_in
from api.schools.queries import codes_of_schools


async def registrations_out(
    session: ReadSession, caller: Caller, held: Session, found: Sequence[Registration]
) -> list[RegistrationOut]:
    people = await staff_by_id(session, (one.staff_id for one in found))
    schools = await codes_of_schools(session, {one.school_id for one in people.values()})
    positions = await positions_in(session, held.id)
    named = caller.may(Right.staff_read)
    shown = []
    for one in found:
        person = people[one.staff_id]
        shown.append(
            RegistrationOut(
                staff=person.id,
                school=schools[person.school_id],
                role=person.role,
                sourced_id=person.sourced_id,
                given_name=person.given_name if named else None,
                family_name=person.family_name if named else None,
                status=RegistrationStatus(one.status),
                entry=one.entry,
                position=positions.get(person.id),
                entered_at=one.entered_at,
                offer_expires_at=one.offer_expires_at,
                hours=float(one.hours) if one.hours is not None else None,
                walk_in=one.walk_in,
                to_confirm=one.to_confirm,
            )
        )
    return shown


def row_out(outcome: Outcome) -> RowOut:
    """Somebody's answer among many."""
    refused = outcome.refused
    if refused is None:
        return RowOut(staff=outcome.staff_id, place=outcome.place)
    return RowOut(staff=outcome.staff_id, code=refused.code, detail=refused.detail)
