"""One psycopg pool per process, shared by SQLAlchemy, the jobs and the two hot paths."""

from __future__ import annotations

import select
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any

import orjson
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from api.facts import Bus
from api.settings import Settings


class PooledConnection(AsyncConnection[Any]):
    """A connection whose slot returns to the pool also when the server has ended it.

    psycopg's own `close` returns only living ones: each fail-over would shrink the pool by the
    connections in use, until none were left.
    """

    async def close(self) -> None:
        pool = getattr(self, "_pool", None)
        if self.closed and pool is not None:
            await pool.putconn(self)
            self._pool = None
        else:
            await super().close()


async def _make_plain(connection: AsyncConnection[Any]) -> None:
    """End what an error or a cancelled request left open, and its autocommit with it.

    Otherwise the next unit of work on this connection would commit row by row. As the pool's
    `reset` it also moves every return into a task of the pool: in the caller's own task a
    cancelled request could lose the connection on its way back, one by one until none is left.
    """
    if connection.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
        await connection.rollback()
    # In any other state (a statement still runs, the server is gone) the pool discards it.
    if connection.autocommit and connection.info.transaction_status == TransactionStatus.IDLE:
        await connection.set_autocommit(False)


async def _check(connection: AsyncConnection[Any]) -> None:
    """Refuse a dead connection before it is lent.

    An idle one has nothing to read; when it has, the server may have hung up, and only then is
    the round trip of asking it worth its price (on the hot path it was a third of the time).
    """
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    if waiting.poll(0):
        await AsyncConnectionPool.check_connection(connection)


class Database:
    """The process's connections: `pool` for raw statements, `engine` for everything else.

    The engine has no pool of its own: it borrows from `pool`, and closing a connection gives
    it back (`close_returns`), so that one number bounds what a process takes from the server.
    """

    def __init__(self, url: str, settings: Settings, bus: Bus | None = None) -> None:
        self.url = url
        self.listen_url = settings.direct_database_url or url
        self.bus = bus or Bus()
        self._through_bouncer = bool(settings.direct_database_url)
        timeout_ms = int(settings.statement_timeout_seconds * 1000)
        self._session_settings = f"SET statement_timeout = {timeout_ms}; SET timezone = 'UTC'"
        self.pool: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
            url,
            min_size=min(2, settings.pool_size),
            max_size=settings.pool_size,
            timeout=settings.pool_timeout_seconds,
            connection_class=PooledConnection,
            open=False,
            close_returns=True,
            # A connection that died with a fail-over is replaced here, not in a request.
            check=_check,
            configure=self._configure,
            reset=_make_plain,
            kwargs={"application_name": "firstbell"},
        )
        self.engine: AsyncEngine = create_async_engine(
            "postgresql+psycopg://",
            async_creator=self.pool.getconn,
            poolclass=NullPool,
            # A statement's values may be names; errors are logged.
            hide_parameters=True,
            json_serializer=lambda value: orjson.dumps(value).decode(),
            json_deserializer=orjson.loads,
        )

    @asynccontextmanager
    async def raw(self) -> AsyncIterator[AsyncConnection[Any]]:
        """A driver connection that is in no transaction: each statement is its own."""
        async with self.pool.connection() as connection:
            await connection.set_autocommit(True)
            try:
                yield connection
            except Exception:
                await _make_plain(connection)
                raise
            except BaseException:
                # Cancelled: answers of a pipeline may still be under way, and the next borrower
                # would read them as its own. The pool replaces what is closed.
                connection.pgconn.finish()
                raise
            await _make_plain(connection)

    async def _configure(self, connection: AsyncConnection[Any]) -> None:
        # Behind PgBouncer in transaction mode a prepared statement may live on another server
        # connection, so none are made there.
        if self._through_bouncer:
            connection.prepare_threshold = None
        set_json_loads(orjson.loads, connection)
        set_json_dumps(orjson.dumps, connection)
        await connection.execute(self._session_settings.encode())
        await connection.commit()

    async def __aenter__(self) -> Database:
        await self.pool.open(wait=True)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.engine.dispose()
        await self.pool.close()
