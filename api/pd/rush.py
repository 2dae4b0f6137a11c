"""A rush: who registers people one by one, and many at once, is answered for all of them together.

The session is held by one at a time, so two hundred who come together would wait for two hundred
transactions. Those of one caller for one session that come while a transaction runs share the
next, in the order in which they came; each is answered after its commit.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import NamedTuple
from uuid import UUID
from weakref import WeakKeyDictionary

from api.auth.caller import Caller
from api.db.pool import Database
from api.db.uow import WriteSession, transact
from api.pd.registrations import Outcome, register

_LARGEST_BATCH = 500


class _Key(NamedTuple):
    """Who asks, and for which session: history names one actor for each transaction."""

    caller: Caller
    session_id: UUID


class _Waiting(NamedTuple):
    staff_id: UUID
    request_id: str
    answer: asyncio.Future[Outcome]


class Rush:
    """Who waits in this process for one database."""

    def __init__(self) -> None:
        self._waiting: dict[_Key, list[_Waiting]] = {}
        # Kept, since the loop itself only knows them weakly.
        self._tasks: set[asyncio.Task[None]] = set()

    async def join(
        self,
        database: Database,
        caller: Caller,
        session_id: UUID,
        staff_id: UUID,
        request_id: str,
    ) -> Outcome:
        """What came of registering this person, once it is committed.

        Raises: what `register` raises of the session.
        """
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        key, one = _Key(caller, session_id), _Waiting(staff_id, request_id, answer)
        if key in self._waiting:
            self._waiting[key].append(one)
        else:
            self._waiting[key] = [one]
            task = asyncio.create_task(self._work(database, key), name="registrations")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await answer

    async def _work(self, database: Database, key: _Key) -> None:
        """One batch after another until nobody waits."""
        try:
            while self._waiting[key]:
                batch = self._waiting[key][:_LARGEST_BATCH]
                del self._waiting[key][:_LARGEST_BATCH]
                await _answer(database, key, batch)
        finally:
            # Nobody, unless the process ends.
            for one in self._waiting.pop(key):
                one.answer.cancel()


async def _answer(database: Database, key: _Key, batch: list[_Waiting]) -> None:
    """Register a batch; whoever has gone meanwhile is registered all the same, as told."""
    people = [one.staff_id for one in batch]
    work = partial(_register, key, people)
    try:
        outcomes = await transact(database, key.caller.actor, work, batch[0].request_id)
    except Exception as error:
        for one in batch:
            if not one.answer.done():
                one.answer.set_exception(error)
        return
    for one, outcome in zip(batch, outcomes, strict=True):
        if not one.answer.done():
            one.answer.set_result(outcome)


async def _register(key: _Key, people: list[UUID], session: WriteSession) -> list[Outcome]:
    return await register(session, key.caller, key.session_id, people)


_rushes: WeakKeyDictionary[Database, Rush] = WeakKeyDictionary()


def rush_of(database: Database) -> Rush:
    """This process's rush for a database."""
    return _rushes.setdefault(database, Rush())
