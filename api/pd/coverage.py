"""Reads how far schools are with courses; a few selects for a thousand schools."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Uuid, func, or_, select
from sqlmodel import col

from api import clock
from api.db.uow import ReadSession
from api.pd.coverage_rules import Coverage, Person, base_of, cover, why
from api.pd.models import Course, Registration, Session
from api.pd.registration_schemas import CoverageOut, HoursOut, SplitOut
from api.pd.required import pd_tasks, required_by
from api.pd.rules import RegistrationStatus, SessionStatus
from api.schools.models import School, Staff
from api.schools.queries import is_among

# (school, course's code)
Pair = tuple[UUID, str]


class Standing(NamedTuple):
    """Where a school stands with a course. `recorded`: somebody is or was registered for it."""

    school: School
    course: Course
    coverage: Coverage
    recorded: bool

    @property
    def why(self) -> str:
        today = clock.today(self.school.timezone)
        return why(self.coverage, self.course.roles, today)


async def read_standings(session: ReadSession, pairs: Collection[Pair]) -> dict[Pair, Standing]:
    """Where each school stands with each course; a pair whose course is unknown is left out."""
    school_ids = {school_id for school_id, _ in pairs}
    schools = await _schools(session, school_ids)
    courses = await _courses(session, schools.values(), {code for _, code in pairs})
    active = await _active(session, school_ids)
    people = await _people(session, schools, {code for _, code in pairs})
    found = {}
    for school_id, code in pairs:
        school = schools.get(school_id)
        course = courses.get((school.network_id, code)) if school else None
        if school is None or course is None:
            continue
        confirmed = school.staff_confirmed
        base = base_of(course.roles, active[school_id], school.teacher_count, confirmed)
        recorded = people.get((school_id, code), {})
        known = [one.person for one in recorded.values() if one.role in course.roles]
        coverage = cover(base, course.required_share, course.hours, known)
        found[school_id, code] = Standing(school, course, coverage, bool(recorded))
    return found


async def _schools(session: ReadSession, ids: Iterable[UUID]) -> dict[UUID, School]:
    found = await session.scalars(select(School).where(is_among(col(School.id), set(ids), Uuid())))
    return {school.id: school for school in found}


async def _courses(
    session: ReadSession, schools: Iterable[School], codes: Collection[str]
) -> dict[tuple[UUID, str], Course]:
    """The course that a code means in each network: its own before the shared one."""
    networks = {school.network_id for school in schools}
    rows = await session.scalars(
        select(Course).where(
            col(Course.code).in_(codes),
            or_(col(Course.network_id).is_(None), col(Course.network_id).in_(networks)),
        )
    )
    by_key = {(course.network_id, course.code): course for course in rows}
    shared = {code: course for (network, code), course in by_key.items() if network is None}
    return {
        (network, code): by_key.get((network, code)) or shared[code]
        for network in networks
        for code in codes
        if (network, code) in by_key or code in shared
    }


async def _active(
    session: ReadSession, school_ids: Iterable[UUID]
) -> Mapping[UUID, Mapping[str, int]]:
    rows = await session.execute(
        select(col(Staff.school_id), col(Staff.role), func.count())
        .where(is_among(col(Staff.school_id), set(school_ids), Uuid()), col(Staff.active).is_(True))
        .group_by(col(Staff.school_id), col(Staff.role))
    )
    found: dict[UUID, dict[str, int]] = defaultdict(dict)
    for school_id, role, count in rows:
        found[school_id][role] = count
    return found


class _Known:
    """What somebody has of a course, while it is gathered."""

    def __init__(self, role: str) -> None:
        self.role = role
        self._attended = Decimal(0)
        self._booked: list[tuple[date, Decimal]] = []

    def add(self, attended: bool, hours: Decimal, day: date) -> None:
        if attended:
            self._attended += hours
        else:
            self._booked.append((day, hours))

    @property
    def person(self) -> Person:
        return Person(self._attended, tuple(self._booked))


async def _people(
    session: ReadSession, schools: Mapping[UUID, School], codes: Collection[str]
) -> dict[Pair, dict[UUID, _Known]]:
    """Those who work there now, and what they attended or are registered for."""
    rows = await session.execute(
        select(
            col(Staff.school_id),
            col(Staff.id),
            col(Staff.role),
            col(Course.code),
            col(Registration.status),
            func.coalesce(col(Registration.hours), col(Session.hours)),
            col(Session.ends_at),
        )
        .join(Registration, col(Registration.staff_id) == col(Staff.id))
        .join(Session, col(Session.id) == col(Registration.session_id))
        .join(Course, col(Course.id) == col(Session.course_id))
        .where(
            is_among(col(Staff.school_id), schools, Uuid()),
            col(Staff.active).is_(True),
            col(Course.code).in_(codes),
            col(Session.status) != SessionStatus.cancelled,
            col(Registration.status).in_(
                [RegistrationStatus.attended, RegistrationStatus.registered]
            ),
        )
    )
    found: dict[Pair, dict[UUID, _Known]] = defaultdict(dict)
    for school_id, staff_id, role, code, status, hours, ends_at in rows:
        known = found[school_id, code].setdefault(staff_id, _Known(role))
        day = clock.local_day(schools[school_id].timezone, ends_at)
        known.add(status == RegistrationStatus.attended, hours, day)
    return found


async def coverage_of(session: ReadSession, schools: Collection[School]) -> list[CoverageOut]:
    """The courses that each school needs, and those its people are in, by school and code."""
    tasks = await pd_tasks(session, [school.id for school in schools])
    required = await required_by(session, tasks)
    needed = {
        (task.school_id, required[task.id].course.code) for task in tasks if task.id in required
    }
    others = await _taken(session, [school.id for school in schools])
    standings = await read_standings(session, needed | others)
    order = {school.id: number for number, school in enumerate(schools)}
    pairs = sorted(standings, key=lambda pair: (order[pair[0]], pair[1]))
    return [_coverage_out(standings[pair], pair in needed) for pair in pairs]


async def _taken(session: ReadSession, school_ids: Iterable[UUID]) -> set[Pair]:
    rows = await session.execute(
        select(col(Staff.school_id), col(Course.code))
        .join(Registration, col(Registration.staff_id) == col(Staff.id))
        .join(Session, col(Session.id) == col(Registration.session_id))
        .join(Course, col(Course.id) == col(Session.course_id))
        .where(
            is_among(col(Staff.school_id), set(school_ids), Uuid()),
            col(Session.status) != SessionStatus.cancelled,
            col(Registration.status).in_(
                [RegistrationStatus.attended, RegistrationStatus.registered]
            ),
        )
        .distinct()
    )
    return {(row[0], row[1]) for row in rows}


def _coverage_out(standing: Standing, required: bool) -> CoverageOut:
    found = standing.coverage
    return CoverageOut(
        school=standing.school.code,
        course=standing.course.code,
        title=standing.course.title,
        required=required,
        base=found.base,
        staff_confirmed=standing.school.staff_confirmed,
        people=SplitOut(
            needed=found.needed,
            completed=found.completed,
            booked=found.booked,
            uncovered=found.uncovered,
        ),
        hours=HoursOut(
            needed=float(found.hours_needed),
            completed=float(found.hours_completed),
            booked=float(found.hours_booked),
            uncovered=float(found.hours_uncovered),
        ),
        expected_on=found.expected_on,
        why=standing.why,
    )
