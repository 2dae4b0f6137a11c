"""The credit report: who earned how many hours of which course, by being there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, select
from sqlalchemy.orm import InstrumentedAttribute
from sqlmodel import col

from api.auth.caller import Caller, visible
from api.auth.rules import Right
from api.db.paging import Page, PageRequest, page_of
from api.db.pool import Database
from api.db.uow import ReadSession, reading
from api.http.csv_text import csv_bytes
from api.pd.credit_schemas import CreditOut
from api.pd.models import Course, Registration, Session
from api.pd.rules import RegistrationStatus
from api.schools.models import School, Staff
from api.schools.queries import is_among

COLUMNS = (
    *("sourced_id", "given_name", "family_name", "email", "school"),
    *("course", "title", "held_on", "hours"),
)
_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class CreditFilter:
    """`since` and `until` are days where a session was held, both included; `school_id` is where
    people work.
    """

    network_id: UUID | None = None
    school_id: UUID | None = None
    course_id: UUID | None = None
    staff_id: UUID | None = None
    since: date | None = None
    until: date | None = None


async def list_credits(
    session: ReadSession, caller: Caller, which: CreditFilter, page: PageRequest
) -> Page[CreditOut]:
    """A page of the report, sorted by when sessions began."""
    sorts = {"starts_at": _column(Registration.starts_at)}
    statement = _report(Registration).where(*_conditions(caller, which))
    found = await page_of(session, statement, page, sorts, _column(Registration.id))
    ids = [registration.id for registration in found.items]
    rows = await session.execute(
        _report(*_shown()).where(is_among(col(Registration.id), ids, Uuid()))
    )
    described = {row[0]: _credit(caller, row[1:]) for row in rows}
    return Page([described[row_id] for row_id in ids], found.next_cursor)


async def credit_csv(
    database: Database, caller: Caller, which: CreditFilter
) -> AsyncIterator[bytes]:
    """The whole report in pieces, by school, person and day, as it is at one moment."""
    statement = (
        _report(*_shown())
        .where(*_conditions(caller, which))
        .order_by(col(School.code), col(Staff.sourced_id), col(Registration.starts_at))
        .execution_options(yield_per=_AT_ONCE)
    )
    async with reading(database) as session:
        found = await session.stream(statement)
        yield csv_bytes([COLUMNS], first=True)
        async for rows in found.partitions():
            yield csv_bytes(_line(_credit(caller, row[1:])) for row in rows)


def _report(*entities: Any) -> Select[Any]:
    return (
        select(*entities)
        .select_from(Registration)
        .join(Staff, col(Staff.id) == col(Registration.staff_id))
        .join(School, col(School.id) == col(Staff.school_id))
        .join(Session, col(Session.id) == col(Registration.session_id))
        .join(Course, col(Course.id) == col(Session.course_id))
    )


def _conditions(caller: Caller, which: CreditFilter) -> list[ColumnElement[bool]]:
    equal = {
        Staff.network_id: which.network_id,
        Staff.school_id: which.school_id,
        Session.course_id: which.course_id,
        Staff.id: which.staff_id,
    }
    found = [
        col(Registration.status) == RegistrationStatus.attended,
        visible(caller, col(Staff.network_id), col(Staff.school_id)),
        *(_column(attribute) == value for attribute, value in equal.items() if value is not None),
    ]
    if which.since is not None:
        found.append(col(Session.starts_local) >= datetime.combine(which.since, time()))
    if which.until is not None:
        found.append(col(Session.starts_local) <= datetime.combine(which.until, time.max))
    return found


def _shown() -> tuple[Any, ...]:
    return (
        *(col(Registration.id), Staff, col(School.code), col(Course.code), col(Course.title)),
        *(col(Session.id), col(Session.starts_local), col(Registration.hours)),
    )


def _line(credit: CreditOut) -> list[object]:
    return [getattr(credit, name) for name in COLUMNS]


def _credit(caller: Caller, row: Sequence[Any]) -> CreditOut:
    person, school, course, title, session_id, starts_local, hours = row
    named = caller.may(Right.staff_read)
    return CreditOut(
        staff=person.id,
        sourced_id=person.sourced_id,
        given_name=person.given_name if named else None,
        family_name=person.family_name if named else None,
        email=person.email if named else None,
        school=school,
        course=course,
        title=title,
        session=session_id,
        held_on=starts_local.date(),
        hours=float(hours),
    )


def _column(attribute: object) -> InstrumentedAttribute[Any]:
    """A table's attribute as the column that it is, which SQLModel's types do not say."""
    return cast("InstrumentedAttribute[Any]", attribute)
