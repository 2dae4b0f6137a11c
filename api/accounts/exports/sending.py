"""An export on its way: read from one snapshot, made and sent at once, in flat memory.

What is sent is what was recorded: the snapshot is that of the transaction that records it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from psycopg import AsyncConnection, sql

from api.accounts.exports.errors import ExportsBusy
from api.db.pool import Database

# Whoever takes no piece for so long has gone, or may ask again; no snapshot is kept for them.
STALLED_SECONDS = 60.0
# Pieces that are ready while one is sent.
_AHEAD = 4
_BEGIN = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_USE = sql.SQL("SET TRANSACTION SNAPSHOT {}")
# It takes as long as its reader takes; that is watched here, not by the server.
_UNTIMED = b"SET LOCAL statement_timeout = 0"

Make = Callable[[AsyncConnection[Any]], AsyncIterator[bytes]]


class Stalled(Exception):
    """Nobody took the next piece."""


class Senders:
    """How many exports a process sends at once, each of which has a connection to itself."""

    def __init__(
        self, database: Database, most: int, stalled_seconds: float = STALLED_SECONDS
    ) -> None:
        self.database = database
        self._most, self._stalled_seconds = most, stalled_seconds
        self._sending: set[asyncio.Task[None]] = set()
        self._recording = 0

    @property
    def sending(self) -> int:
        return len(self._sending)

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place for an export while it is recorded, until it begins. Raises: ExportsBusy."""
        if self.sending + self._recording >= self._most:
            raise ExportsBusy("Ask again in a moment; nothing was recorded.", retry_after=10)
        self._recording += 1
        try:
            yield
        finally:
            self._recording -= 1

    async def begin(self, snapshot: str, make: Make) -> AsyncGenerator[bytes, None]:
        """The pieces of what `make` makes of a snapshot, which is held when this returns.

        An answer that breaks off ends with an error, so that nobody takes it for a whole one.
        """
        one = _Sending(self._stalled_seconds)
        task = asyncio.create_task(one.work(self.database, snapshot, make), name="export")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        await one.begun
        return one.pieces(task)


class _Sending:
    def __init__(self, stalled_seconds: float) -> None:
        self._queue: asyncio.Queue[bytes | Exception | None] = asyncio.Queue(_AHEAD)
        self._stalled_seconds = stalled_seconds
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def work(self, database: Database, snapshot: str, make: Make) -> None:
        """Make pieces as they are taken; afterwards the connection is free again."""
        try:
            async with database.raw() as connection:
                await connection.execute(_BEGIN)
                await connection.execute(_USE.format(snapshot))
                await connection.execute(_UNTIMED)
                self.begun.set_result(None)
                async for piece in make(connection):
                    await self._put(piece)
            await self._put(None)
        except Exception as error:
            if self.begun.done():
                self._break_off(error)
            else:
                self.begun.set_exception(error)

    async def _put(self, piece: bytes | None) -> None:
        try:
            # Not wait_for: before Python 3.12 it loses a cancellation that comes with a result.
            async with asyncio.timeout(self._stalled_seconds):
                await self._queue.put(piece)
        except TimeoutError:
            raise Stalled from None

    def _break_off(self, error: Exception) -> None:
        """Let the reader see the error next, not what was made before it."""
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(error)

    async def pieces(self, task: asyncio.Task[None]) -> AsyncGenerator[bytes, None]:
        try:
            while (piece := await self._queue.get()) is not None:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            task.cancel()
