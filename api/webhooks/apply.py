"""Applying what the inbox holds: a vendor's events in batches, one transaction each.

All of a batch happens or none of it, its outcomes included, so a crash at any point leaves what
was not done to be done again. An event that breaks its batch is found by halving the batch, and
is the only one that fails.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import psycopg
import sqlalchemy.exc
from psycopg import errors as pg
from sqlalchemy import text

from api.db.pool import Database
from api.db.uow import Overtaken, WriteSession, is_transient, transact
from api.devices.progress import project
from api.errors import FirstBellError, Unavailable
from api.http.database_errors import from_database
from api.sealing import Sealer
from api.webhooks.backlog import (
    NIL,
    Item,
    claim,
    correct_outcomes,
    next_speaker,
    take,
    write_outcomes,
)
from api.webhooks.effects import carry_out, foresee, order_of, schools_fed
from api.webhooks.match_rules import (
    Found,
    KnownOrder,
    KnownShipment,
    Parcel,
    Sought,
    Speaker,
    find_all,
)
from api.webhooks.matching import read_ground
from api.webhooks.rules import Outcome
from api.webhooks.understand import Stored, understand

_log = logging.getLogger(__name__)
# NO KEY: rows that point to an order may still be inserted.
_HOLD_ORDERS = text("SELECT id FROM orders WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE")


@dataclass(slots=True)
class Round:
    """What batches that are under way at once share.

    Through the `door` they go one after another to change things: they would wait for each other's
    schools anyhow, and then whoever came in between would wait for both. `taken`: how far each
    vendor's events were looked at.
    """

    door: asyncio.Lock = field(default_factory=asyncio.Lock)
    taken: dict[UUID, UUID] = field(default_factory=dict)

    async def take(self, session: WriteSession, speaker: Speaker) -> list[Stored]:
        """The speaker's next events; from the oldest again once there are none after the last."""
        last = self.taken.get(speaker.id, NIL)
        stored = await take(session, speaker, last)
        if not stored and last != NIL:
            stored = await take(session, speaker)
        if stored:
            self.taken[speaker.id] = stored[-1].id
        return stored


class Turn:
    """One batch's turn to change things; another of this process is opened and read meanwhile."""

    def __init__(self, door: asyncio.Lock) -> None:
        self._door, self._mine = door, False

    async def begin(self) -> None:
        """Wait for it, once: the same batch may be begun again."""
        if not self._mine:
            await self._door.acquire()
            self._mine = True

    def end(self) -> None:
        if self._mine:
            self._door.release()
            self._mine = False


async def apply_batch(database: Database, sealer: Sealer, among: Round | None = None) -> int:
    """Apply one batch of the oldest events that nobody is at; how many were settled.

    Raises: Unavailable, or what the driver raised, when the database cannot do it now.
    """
    speaker = await next_speaker(database)
    if speaker is None:
        return 0
    batch = _Batch(database, sealer, speaker, among or Round())
    return await batch.settle()


@dataclass(frozen=True, slots=True)
class _Batch:
    """A vendor's events, each settled once, whatever happens to the others."""

    database: Database
    sealer: Sealer
    speaker: Speaker
    round: Round

    @property
    def actor(self) -> str:
        return f"vendor:{self.speaker.slug}"

    async def settle(self, ids: Sequence[UUID] = ()) -> int:
        """Apply these events, else the oldest, in one transaction, or by halves when one of them
        breaks it.
        """
        taken, turn = list(ids), Turn(self.round.door)

        async def work(session: WriteSession) -> int:
            stored = await (claim(session, ids) if ids else self.round.take(session, self.speaker))
            taken[:] = [one.id for one in stored]
            return await _apply(session, self.sealer, self.speaker, stored, turn)

        try:
            return await transact(self.database, self.actor, work)
        except Exception as error:
            if not taken or _passes(error):
                raise
            broken = error
        finally:
            turn.end()
        if len(taken) == 1:
            return await self._fail(taken, broken)
        middle = len(taken) // 2
        return await self.settle(taken[:middle]) + await self.settle(taken[middle:])

    async def _fail(self, ids: Sequence[UUID], error: Exception) -> int:
        _log.error(
            "the event %s of %s could not be applied", ids[0], self.speaker.slug, exc_info=error
        )
        refusal = error if isinstance(error, FirstBellError) else from_database(error)
        reason = str(refusal) if refusal else "It could not be applied; the log says why."

        async def work(session: WriteSession) -> int:
            items = _understand_all(self.sealer, self.speaker, await claim(session, ids))
            for item in items:
                item.settle(Outcome.FAILED, reason)
            if items:
                await write_outcomes(session, items)
            return len(items)

        return await transact(self.database, self.actor, work)


def _passes(error: Exception) -> bool:
    """Whether the same work may succeed later, so that no event is to blame."""
    if is_transient(error) or isinstance(error, Unavailable | OSError):
        return True
    cause: BaseException | None = error
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        cause = error.orig
    # A statement that takes too long is the batch's fault; half of it takes half the time.
    if isinstance(cause, pg.QueryCanceled):
        return False
    return isinstance(
        cause, psycopg.OperationalError | psycopg.InterfaceError | pg.ReadOnlySqlTransaction
    )


async def _apply(
    session: WriteSession, sealer: Sealer, speaker: Speaker, stored: Sequence[Stored], turn: Turn
) -> int:
    if not stored:
        return 0
    # Opening and reading thousands of bodies would hold up this process's requests.
    items = await asyncio.to_thread(_understand_all, sealer, speaker, stored)
    live = [item for item in items if item.outcome is None]
    if live:
        await _locate(session, speaker, live)
    # Written before the schools are locked, while another batch has them: it is half of the work.
    told = await foresee(session, live)
    await write_outcomes(session, [item for item in items if item.outcome is not None])
    late = [item for item in live if item.outcome is None]
    if told or late:
        await _hold(session, speaker, live, late, turn)
        await project(session, await carry_out(session, late, told))
        await write_outcomes(session, late)
        await correct_outcomes(session, live)
    return len(items)


def _understand_all(sealer: Sealer, speaker: Speaker, stored: Iterable[Stored]) -> list[Item]:
    items = [Item(one, understand(sealer, speaker, one)) for one in stored]
    for item in items:
        if item.event is None:
            item.settle(item.understood.outcome, item.understood.reason)
    return items


async def _hold(
    session: WriteSession,
    speaker: Speaker,
    items: Sequence[Item],
    late: Sequence[Item],
    turn: Turn,
) -> None:
    """Lock the schools touched and the orders that change; look again for what those `late` are
    about.

    Raises: Overtaken when another writer changed that while we waited for it.
    """
    await turn.begin()
    await session.touch_schools(await _schools_of(session, items))
    held = _orders_that_change(late)
    if not held:
        return
    await session.execute(_HOLD_ORDERS, {"ids": sorted(held)})
    # Another worker may have opened the same shipments before it let go of the orders.
    await _locate(session, speaker, late)
    schools = await _schools_of(session, late)
    if not (_orders_that_change(late) <= held and schools <= session.held_schools):
        raise Overtaken("The orders were changed meanwhile.", retry_after=1)


async def _locate(session: WriteSession, speaker: Speaker, items: Sequence[Item]) -> None:
    sought = [
        Sought(item.event, item.stored.order_id, item.stored.shipment_id)
        for item in items
        if item.event is not None
    ]
    found = find_all(speaker, await read_ground(session, speaker, sought), sought)
    for item, about in zip(items, found, strict=True):
        item.about = about


async def _schools_of(session: WriteSession, items: Iterable[Item]) -> set[UUID]:
    of_shipments = {
        item.about.school_id
        for item in items
        if isinstance(item.about, KnownShipment | Parcel) and item.about.school_id is not None
    }
    promised = {item.about.id for item in items if isinstance(item.about, KnownOrder)}
    return of_shipments | await schools_fed(session, promised)


def _orders_that_change(items: Iterable[Item]) -> set[UUID]:
    """Those that get a shipment or a promise."""
    orders = (order_of(item.about) for item in items if _changes_its_order(item.about))
    return {order_id for order_id in orders if order_id is not None}


def _changes_its_order(about: Found | None) -> bool:
    return isinstance(about, KnownOrder | Parcel)
