"""People who work at schools: added, changed, gone."""

from __future__ import annotations

from api import clock
from api.auth.caller import Caller
from api.db.uow import WriteSession
from api.facts import StaffChanged
from api.schools.edits import with_edits
from api.schools.errors import SourcedIdTaken, invalid
from api.schools.models import School, Staff
from api.schools.queries import find_school
from api.schools.schemas import StaffIn, StaffPatch
from api.schools.service import changed_fields, flush, locked, require_open, write_changes


async def add_staff(session: WriteSession, school: School, given: StaffIn) -> Staff:
    """Raises: SchoolArchived; SourcedIdTaken."""
    require_open(school)
    now = clock.now()
    person = Staff(
        network_id=school.network_id,
        school_id=school.id,
        sourced_id=given.sourced_id,
        given_name=given.given_name,
        family_name=given.family_name,
        email=given.email,
        role=given.role,
        created_at=now,
        updated_at=now,
    )
    session.add(person)
    taken = SourcedIdTaken(
        f"Somebody on this network's staff has the sourced id {given.sourced_id} already."
    )
    await flush(session, {"uq_staff_network_id_sourced_id": taken})
    await session.publish(StaffChanged(school.id))
    return person


async def change_staff(
    session: WriteSession, caller: Caller, person: Staff, patch: StaffPatch
) -> Staff:
    """Change a person, move them to another school of the network, or deactivate them.

    Raises: PreconditionFailed; SchoolNotFound; SchoolArchived; Invalid for another network.
    """
    given = patch.changes()
    if "school" in given:
        school = await find_school(session, caller, given.pop("school"))
        if school.network_id != person.network_id:
            detail = "A person can only move within their network."
            raise invalid("/school", "network-differs", detail)
        require_open(school)
        given["school_id"] = school.id
    person = await locked(session, person, person.id)
    changes = changed_fields(person, given)
    if not changes:
        return person
    left = person.school_id
    changes["edits"] = with_edits(person, changes, caller.actor)
    write_changes(person, changes)
    await session.flush()
    for school_id in sorted({left, person.school_id}):
        await session.publish(StaffChanged(school_id))
    return person
