"""From a token or a cookie to a caller: one raw statement, since every request pays for it.

A read that is hot enough has its own select travel with it (`Beside`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, LiteralString, NamedTuple

from api import clock
from api.auth.caller import Caller
from api.auth.rules import Role, digest, parse_token, rights_of, same
from api.db.pool import Database
from api.errors import Unauthorized

# How often a use is written down: a row per request would make every read a write.
SEEN_EVERY = timedelta(minutes=1)

_FIND_KEY: LiteralString = (
    "SELECT id, name, secret_hash, role, scopes, network_id, school_ids, sees_names,"
    " expires_at, last_used_at FROM api_tokens WHERE public_id = %s AND revoked_at IS NULL"
)
_MARK_KEY: LiteralString = (
    "UPDATE api_tokens SET last_used_at = %(now)s WHERE id = %(id)s"
    " AND (last_used_at IS NULL OR last_used_at <= %(before)s)"
)
_FIND_SESSION: LiteralString = (
    "SELECT u.id, u.name, u.role, u.network_id, u.sees_names, s.last_seen_at, s.expires_at,"
    " CASE WHEN u.school_limited"
    " THEN ARRAY(SELECT school_id FROM user_schools WHERE user_id = u.id) END AS school_ids"
    " FROM sign_in_sessions s JOIN users u ON u.id = s.user_id"
    " WHERE s.id = %s AND u.active"
)
_MARK_SESSION: LiteralString = (
    "UPDATE sign_in_sessions SET last_seen_at = %(now)s"
    " WHERE id = %(id)s AND last_seen_at <= %(before)s"
)
# Stands in for the row of a token that does not exist, so that it is compared all the same.
_NOBODY = bytes(32)


class Beside(NamedTuple):
    """A select of at most one row that is answered together with who calls: one round trip.

    It may use `caller.network_id` and `caller.school_ids`, NULL where `Caller` says `None`.
    """

    statement: LiteralString
    values: tuple[object, ...]


class Identified(NamedTuple):
    """The caller, and the row of a `Beside`: all NULL where it found none, empty without one."""

    caller: Caller
    row: Sequence[Any]


# Cached, so that the driver meets the same text each time and need not parse it again.
@cache
def _with_beside(find: LiteralString, beside: LiteralString) -> LiteralString:
    statement = "WITH caller AS ({}) SELECT * FROM caller LEFT JOIN LATERAL ({}) AS beside ON true"
    return statement.format(find, beside)


async def _fetch(
    database: Database, statement: LiteralString, key: object, beside: Beside | None
) -> Any:
    """One row, without BEGIN and COMMIT around it: that would be three round trips for one."""
    values: tuple[object, ...] = (key,)
    if beside is not None:
        statement, values = _with_beside(statement, beside.statement), (key, *beside.values)
    async with database.pool.connection() as connection:
        await connection.set_autocommit(True)
        try:
            return await (await connection.execute(statement, values, binary=True)).fetchone()
        finally:
            if not connection.closed:
                await connection.set_autocommit(False)


async def _write_down(
    database: Database, statement: LiteralString, key: object, now: datetime
) -> None:
    async with database.pool.connection() as connection:
        await connection.execute(statement, {"id": key, "now": now, "before": now - SEEN_EVERY})


async def by_token(database: Database, token: str, beside: Beside | None = None) -> Identified:
    """The caller behind `fb_<id>_<secret>`, with the row of `beside`.

    Raises: Unauthorized, with one and the same answer for unknown, wrong, revoked and expired.
    """
    refusal = Unauthorized("This API token is not valid; it may have expired or been revoked.")
    parts = parse_token(token)
    if parts is None:
        raise refusal
    row: Sequence[Any] | None = await _fetch(database, _FIND_KEY, parts.public_id, beside)
    stored = row[2] if row is not None else _NOBODY
    if not same(digest(parts.secret), stored) or row is None:
        raise refusal
    token_id, name, _, role, scopes, network_id, school_ids, sees_names = row[:8]
    expires_at, used, *found = row[8:]
    now = clock.now()
    if expires_at is not None and expires_at <= now:
        raise refusal
    if used is None or used <= now - SEEN_EVERY:
        await _write_down(database, _MARK_KEY, token_id, now)
    narrowed = None if scopes is None else tuple(scopes)
    caller = Caller(
        actor=f"token:{token_id}",
        name=name,
        role=Role(role),
        rights=rights_of(Role(role), sees_names, narrowed),
        network_id=network_id,
        school_ids=None if school_ids is None else frozenset(school_ids),
        sees_names=sees_names,
    )
    return Identified(caller, found)


async def by_cookie(
    database: Database, secret: str, idle: timedelta, beside: Beside | None = None
) -> Identified:
    """The caller behind a session cookie not left unused for longer than `idle`.

    Raises: Unauthorized.
    """
    key = digest(secret)
    row: Sequence[Any] | None = await _fetch(database, _FIND_SESSION, key, beside)
    if row is None:
        raise Unauthorized("This sign-in has ended; sign in again.")
    user_id, name, role, network_id, sees_names, seen, expires_at, school_ids, *found = row
    now = clock.now()
    if expires_at <= now or seen <= now - idle:
        raise Unauthorized("This sign-in has ended; sign in again.")
    if seen <= now - SEEN_EVERY:
        await _write_down(database, _MARK_SESSION, key, now)
    caller = Caller(
        actor=f"user:{user_id}",
        name=name,
        role=Role(role),
        rights=rights_of(Role(role), sees_names),
        network_id=network_id,
        school_ids=None if school_ids is None else frozenset(school_ids),
        sees_names=sees_names,
    )
    return Identified(caller, found)
