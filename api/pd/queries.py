"""Reading courses, sessions and registrations, always as a caller may see them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, NamedTuple, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute
from sqlmodel import col

from api.auth.caller import Caller, visible
from api.db.paging import Page, PageRequest, page_of
from api.db.uow import ReadSession
from api.pd.errors import course_not_found, session_not_found
from api.pd.models import Course, Notice, Registration, Session
from api.pd.rules import RegistrationStatus, SessionStatus
from api.schools.models import Staff
from api.schools.queries import is_among
from api.schools.rules import as_id


def _column(attribute: object) -> InstrumentedAttribute[Any]:
    return cast("InstrumentedAttribute[Any]", attribute)


def usable(network_id: UUID | None) -> ColumnElement[bool]:
    """The courses of a network and the shared ones; of None, all there are."""
    if network_id is None:
        return col(Course.id).is_not(None)
    return or_(col(Course.network_id).is_(None), col(Course.network_id) == network_id)


async def find_course(session: ReadSession, network_id: UUID | None, id_or_code: str) -> Course:
    """A course by id, or by its code: the network's own before the shared one.

    Raises: CourseNotFound, also for another network's.
    """
    given = id_or_code.strip()
    row_id = as_id(given)
    named = col(Course.id) == row_id if row_id else col(Course.code) == given
    shared = col(Course.network_id).is_(None)
    # Who belongs to no network means the shared one.
    order = shared if network_id is not None else ~shared
    statement = (
        select(Course).where(named, usable(network_id)).order_by(order, col(Course.id)).limit(1)
    )
    found = (await session.scalars(statement)).one_or_none() if "\x00" not in given else None
    if found is None:
        raise course_not_found(given)
    return found


@dataclass(frozen=True, slots=True)
class CourseFilter:
    """`archived` shows the archived ones instead; `q` is looked for in codes and titles."""

    network_id: UUID | None = None
    archived: bool = False
    q: str | None = None


async def list_courses(
    session: ReadSession, caller: Caller, which: CourseFilter, page: PageRequest
) -> Page[Course]:
    in_use = col(Course.archived_at).is_(None)
    statement = select(Course).where(
        usable(caller.network_id), usable(which.network_id), ~in_use if which.archived else in_use
    )
    if which.q:
        statement = statement.where(
            or_(
                col(Course.code).icontains(which.q, autoescape=True),
                col(Course.title).icontains(which.q, autoescape=True),
            )
        )
    sorts = {"code": _column(Course.code), "title": _column(Course.title)}
    return await page_of(session, statement, page, sorts, _column(Course.id))


async def courses_by_id(session: ReadSession, ids: Iterable[UUID]) -> dict[UUID, Course]:
    found = await session.scalars(select(Course).where(is_among(col(Course.id), set(ids), Uuid())))
    return {course.id: course for course in found}


async def find_session(session: ReadSession, caller: Caller, session_id: UUID) -> Session:
    """Raises: SessionNotFound, also for one of a network the caller may not see.

    Whoever is limited to schools sees their network's sessions: their people go to them.
    """
    statement = select(Session).where(
        col(Session.id) == session_id, visible(caller, col(Session.network_id))
    )
    found = (await session.scalars(statement)).one_or_none()
    if found is None:
        raise session_not_found(session_id)
    return found


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """`since` and `until` are local days of the session, both included; `staff_id` is somebody
    who goes to it or waits, `trainer_id` who trains. A `code` is of all courses that have it.
    """

    course_id: UUID | None = None
    code: str | None = None
    network_id: UUID | None = None
    school_id: UUID | None = None
    site_id: UUID | None = None
    trainer_id: UUID | None = None
    staff_id: UUID | None = None
    status: SessionStatus | None = None
    since: date | None = None
    until: date | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        equal = {
            Session.course_id: self.course_id,
            Session.network_id: self.network_id,
            Session.school_id: self.school_id,
            Session.site_id: self.site_id,
            Session.trainer_staff_id: self.trainer_id,
            Session.status: self.status,
        }
        found = [_column(name) == value for name, value in equal.items() if value is not None]
        if self.code is not None:
            alike = select(col(Course.id)).where(col(Course.code) == self.code)
            found.append(col(Session.course_id).in_(alike))
        if self.since is not None:
            found.append(col(Session.starts_local) >= datetime.combine(self.since, time()))
        if self.until is not None:
            found.append(col(Session.starts_local) <= datetime.combine(self.until, time.max))
        if self.staff_id is not None:
            theirs = select(col(Registration.session_id)).where(
                col(Registration.staff_id) == self.staff_id,
                col(Registration.status) != RegistrationStatus.cancelled,
            )
            found.append(col(Session.id).in_(theirs))
        return found


async def list_sessions(
    session: ReadSession, caller: Caller, which: SessionFilter, page: PageRequest
) -> Page[Session]:
    statement = select(Session).where(visible(caller, col(Session.network_id)), *which.conditions())
    sorts = {"starts_at": _column(Session.starts_at), "revised_at": _column(Session.revised_at)}
    return await page_of(session, statement, page, sorts, _column(Session.id))


class Pending(NamedTuple):
    """How many wait for a session, and how many have a seat and do not say yet that they come."""

    waitlisted: int = 0
    to_confirm: int = 0


async def pending_in(session: ReadSession, ids: Iterable[UUID]) -> dict[UUID, Pending]:
    """Of these sessions, those of which anybody is pending."""
    waits = col(Registration.status) == RegistrationStatus.waitlisted
    to_confirm = col(Registration.to_confirm)
    rows = await session.execute(
        select(
            col(Registration.session_id),
            func.count().filter(waits),
            func.count().filter(to_confirm),
        )
        .where(is_among(col(Registration.session_id), set(ids), Uuid()), or_(waits, to_confirm))
        .group_by(col(Registration.session_id))
    )
    return {row[0]: Pending(row[1], row[2]) for row in rows}


async def list_registrations(
    session: ReadSession,
    caller: Caller,
    session_id: UUID,
    status: RegistrationStatus | None,
    page: PageRequest,
) -> Page[Registration]:
    """Who is in a session or waits, in the order in which they came; of the caller's schools."""
    statement = (
        select(Registration)
        .join(Staff, col(Staff.id) == col(Registration.staff_id))
        .where(
            col(Registration.session_id) == session_id,
            col(Registration.status) != RegistrationStatus.trains,
            visible(caller, col(Staff.network_id), col(Staff.school_id)),
        )
    )
    if status is not None:
        statement = statement.where(col(Registration.status) == status)
    sorts = {"entry": _column(Registration.entry)}
    return await page_of(session, statement, page, sorts, _column(Registration.id))


async def staff_by_id(session: ReadSession, ids: Iterable[UUID]) -> dict[UUID, Staff]:
    found = await session.scalars(select(Staff).where(is_among(col(Staff.id), set(ids), Uuid())))
    return {person.id: person for person in found}


async def list_notices(session: ReadSession, session_id: UUID, page: PageRequest) -> Page[Notice]:
    statement = select(Notice).where(col(Notice.session_id) == session_id)
    sorts = {"created_at": _column(Notice.created_at)}
    return await page_of(session, statement, page, sorts, _column(Notice.id))
