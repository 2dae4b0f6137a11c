"""Users: invite, change, reset, end; and the sign-ins and links that hang on them."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypedDict, cast
from uuid import UUID

from sqlalchemy import CursorResult, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from api import clock
from api.auth.caller import Caller
from api.auth.errors import EmailTaken, LastAdmin, MoreThanYouHave
from api.auth.models import OidcState, OneTimeLink, SignInSession, ThrottleRow, User, UserSchool
from api.auth.queries import Scope, find_scope, schools_of_users, user_by_email, user_for
from api.auth.rules import (
    LINK_HOURS,
    Grant,
    LinkPurpose,
    Role,
    digest,
    email_fault,
    rights_of,
    scope_fault,
    within,
)
from api.auth.tokens import revoke_beyond
from api.db.columns import new_id
from api.db.uow import WriteSession
from api.errors import Invalid, NotFound, field_error

# Used links and old windows are of no use, but somebody may ask what happened yesterday.
_KEEP_AFTER_END = timedelta(days=1)


class UserChanges(TypedDict, total=False):
    """What a merge patch of a user may hold; `schools: None` is every school of the network."""

    email: str
    name: str
    role: Role
    network: str | None
    schools: list[str] | None
    sees_names: bool
    active: bool


@dataclass(frozen=True, slots=True)
class Link:
    """A one-time link's secret, shown once."""

    token: str
    purpose: LinkPurpose
    expires_at: datetime


def grant_of(user: User, school_ids: frozenset[UUID] | None) -> Grant:
    role = Role(user.role)
    return Grant(rights_of(role, user.sees_names), user.network_id, school_ids, user.sees_names)


def check_scope(role: Role, scope: Scope) -> None:
    """Raises: Invalid when the role cannot have this scope."""
    fault = scope_fault(role, scope.network_id, scope.school_ids)
    if fault is not None:
        raise Invalid(fault, errors=[field_error("/schools", "scope", fault)])


def _check_email(email: str) -> str:
    fault = email_fault(email)
    if fault is not None:
        raise Invalid(fault, errors=[field_error("/email", "email", fault)])
    return email


async def create_user(
    session: WriteSession,
    *,
    email: str,
    name: str,
    role: Role,
    network_id: UUID | None = None,
    school_ids: Collection[UUID] | None = None,
    sees_names: bool = False,
    password_hash: str | None = None,
) -> User:
    """A new user, without asking who makes them: the command line and `invite_user` do.

    Raises: Invalid for an email or scope that cannot be; EmailTaken.
    """
    schools = None if school_ids is None else frozenset(school_ids)
    check_scope(role, Scope(network_id, schools))
    now = clock.now()
    statement = (
        insert(User)
        .values(
            id=new_id(),
            email=_check_email(email.strip()),
            name=name.strip(),
            role=role.value,
            network_id=network_id,
            school_limited=schools is not None,
            sees_names=sees_names,
            active=True,
            password_hash=password_hash,
            version=1,
            created_at=now,
            updated_at=now,
        )
        .on_conflict_do_nothing(index_elements=[func.lower(col(User.email))])
        .returning(User)
    )
    user: User | None = (await session.execute(statement)).scalar_one_or_none()
    if user is None:
        raise EmailTaken(f"There is already a user with the email {email.strip()}.")
    await _set_schools(session, user, schools)
    return user


async def _set_schools(
    session: WriteSession, user: User, school_ids: frozenset[UUID] | None
) -> None:
    await session.execute(delete(UserSchool).where(col(UserSchool.user_id) == user.id))
    session.add_all(
        UserSchool(user_id=user.id, school_id=school_id) for school_id in sorted(school_ids or ())
    )
    await session.flush()


async def make_link(session: WriteSession, user_id: UUID, purpose: LinkPurpose) -> Link:
    """A new link; earlier ones for the same purpose stop working."""
    await session.execute(
        delete(OneTimeLink).where(
            col(OneTimeLink.user_id) == user_id, col(OneTimeLink.purpose) == purpose.value
        )
    )
    now = clock.now()
    link = Link(secrets.token_urlsafe(32), purpose, now + timedelta(hours=LINK_HOURS[purpose]))
    row = OneTimeLink(
        id=digest(link.token),
        user_id=user_id,
        purpose=purpose.value,
        created_at=now,
        expires_at=link.expires_at,
    )
    session.add(row)
    await session.flush()
    return link


async def sign_in_link(session: WriteSession, email: str) -> str:
    """The secret of a link that signs this user in without a password, once.

    Raises: NotFound when there is no such active user.
    """
    user = await user_by_email(session, email)
    if user is None or not user.active:
        raise NotFound(f"There is no active user with the email {email}.")
    return (await make_link(session, user.id, LinkPurpose.sign_in)).token


async def invite_user(
    session: WriteSession,
    caller: Caller,
    *,
    email: str,
    name: str,
    role: Role,
    network: str | None,
    schools: Sequence[str] | None,
    sees_names: bool,
) -> tuple[User, Link]:
    """A new user and the link with which they choose a password.

    Raises: Invalid; EmailTaken; MoreThanYouHave.
    """
    scope = await find_scope(session, caller, network, schools)
    wanted = Grant(rights_of(role, sees_names), scope.network_id, scope.school_ids, sees_names)
    _refuse_more(wanted, caller)
    user = await create_user(
        session,
        email=email,
        name=name,
        role=role,
        network_id=scope.network_id,
        school_ids=scope.school_ids,
        sees_names=sees_names,
    )
    return user, await make_link(session, user.id, LinkPurpose.invite)


def _refuse_more(wanted: Grant, caller: Caller) -> None:
    if not within(wanted, caller.grant):
        raise MoreThanYouHave(
            "This would give rights, networks, schools or names that you do not have yourself."
        )


async def reset_user(session: WriteSession, caller: Caller, user_id: UUID) -> Link:
    """A link with which the user chooses a new password; the old one works until then.

    Raises: NotFound; MoreThanYouHave, since whoever holds the link becomes the user.
    """
    user = await user_for(session, caller, user_id, lock=True)
    if not user.active:
        raise NotFound("This user is deactivated; activate them first.")
    schools = (await schools_of_users(session, [user])).get(user.id)
    _refuse_more(grant_of(user, schools), caller)
    purpose = LinkPurpose.reset if user.password_hash else LinkPurpose.invite
    return await make_link(session, user.id, purpose)


async def _changed_scope(
    session: WriteSession, caller: Caller, user: User, before: Scope, changes: UserChanges
) -> Scope:
    if "network" not in changes and "schools" not in changes:
        return before
    network = changes.get("network", str(user.network_id) if user.network_id else None)
    if "schools" in changes:
        return await find_scope(session, caller, network, changes["schools"])
    kept = None if before.school_ids is None else [str(item) for item in before.school_ids]
    return await find_scope(session, caller, network, kept)


async def change_user(
    session: WriteSession, caller: Caller, user: User, changes: UserChanges
) -> User:
    """Apply a merge patch to a user locked by `user_for`; what they lose ends at once.

    Raises: Invalid; EmailTaken; LastAdmin; MoreThanYouHave.
    """
    before = Scope(user.network_id, (await schools_of_users(session, [user])).get(user.id))
    had = grant_of(user, before.school_ids)
    was_active, was_admin = user.active, _rules_everywhere(user)
    after = await _changed_scope(session, caller, user, before, changes)
    email = _check_email(changes.get("email", user.email).strip())
    new_email = email.lower() != user.email.lower()
    if new_email and await user_by_email(session, email) is not None:
        raise EmailTaken(f"There is already a user with the email {email}.")
    user.email = email
    user.name = changes.get("name", user.name).strip()
    user.role = changes.get("role", Role(user.role)).value
    user.sees_names = changes.get("sees_names", user.sees_names)
    user.active = changes.get("active", user.active)
    user.network_id, user.school_limited = after.network_id, after.school_ids is not None
    check_scope(Role(user.role), after)
    has = grant_of(user, after.school_ids)
    # A new address or a new start is a way to become somebody, so it counts as giving.
    if not within(has, had) or new_email or (user.active and not was_active):
        _refuse_more(has, caller)
    if was_admin and not _rules_everywhere(user):
        await _keep_an_admin(session, user)
    user.version += 1
    user.updated_at = clock.now()
    await session.flush()
    await _set_schools(session, user, after.school_ids)
    if was_active and not user.active:
        await _end_access(session, user)
    await revoke_beyond(session, f"user:{user.id}", has if user.active else None)
    return user


def _rules_everywhere(user: User) -> bool:
    return user.active and user.role == Role.admin.value and user.network_id is None


async def _keep_an_admin(session: WriteSession, leaving: User) -> None:
    # Every such admin's row is locked, so two of them cannot remove each other at once.
    statement = (
        select(col(User.id))
        .where(
            col(User.active),
            col(User.role) == Role.admin.value,
            col(User.network_id).is_(None),
        )
        .order_by(col(User.id))
        .with_for_update()
    )
    others = set((await session.execute(statement)).scalars()) - {leaving.id}
    if not others:
        raise LastAdmin("This is the last active admin for every network; make another one first.")


async def _end_access(session: WriteSession, user: User) -> None:
    await session.execute(delete(SignInSession).where(col(SignInSession.user_id) == user.id))
    await session.execute(delete(OneTimeLink).where(col(OneTimeLink.user_id) == user.id))


async def purge_expired(session: WriteSession, now: datetime) -> int:
    """Delete ended sign-ins, links, journeys to the identity provider and old throttles.

    Returns how many rows went.
    """
    ended = now - _KEEP_AFTER_END
    statements = (
        delete(SignInSession).where(col(SignInSession.expires_at) <= now),
        delete(OneTimeLink).where(
            or_(col(OneTimeLink.expires_at) <= ended, col(OneTimeLink.used_at) <= ended)
        ),
        delete(ThrottleRow).where(col(ThrottleRow.window_started_at) <= ended),
        delete(OidcState).where(col(OidcState.expires_at) <= now),
    )
    gone = 0
    for statement in statements:
        result = cast("CursorResult[Any]", await session.execute(statement))
        gone += result.rowcount
    return gone
