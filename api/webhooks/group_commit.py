"""Group commit: what many requests bring is written in one statement, each answered after it.

A commit costs the same for one row as for a hundred, and a NOTIFY in each lets only one commit
at a time. So whoever comes while a statement runs waits for the next, which takes all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from psycopg import AsyncConnection

from api.db.pool import Database
from api.db.uow import ATTEMPTS, is_transient, pause_before_retry
from api.webhooks.errors import IntakeFull

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Write = Callable[[AsyncConnection[Any], Sequence[Item]], Awaitable[Sequence[Answer]]]

_LARGEST_BATCH = 500
_LARGEST_BATCH_BYTES = 8_000_000
# To lend a connection anew for each cost a tenth of the time; never to give it back would leave
# nothing of a small pool for others.
_BATCHES_IN_A_ROW = 50


class _Waiting(NamedTuple, Generic[Item, Answer]):
    item: Item
    size: int
    answer: asyncio.Future[Answer]


class GroupCommit(Generic[Item, Answer]):
    """`write` gives an answer for each item of a batch, in its order, once it is committed.

    One task writes, and lives while there is something to write. What waits is bounded by
    `most` items and `most_bytes`.
    """

    def __init__(
        self,
        database: Database,
        write: Write[Item, Answer],
        *,
        most: int = 5_000,
        most_bytes: int = 64_000_000,
    ) -> None:
        self._database, self._write = database, write
        self._most, self._most_bytes = most, most_bytes
        self._waiting: list[_Waiting[Item, Answer]] = []
        self._bytes = 0
        self._writer: asyncio.Task[None] | None = None
        self._closed = False

    async def put(self, item: Item, size: int) -> Answer:
        """The answer for `item`, of `size` bytes, after its commit.

        Raises: IntakeFull (503); what `write` raised.
        """
        full = len(self._waiting) >= self._most or self._bytes + size > self._most_bytes
        if full or self._closed:
            raise IntakeFull("Send it again in a moment; nothing of it was kept.", retry_after=1)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(item, size, answer))
        self._bytes += size
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_all(), name="group commit")
        return await answer

    async def drain(self) -> None:
        """Take nothing more, and return once everything that waits is written or refused."""
        self._closed = True
        if self._writer is not None:
            await asyncio.wait([self._writer])

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                await self._write_on_one_connection()
        finally:
            self._writer = None

    async def _write_on_one_connection(self) -> None:
        """Batch after batch while something waits, until one fails or others have their turn."""
        batch: list[_Waiting[Item, Answer]] = []
        try:
            async with self._database.raw() as connection:
                for _ in range(_BATCHES_IN_A_ROW):
                    if not self._waiting:
                        break
                    batch = self._take()
                    answers = await self._commit(connection, [one.item for one in batch])
                    for one, answer in zip(batch, answers, strict=True):
                        # Done already where the client has gone.
                        if not one.answer.done():
                            one.answer.set_result(answer)
                    batch = []
                    # What has come meanwhile is read first: fewer and larger batches.
                    await asyncio.sleep(0)
        except Exception as error:
            # Of the connection itself, when there was no batch yet.
            for one in batch or self._take():
                if not one.answer.done():
                    one.answer.set_exception(error)

    def _take(self) -> list[_Waiting[Item, Answer]]:
        count = size = 0
        for one in self._waiting[:_LARGEST_BATCH]:
            size += one.size
            if count and size > _LARGEST_BATCH_BYTES:
                break
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        self._bytes -= sum(one.size for one in batch)
        return batch

    async def _commit(
        self, connection: AsyncConnection[Any], items: Sequence[Item]
    ) -> Sequence[Answer]:
        for attempt in range(ATTEMPTS):
            try:
                return await self._write(connection, items)
            except Exception as error:
                if attempt + 1 == ATTEMPTS or not is_transient(error):
                    raise
                await pause_before_retry(attempt)
        raise AssertionError("unreachable: the last attempt returns or raises")
