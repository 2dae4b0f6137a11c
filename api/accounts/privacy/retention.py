"""What is kept too long is deleted: once a night, as the schedule says."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import ColumnElement, select, text
from sqlmodel import col

from api import clock
from api.accounts.models import Account
from api.accounts.privacy.removing import remove_accounts
from api.accounts.privacy.rules import DISCLOSURE_DAYS, ISSUE_DAYS, LEFT_DAYS, UNDO_DAYS
from api.accounts.progress import project
from api.accounts.rules import AccountStatus
from api.db.pool import Database
from api.db.uow import WriteSession, transact

_ACTOR = "job:retention"
# Accounts of one transaction: their schools are held while it lasts.
_BATCH = 2_000
_OF_RUNS = (
    "DELETE FROM {} o USING account_imports i WHERE i.id = o.import_id AND i.finished_at < :before"
)
_OLD = (
    (UNDO_DAYS, text(_OF_RUNS.format("account_changes"))),
    (ISSUE_DAYS, text(_OF_RUNS.format("account_import_issues"))),
    (DISCLOSURE_DAYS, text("DELETE FROM disclosures WHERE at < :before")),
)


async def keep_to_schedule(database: Database, secret: bytes) -> None:
    """Delete what is older than the schedule allows; uploads go with the hourly purge."""
    await transact(database, _ACTOR, _delete_old)
    while await transact(database, _ACTOR, partial(_remove_left, secret)) == _BATCH:
        pass


async def _delete_old(session: WriteSession) -> None:
    for days, statement in _OLD:
        await session.execute(statement, {"before": clock.now() - timedelta(days=days)})


def _left(before: datetime) -> ColumnElement[bool]:
    """A suspended account is written again only when something changes, and that ends it."""
    return (col(Account.status) == AccountStatus.suspended) & (col(Account.updated_at) < before)


async def _remove_left(secret: bytes, session: WriteSession) -> int:
    """Remove some who left long ago; answers how many there were to look at."""
    due = _left(clock.now() - timedelta(days=LEFT_DAYS))
    some = (
        await session.execute(
            select(col(Account.id), col(Account.school_id))
            .where(due)
            .order_by(col(Account.id))
            .limit(_BATCH)
        )
    ).all()
    schools = {row.school_id for row in some}
    await session.touch_schools(schools)
    # Again under the gate: one may have come back in this very moment.
    still = select(col(Account.id)).where(col(Account.id).in_([row.id for row in some]), due)
    ids = (await session.scalars(still.with_for_update())).all()
    await remove_accounts(session, ids, secret)
    await project(session, schools)
    return len(some)
