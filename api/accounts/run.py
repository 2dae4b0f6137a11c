"""A run from its upload to its end: staged, checked, judged, and merged in one transaction.

Every step is either done or not: killed anywhere, the run is done again from the stored upload,
and ends as if nothing had happened.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlmodel import col

from api import clock
from api.accounts.brake_rules import Comparison, reasons_to_hold
from api.accounts.checks import check
from api.accounts.errors import Stopped, Withdrawn
from api.accounts.merging import merge, name_fresh
from api.accounts.models import AccountImport, AccountImportIssue
from api.accounts.planning import Plan, plan
from api.accounts.preparing import Prepared, prepare
from api.accounts.progress import project
from api.accounts.rules import ImportState, Mode, OnError, Snapshot
from api.accounts.running import Work, tables_of
from api.accounts.samples import samples
from api.accounts.staff_merge import merge_staff
from api.accounts.staging import drop_tables
from api.db.pool import Database
from api.db.uow import WriteSession, transact
from api.errors import FirstBellError
from api.facts import StaffChanged

# A source's runs are one after another by their jobs' lock; a network's share its usernames.
_BEGIN_MERGE = (
    "SET LOCAL statement_timeout = 0",
    # The hash of a million accounts fits, and the sort of a million new ones nearly does.
    "SET LOCAL work_mem = '128MB'",
    "SET LOCAL jit = off",
)
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('firstbell.usernames ' || %s, 0))"


async def run_import(database: Database, secret: bytes, import_id: UUID) -> None:
    """Do a run, or do it again; one that has ended is left as it is."""
    given = await transact(database, "job:account_import", partial(_begin, import_id))
    if given is None:
        return
    try:
        prepared = await prepare(database, given)
        await transact(database, given.actor, partial(_decide, prepared, given, secret))
    except Stopped as stopped:
        await _fail(database, import_id, stopped.problem)
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
    statement = select(AccountImport).where(col(AccountImport.id) == import_id).with_for_update()
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
    """All that is decided about staged rows and done with them, in one transaction."""
    work = Work(prepared.run, tables_of(given.id), await session.psycopg())
    for statement in _BEGIN_MERGE:
        await work.connection.execute(statement)
    await work.connection.execute(_LOCK, (str(prepared.run.network_id),))
    end = _End(session, work, prepared.total)
    if prepared.run.snapshot is Snapshot.full and not prepared.total:
        return await end.failed("empty-snapshot", "The file has no rows; nobody is removed by it.")
    await check(work, secret)
    rejected = await end.count_rejected()
    if prepared.run.on_error is OnError.abort and rejected:
        detail = f"{rejected} of {prepared.total} rows have problems; nothing was written."
        return await end.failed("import-aborted", detail)
    planned = await plan(work)
    reasons = _reasons(planned)
    if prepared.run.mode is Mode.dry_run or (reasons and given.approved_at is None):
        await name_fresh(work, planned, prepared.namer, secret)
        shown = await samples(work, planned)
        dry = prepared.run.mode is Mode.dry_run
        state = ImportState.previewed if dry else ImportState.held
        return await end.at(state, planned, samples=shown, held_reasons=reasons or None)
    concerned = await merge(work, planned, prepared.namer, secret)
    details = await _staff(session, work, given)
    await project(session, concerned)
    return await end.at(ImportState.applied, planned, details=details)


def _reasons(planned: Plan) -> list[dict[str, Any]]:
    found = reasons_to_hold(
        Comparison(planned.baseline, planned.present, planned.missing, planned.changed)
    )
    return [{name: _plain(value) for name, value in asdict(one).items()} for one in found]


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


async def _staff(session: WriteSession, work: Work, given: AccountImport) -> dict[str, Any]:
    schools, counts = await merge_staff(work)
    for school in sorted(schools):
        await session.publish(StaffChanged(school))
    details = given.details or {}
    return {**details, "staff": counts} if counts else details


class _End:
    """How a run ends: its counts and state, unless it was withdrawn in the meantime."""

    def __init__(self, session: WriteSession, work: Work, total: int) -> None:
        self._session, self._work, self._total = session, work, total
        self._rejected = 0

    async def count_rejected(self) -> int:
        statement = select(func.count()).where(
            col(AccountImportIssue.import_id) == self._work.run.id
        )
        self._rejected = (await self._session.scalars(statement)).one()
        return self._rejected

    async def failed(self, code: str, detail: str) -> None:
        await self._write(ImportState.failed, problem={"code": code, "detail": detail})

    async def at(self, state: ImportState, planned: Plan, **values: Any) -> None:
        """Raises: Withdrawn."""
        known = self._total - self._rejected - planned.created
        await self._write(
            state,
            created=planned.created,
            updated=planned.updated,
            unchanged=known - planned.updated,
            missing=planned.missing_students,
            restored=planned.restored,
            **values,
        )
        if state in (ImportState.applied, ImportState.held):
            await _supersede(self._session, self._work)

    async def _write(self, state: ImportState, **values: Any) -> None:
        run = self._work.run
        written = await self._session.execute(
            update(AccountImport)
            .where(col(AccountImport.id) == run.id, col(AccountImport.state) == ImportState.running)
            .values(
                state=state,
                percent=100,
                rejected=self._rejected,
                finished_at=run.now,
                staged_rows=None,
                **values,
            )
            .returning(col(AccountImport.id))
        )
        if written.one_or_none() is None:
            raise Withdrawn
        await drop_tables(self._work.connection, self._work.tables)


async def _supersede(session: WriteSession, work: Work) -> None:
    """End the source's held runs: what they would have done is older than this one."""
    await session.execute(
        update(AccountImport)
        .where(
            col(AccountImport.source_id) == work.run.source_id,
            col(AccountImport.state) == ImportState.held,
            col(AccountImport.id) < work.run.id,
        )
        .values(
            state=ImportState.cancelled,
            problem={
                "code": "superseded",
                "detail": "A newer snapshot of the source has taken its place.",
                "by": str(work.run.id),
            },
        )
    )


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
