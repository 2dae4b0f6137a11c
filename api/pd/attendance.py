"""Who was there: hours that become somebody's credit, no-shows, walk-ins, corrections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Uuid, func, select
from sqlmodel import col

from api import clock
from api.auth.caller import Caller, visible
from api.db.uow import ReadSession, WriteSession
from api.pd.collisions import collisions_of, stays_of
from api.pd.errors import SessionNotStarted, double_booked, invalid, session_closed, staff_unknown
from api.pd.holding import hold_session, nowhere_twice
from api.pd.models import Registration, Session
from api.pd.places import require_planner
from api.pd.progress import project
from api.pd.registration_schemas import AttendanceOut, AttendanceRowIn
from api.pd.rules import RegistrationStatus, SessionStatus
from api.schools.models import Staff
from api.schools.queries import is_among

# Whose seat the attendance says something about; who else came is a walk-in.
_SEATED = frozenset(
    {RegistrationStatus.registered, RegistrationStatus.attended, RegistrationStatus.no_show}
)
_OPEN = frozenset({RegistrationStatus.registered, RegistrationStatus.offered})


async def record_attendance(
    session: WriteSession, caller: Caller, session_id: UUID, rows: Sequence[AttendanceRowIn]
) -> AttendanceOut:
    """Write down who was there; all rows, or none. A later call corrects an earlier one.

    When the session is over and something is said of everybody, it is completed.
    Raises: SessionNotFound; SessionClosed for a cancelled one; SessionNotStarted; Forbidden;
    StaffUnknown; Invalid for too many hours, for somebody named twice, or absent who never was
    to come; DoubleBooked for who attended something else at that time.
    """
    now = clock.now()
    held = await hold_session(session, caller, session_id)
    require_planner(caller, held)
    if held.status == SessionStatus.cancelled:
        raise session_closed(held.status)
    if held.starts_at > now:
        raise SessionNotStarted("The session has not started; record its attendance afterwards.")
    people = await _people(session, caller, held, rows)
    known = await _known(session, held, people)
    await _nowhere_else(session, held, rows)
    for number, row in enumerate(rows):
        _write_row(session, held, known.get(row.staff), row, number, now)
    with nowhere_twice():
        await session.flush()
    counts = await _counts(session, held)
    _close(held, counts, now)
    await session.flush()
    await project(session, {person.school_id for person in people.values()})
    return AttendanceOut(
        attended=counts.get(RegistrationStatus.attended, 0),
        no_show=counts.get(RegistrationStatus.no_show, 0),
        open=sum(counts.get(status, 0) for status in _OPEN),
        completed=held.status == SessionStatus.completed,
    )


async def _people(
    session: ReadSession, caller: Caller, held: Session, rows: Sequence[AttendanceRowIn]
) -> dict[UUID, Staff]:
    found = await session.scalars(
        select(Staff).where(
            is_among(col(Staff.id), {row.staff for row in rows}, Uuid()),
            col(Staff.network_id) == held.network_id,
            visible(caller, col(Staff.network_id)),
        )
    )
    people = {person.id: person for person in found}
    unknown = [(n, row.staff) for n, row in enumerate(rows) if row.staff not in people]
    if unknown:
        raise staff_unknown(((n, staff) for n, staff in unknown), "/rows")
    if len(people) < len(rows):
        raise invalid("/rows", "repeated", "Somebody is named twice; say it once.")
    return people


async def _known(
    session: ReadSession, held: Session, people: Mapping[UUID, Staff]
) -> dict[UUID, Registration]:
    found = await session.scalars(
        select(Registration).where(
            col(Registration.session_id) == held.id,
            is_among(col(Registration.staff_id), people, Uuid()),
        )
    )
    return {one.staff_id: one for one in found}


async def _nowhere_else(
    session: ReadSession, held: Session, rows: Sequence[AttendanceRowIn]
) -> None:
    """Raises: DoubleBooked naming what else those who attended went to."""
    came = [row.staff for row in rows if row.attended is not False]
    stays = await stays_of(session, came, held.starts_at, held.ends_at, besides=held.id)
    collisions = [
        one
        for staff_id in came
        for one in collisions_of(stays.get(staff_id, ()), held.starts_at, held.ends_at)
    ]
    if collisions:
        raise double_booked(collisions)


def _write_row(
    session: WriteSession,
    held: Session,
    known: Registration | None,
    row: AttendanceRowIn,
    number: int,
    now: datetime,
) -> None:
    """Raises: Invalid."""
    at = f"/rows/{number}"
    if row.hours is not None and (not row.attended or row.hours > held.hours):
        detail = f"Credit is for who attended, at most the session's {held.hours} hours."
        raise invalid(f"{at}/hours", "hours", detail)
    seated = known is not None and _has_seat(known, row)
    if known is not None and known.status == RegistrationStatus.trains:
        raise invalid(at, "trains", "Who trains the session does not attend it.")
    if not row.attended and not seated:
        raise invalid(at, "not-registered", "Only who was registered can be absent.")
    if known is None:
        known = _walk_in(held, row.staff, now)
        session.add(known)
    elif not seated:
        known.walk_in = True
    elif row.attended is None and known.walk_in:
        raise invalid(at, "walk-in", "A walk-in was not registered; say that they did not attend.")
    known.status, known.offer_expires_at = _status(row, known), None
    known.to_confirm = False
    known.hours = (row.hours or held.hours) if row.attended else None
    known.version += 1
    known.updated_at = now


def _has_seat(known: Registration, row: AttendanceRowIn) -> bool:
    """Also who came without having said that they accept the seat kept for them."""
    kept = known.status == RegistrationStatus.offered and bool(row.attended)
    return known.status in _SEATED or kept


def _status(row: AttendanceRowIn, known: Registration) -> RegistrationStatus:
    if row.attended is None:
        return RegistrationStatus.registered
    if row.attended:
        return RegistrationStatus.attended
    # A walk-in who was not there was never to come.
    return RegistrationStatus.cancelled if known.walk_in else RegistrationStatus.no_show


def _walk_in(held: Session, staff_id: UUID, now: datetime) -> Registration:
    held.last_entry += 1
    return Registration(
        session_id=held.id,
        network_id=held.network_id,
        staff_id=staff_id,
        starts_at=held.starts_at,
        ends_at=held.ends_at,
        status=RegistrationStatus.attended,
        entry=held.last_entry,
        entered_at=now,
        walk_in=True,
        version=0,
        created_at=now,
        updated_at=now,
    )


async def _counts(session: ReadSession, held: Session) -> dict[str, int]:
    rows = await session.execute(
        select(col(Registration.status), func.count())
        .where(col(Registration.session_id) == held.id)
        .group_by(col(Registration.status))
    )
    return {row[0]: row[1] for row in rows}


def _close(held: Session, counts: Mapping[str, int], now: datetime) -> None:
    """A session is completed once it is over and something is said of everybody."""
    said = not any(counts.get(status, 0) for status in _OPEN)
    status = SessionStatus.completed if said and held.ends_at <= now else SessionStatus.open
    if status != held.status:
        held.status = status
        held.version += 1
        held.updated_at = now
