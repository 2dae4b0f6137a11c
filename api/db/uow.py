"""The unit of work: the only place that commits.

A read sees one snapshot and cannot write; a write names who acts before it touches a row, and
commits once, at its end. Services take a session, flush, and never commit.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy.exc
from psycopg import AsyncConnection
from psycopg import errors as pg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from api.db.pool import Database
from api.errors import Unavailable
from api.facts import Bus

T = TypeVar("T")

_ACTOR = text(
    "SELECT set_config('firstbell.actor', :actor, true),"
    " set_config('firstbell.request', :request, true)"
)
# Locked in id order before anything is written: two bulk transactions that share schools then
# wait for each other instead of deadlocking (measured: 85 of 130 deadlocked without the order).
_TOUCH = {
    "school": text(
        "WITH held AS (SELECT school_id FROM school_state WHERE school_id = ANY(:ids)"
        " ORDER BY school_id FOR UPDATE)"
        " UPDATE school_state s SET revision = s.revision + 1,"
        " touched_by = pg_current_xact_id() FROM held WHERE s.school_id = held.school_id"
    ),
    "network": text(
        "WITH held AS (SELECT network_id FROM network_state WHERE network_id = ANY(:ids)"
        " ORDER BY network_id FOR UPDATE)"
        " UPDATE network_state s SET revision = s.revision + 1,"
        " touched_by = pg_current_xact_id() FROM held WHERE s.network_id = held.network_id"
    ),
}
_ONE_SNAPSHOT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
_NOTIFY = text("SELECT pg_notify('school_changed', :payload)")
# A notification holds at most 8,000 bytes; beyond this many schools listeners are told "many".
_NAMED_IN_NOTICE = 200


class ReadSession(AsyncSession):
    """A session in a read-only transaction with one snapshot."""


class WriteSession(ReadSession):
    """A session that will commit, acting for somebody and publishing facts."""

    actor: str
    request_id: str
    bus: Bus

    def __init__(self, db: Database, actor: str, request_id: str) -> None:
        super().__init__(db.engine, expire_on_commit=False, autoflush=False)
        self.actor, self.request_id, self.bus = actor, request_id, db.bus
        self._schools: set[UUID] = set()
        self._networks: set[UUID] = set()

    async def publish(self, fact: object) -> None:
        """Tell whoever `wiring` says listens, in this transaction."""
        await self.bus.publish(self, fact)

    async def touch_networks(self, ids: Iterable[UUID]) -> None:
        """Lock and bump networks' revisions; always before `touch_schools`.

        Every school of the network answers anew after it, since network tasks precede theirs.
        """
        new = set(ids) - self._networks
        if not new:
            return
        if self._schools:
            raise RuntimeError("network_state is locked before school_state, never after")
        await self.execute(_TOUCH["network"], {"ids": sorted(new)})
        self._networks |= new

    async def touch_schools(self, ids: Iterable[UUID]) -> None:
        """Lock and bump schools' revisions: the one gate before any of their tasks is written.

        All schools of a transaction go in one call where possible; a second call takes only
        those not held yet.
        """
        new = set(ids) - self._schools
        if not new:
            return
        await self.execute(_TOUCH["school"], {"ids": sorted(new)})
        self._schools |= new

    @property
    def held_schools(self) -> frozenset[UUID]:
        return frozenset(self._schools)

    async def psycopg(self) -> AsyncConnection[Any]:
        """This transaction's own driver connection, for COPY and for deferring jobs."""
        raw = await (await self.connection()).get_raw_connection()
        driver = raw.driver_connection
        assert isinstance(driver, AsyncConnection)
        return driver

    async def announce(self) -> None:
        """Tell open pages which schools changed, once, with the commit."""
        if not self._schools and not self._networks:
            return
        many = len(self._schools) > _NAMED_IN_NOTICE or bool(self._networks)
        payload = "*" if many else ",".join(str(school) for school in sorted(self._schools))
        await self.execute(_NOTIFY, {"payload": payload})


@asynccontextmanager
async def reading(db: Database) -> AsyncIterator[ReadSession]:
    """A read-only transaction on one snapshot, rolled back at the end."""
    connection = db.engine.connect()
    async with connection as opened:
        await opened.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        async with ReadSession(bind=opened, expire_on_commit=False, autoflush=False) as session:
            yield session


@asynccontextmanager
async def writing(
    db: Database, actor: str, request_id: str = "", *, one_snapshot: bool = False
) -> AsyncIterator[WriteSession]:
    """One transaction, committed when the block ends well, rolled back otherwise.

    `actor` is `user:ID`, `token:ID`, `vendor:SLUG`, `probe:SCHOOL` or `job:NAME`; the history
    trigger refuses a write without one. With `one_snapshot` every statement sees the rows that
    the first saw.
    """
    async with WriteSession(db, actor, request_id) as session, session.begin():
        if one_snapshot:
            await session.execute(_ONE_SNAPSHOT)
        await session.execute(_ACTOR, {"actor": actor, "request": request_id})
        yield session
        await session.flush()
        await session.announce()


class Overtaken(Unavailable):
    """What was read before the locks were taken has changed meanwhile: begin again."""

    code = "overtaken"
    title = "Others were changing the same things; send it again"


def is_transient(error: BaseException) -> bool:
    """Whether the same work may succeed if done again: nothing of it was committed."""
    if isinstance(error, Overtaken):
        return True
    cause: BaseException | None = error
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        cause = error.orig
    return isinstance(cause, pg.SerializationFailure | pg.DeadlockDetected)


async def pause_before_retry(attempt: int) -> None:
    """Wait 10-20 ms, doubling, so that two losers do not meet again."""
    await asyncio.sleep(0.01 * 2**attempt * (1 + random.random()))  # noqa: S311 (not a secret)


ATTEMPTS = 5


async def transact(
    db: Database,
    actor: str,
    work: Callable[[WriteSession], Awaitable[T]],
    request_id: str = "",
) -> T:
    """Run `work` in a transaction, again when it loses a deadlock or serialization race."""
    for attempt in range(ATTEMPTS):
        try:
            async with writing(db, actor, request_id) as session:
                return await work(session)
        except Exception as error:
            if attempt + 1 == ATTEMPTS or not is_transient(error):
                raise
            await pause_before_retry(attempt)
    raise AssertionError("unreachable: the last attempt returns or raises")
