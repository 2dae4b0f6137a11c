"""API tokens: made once, shown once, never worth more than their maker."""

from __future__ import annotations

import secrets
import string
from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Text, cast, literal, select, update
from sqlmodel import col

from api import clock
from api.auth.caller import Caller
from api.auth.errors import MoreThanYouHave
from api.auth.models import ApiToken
from api.auth.queries import find_scope, visible_tokens
from api.auth.rules import (
    Grant,
    Role,
    build_token,
    digest,
    known_scopes,
    rights_of,
    scope_fault,
    within,
)
from api.db.uow import WriteSession
from api.errors import Invalid, NotFound, field_error

_ALPHABET = string.digits + string.ascii_lowercase
BY_COMMAND_LINE = "job:command-line"


def grant_of_token(token: ApiToken) -> Grant:
    scopes = None if token.scopes is None else tuple(token.scopes)
    return Grant(
        rights_of(Role(token.role), token.sees_names, scopes),
        token.network_id,
        None if token.school_ids is None else frozenset(token.school_ids),
        token.sees_names,
    )


def _checked_scopes(
    role: Role, sees_names: bool, scopes: Collection[str] | None
) -> list[str] | None:
    """Raises: Invalid for a scope that is none, or that the role does not have."""
    if scopes is None:
        return None
    known, unknown = known_scopes(scopes)
    strangers = unknown + [
        right.value for right in known if right not in rights_of(role, sees_names)
    ]
    if strangers:
        detail = f"The role {role} has no right {', '.join(map(repr, strangers))}."
        raise Invalid(detail, errors=[field_error("/scopes", "scope-unknown", detail)])
    return [right.value for right in known]


def _new_token(
    *,
    name: str,
    role: Role,
    created_by: str,
    scopes: Collection[str] | None,
    network_id: UUID | None,
    school_ids: Collection[UUID] | None,
    sees_names: bool,
    expires_at: datetime | None,
) -> tuple[ApiToken, str]:
    fault = scope_fault(role, network_id, None if school_ids is None else frozenset(school_ids))
    if fault is not None:
        raise Invalid(fault, errors=[field_error("/schools", "scope", fault)])
    now = clock.now()
    if expires_at is not None and expires_at <= now:
        detail = "A token expires in the future."
        raise Invalid(detail, errors=[field_error("/expires_at", "past", detail)])
    secret = secrets.token_urlsafe(32)
    token = ApiToken(
        public_id="".join(secrets.choice(_ALPHABET) for _ in range(16)),
        name=name.strip(),
        secret_hash=digest(secret),
        role=role.value,
        scopes=_checked_scopes(role, sees_names, scopes),
        network_id=network_id,
        school_ids=None if school_ids is None else sorted(school_ids),
        sees_names=sees_names,
        created_by=created_by,
        created_at=now,
        expires_at=expires_at,
    )
    return token, build_token(token.public_id, secret)


async def create_token(
    session: WriteSession,
    *,
    name: str,
    role: Role,
    created_by: str = BY_COMMAND_LINE,
    scopes: Collection[str] | None = None,
    network_id: UUID | None = None,
    school_ids: Collection[UUID] | None = None,
    sees_names: bool = False,
    expires_at: datetime | None = None,
) -> str:
    """A new token's text, without asking who makes it: the command line does.

    Raises: Invalid for scopes or a place that the role cannot have.
    """
    token, text = _new_token(
        name=name,
        role=role,
        created_by=created_by,
        scopes=scopes,
        network_id=network_id,
        school_ids=school_ids,
        sees_names=sees_names,
        expires_at=expires_at,
    )
    session.add(token)
    await session.flush()
    return text


async def issue_token(
    session: WriteSession,
    caller: Caller,
    *,
    name: str,
    role: Role,
    scopes: Collection[str] | None,
    network: str | None,
    schools: Sequence[str] | None,
    sees_names: bool,
    expires_at: datetime | None,
) -> tuple[ApiToken, str]:
    """A token and its text, for a caller who has at least what it gives.

    Raises: Invalid; MoreThanYouHave.
    """
    scope = await find_scope(session, caller, network, schools)
    token, text = _new_token(
        name=name,
        role=role,
        created_by=caller.actor,
        scopes=scopes,
        network_id=scope.network_id,
        school_ids=scope.school_ids,
        sees_names=sees_names,
        expires_at=expires_at,
    )
    if not within(grant_of_token(token), caller.grant):
        raise MoreThanYouHave(
            "A token gives no right, network, school or names that its maker does not have."
        )
    session.add(token)
    await session.flush()
    return token, text


async def _made_by(session: WriteSession, actor: str) -> list[ApiToken]:
    """Live tokens made by an actor, by a token made by that actor, and so on."""
    made = (
        select(col(ApiToken.id))
        .where(col(ApiToken.created_by) == actor)
        .cte("made", recursive=True)
    )
    made = made.union(
        select(col(ApiToken.id)).join(
            made, col(ApiToken.created_by) == literal("token:").concat(cast(made.c.id, Text))
        )
    )
    statement = (
        select(ApiToken)
        .where(col(ApiToken.id).in_(select(made.c.id)), col(ApiToken.revoked_at).is_(None))
        .order_by(col(ApiToken.id))
        .with_for_update()
    )
    return list((await session.execute(statement)).scalars())


async def revoke_beyond(session: WriteSession, actor: str, left: Grant | None) -> int:
    """Revoke what an actor made that gives more than the actor has `left` (`None`: nothing).

    Returns how many tokens were revoked.
    """
    beyond = [
        token.id
        for token in await _made_by(session, actor)
        if left is None or not within(grant_of_token(token), left)
    ]
    if beyond:
        await session.execute(
            update(ApiToken).where(col(ApiToken.id).in_(beyond)).values(revoked_at=clock.now())
        )
    return len(beyond)


async def revoke_token(session: WriteSession, caller: Caller, token_id: UUID) -> None:
    """Revoke a token and every token made with it.

    Raises: NotFound, also for one of a network that is not the caller's or revoked before.
    """
    statement = visible_tokens(caller).where(col(ApiToken.id) == token_id).with_for_update()
    token: ApiToken | None = (await session.execute(statement)).scalar_one_or_none()
    if token is None:
        raise NotFound("There is no such token, or you may not see it.")
    token.revoked_at = clock.now()
    await session.flush()
    await revoke_beyond(session, f"token:{token.id}", None)
