"""What time does to accounts that no roster names any more: after a grace period they end."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlmodel import col

from api import clock
from api.accounts.models import Account
from api.accounts.progress import project
from api.accounts.rules import AccountStatus
from api.accounts.targets.desire import desire
from api.db.pool import Database
from api.db.uow import WriteSession, reading, transact

# Long enough for somebody to be missed by two weeks of rosters, short enough for a licence.
GRACE = timedelta(days=14)


def _due(now: datetime) -> ColumnElement[bool]:
    return (col(Account.status) == AccountStatus.missing) & (
        col(Account.missing_since) <= now - GRACE
    )


async def suspend_missing(database: Database) -> None:
    """Suspend what is missing for longer than the grace period, network by network."""
    async with reading(database) as session:
        due = select(col(Account.network_id)).where(_due(clock.now())).distinct()
        networks = sorted(await session.scalars(due))
    for network_id in networks:
        await transact(database, "job:suspend_missing", partial(_suspend, network_id))


async def _suspend(network_id: UUID, session: WriteSession) -> None:
    now = clock.now()
    mine = (col(Account.network_id) == network_id, _due(now))
    schools = await session.scalars(select(col(Account.school_id)).where(*mine).distinct())
    # The gate comes before the rows, as for every writer, or two of them could deadlock.
    await session.touch_schools(schools)
    suspended = await session.scalars(
        update(Account)
        .where(*mine)
        .values(status=AccountStatus.suspended, version=col(Account.version) + 1, updated_at=now)
        .returning(col(Account.school_id))
    )
    concerned = set(suspended)
    await desire(session, network_id, since=now)
    await project(session, concerned)
