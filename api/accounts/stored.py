"""The stored upload of a run as a file, read in a thread beside the event loop."""

from __future__ import annotations

import asyncio
import tempfile
import zlib
from typing import IO
from uuid import UUID

from api import clock
from api.accounts.reading import Roster, is_zip, read_roster
from api.db.pool import Database

_HEAD_BYTES = 1 << 16
_SPOOL_BYTES = 1 << 20


class Upload:
    """The stored upload as a file, read forward in a thread that may wait for the event loop."""

    def __init__(self, database: Database, import_id: UUID) -> None:
        self._database, self._import_id = database, import_id
        self._loop = asyncio.get_running_loop()
        self._position = 0
        self._piece = memoryview(b"")

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; fewer where a piece ends, none at the end."""
        if not self._piece:
            self._piece = memoryview(self._next())
        part, self._piece = self._piece[:size], self._piece[size:]
        return bytes(part)

    def _next(self) -> bytes:
        fetched = asyncio.run_coroutine_threadsafe(self._fetch(self._position), self._loop)
        self._position += 1
        piece = fetched.result()
        return b"" if piece is None else zlib.decompress(piece)

    async def _fetch(self, position: int) -> bytes | None:
        async with self._database.raw() as connection:
            found = await connection.execute(
                b"SELECT body FROM account_import_chunks WHERE import_id = %s AND position = %s",
                (self._import_id, position),
                binary=True,
            )
            row = await found.fetchone()
        return None if row is None else bytes(row[0])


def open_roster(upload: Upload) -> tuple[Roster, IO[bytes] | None]:
    """The roster of an upload, and the file that holds it where it has to be sought in.

    Blocks. Raises: FileUnreadable.
    """
    # Only tells roles that have ended from others, which no school does within a day.
    today = clock.now().date()
    head = upload.read(_HEAD_BYTES)
    if not is_zip(head):
        return read_roster(_Again(head, upload), today=today), None
    spool: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (whoever called closes it)
    try:
        piece = head
        while piece:
            spool.write(piece)
            piece = upload.read(_SPOOL_BYTES)
        spool.seek(0)
        return read_roster(spool, today=today), spool
    except BaseException:
        spool.close()
        raise


class _Again:
    """A source whose beginning was looked at."""

    def __init__(self, head: bytes, rest: Upload) -> None:
        self._head, self._rest = head, rest

    def read(self, size: int, /) -> bytes:
        if self._head:
            part, self._head = self._head[:size], self._head[size:]
            return part
        return self._rest.read(size)
