"""What is desired at the targets, kept in step with accounts by sets, in their transaction.

Called by whatever writes accounts, after it has; a network without targets costs one look. What
is compared is a digest of the names that would be sent, so an account whose grade changed is
not sent again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from api import clock
from api.accounts.targets.rules import TargetKind
from api.db.uow import WriteSession

CHANNEL = "targets"
# Of one account's names, as they would be sent; `a` is the account.
DIGEST: LiteralString = (
    "hashtextextended(concat_ws(E'\\x1f', coalesce(a.username, ''), a.given_name, a.family_name,"
    " coalesce(a.email, ''), a.sourced_id), 0)"
)
# Whether a row's account has an initial password that its target is to be sent.
IS_UNTOLD: LiteralString = """EXISTS (
    SELECT FROM initial_passwords p JOIN targets t ON t.id = r.target_id AND t.sends_passwords
    WHERE p.account_id = r.account_id AND p.sealed IS NOT NULL AND p.expires_at > %(now)s
      AND p.made_at > coalesce(r.password_at, '-infinity'))"""
_DESIRED: LiteralString = "CASE a.status WHEN 'suspended' THEN 'suspended' ELSE 'active' END"
_ANY: LiteralString = "SELECT id FROM targets WHERE network_id = %(network)s"
_WHICH: LiteralString = """a.network_id = %(network)s
  AND (%(since)s::timestamptz IS NULL OR a.updated_at >= %(since)s)
  AND (%(ids)s::uuid[] IS NULL OR a.id = ANY(%(ids)s))"""
# A row that was given up is tried again once something new is desired. What is desired again as
# it is known to be there waits for nothing but a password, nor does who is to be suspended and
# never was there.
_CHANGE: LiteralString = f"""
UPDATE target_accounts r SET desired = n.desired, desired_digest = n.digest, attempts = 0,
  dead_at = NULL, last_error = NULL,
  next_try_at = CASE WHEN r.lease_id IS NULL AND NOT r.doubtful AND r.drifted IS NULL
    AND r.observed = n.desired AND r.observed_digest = n.digest
    AND NOT (n.desired = 'active' AND {IS_UNTOLD}) THEN NULL
    WHEN r.lease_id IS NOT NULL THEN r.next_try_at
    WHEN n.desired = 'suspended' AND r.observed = 'none' AND r.remote_id IS NULL
      AND r.attempts = 0 AND NOT r.doubtful THEN NULL
    ELSE %(now)s END
FROM (SELECT a.id, {_DESIRED} AS desired, {DIGEST} AS digest FROM accounts a WHERE {_WHICH}) n
WHERE r.account_id = n.id AND r.target_id = ANY(%(targets)s)
  AND (r.desired <> n.desired OR r.desired_digest IS DISTINCT FROM n.digest)
"""  # noqa: S608 (put together from constants of this file)
_ADD: LiteralString = f"""
INSERT INTO target_accounts (target_id, account_id, desired, desired_digest, observed, attempts,
  next_try_at, doubtful)
SELECT t.id, a.id, 'active', {DIGEST}, 'none', 0, %(now)s, false
FROM accounts a CROSS JOIN unnest(%(targets)s::uuid[]) AS t(id)
WHERE {_WHICH} AND a.status = 'active'
ON CONFLICT (target_id, account_id) DO NOTHING
"""  # noqa: S608 (put together from constants of this file)
# What no target ever heard of need not be deleted there. What is kept of the others is an id of
# the target's, until it has confirmed that the account is gone.
_FORGET: LiteralString = """
DELETE FROM target_accounts r WHERE {which} AND r.observed = 'none' AND r.remote_id IS NULL
  AND r.attempts = 0 AND r.lease_id IS NULL AND NOT r.doubtful
"""
_WANT_GONE: LiteralString = """
UPDATE target_accounts r SET desired = 'deleted', desired_digest = NULL, observed_digest = NULL,
  remote_name = NULL, attempts = 0, dead_at = NULL, last_error = NULL, drifted = NULL,
  next_try_at = CASE WHEN r.lease_id IS NULL THEN %(now)s ELSE r.next_try_at END
WHERE {which} AND r.desired <> 'deleted'
"""
_OF_IDS: LiteralString = "r.account_id = ANY(%(ids)s)"
_OF_NOBODY: LiteralString = """r.target_id = ANY(%(targets)s)
  AND NOT EXISTS (SELECT FROM accounts a WHERE a.id = r.account_id)"""
_NOTIFY: LiteralString = f"SELECT pg_notify('{CHANNEL}', '')"


async def desire(
    session: WriteSession,
    network_id: UUID,
    *,
    since: datetime | None = None,
    ids: Sequence[UUID] | None = None,
    targets: Sequence[UUID] | None = None,
) -> int:
    """Queue what is not at the network's targets as its accounts are now; how many rows moved.

    Of the accounts written since a moment, or of these, or of all; at these targets, or at all.
    """
    connection = await session.psycopg()
    if targets is None:
        found = await connection.execute(_ANY, {"network": network_id})
        targets = [row[0] for row in await found.fetchall()]
    if not targets:
        return 0
    values = {
        "network": network_id,
        "since": since,
        "ids": None if ids is None else list(ids),
        "targets": list(targets),
        "now": clock.now(),
    }
    return await _moved(session, (_CHANGE, _ADD), values)


async def want_gone(session: WriteSession, account_ids: Sequence[UUID]) -> int:
    """Have these accounts deleted at every target that may have them; how many rows that are.

    Their names are forgotten at once; what is kept until the target has confirmed it is its own
    id of each.
    """
    values = {"ids": list(account_ids), "now": clock.now()}
    return await _gone(session, _OF_IDS, values)


async def want_removed_gone(session: WriteSession, network_id: UUID) -> int:
    """`want_gone` of a network's accounts that are not there any more."""
    connection = await session.psycopg()
    found = await connection.execute(_ANY, {"network": network_id})
    targets = [row[0] for row in await found.fetchall()]
    if not targets:
        return 0
    return await _gone(session, _OF_NOBODY, {"targets": targets, "now": clock.now()})


async def _gone(session: WriteSession, which: LiteralString, values: dict[str, Any]) -> int:
    connection = await session.psycopg()
    await connection.execute(_FORGET.replace("{which}", which), values)
    return await _moved(session, (_WANT_GONE.replace("{which}", which),), values)


async def _moved(
    session: WriteSession, statements: Sequence[LiteralString], values: dict[str, Any]
) -> int:
    connection = await session.psycopg()
    moved = 0
    for statement in statements:
        moved += (await connection.execute(statement, values)).rowcount
    if moved:
        await connection.execute(_NOTIFY)
    return moved


def is_pushed(kind: str) -> bool:
    """Whether a runner works off what waits, and not people."""
    return kind != TargetKind.csv
