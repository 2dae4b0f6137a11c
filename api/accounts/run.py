"""A run from its upload to its end: staged, checked, judged, and merged in one transaction.

Every step is either done or not: killed anywhere, the run is done again from the stored upload,
and ends as if nothing had happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlmodel import col

from api import clock
from api.accounts.deciding import decide
from api.accounts.errors import Withdrawn
from api.accounts.models import AccountImport
from api.accounts.preparing import Prepared, prepare
from api.accounts.rules import ImportState
from api.accounts.running import tables_of
from api.accounts.staging import drop_tables
from api.db.pool import Database
from api.db.uow import WriteSession, transact
from api.errors import FirstBellError, Unavailable

# From so many new accounts on. Until autovacuum comes by, a minute later, the planner takes a new
# source for one with hardly an account, and would compare each row of its next roster with each.
_MANY = 1_000
_MADE = "SELECT created FROM account_imports WHERE id = %s AND state = 'applied'"
_TELL = "UPDATE account_imports SET percent = %s WHERE id = %s AND state = 'running'"


async def run_import(database: Database, secret: bytes, import_id: UUID) -> None:
    """Do a run, or do it again; one that has ended is left as it is."""
    given = await transact(database, "job:account_import", partial(_begin, import_id))
    if given is None:
        return
    try:
        prepared = await prepare(database, given)
        decision = _Decision(database, prepared, given, secret)
        await transact(database, given.actor, decision.take)
        await _count_anew(database, import_id)
    except Unavailable:
        raise
    except FirstBellError as error:
        problem = {"code": _code(error), "detail": error.detail, **_errors(error)}
        await _fail(database, import_id, problem)
    except Withdrawn:
        await _clear(database, import_id)


def _code(error: FirstBellError) -> str:
    """What is wrong with a file is said by its first error."""
    errors = error.extra.get("errors") or [{"code": error.code}]
    return str(errors[0]["code"])


def _errors(error: FirstBellError) -> dict[str, Any]:
    return {"errors": error.extra["errors"]} if "errors" in error.extra else {}


async def _begin(import_id: UUID, session: WriteSession) -> AccountImport | None:
    statement = (
        select(AccountImport)
        .where(col(AccountImport.id) == import_id)
        .with_for_update(key_share=True)
    )
    given = (await session.scalars(statement)).one_or_none()
    if given is None or given.state not in (ImportState.queued, ImportState.running):
        await drop_tables(await session.psycopg(), tables_of(import_id))
        return None
    given.state = ImportState.running
    given.started_at = given.started_at or clock.now()
    return given


@dataclass(frozen=True, slots=True)
class _Decision:
    """What is done with a run's staged rows, and how far that is."""

    database: Database
    prepared: Prepared
    given: AccountImport
    secret: bytes

    async def take(self, session: WriteSession) -> None:
        """Raises: Withdrawn."""
        await decide(self.prepared, self.given, self.secret, session, self._tell)
        await drop_tables(await session.psycopg(), tables_of(self.given.id))

    async def _tell(self, percent: int) -> None:
        async with self.database.raw() as connection:
            told = await connection.execute(_TELL, (percent, self.given.id))
        if not told.rowcount:
            raise Withdrawn


async def _count_anew(database: Database, import_id: UUID) -> None:
    """Have PostgreSQL look at the accounts again where the run has made many."""
    async with database.pool.connection() as connection:
        found = await connection.execute(_MADE, (import_id,))
        made = await found.fetchone()
        if made is not None and made[0] >= _MANY:
            await connection.execute("SET LOCAL statement_timeout = 0")
            await connection.execute("ANALYZE accounts")


async def _fail(database: Database, import_id: UUID, problem: dict[str, Any]) -> None:
    async def fail(session: WriteSession) -> None:
        await session.execute(
            update(AccountImport)
            .where(
                col(AccountImport.id) == import_id,
                col(AccountImport.state) == ImportState.running,
            )
            .values(
                state=ImportState.failed,
                problem=problem,
                finished_at=clock.now(),
                staged_rows=None,
            )
        )
        await drop_tables(await session.psycopg(), tables_of(import_id))

    await transact(database, "job:account_import", fail)


async def _clear(database: Database, import_id: UUID) -> None:
    async with database.pool.connection() as connection:
        await drop_tables(connection, tables_of(import_id))
