"""The queue of a target: rows are leased, carried out, settled. No network call in between.

A lease is a moment until which a row is out of everybody's reach. A runner that dies leaves its
rows to the next, which then knows that they are doubtful; one that only lost time finds that its
lease is not the row's any more, and settles nothing.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

from sqlalchemy import Uuid, select
from sqlmodel import col

from api import clock
from api.accounts.cards.service import mark_told
from api.accounts.disclosures import Purpose, disclose_set
from api.accounts.models import Account
from api.accounts.targets.adapter import Result
from api.accounts.targets.desire import DIGEST
from api.accounts.targets.leases import Lease, Leased, leased
from api.accounts.targets.models import Target
from api.accounts.targets.passwords import Reveal, queue_newer, with_passwords
from api.accounts.targets.rules import (
    MOST_ATTEMPTS,
    Action,
    Desired,
    Observed,
    Outcome,
    backoff_seconds,
    observed_after,
)
from api.db.columns import new_id
from api.db.uow import WriteSession
from api.schools.queries import is_among

# What is sent of a student, as the record of disclosures names it.
SENT = ("given_name", "family_name", "username", "email", "sourced_id")
_TAKE: LiteralString = f"""
WITH due AS (
  SELECT account_id FROM target_accounts
  WHERE target_id = %(target)s AND next_try_at <= %(now)s
  ORDER BY next_try_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
UPDATE target_accounts r SET lease_id = %(lease)s, next_try_at = %(until)s,
  doubtful = r.doubtful OR r.lease_id IS NOT NULL,
  desired = CASE WHEN a.id IS NULL THEN 'deleted' ELSE r.desired END,
  desired_digest = CASE WHEN a.id IS NOT NULL THEN {DIGEST} END
FROM due LEFT JOIN accounts a ON a.id = due.account_id
WHERE r.target_id = %(target)s AND r.account_id = due.account_id
RETURNING r.account_id, r.desired, r.desired_digest, r.observed, r.remote_id, r.remote_name,
  r.etag, r.attempts, r.doubtful, a.username, a.given_name, a.family_name, a.email, a.sourced_id
"""  # noqa: S608 (put together from constants of this file)
_SETTLE: LiteralString = """
UPDATE target_accounts r SET lease_id = NULL, remote_id = n.remote_id, etag = n.etag,
  remote_name = CASE WHEN r.desired <> 'deleted' THEN n.remote_name END,
  observed = CASE WHEN n.done THEN n.observed
    WHEN n.remote_id IS NULL AND r.remote_id IS NOT NULL THEN 'none' ELSE r.observed END,
  observed_digest = CASE WHEN n.done AND r.desired <> 'deleted' THEN n.digest
    ELSE r.observed_digest END,
  observed_at = CASE WHEN n.done THEN %(now)s ELSE r.observed_at END,
  drifted = CASE WHEN NOT n.done THEN r.drifted END,
  doubtful = n.doubtful, last_error = n.error, attempts = CASE WHEN m.changed THEN 0
    ELSE n.attempts END,
  dead_at = CASE WHEN n.dead AND NOT m.changed THEN %(now)s END,
  next_try_at = CASE WHEN m.changed THEN %(now)s ELSE n.next_try_at END,
  password_at = greatest(r.password_at, n.password_at)
FROM unnest(%(ids)s::uuid[], %(desired)s::text[], %(digest)s::bigint[], %(done)s::bool[],
  %(observed)s::text[], %(remote_id)s::text[], %(remote_name)s::text[], %(etag)s::text[],
  %(doubtful)s::bool[], %(error)s::text[], %(attempts)s::int[], %(dead)s::bool[],
  %(next_try_at)s::timestamptz[], %(password_at)s::timestamptz[])
  AS n(account_id, desired, digest, done, observed, remote_id, remote_name, etag, doubtful, error,
    attempts, dead, next_try_at, password_at)
JOIN target_accounts o ON o.target_id = %(target)s AND o.account_id = n.account_id
CROSS JOIN LATERAL (SELECT o.desired <> n.desired
  OR o.desired_digest IS DISTINCT FROM n.digest AS changed) m
WHERE r.target_id = %(target)s AND r.account_id = n.account_id AND r.lease_id = %(lease)s
"""
_REMOVE: LiteralString = """
DELETE FROM target_accounts WHERE target_id = %(target)s AND lease_id = %(lease)s
  AND account_id = ANY(%(ids)s) AND desired = 'deleted'
"""
_CLAIMED: LiteralString = """
SELECT account_id, remote_id FROM target_accounts
WHERE target_id = %(target)s AND remote_id = ANY(%(remote_ids)s)
"""


async def take(
    session: WriteSession, target: Target, most: int, lease: timedelta, reveal: Reveal
) -> Lease:
    """Lease the rows that have waited longest; that their names leave is recorded with it, and of
    whom a password does. `reveal` opens those.
    """
    now = clock.now()
    lease_id = new_id()
    values = {
        "target": target.id,
        "now": now,
        "most": most,
        "lease": lease_id,
        "until": now + lease,
    }
    connection = await session.psycopg()
    rows = [leased(row) for row in await (await connection.execute(_TAKE, values)).fetchall()]
    if target.sends_passwords:
        rows = await with_passwords(session, target, rows, reveal)
    told = [row for row in rows if row.order.action is not Action.delete and not row.unreadable]
    for fields, some in (
        (SENT, [row for row in told if row.order.password is None]),
        ((*SENT, "password"), [row for row in told if row.order.password is not None]),
    ):
        if some:
            await _disclose(session, target, [row.order.account_id for row in some], fields)
    return Lease(lease_id, now, rows)


async def _disclose(
    session: WriteSession, target: Target, told: list[UUID], fields: Sequence[str]
) -> None:
    await disclose_set(
        session,
        session.actor,
        Purpose.synced,
        select(col(Account.id)).where(is_among(col(Account.id), told, Uuid())),
        fields=fields,
        recipient=target.slug,
        basis=None,
        network_id=target.network_id,
    )


async def settle(
    session: WriteSession,
    target: Target,
    lease: Lease,
    results: Sequence[Result],
    *,
    outage: bool,
) -> None:
    """Write what became of leased rows. `outage`: what failed is the target's fault, and no row
    is nearer to being given up for it.
    """
    connection = await session.psycopg()
    target_id = target.id
    rows = {row.order.account_id: row for row in lease.rows}
    remote_ids = [one.remote_id for one in results if one.remote_id is not None]
    claims = {"target": target_id, "remote_ids": remote_ids}
    found = await connection.execute(_CLAIMED, claims)
    owners = {remote_id: account_id for account_id, remote_id in await found.fetchall()}
    now, lines = clock.now(), []
    for one in results:
        given = one
        if one.remote_id is not None:
            owner = owners.setdefault(one.remote_id, one.account_id)
            if owner != one.account_id:
                given = Result(one.account_id, Outcome.never, error="name-taken")
        lines.append(_line(rows[one.account_id], given, lease.at, now, outage=outage))
    columns = {name: [line[name] for line in lines] for name in lines[0]} if lines else {}
    values = {"target": target_id, "lease": lease.id, "now": now, **columns}
    if not lines:
        return
    # Before the rows, as whoever makes passwords does: so neither waits for the other for ever.
    await mark_told(session, [(row["ids"], row["password_at"]) for row in lines if row["told"]])
    gone = [line["ids"] for line in lines if line["done"] and line["desired"] == Desired.deleted]
    if gone:
        await connection.execute(_REMOVE, {**values, "ids": gone})
    await connection.execute(_SETTLE, values)
    await queue_newer(session, target_id, lease)


def _line(
    row: Leased, result: Result, taken_at: datetime, now: datetime, *, outage: bool
) -> dict[str, Any]:
    done = result.outcome is Outcome.done
    counts = result.outcome is Outcome.again and not (outage and result.outage)
    attempts = 0 if done else row.attempts + counts
    dead = result.outcome is Outcome.never or (counts and attempts >= MOST_ATTEMPTS)
    wait = timedelta(seconds=backoff_seconds(attempts, random.random()))  # noqa: S311 (no secret)
    again = now + wait if counts else now
    at_target = result.remote_id is not None
    return {
        "ids": row.order.account_id,
        "desired": row.order.desired,
        "digest": row.digest,
        "done": done,
        "observed": observed_after(row.order.desired) if at_target else Observed.none,
        "remote_id": result.remote_id,
        "remote_name": result.remote_name,
        "etag": result.etag,
        "doubtful": result.doubtful,
        "error": result.error,
        "attempts": attempts,
        "dead": dead,
        "next_try_at": None if done or dead else again,
        "told": result.told,
        "password_at": _password_at(row, result, taken_at),
    }


def _password_at(row: Leased, result: Result, taken_at: datetime) -> datetime | None:
    """Up to when passwords are not sent to the account any more, where that is another moment."""
    if result.told:
        return row.password_made_at
    return taken_at if result.found else None
