"""Reads what the softer rules ask about, for everybody who would go to a session at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Uuid, false, func, or_, select
from sqlmodel import col

from api import clock
from api.db.uow import ReadSession
from api.pd.collisions import Stay, around, stays_of
from api.pd.models import Registration, Session
from api.pd.network_rules import Settings
from api.pd.rules import PRESENT, Classes, RegistrationStatus, RuleName
from api.pd.schemas import WarningOut
from api.pd.soft_rules import Checker, Going, Occasion, SchoolDays, Warned
from api.schools.calendars import calendar_facts
from api.schools.models import School, Staff
from api.schools.queries import is_among, network_days_of


class Checked(NamedTuple):
    """A checker that knows these people and schools, and where each of the people is else."""

    checker: Checker
    stays: Mapping[UUID, Sequence[Stay]]
    schools: Mapping[UUID, SchoolDays]

    def going(self, person: Staff) -> Going:
        elsewhere = tuple(
            (stay.place_id, stay.starts_at, stay.ends_at) for stay in self.stays.get(person.id, ())
        )
        return Going(person.id, person.school_id, person.role, elsewhere)


async def prepare_check(
    session: ReadSession,
    planned: Session,
    people: Iterable[Staff],
    settings: Settings,
    *,
    anew: bool = False,
) -> Checked:
    """Ready to ask about each of `people`; a few selects for any number.

    `anew`: of the session itself nobody counts as away yet, since all who come are asked again.
    """
    staff = {person.id: person for person in people}
    minutes = settings.rules[RuleName.travel].limit or 0
    window = around(planned.starts_at, planned.ends_at, minutes)
    stays = await stays_of(session, staff, *window, besides=planned.id)
    concerned = {person.school_id for person in staff.values()}
    if planned.school_id is not None:
        concerned.add(planned.school_id)
    schools = await _days(session, concerned, settings.classes)
    away = await _away(session, planned, concerned, besides=planned.id if anew else None)
    place_id = planned.school_id or planned.site_id
    occasion = Occasion(place_id, planned.starts_at, planned.ends_at)
    return Checked(Checker(settings.rules, occasion, schools, away), stays, schools)


async def _days(
    session: ReadSession, school_ids: Iterable[UUID], classes: Classes
) -> dict[UUID, SchoolDays]:
    found = await session.execute(
        select(
            col(School.id),
            col(School.network_id),
            col(School.code),
            col(School.timezone),
            col(School.blackout_days),
        ).where(is_among(col(School.id), set(school_ids), Uuid()))
    )
    rows = found.all()
    networks = await network_days_of(session, {row.network_id for row in rows})
    days = {}
    for school_id, network_id, code, timezone, blackout in rows:
        of_network = networks[network_id]
        facts = calendar_facts(of_network, blackout, clock.today(timezone))
        closed = frozenset((*blackout, *of_network.blackout_days))
        days[school_id] = SchoolDays(code, timezone, facts.weekend, facts.days_off, closed, classes)
    return days


async def _away(
    session: ReadSession, planned: Session, school_ids: Iterable[UUID], besides: UUID | None
) -> dict[UUID, int]:
    """Teachers of each school who are at another place at that time, this session's own among
    them unless it is named by `besides`.
    """
    elsewhere = or_(
        col(Session.site_id).is_not(None), col(Session.school_id) != col(Staff.school_id)
    )
    rows = await session.execute(
        select(col(Staff.school_id), func.count(col(Staff.id).distinct()))
        .join(Registration, col(Registration.staff_id) == col(Staff.id))
        .join(Session, col(Session.id) == col(Registration.session_id))
        .where(
            is_among(col(Staff.school_id), set(school_ids), Uuid()),
            col(Staff.role) == "teacher",
            col(Registration.status).in_(sorted(PRESENT - {RegistrationStatus.trains})),
            col(Registration.called_off).is_(False),
            col(Registration.starts_at) < planned.ends_at,
            col(Registration.ends_at) > planned.starts_at,
            elsewhere,
            col(Registration.session_id) != besides if besides is not None else ~false(),
        )
        .group_by(col(Staff.school_id))
    )
    return {row[0]: row[1] for row in rows}


def warnings_out(warned: Iterable[Warned]) -> list[WarningOut]:
    return [WarningOut(rule=one.rule, detail=one.detail, staff=one.staff_id) for one in warned]
