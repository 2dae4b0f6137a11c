"""Where pieces are counted: a school or a site, as a caller may see them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import Text, Uuid, or_, select
from sqlmodel import col

from api import clock
from api.auth.caller import Caller, visible
from api.db.uow import ReadSession
from api.devices.errors import invalid
from api.errors import FirstBellError, Forbidden
from api.schools.errors import SchoolNotFound, SiteNotFound
from api.schools.models import Network, School, Site
from api.schools.queries import is_among
from api.schools.rules import as_id, is_code, normal_code


@dataclass(frozen=True, slots=True)
class Place:
    """`id` is the school's or the site's, of which one is null; `timezone` says which day it is."""

    id: UUID
    network_id: UUID
    school_id: UUID | None
    site_id: UUID | None
    code: str
    timezone: str

    def day(self, given: date | None, field: str) -> date:
        """A day that something happened there, today when none is given.

        Raises: Invalid for one that is still to come.
        """
        today = clock.today(self.timezone)
        if given is not None and given > today:
            detail = f"{given} is still to come at {self.code}, where it is {today}."
            raise invalid(f"/{field}", "future", detail)
        return given or today


# (network, whether it is a school, id or code as given)
Named = tuple[UUID, bool, str]


async def find_places(
    session: ReadSession, caller: Caller, named: Iterable[Named]
) -> dict[Named, Place | FirstBellError]:
    """Each place, or why there is none: not there or hidden, of another network, or a site and
    the caller limited to schools. Three selects for any number.
    """
    wanted = set(named)
    schools = [one for one in wanted if one[1]]
    sites = [one for one in wanted if not one[1]]
    found: dict[Named, Place | FirstBellError] = {}
    if schools:
        found |= await _schools(session, caller, schools)
    if sites:
        found |= await _sites(session, caller, sites)
    return found


async def find_place(
    session: ReadSession,
    caller: Caller,
    network_id: UUID,
    school: UUID | str | None,
    site: UUID | str | None,
) -> Place:
    """A school or a site of that network, by id or code.

    Raises: SchoolNotFound, SiteNotFound, Invalid for another network's school, Forbidden for a
    site and a caller limited to schools.
    """
    named = (network_id, school is not None, str(school or site))
    found = (await find_places(session, caller, [named]))[named]
    if isinstance(found, FirstBellError):
        raise found
    return found


def _key(given: str) -> UUID | str:
    return as_id(given.strip()) or normal_code(given)


async def _schools(
    session: ReadSession, caller: Caller, named: list[Named]
) -> dict[Named, Place | FirstBellError]:
    keys = {_key(given) for _, _, given in named}
    statement = select(School).where(
        visible(caller, col(School.network_id), col(School.id)),
        or_(
            is_among(col(School.id), {key for key in keys if isinstance(key, UUID)}, Uuid()),
            is_among(col(School.code), {key for key in keys if _is_code(key)}, Text()),
        ),
    )
    by_key: dict[UUID | str, School] = {}
    for school in await session.scalars(statement):
        by_key[school.id] = by_key[school.code] = school
    return {one: _school(by_key.get(_key(one[2])), one) for one in named}


def _is_code(key: UUID | str) -> bool:
    return isinstance(key, str) and is_code(key)


def _school(school: School | None, named: Named) -> Place | FirstBellError:
    network_id, _, given = named
    if school is None:
        return SchoolNotFound(f"There is no school {given[:40]!r}, or you may not see it.")
    if school.network_id != network_id:
        detail = f"{school.code} is of another network than the order."
        return invalid("/school", "network-differs", detail)
    return Place(school.id, network_id, school.id, None, school.code, school.timezone)


async def _sites(
    session: ReadSession, caller: Caller, named: list[Named]
) -> dict[Named, Place | FirstBellError]:
    if caller.school_ids is not None:
        refused = Forbidden("A site serves a whole network, and you are limited to schools.")
        return dict.fromkeys(named, refused)
    keys = {_key(given) for _, _, given in named}
    statement = (
        select(Site, col(Network.timezone))
        .join(Network, col(Network.id) == col(Site.network_id))
        .where(
            is_among(col(Site.network_id), {one[0] for one in named}, Uuid()),
            or_(
                is_among(col(Site.id), {key for key in keys if isinstance(key, UUID)}, Uuid()),
                is_among(col(Site.code), {key for key in keys if _is_code(key)}, Text()),
            ),
        )
    )
    by_key: dict[tuple[UUID, UUID | str], Place] = {}
    for site, timezone in await session.execute(statement):
        place = Place(site.id, site.network_id, None, site.id, site.code, timezone)
        by_key[site.network_id, site.id] = by_key[site.network_id, site.code] = place
    return {
        one: by_key.get((one[0], _key(one[2])))
        or SiteNotFound(f"There is no site {one[2][:40]!r} in the order's network.")
        for one in named
    }
