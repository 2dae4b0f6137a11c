"""Erasing a student: nothing of them stays but digests and ids that name nobody."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import InstrumentedAttribute
from sqlmodel import col

from api import clock
from api.accounts.account_errors import AccountNotFound
from api.accounts.burning import owner_digest
from api.accounts.keeping import forget_imports
from api.accounts.models import Account, AccountImport, Erasure
from api.accounts.privacy.errors import ErasureNotFound, ImportsOpen
from api.accounts.privacy.removing import remove_accounts
from api.accounts.progress import project
from api.accounts.rules import OPEN_STATES, ImportState
from api.auth.caller import Caller, visible
from api.db.paging import Page, PageRequest, page_of
from api.db.uow import Overtaken, ReadSession, WriteSession
from api.http.idempotency import forget

# Where answers may name a student: batches, re-keying, and files sent by hand.
_ROUTES = "/v1/account"


async def erase(
    session: WriteSession,
    caller: Caller,
    account: Account,
    secret: bytes,
    case_number: str | None = None,
) -> Erasure:
    """Delete a student's account and every copy of what was said of them, for good.

    What the network's ended imports hold goes with it, since any of their rows may be about the
    student. The next roster's row of them is refused until the erasure is lifted.

    Raises: AccountNotFound when it is gone already; ImportsOpen; Forbidden for a caller limited
    to schools.
    """
    caller.require_whole_networks()
    await _require_ended(session, account.network_id)
    # The gate comes before the row, as for every writer, or two of them could deadlock.
    school_id = account.school_id
    await session.touch_schools({school_id})
    account = await _locked(session, account.id)
    if account.school_id != school_id:
        raise Overtaken("The student has just moved to another school; send it again.")
    erasure = Erasure(
        at=clock.now(),
        actor=caller.actor,
        case_number=case_number,
        network_id=account.network_id,
        source_id=account.source_id,
        account_id=account.id,
        digest=owner_digest(secret, account.source_id, account.sourced_id),
    )
    session.add(erasure)
    await session.flush()
    session.expunge(account)
    await remove_accounts(session, [erasure.account_id], secret)
    await forget_imports(session, network_id=erasure.network_id)
    await forget(session, _ROUTES)
    await project(session, {school_id})
    return erasure


async def _require_ended(session: ReadSession, network_id: UUID) -> None:
    """Raises: ImportsOpen."""
    undoing = col(AccountImport.undo)["state"].astext == "running"
    open_ones = (
        select(AccountImport)
        .where(
            or_(
                col(AccountImport.network_id) == network_id,
                col(AccountImport.network_id).is_(None),
            ),
            or_(
                col(AccountImport.state).in_(OPEN_STATES),
                (col(AccountImport.state) == ImportState.applied) & undoing,
            ),
        )
        .order_by(col(AccountImport.id))
        .limit(1)
    )
    found = (await session.scalars(open_ones)).one_or_none()
    if found is None:
        return
    held = found.state == ImportState.held
    mend = "approve or cancel it" if held else "wait until it has ended"
    raise ImportsOpen(
        f"Import {found.id} may name the student and is still needed: {mend}, then erase again.",
        import_id=str(found.id),
    )


async def _locked(session: WriteSession, account_id: UUID) -> Account:
    statement = (
        select(Account)
        .where(col(Account.id) == account_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    found = (await session.scalars(statement)).one_or_none()
    if found is None:
        raise AccountNotFound(f"There is no account {account_id} any more.")
    return found


async def list_erasures(
    session: ReadSession, caller: Caller, network_id: UUID | None, page: PageRequest
) -> Page[Erasure]:
    """The newest first. Raises: Forbidden for a caller limited to schools."""
    caller.require_whole_networks()
    statement = select(Erasure).where(visible(caller, col(Erasure.network_id)))
    if network_id is not None:
        statement = statement.where(col(Erasure.network_id) == network_id)
    asked = PageRequest(page.limit, page.cursor, page.sort or "-at")
    return await page_of(
        session, statement, asked, {"at": _column(Erasure.at)}, _column(Erasure.id)
    )


async def lift(session: WriteSession, caller: Caller, erasure_id: UUID) -> Erasure:
    """Let the next roster make an account of this student again; lifted twice, it is the same.

    Raises: ErasureNotFound; Forbidden for a caller limited to schools.
    """
    caller.require_whole_networks()
    statement = (
        select(Erasure)
        .where(col(Erasure.id) == erasure_id, visible(caller, col(Erasure.network_id)))
        .with_for_update()
    )
    found = (await session.scalars(statement)).one_or_none()
    if found is None:
        raise ErasureNotFound(f"There is no erasure {erasure_id}, or you may not see it.")
    if found.lifted_at is None:
        found.lifted_at, found.lifted_by = clock.now(), caller.actor
        await session.flush()
    return found


def _column(attribute: object) -> InstrumentedAttribute[Any]:
    """A table's attribute as the column that it is, which SQLModel's types do not say."""
    return cast("InstrumentedAttribute[Any]", attribute)
