"""A run from its upload to its end: staged, checked, judged, and merged in one transaction.

Every step is either done or not: killed anywhere, the run is done again from the stored upload,
and ends as if nothing had happened.
"""

from __future__ import annotations

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


async def run_import(database: Database, secret: bytes, import_id: UUID) -> None:
    """Do a run, or do it again; one that has ended is left as it is."""
    given = await transact(database, "job:account_import", partial(_begin, import_id))
    if given is None:
        return
    try:
        prepared = await prepare(database, given)
        await transact(database, given.actor, partial(_decide, prepared, given, secret))
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


async def _decide(
    prepared: Prepared, given: AccountImport, secret: bytes, session: WriteSession
) -> None:
    await decide(prepared, given, secret, session)
    await drop_tables(await session.psycopg(), tables_of(given.id))


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
