"""Imports as people deal with them: found, listed, approved, cancelled."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import InstrumentedAttribute
from sqlmodel import col

from api import clock
from api.accounts.disclosures import Purpose, disclose_some
from api.accounts.errors import UploadGone, import_not_found, import_refused
from api.accounts.import_schemas import AccountImportOut, import_out
from api.accounts.jobs import defer_import, defer_undo
from api.accounts.models import Account, AccountImport, AccountImportChunk, AccountImportIssue
from api.accounts.privacy.rules import UNDO_DAYS
from api.accounts.rules import ImportState, Mode, may_follow
from api.accounts.running import tables_of
from api.accounts.staging import drop_tables
from api.accounts.undo import later_runs
from api.auth.caller import Caller, visible
from api.db.paging import Page, PageRequest, page_of
from api.db.uow import ReadSession, WriteSession
from api.schools.queries import codes_of_schools, networks_by_id


def _seen_by(caller: Caller) -> ColumnElement[bool]:
    """Their networks' imports, and their own while it is not known whose they are."""
    mine = col(AccountImport.network_id).is_(None) & (col(AccountImport.actor) == caller.actor)
    return or_(visible(caller, col(AccountImport.network_id)), mine)


async def find_import(
    session: ReadSession, caller: Caller, import_id: UUID, *, lock: bool = False
) -> AccountImport:
    """Raises: ImportNotFound; Forbidden for a caller limited to schools."""
    caller.require_whole_networks()
    statement = select(AccountImport).where(col(AccountImport.id) == import_id, _seen_by(caller))
    if lock:
        # Less than a whole lock, which would wait for a run that is writing its issues.
        statement = statement.with_for_update(key_share=True)
    found = (await session.scalars(statement)).one_or_none()
    if found is None:
        raise import_not_found(import_id)
    return found


@dataclass(frozen=True, slots=True)
class ImportFilter:
    network_id: UUID | None = None
    source: str | None = None
    state: ImportState | None = None


async def list_imports(
    session: ReadSession, caller: Caller, which: ImportFilter, page: PageRequest
) -> Page[AccountImport]:
    """The newest first. Raises: Forbidden for a caller limited to schools."""
    caller.require_whole_networks()
    statement = select(AccountImport).where(_seen_by(caller))
    if which.network_id:
        statement = statement.where(col(AccountImport.network_id) == which.network_id)
    if which.source:
        statement = statement.where(col(AccountImport.source_slug) == which.source)
    if which.state:
        statement = statement.where(col(AccountImport.state) == which.state)
    wanted = PageRequest(page.limit, page.cursor, page.sort or "-created_at")
    return await page_of(
        session,
        statement,
        wanted,
        {"created_at": _column(AccountImport.created_at)},
        _column(AccountImport.id),
    )


async def list_issues(
    session: ReadSession, run: AccountImport, page: PageRequest
) -> Page[AccountImportIssue]:
    """The rejected rows in the order of the file."""
    statement = select(AccountImportIssue).where(col(AccountImportIssue.import_id) == run.id)
    return await page_of(
        session,
        statement,
        page,
        {"row": _column(AccountImportIssue.row_number)},
        _column(AccountImportIssue.file),
    )


def _column(attribute: object) -> InstrumentedAttribute[Any]:
    """A table's attribute as the column that it is, which SQLModel's types do not say."""
    return cast("InstrumentedAttribute[Any]", attribute)


async def imports_out(
    session: ReadSession, runs: Sequence[AccountImport], *, names: bool = False
) -> list[AccountImportOut]:
    """What is told of runs; their samples with `names` only where that is recorded."""
    networks = await networks_by_id(session, {run.network_id for run in runs if run.network_id})
    codes = await codes_of_schools(session, {UUID(one) for run in runs for one in _schools(run)})
    by_text = {str(school): code for school, code in codes.items()}
    return [
        import_out(
            run,
            networks[run.network_id].code if run.network_id else None,
            by_text,
            sees_names=names,
        )
        for run in runs
    ]


async def disclose_of_run(
    session: WriteSession,
    caller: Caller,
    run: AccountImport,
    students: int,
    sourced_ids: Collection[str] = (),
) -> None:
    """Record that the caller is shown names of so many students of a run; none for nobody.

    `sourced_ids` are those of them that are known; who is in a rejected row may be anybody.
    """
    if not caller.sees_names or not students:
        return
    named = (col(Account.source_id) == run.source_id) & col(Account.sourced_id).in_(sourced_ids)
    ids = set(await session.scalars(select(col(Account.id)).where(named))) if sourced_ids else set()
    more = students - len(ids)
    await disclose_some(
        session, caller.actor, Purpose.imported, ids, run.network_id, more=max(0, more)
    )


def _schools(run: AccountImport) -> Iterable[str]:
    """The ids of the schools that samples and reasons name."""
    for some in (run.samples or {}).values():
        yield from (one["school_id"] for one in some if one["school_id"])
    yield from (one["school"] for one in run.held_reasons or [] if one.get("school"))


async def approve(session: WriteSession, caller: Caller, import_id: UUID) -> AccountImport:
    """Let a held run go on; it is done anew from its upload, and not held again.

    Raises: ImportNotFound; ImportRefused.
    """
    run = await find_import(session, caller, import_id, lock=True)
    if run.state != ImportState.held:
        raise import_refused(run.state, "only one that is held waits for somebody's approval.")
    run.state = ImportState.queued
    run.approved_by, run.approved_at = caller.actor, clock.now()
    run.percent, run.finished_at = 0, None
    await session.flush()
    await defer_import(session, run)
    return run


async def cancel(session: WriteSession, caller: Caller, import_id: UUID) -> AccountImport:
    """End a run that has not been applied; one that is being merged is rolled back.

    Raises: ImportNotFound; ImportRefused.
    """
    run = await find_import(session, caller, import_id, lock=True)
    if run.state == ImportState.cancelled:
        return run
    if not may_follow(ImportState(run.state), ImportState.cancelled):
        mend = "undo it instead." if run.state == ImportState.applied else "it has ended."
        raise import_refused(run.state, mend)
    was_running = run.state == ImportState.running
    run.state = ImportState.cancelled
    run.finished_at = clock.now()
    run.problem = {"code": "cancelled", "detail": "Cancelled by hand.", "by": caller.actor}
    await session.flush()
    # A running one's tables are its worker's, who drops them when it hears of this.
    if not was_running:
        await drop_tables(await session.psycopg(), tables_of(run.id))
    return run


async def ask_to_undo(session: WriteSession, caller: Caller, import_id: UUID) -> AccountImport:
    """Mark an applied run as being undone; its job does it. Asked again, it is the same.

    Raises: ImportNotFound; ImportRefused; UploadGone when a later run's roster is not kept, so
    that it cannot be told what it said.
    """
    run = await find_import(session, caller, import_id, lock=True)
    if run.state == ImportState.applied and (run.undo or {}).get("state") == "running":
        return run
    if run.state != ImportState.applied or run.mode != Mode.apply:
        raise import_refused(run.state, "only one that was applied can be undone.")
    if run.finished_at is not None and run.finished_at < clock.now() - timedelta(days=UNDO_DAYS):
        raise import_refused(
            run.state,
            f"what accounts were before it is kept for {UNDO_DAYS} days only; change them by a"
            " new roster instead.",
        )
    kept = exists().where(col(AccountImportChunk.import_id) == col(AccountImport.id))
    later = later_runs(run).where(~kept).with_only_columns(col(AccountImport.id))
    if (await session.scalars(later)).first() is not None:
        raise UploadGone(
            "A later roster of the source is not kept any more, so what it said of these accounts"
            " cannot be told; change them by a new roster instead."
        )
    run.undo = {**(run.undo or {}), "state": "running", "by": caller.actor}
    await session.flush()
    await defer_undo(session, run)
    return run
