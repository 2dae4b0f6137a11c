"""Reading users, tokens and the places they are limited to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, Text, Uuid, column, func, or_, select, table
from sqlmodel import col

from api.auth.caller import Caller, visible
from api.auth.models import ApiToken, User, UserSchool
from api.db.uow import ReadSession
from api.errors import Invalid, NotFound, field_error

# Networks and schools belong to a room above this one; here only their names are read.
_networks = table("networks", column("id", Uuid), column("code", Text), column("name", Text))
_schools = table(
    "schools",
    column("id", Uuid),
    column("network_id", Uuid),
    column("code", Text),
    column("name", Text),
)


@dataclass(frozen=True, slots=True)
class Place:
    """A network or a school, as people know it."""

    id: UUID
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Scope:
    """Where somebody's rights reach; `None` is every network, or all of its schools."""

    network_id: UUID | None = None
    school_ids: frozenset[UUID] | None = None


def _as_ids(references: Iterable[str]) -> list[UUID]:
    ids = []
    for reference in references:
        try:
            ids.append(UUID(reference))
        except ValueError:
            continue
    return ids


def _unknown(pointer: str, what: str, reference: str) -> Invalid:
    detail = f"There is no {what} {reference!r}, or you may not see it."
    return Invalid(detail, errors=[field_error(pointer, f"{what}-unknown", detail)])


async def _network_of(session: ReadSession, caller: Caller, reference: str) -> UUID:
    statement = select(_networks.c.id).where(
        or_(_networks.c.code == reference, _networks.c.id.in_(_as_ids([reference]))),
        visible(caller, _networks.c.id),
    )
    found: UUID | None = (await session.execute(statement)).scalar()
    if found is None:
        raise _unknown("/network", "network", reference)
    return found


async def find_scope(
    session: ReadSession, caller: Caller, network: str | None, schools: Sequence[str] | None
) -> Scope:
    """Ids of a network and schools given by id or code; the schools' network is filled in.

    Raises: Invalid for what does not exist, is hidden from the caller, or lies elsewhere.
    """
    network_id = await _network_of(session, caller, network) if network else None
    if schools is None:
        return Scope(network_id)
    statement = select(_schools.c.id, _schools.c.code, _schools.c.network_id).where(
        or_(_schools.c.code.in_(schools), _schools.c.id.in_(_as_ids(schools))),
        visible(caller, _schools.c.network_id, _schools.c.id),
    )
    rows = (await session.execute(statement)).all()
    known = {key: row for row in rows for key in (row.code, str(row.id))}
    found: set[UUID] = set()
    for index, reference in enumerate(schools):
        row = known.get(reference) or known.get(reference.lower())
        if row is None or (network_id is not None and row.network_id != network_id):
            raise _unknown(f"/schools/{index}", "school", reference)
        network_id = row.network_id
        found.add(row.id)
    return Scope(network_id, frozenset(found))


async def networks_by_id(session: ReadSession, ids: Collection[UUID]) -> dict[UUID, Place]:
    statement = select(_networks).where(_networks.c.id.in_(ids))
    rows = (await session.execute(statement)).all() if ids else []
    return {row.id: Place(row.id, row.code, row.name) for row in rows}


async def schools_by_id(session: ReadSession, ids: Collection[UUID]) -> dict[UUID, Place]:
    statement = select(_schools).where(_schools.c.id.in_(ids))
    rows = (await session.execute(statement)).all() if ids else []
    return {row.id: Place(row.id, row.code, row.name) for row in rows}


async def schools_of_users(
    session: ReadSession, users: Iterable[User]
) -> dict[UUID, frozenset[UUID]]:
    """The schools of those users that are limited to schools."""
    limited: dict[UUID, set[UUID]] = {user.id: set() for user in users if user.school_limited}
    if limited:
        statement = select(UserSchool).where(col(UserSchool.user_id).in_(limited))
        for link in (await session.execute(statement)).scalars():
            limited[link.user_id].add(link.school_id)
    return {user_id: frozenset(ids) for user_id, ids in limited.items()}


def visible_users(caller: Caller) -> Select[User]:
    return select(User).where(visible(caller, col(User.network_id)))


def visible_tokens(caller: Caller) -> Select[ApiToken]:
    """Tokens that still work or will only expire."""
    return select(ApiToken).where(
        visible(caller, col(ApiToken.network_id)), col(ApiToken.revoked_at).is_(None)
    )


async def user_by_email(session: ReadSession, email: str, *, lock: bool = False) -> User | None:
    statement = select(User).where(func.lower(User.email) == email.strip().lower())
    if lock:
        statement = statement.with_for_update()
    user: User | None = (await session.execute(statement)).scalar_one_or_none()
    return user


async def user_for(
    session: ReadSession, caller: Caller, user_id: UUID, *, lock: bool = False
) -> User:
    """Raises: NotFound, also for a user of a network that is not the caller's."""
    statement = visible_users(caller).where(col(User.id) == user_id)
    if lock:
        statement = statement.with_for_update()
    user: User | None = (await session.execute(statement)).scalar_one_or_none()
    if user is None:
        raise NotFound("There is no such user, or you may not see them.")
    return user


async def names_of_actors(session: ReadSession, actors: Iterable[str]) -> dict[str, str]:
    """What people call each actor: a user's name, a token's, else the actor as it is written."""
    given = set(actors)
    names = {actor: actor for actor in given}
    for kind, model in (("user", User), ("token", ApiToken)):
        ids = _as_ids(actor.removeprefix(f"{kind}:") for actor in given)
        rows = await session.execute(
            select(col(model.id), col(model.name)).where(col(model.id).in_(ids))
        )
        names |= {f"{kind}:{row_id}": name for row_id, name in rows}
    return {actor: names[actor] for actor in given}


async def same_person(session: ReadSession, one: str, other: str) -> bool:
    """Whether two actors are one person: a user and the tokens the user made are, and a token
    that the command line made with those made by it.
    """
    return one == other or await _person(session, one) == await _person(session, other)


async def _person(session: ReadSession, actor: str) -> str:
    """Who is behind an actor: of a token its maker's maker, as far as there is one.

    What the command line made stands for itself: whoever holds it is all that is known.
    """
    while actor.startswith("token:"):
        made = select(col(ApiToken.created_by)).where(
            col(ApiToken.id).in_(_as_ids([actor.removeprefix("token:")]))
        )
        maker: str | None = (await session.scalars(made)).one_or_none()
        if maker is None or not maker.startswith(("user:", "token:")):
            break
        actor = maker
    return actor
