"""Sessions: planned, moved, given another trainer, cancelled. All of it, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import case, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from api import clock
from api.auth.caller import Caller
from api.db.columns import new_id
from api.db.uow import ReadSession, WriteSession
from api.pd.checking import prepare_check, warnings_out
from api.pd.collisions import collisions_of, collisions_with
from api.pd.courses import require_in_use
from api.pd.errors import AttendanceRecorded, double_booked, invalid, rule_refused
from api.pd.holding import nowhere_twice, require_open
from api.pd.models import Registration, Session
from api.pd.network_rules import Settings, read_settings
from api.pd.notices import everybody_in, tell
from api.pd.places import Place, Trainer, find_place, find_trainer, require_planner
from api.pd.progress import project
from api.pd.queries import find_course
from api.pd.rules import NoticeKind, RegistrationStatus, SessionStatus
from api.pd.schemas import SessionIn, TrainerChangeIn, WarningOut
from api.pd.soft_rules import Warned, blocked
from api.pd.times import TimeRefused, Times, read_times, usual_hours
from api.schools.models import Staff
from api.schools.rules import folded_name
from api.schools.service import locked


async def plan_session(
    session: WriteSession, caller: Caller, given: SessionIn
) -> tuple[Session, list[WarningOut]]:
    """A session that is open from now on, and what the rules warn of.

    Raises: CourseNotFound, CourseArchived; what `find_place` and `find_trainer` raise; Invalid
    for its times; DoubleBooked for its room or trainer; RuleRefused.
    """
    place = await find_place(
        session, caller, network=given.network, school=given.school, site=given.site
    )
    course = await find_course(session, place.network_id, given.course)
    require_in_use(course)
    trainer = await find_trainer(session, caller, place.network_id, given.trainer)
    times = times_of(given.starts_at, given.ends_at, given.timezone or place.timezone)
    now = clock.now()
    planned = Session(
        network_id=place.network_id,
        course_id=course.id,
        online=given.online,
        hours=given.hours or usual_hours(times),
        capacity=given.capacity,
        minimum=given.minimum,
        revised_at=now,
        created_at=now,
        updated_at=now,
        **times._asdict(),
    )
    put_at(planned, place, given.room)
    _give_to(planned, trainer)
    settings = await read_settings(session, planned.network_id)
    warned = await check_occasion(session, planned, settings)
    session.add(planned)
    with nowhere_twice():
        await session.flush()
        await _let_train(session, planned, trainer.staff_id)
    return planned, warnings_out(warned)


def times_of(starts: datetime, ends: datetime, timezone: str) -> Times:
    """Raises: Invalid naming the field."""
    try:
        return read_times(starts, ends, timezone)
    except TimeRefused as refused:
        raise invalid(f"/{refused.field}", refused.code, refused.detail) from refused


def put_at(planned: Session, place: Place, room: str | None) -> None:
    planned.school_id, planned.site_id = place.school_id, place.site_id
    planned.online = place.school_id is None and place.site_id is None
    planned.room = room
    planned.room_key = folded_name(room) if room is not None else None


def _give_to(planned: Session, trainer: Trainer) -> None:
    planned.trainer_staff_id, planned.trainer_key = trainer.staff_id, trainer.key
    planned.trainer_name, planned.trainer_email = trainer.name, trainer.email


async def check_occasion(
    session: ReadSession, planned: Session, settings: Settings, comers: Sequence[Staff] = ()
) -> list[Warned]:
    """Whether everything and everybody can be there: room, trainer, and those who come.

    Raises: DoubleBooked naming all that is in the way; RuleRefused.
    """
    trainer = await _staff_trainer(session, planned)
    people = [*comers, *([trainer] if trainer else [])]
    checked = await prepare_check(session, planned, people, settings, anew=True)
    collisions = await collisions_with(session, planned)
    for person in people:
        stays = checked.stays.get(person.id, ())
        collisions += collisions_of(stays, planned.starts_at, planned.ends_at)
    if collisions:
        raise double_booked(collisions)
    warned = []
    host = checked.schools.get(planned.school_id) if planned.school_id else None
    if host is not None:
        warned += checked.checker.closed_at(host)
    for person in comers:
        going = checked.going(person)
        warned += checked.checker.ask(going)
        checked.checker.send(going)
    if trainer is not None:
        warned += checked.checker.ask_trainer(checked.going(trainer))
    if blocked(warned):
        shown = warnings_out(blocked(warned))
        raise rule_refused([one.model_dump(mode="json") for one in shown])
    return warned


async def _staff_trainer(session: ReadSession, planned: Session) -> Staff | None:
    if planned.trainer_staff_id is None:
        return None
    return await session.get(Staff, planned.trainer_staff_id)


async def _let_train(session: WriteSession, held: Session, staff_id: UUID | None) -> None:
    """Who trains is there: a registration of their own kind, which takes no seat."""
    now = clock.now()
    await session.execute(
        update(Registration)
        .where(
            col(Registration.session_id) == held.id,
            col(Registration.status) == RegistrationStatus.trains,
            col(Registration.staff_id).is_distinct_from(staff_id),
        )
        .values(status=RegistrationStatus.cancelled, updated_at=now)
        .execution_options(synchronize_session=False)
    )
    if staff_id is None:
        return
    row: dict[str, Any] = {
        "id": new_id(),
        "session_id": held.id,
        "network_id": held.network_id,
        "staff_id": staff_id,
        "starts_at": held.starts_at,
        "ends_at": held.ends_at,
        "status": RegistrationStatus.trains.value,
        "entry": 0,
        "entered_at": now,
        "walk_in": False,
        "called_off": False,
        "to_confirm": False,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    statement = insert(Registration).values(row)
    again = {name: row[name] for name in ("status", "entry", "to_confirm", "updated_at")}
    await session.execute(
        statement.on_conflict_do_update(index_elements=["session_id", "staff_id"], set_=again)
    )


async def change_trainer(
    session: WriteSession, caller: Caller, held: Session, given: TrainerChangeIn
) -> list[WarningOut]:
    """Somebody else trains, or nobody is found yet; those who come are told, and who is relieved.

    Raises: SessionClosed; Forbidden; what `find_trainer` raises; Invalid for somebody who is
    registered; DoubleBooked; RuleRefused.
    """
    require_planner(caller, held)
    held = await locked(session, held, held.id)
    require_open(held)
    trainer = await find_trainer(session, caller, held.network_id, given.trainer)
    if trainer.key == held.trainer_key and trainer.name == held.trainer_name:
        return []
    if trainer.staff_id is not None:
        await _not_among_comers(session, held, trainer.staff_id)
    relieved = held.trainer_staff_id
    _give_to(held, trainer)
    settings = await read_settings(session, held.network_id)
    warned = await check_occasion(session, held, settings)
    revise(held)
    with nowhere_twice():
        await session.flush()
        await _let_train(session, held, trainer.staff_id)
    details = {"reason": given.reason, "found": trainer.key is not None}
    people = await everybody_in(session, held)
    if relieved is not None:
        people.append(relieved)
    await tell(session, held, NoticeKind.trainer_changed, people, details)
    return warnings_out(warned)


async def _not_among_comers(session: ReadSession, held: Session, staff_id: UUID) -> None:
    statement = select(col(Registration.status)).where(
        col(Registration.session_id) == held.id, col(Registration.staff_id) == staff_id
    )
    status = (await session.scalars(statement)).one_or_none()
    if status not in (None, RegistrationStatus.cancelled, RegistrationStatus.trains):
        detail = "This person is registered for the session; take them out first."
        raise invalid("/trainer/staff", "registered", detail)


def revise(held: Session, *, moved: bool = False) -> None:
    """Count a version; with `moved`, for a new time or place or none any more, the calendar's."""
    held.version += 1
    held.updated_at = held.revised_at = clock.now()
    if moved:
        held.sequence += 1


async def cancel_session(session: WriteSession, caller: Caller, held: Session, reason: str) -> None:
    """Cancel it: who was to come is free at that time and told; the row stays, for calendars.

    Raises: PreconditionFailed; SessionClosed; Forbidden.
    """
    require_planner(caller, held)
    held = await locked(session, held, held.id)
    require_open(held)
    await require_not_held(session, held)
    people = await everybody_in(session, held)
    comers = await comers_of(session, held)
    held.status, held.reason = SessionStatus.cancelled, reason
    revise(held, moved=True)
    await session.flush()
    waits = col(Registration.status).in_(
        [RegistrationStatus.waitlisted, RegistrationStatus.offered]
    )
    await session.execute(
        update(Registration)
        .where(
            col(Registration.session_id) == held.id,
            col(Registration.status) != RegistrationStatus.cancelled,
        )
        .values(
            status=case(
                (waits, RegistrationStatus.cancelled.value), else_=col(Registration.status)
            ),
            offer_expires_at=None,
            called_off=True,
            to_confirm=False,
            version=col(Registration.version) + 1,
            updated_at=held.revised_at,
        )
        .execution_options(synchronize_session=False)
    )
    await tell(session, held, NoticeKind.cancelled, people, {"reason": reason})
    await project(session, {person.school_id for person in comers})


async def require_not_held(session: ReadSession, held: Session) -> None:
    """Raises: AttendanceRecorded."""
    said = [RegistrationStatus.attended, RegistrationStatus.no_show]
    statement = select(col(Registration.id)).where(
        col(Registration.session_id) == held.id, col(Registration.status).in_(said)
    )
    if (await session.scalars(statement.limit(1))).first() is not None:
        raise AttendanceRecorded("Attendance is recorded, so the session was held; correct it.")


async def comers_of(session: ReadSession, held: Session) -> list[Staff]:
    """Who is registered, in the order in which they came."""
    found = await session.scalars(
        select(Staff)
        .join(Registration, col(Registration.staff_id) == col(Staff.id))
        .where(
            col(Registration.session_id) == held.id,
            col(Registration.status) == RegistrationStatus.registered,
        )
        .order_by(col(Registration.entry))
    )
    return list(found)
