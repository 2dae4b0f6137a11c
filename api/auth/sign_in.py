"""Signing in: by password, by one-time link, and out again.

More than one transaction, unlike any other use case: an attempt must be counted although it is
refused, and nothing may hold a connection while Argon2 works.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlmodel import col

from api import clock
from api.auth.errors import (
    LinkSpent,
    PasswordNeeded,
    PasswordRefused,
    SignInThrottled,
    WrongCredentials,
)
from api.auth.models import OneTimeLink, SignInSession, ThrottleRow, User
from api.auth.passwords import hash_password, outdated, verify_password
from api.auth.queries import user_by_email
from api.auth.rules import (
    PER_ACCOUNT,
    PER_ADDRESS,
    LinkPurpose,
    account_key,
    address_key,
    digest,
    password_fault,
)
from api.auth.throttle import count_attempt
from api.db.pool import Database
from api.db.uow import WriteSession, reading, transact
from api.errors import Invalid, field_error

# Who writes before anybody is known.
SIGN_IN = "job:sign-in"
_WRONG = "The email or the password is wrong."
_SPENT = "This link has expired or was used already; ask for a new one."


async def _forgive(session: WriteSession, email: str, address: str) -> None:
    """A right password clears its account; of the address it only takes back this attempt."""
    await session.execute(delete(ThrottleRow).where(col(ThrottleRow.key) == account_key(email)))
    await session.execute(
        update(ThrottleRow)
        .where(col(ThrottleRow.key) == address_key(address), col(ThrottleRow.attempts) > 0)
        .values(attempts=col(ThrottleRow.attempts) - 1, blocked_until=clock.now())
    )


async def open_session(
    session: WriteSession, user: User, lasts: timedelta, replaces: str | None = None
) -> str:
    """A new sign-in's cookie secret. Never an old one again, so none can be planted."""
    now = clock.now()
    if replaces:
        await close_session(session, replaces)
    secret = secrets.token_urlsafe(32)
    session.add(
        SignInSession(
            id=digest(secret),
            user_id=user.id,
            created_at=now,
            last_seen_at=now,
            expires_at=now + lasts,
        )
    )
    # Not a change that somebody's If-Match should trip over, so `version` stays.
    user.last_sign_in_at = now
    await session.flush()
    return secret


async def close_session(session: WriteSession, secret: str) -> None:
    await session.execute(delete(SignInSession).where(col(SignInSession.id) == digest(secret)))


async def sign_in(
    database: Database,
    *,
    email: str,
    password: str,
    address: str,
    lasts: timedelta,
    replaces: str | None = None,
) -> str:
    """The cookie secret of a new sign-in.

    Raises: WrongCredentials, the same after the same time whether or not the email is known;
    SignInThrottled.
    """
    now = clock.now()

    async def count(session: WriteSession) -> None:
        await count_attempt(session, address_key(address), PER_ADDRESS, now, SignInThrottled)
        await count_attempt(session, account_key(email), PER_ACCOUNT, now, SignInThrottled)

    await transact(database, SIGN_IN, count)
    async with reading(database) as session:
        user = await user_by_email(session, email)
    stored = user.password_hash if user is not None else None
    right = await verify_password(password, stored)
    if user is None or stored is None or not right or not user.active:
        raise WrongCredentials(_WRONG)
    renewed = await hash_password(password) if outdated(stored) else None

    async def enter(session: WriteSession) -> str:
        found = await user_by_email(session, email, lock=True)
        # Deactivated, or given another password, while Argon2 was at work.
        if found is None or not found.active or found.password_hash != stored:
            raise WrongCredentials(_WRONG)
        if renewed is not None:
            found.password_hash = renewed
        await _forgive(session, email, address)
        return await open_session(session, found, lasts, replaces)

    return await transact(database, SIGN_IN, enter)


async def sign_out(database: Database, secret: str) -> None:
    """End a sign-in, if it is one."""

    async def leave(session: WriteSession) -> None:
        await close_session(session, secret)

    await transact(database, SIGN_IN, leave)


def _open_links(token: str) -> Sequence[Any]:
    return (
        col(OneTimeLink.id) == digest(token),
        col(OneTimeLink.used_at).is_(None),
        col(OneTimeLink.expires_at) > clock.now(),
    )


async def _owner_of(database: Database, token: str) -> tuple[LinkPurpose, str]:
    """What an unused link is for, and its user's email. Raises: LinkSpent."""
    statement = (
        select(col(OneTimeLink.purpose), col(User.email))
        .join(User, col(User.id) == col(OneTimeLink.user_id))
        .where(*_open_links(token), col(User.active))
    )
    async with reading(database) as session:
        row = (await session.execute(statement)).one_or_none()
    if row is None:
        raise LinkSpent(_SPENT)
    return LinkPurpose(row.purpose), row.email


def _check_password(purpose: LinkPurpose, email: str, password: str | None) -> None:
    """Raises: PasswordNeeded; PasswordRefused; Invalid for a password a link has no use for."""
    if purpose is LinkPurpose.sign_in:
        if password is not None:
            detail = "This link signs in without a password."
            raise Invalid(detail, errors=[field_error("/password", "not-used", detail)])
        return
    if password is None:
        detail = "Choose a password: send it with the link."
        raise PasswordNeeded(
            detail,
            purpose=purpose.value,
            email=email,
            errors=[field_error("/password", "required", detail)],
        )
    fault = password_fault(password, email)
    if fault is not None:
        raise PasswordRefused(fault, errors=[field_error("/password", "weak", fault)])


async def _spend(session: WriteSession, token: str) -> UUID:
    """Mark the link used in one statement: of two at once, one finds it spent."""
    statement = (
        update(OneTimeLink)
        .where(*_open_links(token))
        .values(used_at=clock.now())
        .returning(col(OneTimeLink.user_id))
    )
    user_id = (await session.execute(statement)).scalar_one_or_none()
    if user_id is None:
        raise LinkSpent(_SPENT)
    return user_id


async def use_link(
    database: Database,
    *,
    token: str,
    password: str | None,
    lasts: timedelta,
    replaces: str | None = None,
) -> str:
    """The cookie secret of the sign-in that a one-time link opens.

    A new password ends every other sign-in of the user and their other links.
    Raises: LinkSpent; PasswordNeeded; PasswordRefused; Invalid.
    """
    purpose, email = await _owner_of(database, token)
    _check_password(purpose, email, password)
    hashed = await hash_password(password) if password is not None else None

    async def enter(session: WriteSession) -> str:
        user_id = await _spend(session, token)
        user = await session.get(User, user_id, with_for_update=True)
        if user is None or not user.active:
            raise LinkSpent(_SPENT)
        if hashed is not None:
            await _take_password(session, user, hashed)
        return await open_session(session, user, lasts, replaces)

    return await transact(database, SIGN_IN, enter)


async def _take_password(session: WriteSession, user: User, hashed: str) -> None:
    user.password_hash = hashed
    await session.execute(delete(SignInSession).where(col(SignInSession.user_id) == user.id))
    await session.execute(
        delete(OneTimeLink).where(
            col(OneTimeLink.user_id) == user.id, col(OneTimeLink.used_at).is_(None)
        )
    )
    await session.execute(
        delete(ThrottleRow).where(col(ThrottleRow.key) == account_key(user.email))
    )
