"""What is decided about a run's staged rows, and done with them: all in one transaction."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any, LiteralString
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, update
from sqlmodel import col

from api.accounts.brake_rules import Comparison, reasons_to_hold
from api.accounts.checks import check
from api.accounts.errors import Withdrawn
from api.accounts.merging import merge, name_fresh
from api.accounts.models import AccountImport, AccountImportIssue
from api.accounts.planning import Plan, plan
from api.accounts.preparing import Prepared
from api.accounts.progress import project
from api.accounts.rules import ERASED, WHOLE_SOURCE, ImportState, Mode, OnError, Snapshot
from api.accounts.running import Tell, Work, tables_of, untold
from api.accounts.samples import samples
from api.accounts.staff_merge import merge_staff
from api.accounts.targets.desire import desire
from api.db.uow import WriteSession
from api.facts import StaffsChanged

_SETTINGS: tuple[LiteralString, ...] = (
    "SET LOCAL statement_timeout = 0",
    # The hash of a million accounts fits, and the sort of a million new ones.
    "SET LOCAL work_mem = '192MB'",
    "SET LOCAL jit = off",
    # Of a table that is read as a whole a thumb rule is enough, and thirty thousand rows are not
    # looked at for it.
    "SET LOCAL default_statistics_target = 10",
)
_CHECKED_PERCENT = 65
# A source's runs are one after another by their jobs' lock; a network's share its usernames.
_LOCK: LiteralString = (
    "SELECT pg_advisory_xact_lock(hashtextextended('firstbell.usernames ' || %(network)s, 0))"
)


async def settle_in(work: Work) -> None:
    """Make the transaction one for sets, and the only one that gives out the network's names."""
    for statement in _SETTINGS:
        await work.connection.execute(statement)
    await work.connection.execute(_LOCK, {"network": str(work.run.network_id)})


async def decide(
    prepared: Prepared,
    given: AccountImport,
    secret: bytes,
    session: WriteSession,
    tell: Tell = untold,
) -> None:
    """End a run whose rows are staged: applied, previewed, held, failed or cancelled.

    Its tables and the plan are left to whoever called. Raises: Withdrawn.
    """
    work = Work(prepared.run, tables_of(given.id), await session.psycopg(), tell)
    await settle_in(work)
    end = _End(session, work, given, prepared.total)
    full = prepared.run.snapshot is Snapshot.full
    dry = prepared.run.mode is Mode.dry_run
    if full and not prepared.total:
        return await end.failed("empty-snapshot", "The file has no rows; nobody is removed by it.")
    if full and not dry and (newer := await _newer(session, given)):
        return await end.cancelled(_superseded(newer))
    await check(work, secret)
    wrong = await end.count_rejected()
    if prepared.run.on_error is OnError.abort and wrong:
        detail = f"{wrong} of {prepared.total} rows have problems; nothing was written."
        return await end.failed("import-aborted", detail)
    await work.tell(_CHECKED_PERCENT)
    planned = await plan(work)
    reasons = _reasons(planned)
    if dry or (reasons and given.approved_at is None):
        await name_fresh(work, planned, prepared.namer, secret)
        shown = await samples(work, planned)
        state = ImportState.previewed if dry else ImportState.held
        return await end.at(state, planned, samples=shown, held_reasons=reasons or None)
    concerned = await merge(session, work, planned, prepared.namer, secret)
    details = await _staff(session, work, given)
    await desire(session, work.run.network_id, since=work.run.now)
    await project(session, concerned)
    # What is expected of schools goes back to this when the run is undone.
    recorded = {str(school): students for school, students in planned.recorded.items()}
    undo = {"recorded": recorded} if full else None
    return await end.at(ImportState.applied, planned, details=details, undo=undo)


def _reasons(planned: Plan) -> list[dict[str, Any]]:
    # Whether a roster leaves somebody out or says that they are gone: they vanish either way.
    missing = Counter(planned.missing) + Counter(planned.ended)
    found = reasons_to_hold(Comparison(planned.baseline, planned.present, missing, planned.changed))
    return [{name: _plain(value) for name, value in asdict(one).items()} for one in found]


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


async def _staff(session: WriteSession, work: Work, given: AccountImport) -> dict[str, Any]:
    schools, counts = await merge_staff(work)
    if schools:
        await session.publish(StaffsChanged(tuple(sorted(schools))))
    details = given.details or {}
    return {**details, "staff": counts} if counts else details


class _End:
    """How a run ends: its counts and state, unless it was withdrawn in the meantime."""

    def __init__(self, session: WriteSession, work: Work, given: AccountImport, total: int) -> None:
        self._session, self._work, self._given, self._total = session, work, given, total
        self._rejected = 0

    async def count_rejected(self) -> int:
        """How many rows are wrong: a student who was erased is no mistake of the file's."""
        erased = func.count().filter(col(AccountImportIssue.code) == ERASED)
        statement = select(func.count(), erased).where(
            col(AccountImportIssue.import_id) == self._work.run.id
        )
        self._rejected, no_mistakes = (await self._session.execute(statement)).one()
        return self._rejected - no_mistakes

    async def failed(self, code: str, detail: str) -> None:
        await self._write(ImportState.failed, problem={"code": code, "detail": detail})

    async def cancelled(self, problem: dict[str, Any]) -> None:
        await self._write(ImportState.cancelled, problem=problem)

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
            await _supersede(self._session, self._given)

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


def _about_the_same(given: AccountImport) -> ColumnElement[bool]:
    """The source's runs that another one is about, too: all but those of two different schools."""
    same: ColumnElement[bool] = col(AccountImport.source_id) == given.source_id
    if given.scope == WHOLE_SOURCE:
        return same
    return same & col(AccountImport.scope).in_([WHOLE_SOURCE, given.scope])


async def _supersede(session: WriteSession, given: AccountImport) -> None:
    """End the source's held runs: what they would have done is older than this one."""
    await session.execute(
        update(AccountImport)
        .where(
            _about_the_same(given),
            col(AccountImport.state) == ImportState.held,
            col(AccountImport.id) < given.id,
        )
        .values(state=ImportState.cancelled, problem=_superseded(given.id))
    )


async def _newer(session: WriteSession, given: AccountImport) -> UUID | None:
    """A later full roster that was applied before this run came to it: it was held and approved
    late, or its network had to be read from it, or its job was given up once.
    """
    statement = select(col(AccountImport.id)).where(
        _about_the_same(given),
        col(AccountImport.state) == ImportState.applied,
        col(AccountImport.snapshot) == Snapshot.full,
        col(AccountImport.id) > given.id,
    )
    return (await session.scalars(statement.order_by(col(AccountImport.id)).limit(1))).first()


def _superseded(by: UUID) -> dict[str, Any]:
    detail = "A newer snapshot of the source has taken its place."
    return {"code": "superseded", "detail": detail, "by": str(by)}
