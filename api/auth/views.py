"""Users, tokens and callers as the API shows them, with codes for networks and schools."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from api.auth.caller import Caller
from api.auth.models import ApiToken, User
from api.auth.queries import Place, networks_by_id, schools_by_id, schools_of_users
from api.auth.rules import Role
from api.auth.schemas import MeOut, PlaceOut, TokenOut, UserOut
from api.db.uow import ReadSession


def _codes(ids: Iterable[UUID] | None, places: dict[UUID, Place]) -> list[str] | None:
    if ids is None:
        return None
    return sorted(places[place_id].code for place_id in ids if place_id in places)


def _code(place_id: UUID | None, places: dict[UUID, Place]) -> str | None:
    return places[place_id].code if place_id is not None else None


def _place(place: Place) -> PlaceOut:
    return PlaceOut(id=place.id, code=place.code, name=place.name)


async def show_caller(session: ReadSession, caller: Caller) -> MeOut:
    networks = await networks_by_id(session, [caller.network_id] if caller.network_id else [])
    schools = await schools_by_id(session, caller.school_ids or frozenset())
    ordered = sorted(schools.values(), key=lambda place: place.code)
    return MeOut(
        actor=caller.actor,
        name=caller.name,
        role=caller.role,
        rights=sorted(caller.rights),
        network=_place(networks[caller.network_id]) if caller.network_id else None,
        schools=None if caller.school_ids is None else [_place(place) for place in ordered],
        sees_names=caller.sees_names,
    )


async def show_users(session: ReadSession, users: Sequence[User]) -> list[UserOut]:
    limited = await schools_of_users(session, users)
    networks = await networks_by_id(session, {u.network_id for u in users if u.network_id})
    schools = await schools_by_id(session, {item for ids in limited.values() for item in ids})
    return [
        UserOut(
            id=user.id,
            email=user.email,
            name=user.name,
            role=Role(user.role),
            network=_code(user.network_id, networks),
            schools=_codes(limited.get(user.id), schools),
            sees_names=user.sees_names,
            active=user.active,
            has_password=user.password_hash is not None,
            last_sign_in_at=user.last_sign_in_at,
            version=user.version,
            created_at=user.created_at,
            updated_at=user.updated_at,
        )
        for user in users
    ]


async def show_tokens(session: ReadSession, tokens: Sequence[ApiToken]) -> list[TokenOut]:
    networks = await networks_by_id(session, {t.network_id for t in tokens if t.network_id})
    schools = await schools_by_id(session, {item for t in tokens for item in t.school_ids or ()})
    return [
        TokenOut(
            id=token.id,
            public_id=token.public_id,
            name=token.name,
            role=Role(token.role),
            scopes=token.scopes,
            network=_code(token.network_id, networks),
            schools=_codes(token.school_ids, schools),
            sees_names=token.sees_names,
            created_by=token.created_by,
            created_at=token.created_at,
            expires_at=token.expires_at,
            last_used_at=token.last_used_at,
        )
        for token in tokens
    ]
