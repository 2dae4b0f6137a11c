"""Accounts that go for good: every copy of whose they were goes with them, but for digests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString
from uuid import UUID

from api.accounts.burning import digest_sql, owner_sql, pads
from api.accounts.targets.desire import want_gone
from api.db.uow import WriteSession

_BURN: LiteralString = """
INSERT INTO burnt_usernames (network_id, digest, owner)
SELECT DISTINCT ON (1, 2) a.network_id, {digest}, {owner} FROM accounts a
WHERE a.id = ANY(%(ids)s) AND a.username IS NOT NULL
ON CONFLICT DO NOTHING
""".replace("{digest}", digest_sql("a.username")).replace(
    "{owner}", owner_sql("a.source_id::text", "a.sourced_id")
)
# By the runs of their sources, since changes are found by their run.
_FORGET_CHANGES: LiteralString = """
DELETE FROM account_changes c USING account_imports i, accounts a
WHERE a.id = ANY(%(ids)s) AND i.source_id = a.source_id AND c.import_id = i.id
  AND c.account_id = a.id
"""
_DELETE: LiteralString = "DELETE FROM accounts WHERE id = ANY(%(ids)s)"


async def remove_accounts(session: WriteSession, ids: Sequence[UUID], secret: bytes) -> None:
    """Delete accounts and what is kept besides of each, and want them gone from every target.

    The caller holds the gate of their schools and projects afterwards. Their usernames stay
    burnt under `secret`, for them to have again and nobody else; their initial passwords go by
    their foreign key.
    """
    connection = await session.psycopg()
    await want_gone(session, ids)
    for statement in (_BURN, _FORGET_CHANGES, _DELETE):
        await connection.execute(statement, {"ids": list(ids), **pads(secret)})
