"""Reading networks, schools, sites, staff and calendars, always as a caller may see them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, Text, Uuid, any_, literal, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Mapped
from sqlalchemy.types import TypeEngine
from sqlmodel import SQLModel, col

from api.auth.caller import Caller, visible
from api.db.paging import Page, PageRequest, page_of
from api.db.uow import ReadSession
from api.schools.calendars import CalendarFacts, NetworkDays, calendar_facts, network_days
from api.schools.errors import (
    NetworkNotFound,
    SchoolNotFound,
    SiteNotFound,
    StaffNotFound,
    schools_unknown,
)
from api.schools.models import Network, NetworkCalendar, School, Site, Staff
from api.schools.rules import StaffRole, as_id, is_code, normal_code


def is_among(
    column: Mapped[Any], values: Iterable[Any], kind: TypeEngine[Any]
) -> ColumnElement[bool]:
    """`column = ANY(array)`: one parameter, where `IN` would take one each and at most 65,535."""
    return column == any_(literal(list(values), ARRAY(kind)))


def _column(attribute: object) -> InstrumentedAttribute[Any]:
    """A table's attribute as the column that it is, which SQLModel's types do not say."""
    return cast("InstrumentedAttribute[Any]", attribute)


def _sorts(table: type[SQLModel], *names: str) -> dict[str, InstrumentedAttribute[Any]]:
    return {name: _column(getattr(table, name)) for name in names}


def _named(id_column: Mapped[UUID], code_column: Mapped[str], given: str) -> ColumnElement[bool]:
    row_id = as_id(given.strip())
    return id_column == row_id if row_id else code_column == normal_code(given)


def _is_name(given: str) -> bool:
    """Whether it can name anything: a NUL, for one, cannot even be sent to the database."""
    return as_id(given.strip()) is not None or is_code(normal_code(given))


def _none_such(what: str, given: str) -> str:
    return f"There is no {what} {given[:40]!r}, or you may not see it."


async def find_network(session: ReadSession, caller: Caller, id_or_code: str) -> Network:
    """Raises: NetworkNotFound when it does not exist or the caller may not see it."""
    statement = select(Network).where(
        _named(col(Network.id), col(Network.code), id_or_code), visible(caller, col(Network.id))
    )
    found = (await session.scalars(statement)).one_or_none() if _is_name(id_or_code) else None
    if found is None:
        raise NetworkNotFound(_none_such("network", id_or_code))
    return found


async def find_school(session: ReadSession, caller: Caller, id_or_code: str) -> School:
    """A school, archived ones too, by its id or its code (in any case).

    Raises: SchoolNotFound when it does not exist or the caller may not see it.
    """
    statement = _visible_schools(caller).where(_named(col(School.id), col(School.code), id_or_code))
    found = (await session.scalars(statement)).one_or_none() if _is_name(id_or_code) else None
    if found is None:
        raise SchoolNotFound(_none_such("school", id_or_code))
    return found


async def find_schools(
    session: ReadSession,
    caller: Caller,
    ids_or_codes: Sequence[str],
    where: str | Mapping[str, str] = "/schools",
) -> list[School]:
    """Those schools in the order given, each once, in one select.

    Raises: SchoolsUnknown (422) naming all that do not exist or the caller may not see;
    `where` says at which pointer of the request they were named, all or each.
    """
    wanted = [as_id(given.strip()) or normal_code(given) for given in ids_or_codes]
    ids = {key for key in wanted if isinstance(key, UUID)}
    codes = {key for key in wanted if isinstance(key, str) and is_code(key)}
    statement = _visible_schools(caller).where(
        or_(is_among(col(School.id), ids, Uuid()), is_among(col(School.code), codes, Text()))
    )
    by_key: dict[UUID | str, School] = {}
    for school in (await session.scalars(statement)).all() if ids or codes else ():
        by_key[school.id] = by_key[school.code] = school
    unknown = [given for given, key in zip(ids_or_codes, wanted, strict=True) if key not in by_key]
    if unknown:
        raise schools_unknown(dict.fromkeys(unknown), where)
    return list({by_key[key].id: by_key[key] for key in wanted}.values())


async def find_site(session: ReadSession, network: Network, id_or_code: str) -> Site:
    """A site of that network. Raises: SiteNotFound."""
    statement = select(Site).where(
        _named(col(Site.id), col(Site.code), id_or_code), col(Site.network_id) == network.id
    )
    found = (await session.scalars(statement)).one_or_none() if _is_name(id_or_code) else None
    if found is None:
        raise SiteNotFound(_none_such("site of this network", id_or_code))
    return found


async def find_staff(session: ReadSession, caller: Caller, staff_id: UUID) -> Staff:
    """Raises: StaffNotFound."""
    statement = select(Staff).where(
        col(Staff.id) == staff_id, visible(caller, col(Staff.network_id), col(Staff.school_id))
    )
    found = (await session.scalars(statement)).one_or_none()
    if found is None:
        raise StaffNotFound
    return found


def _visible_schools(caller: Caller) -> Select[School]:
    return select(School).where(visible(caller, col(School.network_id), col(School.id)))


@dataclass(frozen=True, slots=True)
class SchoolFilter:
    """`q` is looked for in names and codes; archived schools are a list of their own."""

    network_id: UUID | None = None
    q: str | None = None
    archived: bool = False


async def list_schools(
    session: ReadSession, caller: Caller, which: SchoolFilter, page: PageRequest
) -> Page[School]:
    statement = _visible_schools(caller)
    is_open = col(School.archived_at).is_(None)
    statement = statement.where(~is_open if which.archived else is_open)
    if which.network_id:
        statement = statement.where(col(School.network_id) == which.network_id)
    if which.q:
        statement = statement.where(
            or_(
                col(School.name).icontains(which.q, autoescape=True),
                col(School.code).icontains(which.q, autoescape=True),
            )
        )
    return await page_of(
        session, statement, page, _sorts(School, "name", "code", "enrollment"), _column(School.id)
    )


async def list_networks(session: ReadSession, caller: Caller, page: PageRequest) -> Page[Network]:
    statement = select(Network).where(visible(caller, col(Network.id)))
    return await page_of(
        session, statement, page, _sorts(Network, "name", "code"), _column(Network.id)
    )


async def list_sites(session: ReadSession, network: Network, page: PageRequest) -> Page[Site]:
    statement = select(Site).where(col(Site.network_id) == network.id)
    return await page_of(session, statement, page, _sorts(Site, "name", "code"), _column(Site.id))


@dataclass(frozen=True, slots=True)
class StaffFilter:
    school_id: UUID | None = None
    role: StaffRole | None = None
    active: bool | None = None


async def list_staff(
    session: ReadSession, caller: Caller, which: StaffFilter, page: PageRequest
) -> Page[Staff]:
    statement = select(Staff).where(visible(caller, col(Staff.network_id), col(Staff.school_id)))
    if which.school_id:
        statement = statement.where(col(Staff.school_id) == which.school_id)
    if which.role:
        statement = statement.where(col(Staff.role) == which.role)
    if which.active is not None:
        statement = statement.where(col(Staff.active) == which.active)
    return await page_of(
        session, statement, page, _sorts(Staff, "family_name", "sourced_id"), _column(Staff.id)
    )


async def networks_by_id(session: ReadSession, ids: Iterable[UUID]) -> dict[UUID, Network]:
    wanted = set(ids)
    if not wanted:
        return {}
    found = await session.scalars(select(Network).where(col(Network.id).in_(wanted)))
    return {network.id: network for network in found}


async def codes_of_schools(session: ReadSession, ids: Iterable[UUID]) -> dict[UUID, str]:
    wanted = set(ids)
    if not wanted:
        return {}
    rows = await session.execute(
        select(col(School.id), col(School.code)).where(col(School.id).in_(wanted))
    )
    return {row.id: row.code for row in rows}


async def calendars_of(
    session: ReadSession, network_ids: Iterable[UUID]
) -> dict[UUID, NetworkCalendar]:
    wanted = set(network_ids)
    if not wanted:
        return {}
    found = await session.scalars(
        select(NetworkCalendar).where(col(NetworkCalendar.network_id).in_(wanted))
    )
    return {calendar.network_id: calendar for calendar in found}


async def network_days_of(
    session: ReadSession, network_ids: Iterable[UUID]
) -> dict[UUID, NetworkDays]:
    """What each network's calendar says, ready for `calendar_facts`; in one select."""
    rows = await session.execute(
        select(Network, NetworkCalendar)
        .join(NetworkCalendar, col(NetworkCalendar.network_id) == col(Network.id))
        .where(col(Network.id).in_(set(network_ids)))
    )
    return {network.id: network_days(network, calendar) for network, calendar in rows}


async def school_calendar(session: ReadSession, school: School, today: date) -> CalendarFacts:
    """A single school's working calendar; for many, `network_days_of` and `calendar_facts`."""
    days = await network_days_of(session, [school.network_id])
    return calendar_facts(days[school.network_id], school.blackout_days, today)
