"""Taking a run back: what it made goes, what it changed is as before, unless edited since.

Names that were given stay burnt. A later run of the source over the same account counts as an
edit, also where it wrote nothing: its roster said that the account is right as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, LiteralString
from uuid import UUID

from sqlalchemy import Select, select, update
from sqlmodel import col

from api import clock
from api.accounts.burning import digest_sql, owner_sql, pads
from api.accounts.models import AccountImport
from api.accounts.progress import project
from api.accounts.reading import Batch
from api.accounts.rules import ImportState
from api.accounts.stored import Upload, open_roster
from api.accounts.targets.desire import desire, want_removed_gone
from api.db.pool import Database
from api.db.uow import WriteSession, transact

_SETTINGS: tuple[LiteralString, ...] = (
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL work_mem = '128MB'",
    "SELECT pg_advisory_xact_lock(hashtextextended('firstbell.usernames ' || %(network)s, 0))",
    'CREATE TEMP TABLE later_rows (sourced_id text COLLATE "C" NOT NULL) ON COMMIT DROP',
)
# Two weeks of rosters are too many to be hashed; without it all are read for each account.
_SORT_LATER: LiteralString = "CREATE INDEX ON later_rows (sourced_id)"
# What may be taken back of accounts the run made, and of those it changed.
_MADE: LiteralString = """
CREATE TEMP TABLE undo_made ON COMMIT DROP AS
SELECT a.id, a.school_id, a.version = 1 AND NOT EXISTS (
  SELECT FROM later_rows l WHERE l.sourced_id = a.sourced_id) AS untouched
FROM accounts a WHERE a.source_id = %(source)s AND a.import_id = %(run)s
"""
_CHANGED: LiteralString = """
CREATE TEMP TABLE undo_changed ON COMMIT DROP AS
SELECT c.account_id AS id, a.school_id, (c.before ->> 'school_id')::uuid AS old_school_id,
  c.before, c.kind, coalesce(a.version = c.version_after AND NOT EXISTS (
    SELECT FROM later_rows l WHERE l.sourced_id = a.sourced_id), false) AS untouched,
  EXISTS (SELECT FROM accounts o WHERE o.network_id = a.network_id AND o.id <> a.id
    AND lower(o.username) = lower(c.before ->> 'username')) AS name_taken
FROM account_changes c LEFT JOIN accounts a ON a.id = c.account_id
WHERE c.import_id = %(run)s
"""
_CONCERNED: LiteralString = """
SELECT school_id FROM undo_made WHERE untouched
UNION SELECT school_id FROM undo_changed WHERE untouched AND NOT name_taken
UNION SELECT old_school_id FROM undo_changed WHERE untouched AND NOT name_taken
"""
_BURN: LiteralString = """
INSERT INTO burnt_usernames (network_id, digest, owner)
SELECT DISTINCT ON (1, 2) a.network_id, {digest}, {owner} FROM accounts a
LEFT JOIN undo_made m ON m.id = a.id AND m.untouched
LEFT JOIN undo_changed c ON c.id = a.id AND c.untouched AND NOT c.name_taken
WHERE a.source_id = %(source)s AND a.username IS NOT NULL
  AND (m.id IS NOT NULL
    OR c.id IS NOT NULL AND lower(a.username) IS DISTINCT FROM lower(c.before ->> 'username'))
ON CONFLICT DO NOTHING
""".replace("{digest}", digest_sql("a.username")).replace(
    "{owner}", owner_sql("a.source_id::text", "a.sourced_id")
)
_REMOVE: LiteralString = (
    "DELETE FROM accounts a USING undo_made m WHERE a.id = m.id AND m.untouched"
)
_PUT_BACK: LiteralString = """
UPDATE accounts a SET school_id = b.school_id, given_name = b.given_name,
  family_name = b.family_name, grade = b.grade, username = b.username, email = b.email,
  status = b.status, missing_since = b.missing_since, edits = b.edits,
  version = a.version + 1, updated_at = %(now)s
FROM undo_changed c, jsonb_populate_record(NULL::accounts, c.before) b
WHERE a.id = c.id AND c.untouched AND NOT c.name_taken
"""
_COUNT: LiteralString = """
SELECT count(*) FILTER (WHERE untouched AND NOT name_taken), count(*) FILTER (WHERE NOT untouched),
  count(*) FILTER (WHERE untouched AND name_taken)
FROM (SELECT untouched, false AS name_taken FROM undo_made
  UNION ALL SELECT untouched, name_taken FROM undo_changed) every
"""
_FORGET_BASELINES: LiteralString = (
    "DELETE FROM account_baselines WHERE import_id = %(run)s RETURNING school_id"
)
_RESTORE_BASELINES: LiteralString = """
INSERT INTO account_baselines (source_id, school_id, students, import_id, taken_at)
SELECT %(source)s, r.key::uuid, r.value::int, %(run)s, %(now)s
FROM jsonb_each_text((SELECT undo -> 'recorded' FROM account_imports WHERE id = %(run)s)) r
ON CONFLICT DO NOTHING
RETURNING school_id
"""


async def undo_import(database: Database, secret: bytes, import_id: UUID) -> None:
    """Undo a run that is marked so, in one transaction; done again, it does nothing."""

    async def undo(session: WriteSession) -> None:
        given = await _marked(session, import_id)
        if given is not None:
            await _Undo(database, session, given, secret).do()

    actor = await transact(database, "job:account_undo", partial(_by, import_id))
    await transact(database, actor, undo)


async def _by(import_id: UUID, session: WriteSession) -> str:
    given = await session.get(AccountImport, import_id)
    undo = given.undo if given is not None else None
    return str((undo or {}).get("by", "job:account_undo"))


async def _marked(session: WriteSession, import_id: UUID) -> AccountImport | None:
    statement = (
        select(AccountImport)
        .where(col(AccountImport.id) == import_id)
        .with_for_update(key_share=True)
    )
    given = (await session.scalars(statement)).one_or_none()
    if given is None or given.state != ImportState.applied:
        return None
    return given if (given.undo or {}).get("state") == "running" else None


def later_runs(run: AccountImport) -> Select[AccountImport]:
    """The source's runs that were applied after this one."""
    return select(AccountImport).where(
        col(AccountImport.source_id) == run.source_id,
        col(AccountImport.state) == ImportState.applied,
        col(AccountImport.finished_at) > run.finished_at,
    )


class _Undo:
    """One run being undone, in the transaction of `session`."""

    def __init__(
        self, database: Database, session: WriteSession, run: AccountImport, secret: bytes
    ) -> None:
        self._database, self._session, self._run, self._secret = database, session, run, secret
        self._values: dict[str, Any] = {
            "run": run.id,
            "source": run.source_id,
            "network": str(run.network_id),
            "now": clock.now(),
        }

    async def do(self) -> None:
        self._connection = await self._session.psycopg()
        for statement in _SETTINGS:
            await self._execute(statement)
        later = (await self._session.scalars(later_runs(self._run))).all()
        for one in later:
            await self._readlater_runs(one.id)
        for statement in (_SORT_LATER, "ANALYZE later_rows", _MADE, _CHANGED):
            await self._execute(statement)
        concerned = {row[0] for row in await self._execute(_CONCERNED)}
        concerned |= await self._baselines(later)
        await self._session.touch_schools(concerned)
        [(done, kept, failed)] = await self._execute(_COUNT)
        await self._execute(_BURN, pads(self._secret))
        await self._execute(_REMOVE)
        await self._execute(_PUT_BACK)
        await self._tell_targets()
        await project(self._session, concerned)
        await self._session.execute(
            update(AccountImport)
            .where(col(AccountImport.id) == self._run.id)
            .values(
                state=ImportState.undone,
                undo={"state": "done", "reversed": done, "kept": kept, "failed": failed},
            )
        )

    async def _tell_targets(self) -> None:
        network_id = self._run.network_id
        assert network_id is not None, "a run that was applied knows whose it is"
        await want_removed_gone(self._session, network_id)
        await desire(self._session, network_id, since=self._values["now"])

    async def _execute(
        self, statement: LiteralString, more: dict[str, bytes] | None = None
    ) -> list[tuple[Any, ...]]:
        cursor = await self._connection.execute(statement, self._values | (more or {}))
        return await cursor.fetchall() if cursor.description else []

    async def _readlater_runs(self, import_id: UUID) -> None:
        """Note who a later run was about, from its upload: who is unchanged is nowhere else."""
        roster, spool = await asyncio.to_thread(open_roster, Upload(self._database, import_id))
        try:
            ids = _ids(roster.batches)
            while (some := await asyncio.to_thread(next, ids, None)) is not None:
                async with self._connection.cursor().copy("COPY later_rows FROM STDIN") as copy:
                    for sourced_id in some:
                        await copy.write_row((sourced_id,))
        finally:
            if spool is not None:
                spool.close()

    async def _baselines(self, later: Sequence[AccountImport]) -> set[UUID]:
        """Expect of schools what was expected before, unless a later roster said otherwise."""
        schools = {row[0] for row in await self._execute(_FORGET_BASELINES)}
        if schools and not later:
            schools |= {row[0] for row in await self._execute(_RESTORE_BASELINES)}
        return schools


def _ids(batches: Iterator[Batch]) -> Iterator[list[str]]:
    for batch in batches:
        yield [row[1] for row in batch.rows]
