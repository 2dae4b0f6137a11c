"""One LISTEN connection per process, fanned out to whoever in it wants to know.

A notification is a hint, never the truth: it may be lost while the connection is down, and behind
a pooler in transaction mode it never comes. So a subscriber hears `None` whenever it may have
missed something, and then looks for itself; while nothing is heard, that is every few seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from types import TracebackType
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import AsyncConnection, sql

from api.db.pool import Database

# Called on the event loop with the payload, or None for "you may have missed something".
Heard = Callable[[str | None], None]

_log = logging.getLogger(__name__)
# A dead peer is noticed within a minute even when no packet says so.
_KEEPALIVE: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
_LONGEST_WAIT = 30.0
_STREAM_HOLDS = 256


class Listener:
    """Hears `channels` on `database.listen_url` for as long as the block lasts.

    `live` is True once a notification sent through the pool has come back over this connection:
    only that proves that LISTEN works here.
    """

    def __init__(
        self,
        database: Database,
        channels: Iterable[str],
        *,
        poll_seconds: float = 5.0,
        probe_seconds: float = 30.0,
    ) -> None:
        self._database = database
        self._subscribers: dict[str, list[Heard]] = {channel: [] for channel in channels}
        self._poll_seconds = poll_seconds
        self._probe_seconds = probe_seconds
        # Of this process alone, so that no other one is woken by it.
        self._probe = f"firstbell_probe_{uuid4().hex}"
        self._probe_sent: float | None = None
        self._live = asyncio.Event()
        self._streams: set[asyncio.Queue[Any]] = set()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    @property
    def live(self) -> bool:
        return self._live.is_set()

    async def wait_live(self) -> None:
        """Return once notifications are known to arrive."""
        await self._live.wait()

    def subscribe(self, channel: str, heard: Heard) -> Callable[[], None]:
        """Call `heard` for each notification of `channel`; gives the way to stop that.

        Raises: KeyError for a channel the listener was not made with.
        """
        subscribers = self._subscribers[channel]
        subscribers.append(heard)
        return lambda: subscribers.remove(heard)

    async def stream(self, *channels: str) -> AsyncGenerator[tuple[str, str | None], None]:
        """What comes on these channels, each as (channel, payload), until the process stops.

        For open pages. One that reads too slowly hears None in place of what it missed, of every
        channel.
        """
        queue: asyncio.Queue[Any] = asyncio.Queue(_STREAM_HOLDS)

        def hear(channel: str) -> Callable[[], None]:
            def heard(payload: str | None) -> None:
                if not queue.full():
                    queue.put_nowait((channel, payload))
                    return
                while not queue.empty():
                    queue.get_nowait()
                for missed in channels:
                    queue.put_nowait((missed, None))

            return self.subscribe(channel, heard)

        unsubscribes = [hear(channel) for channel in channels]
        self._streams.add(queue)
        try:
            while not self._closing:
                told = await queue.get()
                # The end arrives as the queue itself, which nobody else can send.
                if told is queue:
                    return
                yield told
        finally:
            self._streams.discard(queue)
            for unsubscribe in unsubscribes:
                unsubscribe()

    def end_streams(self) -> None:
        """End every open stream, so that a server that waits for its answers can stop."""
        self._closing = True
        for queue in self._streams:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(queue)

    async def __aenter__(self) -> Listener:
        self._task = asyncio.create_task(self._run(), name="listener")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end_streams()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        failures = 0
        while True:
            began = time.monotonic()
            try:
                await self._connect_and_hear()
            except (psycopg.Error, OSError) as error:
                _log.warning("the LISTEN connection is down: %s", type(error).__name__)
            self._live.clear()
            if time.monotonic() - began > _LONGEST_WAIT:
                failures = 0
            failures += 1
            wait = min(0.1 * 2**failures, self._poll_seconds)
            await asyncio.sleep(wait * (0.5 + random.random()))  # noqa: S311 (not a secret)
            self._tell_all()

    async def _connect_and_hear(self) -> None:
        """Listen until the connection ends, or has stayed deaf for too long."""
        connection = await AsyncConnection.connect(
            self._database.listen_url,
            autocommit=True,
            application_name="firstbell listen",
            **_KEEPALIVE,
        )
        async with connection:
            for channel in (*self._subscribers, self._probe):
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            # Whatever happened while nobody listened.
            self._tell_all()
            prober = asyncio.create_task(self._send_probes(), name="listener probe")
            try:
                await self._hear(connection)
            finally:
                prober.cancel()
                self._probe_sent = None

    async def _hear(self, connection: AsyncConnection[Any]) -> None:
        deaf_since: float | None = None
        while True:
            async for notice in connection.notifies(timeout=self._poll_seconds):
                self._dispatch(notice)
            if not self._unanswered():
                deaf_since = None
                continue
            if deaf_since is None:
                deaf_since = time.monotonic()
                _log.warning(
                    "notifications do not arrive; polling instead. Behind PgBouncer in"
                    " transaction mode, set FIRSTBELL_DIRECT_DATABASE_URL."
                )
            self._live.clear()
            self._tell_all()
            if time.monotonic() - deaf_since > 4 * self._probe_seconds:
                return

    def _unanswered(self) -> bool:
        sent = self._probe_sent
        return sent is not None and time.monotonic() - sent > self._poll_seconds

    async def _send_probes(self) -> None:
        while True:
            with contextlib.suppress(psycopg.Error, OSError):
                # Through the pool: a pooler may give it another server connection than ours,
                # which is what has to be found out.
                async with self._database.pool.connection() as connection:
                    await connection.execute("SELECT pg_notify(%s, '')", (self._probe,))
                    if self._probe_sent is None:
                        self._probe_sent = time.monotonic()
            await asyncio.sleep(self._probe_seconds)

    def _dispatch(self, notice: psycopg.Notify) -> None:
        if notice.channel == self._probe:
            self._probe_sent = None
            self._live.set()
            return
        self._tell(notice.channel, notice.payload)

    def _tell_all(self) -> None:
        for channel in self._subscribers:
            self._tell(channel, None)

    def _tell(self, channel: str, payload: str | None) -> None:
        for heard in tuple(self._subscribers.get(channel, ())):
            try:
                heard(payload)
            except Exception:
                _log.exception("a subscriber of %s failed", channel)
