"""Which school a roster's row means: by code or sourced id, or as the file's orgs say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Text, or_, select
from sqlmodel import col

from api.accounts.errors import NetworkUnknown
from api.accounts.reading import Org
from api.db.uow import ReadSession
from api.errors import field_error
from api.schools.csv_table import shown
from api.schools.models import School
from api.schools.queries import is_among
from api.schools.rules import normal_code


class Known(NamedTuple):
    id: UUID
    code: str
    sourced_id: str | None
    archived: bool


class Refused(NamedTuple):
    """Why a row's school is not taken: the last three fields of an issue."""

    code: str
    got: str
    expected: str


class Places(dict[str | None, "str | Refused"]):
    """The id of a row's school, as text, by the name it is given; "" where the row names none.

    `only` is the code of the one school that the run is about.
    """

    def __init__(
        self, schools: Iterable[Known], orgs: Mapping[str, Org], only: str | None = None
    ) -> None:
        super().__init__({None: ""})
        self._orgs, self._only = orgs, only
        self._by_name: dict[str, Known] = {}
        every = list(schools)
        # What a school is called by others goes before what we call it.
        for school in every:
            self._by_name[school.code] = school
        for school in every:
            if school.sourced_id is not None:
                self._by_name[school.sourced_id] = school

    def __missing__(self, name: str | None) -> str | Refused:
        assert name is not None
        place = self[name] = self._place(name)
        return place

    def _place(self, name: str) -> str | Refused:
        found = next(filter(None, map(self._named, self._names(name))), None)
        if found is None:
            return Refused("school-unknown", shown(name), "the code or sourced id of a school")
        if found.archived:
            return Refused("school-archived", found.code, "a school that is not archived")
        if self._only not in (None, found.code):
            return Refused("out-of-scope", found.code, f"school {self._only}, the run's scope")
        return str(found.id)

    def _named(self, name: str) -> Known | None:
        return self._by_name.get(name) or self._by_name.get(normal_code(name))

    def _names(self, name: str) -> list[str]:
        org = self._orgs.get(name)
        return [name] if org is None or not org.identifier else [name, org.identifier]


async def schools_of(session: ReadSession, network_id: UUID) -> list[Known]:
    rows = await session.execute(
        select(
            col(School.id),
            col(School.code),
            col(School.sourced_id),
            col(School.archived_at).is_not(None),
        ).where(col(School.network_id) == network_id)
    )
    return [Known(*row) for row in rows]


async def network_named(session: ReadSession, names: Iterable[str]) -> UUID:
    """The one network of the schools that are called by these names. Raises: NetworkUnknown."""
    found = await _networks_named(session, names)
    if len(found) == 1:
        return found.pop()
    which = "no school that is known" if not found else "schools of several networks"
    detail = f"The rows name {which}; say whose students they are with `network`."
    raise NetworkUnknown(detail, errors=[field_error("/network", "network-unknown", detail)])


async def _networks_named(session: ReadSession, names: Iterable[str]) -> set[UUID]:
    """The networks of the schools that are called by these names."""
    given = set(names)
    rows = await session.scalars(
        select(col(School.network_id))
        .where(
            or_(
                is_among(col(School.code), {normal_code(name) for name in given}, Text()),
                is_among(col(School.sourced_id), given, Text()),
            )
        )
        .distinct()
    )
    return set(rows)
