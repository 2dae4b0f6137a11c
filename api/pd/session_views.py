"""Sessions as they are shown: with the names of what they refer to, in a few selects."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from api.db.uow import ReadSession
from api.pd.models import Session
from api.pd.queries import Pending, courses_by_id, pending_in
from api.pd.rules import SessionStatus
from api.pd.schemas import SessionOut, TrainerOut, WarningOut
from api.schools.models import Site, Staff
from api.schools.queries import codes_of_schools, networks_by_id


async def sessions_out(session: ReadSession, found: Sequence[Session]) -> list[SessionOut]:
    networks = await networks_by_id(session, (one.network_id for one in found))
    courses = await courses_by_id(session, (one.course_id for one in found))
    schools = await codes_of_schools(session, (one.school_id for one in found if one.school_id))
    sites = await _sites(session, {one.site_id for one in found if one.site_id})
    trainers = await _trainers(
        session, {one.trainer_staff_id for one in found if one.trainer_staff_id}
    )
    pending = await pending_in(session, (one.id for one in found))
    return [
        SessionOut(
            id=one.id,
            network=networks[one.network_id].code,
            course=courses[one.course_id].code,
            course_id=one.course_id,
            title=courses[one.course_id].title,
            school=schools[one.school_id] if one.school_id else None,
            site=sites[one.site_id] if one.site_id else None,
            online=one.online,
            room=one.room,
            trainer=_trainer(one, trainers),
            starts_at=one.starts_at,
            ends_at=one.ends_at,
            timezone=one.timezone,
            starts_local=one.starts_local,
            ends_local=one.ends_local,
            hours=float(one.hours),
            capacity=one.capacity,
            minimum=one.minimum,
            seats_taken=one.seats_taken,
            **pending.get(one.id, Pending())._asdict(),
            full=one.seats_taken >= one.capacity,
            below_minimum=one.seats_taken < one.minimum,
            status=SessionStatus(one.status),
            reason=one.reason,
            sequence=one.sequence,
            revised_at=one.revised_at,
            version=one.version,
        )
        for one in found
    ]


async def session_out(
    session: ReadSession, found: Session, warnings: Sequence[WarningOut] = ()
) -> SessionOut:
    """One session as it is in the database now, with what the rules warn of."""
    await session.refresh(found)
    shown = (await sessions_out(session, [found]))[0]
    shown.warnings = [*warnings, *_lacks_trainer(found)]
    return shown


def _lacks_trainer(found: Session) -> list[WarningOut]:
    if found.trainer_key is not None or found.status != SessionStatus.open:
        return []
    if not found.seats_taken:
        return [WarningOut(rule="trainer", detail="Nobody is found to train yet.")]
    detail = f"Nobody is found to train, and {found.seats_taken} seats are taken."
    return [WarningOut(rule="trainer", detail=detail)]


def _trainer(found: Session, names: dict[UUID, str]) -> TrainerOut | None:
    if found.trainer_staff_id is not None:
        name = names[found.trainer_staff_id]
        return TrainerOut(staff=found.trainer_staff_id, name=name, email=None)
    if found.trainer_name is not None:
        return TrainerOut(staff=None, name=found.trainer_name, email=found.trainer_email)
    return None


async def _sites(session: ReadSession, ids: set[UUID]) -> dict[UUID, str]:
    rows = await session.execute(select(col(Site.id), col(Site.code)).where(col(Site.id).in_(ids)))
    return {row[0]: row[1] for row in rows}


async def _trainers(session: ReadSession, ids: set[UUID]) -> dict[UUID, str]:
    rows = await session.execute(
        select(col(Staff.id), col(Staff.given_name), col(Staff.family_name)).where(
            col(Staff.id).in_(ids)
        )
    )
    return {row[0]: f"{row[1]} {row[2]}" for row in rows}
