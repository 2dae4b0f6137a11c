"""Initial passwords on their way to targets that are sent them (`Target.sends_passwords`).

A password waits for a target while it is sealed, has not expired, and was made after the row's
`password_at`. Once the target has taken it, `password_at` is the moment it was made; where an
account was there before us, it is the moment that we came to it, so only a password made after
that replaces the one that the account has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

from api import clock
from api.accounts.targets.desire import CHANNEL, IS_UNTOLD
from api.accounts.targets.leases import Lease, Leased
from api.accounts.targets.models import Target
from api.accounts.targets.rules import Desired
from api.db.uow import WriteSession
from api.sealing import Unsealable

Reveal = Callable[[UUID, bytes], str]

# Whoever makes an account sends what is live, whether it was told before or not: the account of
# before is gone there.
_LIVE: LiteralString = """
SELECT p.account_id, p.sealed, p.made_at, p.made_at > coalesce(r.password_at, '-infinity')
FROM target_accounts r JOIN initial_passwords p ON p.account_id = r.account_id
WHERE r.target_id = %(target)s AND r.account_id = ANY(%(ids)s)
  AND p.sealed IS NOT NULL AND p.expires_at > %(now)s
  AND (r.remote_id IS NULL OR p.made_at > coalesce(r.password_at, '-infinity'))
"""
# As with new names, a row that was given up is tried again. A leased row is written to as well:
# so this waits for who is settling it, or is seen by who will.
_QUEUE: LiteralString = f"""
UPDATE target_accounts r SET attempts = 0, dead_at = NULL, last_error = NULL,
  next_try_at = CASE WHEN r.lease_id IS NULL THEN least(r.next_try_at, %(now)s)
    ELSE r.next_try_at END
FROM targets n
WHERE n.network_id = %(network)s AND n.sends_passwords
  AND r.target_id = n.id AND r.desired = 'active'
  AND (%(target)s::uuid IS NULL OR n.id = %(target)s)
  AND (%(ids)s::uuid[] IS NULL OR r.account_id = ANY(%(ids)s)) AND {IS_UNTOLD}
"""  # noqa: S608 (put together from constants of this package)
# Made while the row was leased: newer than the one that was taken with it, which may have been
# refused and must not be tried again and again.
_QUEUE_NEWER: LiteralString = f"""
UPDATE target_accounts r SET attempts = 0, dead_at = NULL, last_error = NULL, next_try_at = %(now)s
FROM unnest(%(ids)s::uuid[], %(made_at)s::timestamptz[]) AS n(account_id, made_at)
JOIN initial_passwords q ON q.account_id = n.account_id
WHERE r.target_id = %(target)s AND r.account_id = n.account_id AND r.lease_id IS NULL
  AND r.next_try_at IS NULL AND r.desired = 'active'
  AND q.made_at > coalesce(n.made_at, '-infinity') AND {IS_UNTOLD}
"""  # noqa: S608 (put together from constants of this package)
_SENDS: LiteralString = "SELECT FROM targets WHERE id = %(target)s AND sends_passwords"
_MAKING: LiteralString = "SELECT FROM networks WHERE id = %(network)s FOR SHARE"
_SETTING: LiteralString = "SELECT FROM networks WHERE id = %(network)s FOR NO KEY UPDATE"


class _Live(NamedTuple):
    sealed: bytes
    made_at: datetime
    is_news: bool


async def queue_made(session: WriteSession, network_id: UUID, account_ids: Sequence[UUID]) -> None:
    """Queue the new passwords of these accounts at the network's targets that are sent them."""
    await _queue(session, _MAKING, network_id, ids=list(account_ids))


async def queue_waiting(session: WriteSession, target: Target) -> None:
    """Queue all that wait at a target that is sent them from now on."""
    await _queue(session, _SETTING, target.network_id, target=target.id)


async def _queue(
    session: WriteSession,
    lock: LiteralString,
    network_id: UUID,
    *,
    target: UUID | None = None,
    ids: list[UUID] | None = None,
) -> None:
    """Under a lock, so that of a password and a setting made at once the later sees the other."""
    connection = await session.psycopg()
    values = {"network": network_id, "target": target, "ids": ids, "now": clock.now()}
    await connection.execute(lock, values)
    if (await connection.execute(_QUEUE, values)).rowcount:
        await connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))


async def with_passwords(
    session: WriteSession, target: Target, rows: list[Leased], reveal: Reveal
) -> list[Leased]:
    """The leased rows, those of active students with the password that waits for them."""
    ids = [row.order.account_id for row in rows if row.order.desired is Desired.active]
    values = {"target": target.id, "ids": ids, "now": clock.now()}
    found = await (await session.psycopg()).execute(_LIVE, values)
    live = {row[0]: _Live(*row[1:]) for row in await found.fetchall()}
    return [
        _opened(row, live[row.order.account_id], reveal) if row.order.account_id in live else row
        for row in rows
    ]


def _opened(row: Leased, live: _Live, reveal: Reveal) -> Leased:
    row = row._replace(password_made_at=live.made_at)
    if row.order.person is None or not row.order.person.username:
        return row
    try:
        password = reveal(row.order.account_id, live.sealed)
    except Unsealable:
        return row._replace(unreadable=True)
    return row._replace(order=replace(row.order, password=password, is_news=live.is_news))


async def queue_newer(session: WriteSession, target_id: UUID, lease: Lease) -> None:
    """Queue what was made for these rows since they were leased; called after they are settled.

    The setting is looked at now, since it may have been turned on while they were leased.
    """
    connection = await session.psycopg()
    sends = await connection.execute(_SENDS, {"target": target_id})
    if await sends.fetchone() is None:
        return
    values: dict[str, Any] = {
        "target": target_id,
        "ids": [row.order.account_id for row in lease.rows],
        "made_at": [row.password_made_at for row in lease.rows],
        "now": clock.now(),
    }
    await connection.execute(_QUEUE_NEWER, values)
