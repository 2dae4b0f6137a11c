"""Working off a target's queue: take rows, carry them out, settle them, until nothing is due.

One runner at a time has a target, so its concurrency holds over all workers and hosts; its pace
is kept in the database. Whatever is killed, rows come back when their lease ends.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, LiteralString, TypeVar
from uuid import UUID

from psycopg.types.json import Jsonb

from api import clock
from api.accounts.cards.service import revealer
from api.accounts.targets.adapter import (
    Adapter,
    Connection,
    Fuse,
    Order,
    Pacing,
    Result,
    TargetFails,
)
from api.accounts.targets.breaker import Fault, note_fault, note_health
from api.accounts.targets.credentials import token_of
from api.accounts.targets.drift import give_up_reading, look_for_drift
from api.accounts.targets.leases import Lease, Leased
from api.accounts.targets.models import Target, TargetState
from api.accounts.targets.pace import Pace, hold
from api.accounts.targets.projecting import project_target
from api.accounts.targets.queue import settle, take
from api.accounts.targets.rules import Action, Breaker, Outcome, Policy, TargetKind
from api.accounts.targets.scim import ScimAdapter
from api.accounts.targets.scim_answers import result
from api.db.columns import new_id
from api.db.pool import Database
from api.db.uow import WriteSession, reading, transact
from api.sealing import Sealer, Unsealable

T = TypeVar("T")

ADAPTERS: dict[TargetKind, Callable[[Connection, Pacing, Fuse], Adapter]] = {
    TargetKind.scim: ScimAdapter,
}
ACTOR = "job:targets"
# No row is begun after this; the lease leaves time for what was begun to end.
_BATCH_SECONDS = 60.0
LEASE = timedelta(seconds=180)
# Turns that one account may take at most, each an interval of the target's pace.
_MOST_TURNS = 25
_BATCH_ROWS = 500
# Other workers see how far it is, and schools' tasks move, so often.
_PROJECT_SECONDS = 10.0
_CLAIM: LiteralString = """
UPDATE target_states SET runner = %(runner)s, runner_until = %(until)s
WHERE target_id = %(target)s
  AND (runner IS NULL OR runner = %(runner)s OR runner_until <= %(now)s)
  AND EXISTS (SELECT FROM targets t WHERE t.id = %(target)s AND t.version = %(version)s)
"""
_RELEASE: LiteralString = (
    "UPDATE target_states SET runner = NULL, runner_until = NULL, offers = %(offers)s"
    " WHERE target_id = %(target)s AND runner = %(runner)s"
)


@dataclass(frozen=True, slots=True)
class Syncing:
    """What a runner needs of its process; a test gives shorter leases."""

    database: Database
    sealer: Sealer
    may_be_private: bool
    lease: timedelta = LEASE


async def sync_target(syncing: Syncing, target_id: UUID) -> Counter[str]:
    """Work off what is due at a target; how many rows ended how, by outcome.

    Nothing is done at one that is paused, dry, refused or open, or that another runner has.
    """
    async with reading(syncing.database) as session:
        target = await session.get(Target, target_id)
        state = await session.get(TargetState, target_id)
    if target is None or state is None or not is_workable(target, state):
        return Counter()
    runner = _Runner(syncing, target, state)
    if not await runner.claim():
        return Counter()
    try:
        await runner.run()
    finally:
        await runner.settled()
        await runner.release()
    return runner.ended


def is_workable(target: Target, state: TargetState) -> bool:
    """Whether the target may be called at all now."""
    if target.kind not in ADAPTERS or target.paused:
        return False
    if target.dry_run and state.drift_asked_at is None:
        return False
    now = clock.now()
    return state.breaker != Breaker.refused and (
        state.open_until is None or state.open_until <= now
    )


class _Runner:
    def __init__(self, syncing: Syncing, target: Target, state: TargetState) -> None:
        self._syncing, self._target, self._state = syncing, target, state
        self._database = syncing.database
        self._id = new_id()
        self._offers: dict[str, Any] | None = state.offers
        # A turn may be an hour away at the slowest pace, and an account may take several.
        self._lease = syncing.lease + _MOST_TURNS * timedelta(minutes=1 / target.rate_per_minute)
        self._projected = asyncio.get_running_loop().time()
        self._settling: asyncio.Task[None] | None = None
        self.ended: Counter[str] = Counter()

    async def claim(self) -> bool:
        """Have the target for a lease longer, unless another has it or it was changed.

        One that was paused, or given another token, is left at the end of a batch.
        """
        now = clock.now()
        values = {
            "runner": self._id,
            "until": now + self._lease,
            "target": self._target.id,
            "version": self._target.version,
            "now": now,
        }
        async with self._database.raw() as connection:
            return bool((await connection.execute(_CLAIM, values)).rowcount)

    async def release(self) -> None:
        await project_target(self._database, self._target.id)
        offers = None if self._offers is None else Jsonb(self._offers)
        values = {"offers": offers, "target": self._target.id, "runner": self._id}
        async with self._database.raw() as connection:
            await connection.execute(_RELEASE, values)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        fuse = Fuse(ends=loop.time() + _BATCH_SECONDS, failures=self._state.failures)
        pace = Pace(self._database, self._target.id, self._target.rate_per_minute)
        try:
            connection = self._connection()
            async with ADAPTERS[TargetKind(self._target.kind)](connection, pace, fuse) as adapter:
                self._offers = adapter.offers
                await self._look_for_drift(adapter)
                while not self._target.dry_run and await self._batch(adapter, fuse):
                    if not await self.claim():
                        return
                    fuse.ends = loop.time() + _BATCH_SECONDS
                    self._offers = adapter.offers
                    if loop.time() - self._projected > _PROJECT_SECONDS:
                        await project_target(self._database, self._target.id)
                        self._projected = loop.time()
        except TargetFails as fails:
            if fails.hold_seconds is not None:
                await self._hold(fails.hold_seconds)
            else:
                fault = Fault(fails.code, fails.refused)
                await self._transact(partial(note_fault, target_id=self._target.id, fault=fault))

    async def _look_for_drift(self, adapter: Adapter) -> None:
        """If it was asked for. What cannot be read back can still be written to."""
        if self._state.drift_asked_at is None:
            return
        try:
            await look_for_drift(self._database, self._target, adapter)
        except TargetFails as fails:
            await self._transact(
                partial(give_up_reading, target_id=self._target.id, error=fails.code)
            )
            if fails.refused or fails.hold_seconds is not None:
                raise

    def _connection(self) -> Connection:
        """Raises: TargetFails when the token was sealed under another secret key."""
        target = self._target
        assert target.base_url is not None, "only who is handed files has no address"
        try:
            token = token_of(self._syncing.sealer, target)
        except Unsealable as error:
            raise TargetFails("token-unreadable", refused=True) from error
        return Connection(
            base_url=target.base_url,
            token=token,
            policy=Policy(target.policy),
            concurrency=target.concurrency,
            offers=self._state.offers,
            may_be_private=self._syncing.may_be_private,
        )

    async def _batch(self, adapter: Adapter, fuse: Fuse) -> bool:
        """One lease from its taking to its settling; whether there may be another."""
        # A slow target's batch is a quarter of a minute, so that it is seen to move.
        in_time = max(1, self._target.rate_per_minute // 4)
        most = min(max(_BATCH_ROWS, 3 * adapter.most_at_once), in_time)
        probes = self._state.trips > 0
        lease: Lease = await self._transact(
            partial(
                take,
                target=self._target,
                most=1 if probes else most,
                lease=self._lease,
                reveal=revealer(self._syncing.sealer),
            )
        )
        if not lease.rows:
            return False
        results, stopped = await _seen_through(self._carry_out(adapter, lease), fuse)
        self.ended.update(one.outcome.value for one in results)
        failed = fuse.refused or fuse.tripped or (probes and fuse.failures > 0)

        fault = Fault(fuse.error or "failed", fuse.refused) if failed else None
        failures = fuse.failures

        async def end(session: WriteSession) -> None:
            await settle(session, self._target, lease, results, outage=failed)
            if fault is not None:
                await note_fault(session, self._target.id, fault)
            else:
                await note_health(session, self._target.id, failures)

        await self.settled()
        self._settling = asyncio.create_task(self._transact(end))
        if failed or stopped:
            await self.settled()
        if stopped:
            raise asyncio.CancelledError
        self._state.trips = 0
        if fuse.hold_seconds is not None:
            await self._hold(fuse.hold_seconds)
        return not failed and fuse.hold_seconds is None

    async def settled(self) -> None:
        """Wait for the batch before: it is settled while the next is carried out."""
        settling, self._settling = self._settling, None
        if settling is not None:
            await settling

    async def _hold(self, seconds: float) -> None:
        until = clock.now() + timedelta(seconds=seconds)
        await hold(self._database, self._target.id, until)

    async def _carry_out(self, adapter: Adapter, lease: Lease) -> list[Result]:
        orders: list[Order] = []
        refused: list[Result] = []
        for row in lease.rows:
            error = _unfit(row)
            if error is None:
                orders.append(row.order)
            else:
                refused.append(result(row.order, Outcome.never, error=error, doubtful=False))
        return refused + await adapter.carry_out(orders)

    async def _transact(self, work: Callable[[WriteSession], Awaitable[T]]) -> T:
        return await transact(self._database, ACTOR, work)


async def _seen_through(
    work: Coroutine[Any, Any, list[Result]], fuse: Fuse
) -> tuple[list[Result], bool]:
    """The results, and whether this worker was told to stop meanwhile.

    Then nothing more is begun, but what was is ended, so that its rows need not wait for the end
    of their lease. Told again, it stops at once.
    """
    carrying = asyncio.create_task(work)
    try:
        return await asyncio.shield(carrying), False
    except asyncio.CancelledError:
        if carrying.done():
            raise
        fuse.ends = 0.0
        return await carrying, True


def _unfit(row: Leased) -> str | None:
    """Why the target is not asked at all: an account without a username has nothing to be called,
    and one is not made without the password that somebody expects it to have.
    """
    order = row.order
    if order.action is not Action.delete and not (order.person and order.person.username):
        return "no-username"
    return "password-unreadable" if row.unreadable else None
