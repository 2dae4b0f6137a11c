"""Taking in a file: streamed into PostgreSQL in compressed pieces, durable before the answer.

One transaction for all of it, so a body that is cut off leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import orjson
from psycopg import AsyncConnection
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from api import clock
from api.accounts.errors import upload_empty
from api.accounts.models import AccountImport, AccountSource
from api.accounts.rules import ImportState, Mode, OnError, Snapshot
from api.auth.caller import Caller, visible
from api.db.columns import new_id
from api.db.uow import WriteSession
from api.schools.errors import invalid
from api.schools.models import Network
from api.schools.queries import find_network, find_school

# Of the body as it came: what a run has in memory at once.
CHUNK_BYTES = 1 << 20
# How a zip begins. It is compressed already, and to do it again only costs time.
_ZIP = b"PK"
_PUT = b"INSERT INTO account_import_chunks (import_id, position, body) VALUES (%s, %s, %b)"
_SCHOOL = "school:"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the query of an upload asks for; `scope` is `source` or `school:CODE`."""

    mode: Mode = Mode.apply
    on_error: OnError = OnError.skip
    snapshot: Snapshot | None = None
    scope: str = "source"
    source: str = "default"
    network: str | None = None


async def take_in(
    session: WriteSession, caller: Caller, asked: Asked, body: AsyncIterator[bytes]
) -> tuple[AccountImport, bool]:
    """Store an upload; the run it asks for, and whether that is new.

    The same file with the same query, while one of them is waiting or running, is that one.
    Raises: UploadEmpty; NetworkNotFound; SchoolNotFound; Forbidden for a caller limited to schools.
    """
    caller.require_whole_networks()
    network_id, scope = await whose(session, caller, asked)
    run = AccountImport(
        network_id=network_id,
        source_slug=asked.source,
        mode=asked.mode,
        on_error=asked.on_error,
        snapshot=asked.snapshot,
        scope=scope,
        # Told apart from every other until the whole body is there.
        digest=new_id().bytes,
        body_bytes=0,
        query_key=_query_key(caller, asked, network_id, scope),
        actor=caller.actor,
        created_at=clock.now(),
    )
    try:
        async with session.begin_nested():
            await _store(session, run, body)
    except _TakenInAlready as found:
        return found.run, False
    return run, True


class _TakenInAlready(Exception):
    """The same upload has a run that has not ended: nothing of this one is kept."""

    def __init__(self, run: AccountImport) -> None:
        super().__init__()
        self.run = run


async def _store(session: WriteSession, run: AccountImport, body: AsyncIterator[bytes]) -> None:
    session.add(run)
    await session.flush()
    stored = _Pieces(await session.psycopg(), run.id)
    await stored.take(body)
    run.body_bytes = stored.size
    while not await _is_the_first(session, run, stored.digest()):
        same = await _running(session, run.query_key, stored.digest())
        # None: it has ended in this very moment, so ours is the first after all.
        if same is not None:
            raise _TakenInAlready(same)


async def _is_the_first(session: WriteSession, run: AccountImport, digest: bytes) -> bool:
    """Name the run's upload by its digest, unless one that has not ended has that name."""
    named = (
        update(AccountImport)
        .where(col(AccountImport.id) == run.id)
        .values(digest=digest, body_bytes=run.body_bytes)
    )
    try:
        async with session.begin_nested():
            await session.execute(named)
    except IntegrityError:
        return False
    await session.refresh(run)
    return True


async def _running(session: WriteSession, query_key: str, digest: bytes) -> AccountImport | None:
    statement = select(AccountImport).where(
        col(AccountImport.query_key) == query_key,
        col(AccountImport.digest) == digest,
        col(AccountImport.state).in_([ImportState.queued, ImportState.running]),
    )
    return (await session.scalars(statement)).one_or_none()


class _Pieces:
    """The body on its way into the table: one piece is compressed and stored while the next
    comes in.
    """

    def __init__(self, connection: AsyncConnection[object], import_id: UUID) -> None:
        self._connection, self._import_id = connection, import_id
        self._sha = hashlib.sha256()
        self._level = 1
        self._position = 0
        self.size = 0

    def digest(self) -> bytes:
        return self._sha.digest()

    async def take(self, body: AsyncIterator[bytes]) -> None:
        """Raises: UploadEmpty."""
        storing: asyncio.Task[None] | None = None
        waiting = bytearray()
        try:
            async for part in body:
                waiting += part
                if len(waiting) < CHUNK_BYTES:
                    continue
                if storing is not None:
                    await storing
                storing = asyncio.create_task(self._put(bytes(waiting)))
                waiting.clear()
        finally:
            # Also where the body is cut off: nobody else may use the connection before it ends.
            if storing is not None:
                await storing
        if waiting:
            await self._put(bytes(waiting))
        if not self.size:
            raise upload_empty()

    async def _put(self, piece: bytes) -> None:
        if not self.size and piece.startswith(_ZIP):
            self._level = 0
        compressed = await asyncio.to_thread(self._pack, piece)
        self.size += len(piece)
        await self._connection.execute(_PUT, (self._import_id, self._position, compressed))
        self._position += 1

    def _pack(self, piece: bytes) -> bytes:
        self._sha.update(piece)
        return zlib.compress(piece, self._level)


async def whose(session: WriteSession, caller: Caller, asked: Asked) -> tuple[UUID | None, str]:
    """The network an upload is for, where that can be told before reading it; and its scope."""
    named = await find_network(session, caller, asked.network) if asked.network else None
    network_id = named.id if named else caller.network_id
    scope = asked.scope
    if scope.startswith(_SCHOOL):
        school = await find_school(session, caller, scope.removeprefix(_SCHOOL))
        if network_id not in (None, school.network_id):
            raise invalid("/scope", "network-differs", "The school is of another network.")
        network_id, scope = school.network_id, _SCHOOL + school.code
    return network_id or await _of_the_source(session, caller, asked.source), scope


async def _of_the_source(session: WriteSession, caller: Caller, slug: str) -> UUID | None:
    """The one network that has this source, or the only one that there is."""
    of_source = select(col(AccountSource.network_id)).where(
        col(AccountSource.slug) == slug, visible(caller, col(AccountSource.network_id))
    )
    seen = select(col(Network.id)).where(visible(caller, col(Network.id)))
    for statement in (of_source, seen):
        found = (await session.scalars(statement.limit(2))).all()
        if len(found) == 1:
            return found[0]
    return None


def _query_key(caller: Caller, asked: Asked, network_id: UUID | None, scope: str) -> str:
    """What else makes two uploads the same; without a network, also who sent them."""
    owner = str(network_id) if network_id else caller.actor
    parts = [owner, asked.source, asked.mode, asked.on_error, asked.snapshot, scope]
    return orjson.dumps(parts).decode()
