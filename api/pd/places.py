"""Where a session is held, and by whom: found as the caller may see and plan them."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from api.auth.caller import Caller, visible
from api.db.uow import ReadSession
from api.pd.errors import StaffInactive, invalid
from api.pd.models import Session
from api.pd.schemas import TrainerIn
from api.schools.models import Network, Site
from api.schools.queries import find_network, find_school, find_site, find_staff
from api.schools.rules import as_id, folded_name
from api.schools.service import require_open


class Place(NamedTuple):
    """A school or a site, or neither: online."""

    network_id: UUID
    school_id: UUID | None
    site_id: UUID | None
    timezone: str


class Trainer(NamedTuple):
    """`key` is what trainers of a network are compared by."""

    staff_id: UUID | None
    name: str | None
    email: str | None
    key: str | None


NOBODY = Trainer(None, None, None, None)


async def find_place(
    session: ReadSession,
    caller: Caller,
    *,
    network: str | None = None,
    school: str | None = None,
    site: str | None = None,
) -> Place:
    """A school of the caller's, a site or (neither) online of a network that is wholly theirs.

    Raises: SchoolNotFound, SiteNotFound, NetworkNotFound, SchoolArchived; Forbidden for a site
    or online and a caller limited to schools; Invalid where no network can be told.
    """
    if school is not None:
        found = await find_school(session, caller, school)
        require_open(found)
        owner = await find_network(session, caller, network or str(found.network_id))
        if owner.id != found.network_id:
            detail = f"{found.code} is not a school of {owner.code}."
            raise invalid("/school", "network-differs", detail)
        return Place(owner.id, found.id, None, found.timezone)
    owner = await _owner(session, caller, network, site)
    caller.require_network(owner.id)
    if site is None:
        return Place(owner.id, None, None, owner.timezone)
    at = await find_site(session, owner, site)
    return Place(owner.id, None, at.id, owner.timezone)


async def _owner(
    session: ReadSession, caller: Caller, network: str | None, site: str | None
) -> Network:
    if network is not None:
        return await find_network(session, caller, network)
    if caller.network_id is not None:
        return await find_network(session, caller, str(caller.network_id))
    site_id = as_id(site.strip()) if site is not None else None
    if site_id is not None:
        statement = select(col(Site.network_id)).where(
            col(Site.id) == site_id, visible(caller, col(Site.network_id))
        )
        of_site = (await session.scalars(statement)).one_or_none()
        if of_site is not None:
            return await find_network(session, caller, str(of_site))
    raise invalid("/network", "network-needed", "Say whose session it is: name the network.")


async def find_trainer(
    session: ReadSession, caller: Caller, network_id: UUID, given: TrainerIn | None
) -> Trainer:
    """Raises: StaffNotFound; StaffInactive; Invalid for another network's staff."""
    if given is None:
        return NOBODY
    if given.staff is None:
        assert given.name is not None, "the schema takes one of both"
        known_by = f"mail:{given.email.casefold()}" if given.email else None
        key = known_by or f"name:{folded_name(given.name)}"
        return Trainer(None, given.name, given.email, key)
    person = await find_staff(session, caller, given.staff)
    if person.network_id != network_id:
        detail = "The trainer is on another network's staff; name them as from outside."
        raise invalid("/trainer/staff", "network-differs", detail)
    if not person.active:
        raise StaffInactive("This trainer has left; name somebody else.")
    return Trainer(person.id, None, None, f"staff:{person.id}")


def require_planner(caller: Caller, held: Session) -> None:
    """Whoever changes a session must be able to make it: its school's, else the whole network's.

    Raises: Forbidden; NotFound for what the caller may not see.
    """
    if held.school_id is None:
        caller.require_network(held.network_id)
    elif caller.school_ids is not None and held.school_id not in caller.school_ids:
        caller.require_whole_networks()
