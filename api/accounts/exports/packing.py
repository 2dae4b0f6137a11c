"""Lines packed into what is sent: one CSV, or a zip of several, never more of it than a block."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO, cast
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from api.accounts.exports.copying import END

# RFC 4180; nearly every reader that takes another end of line takes this one, not the reverse.
CRLF = b"\r\n"
BOM = b"\xef\xbb\xbf"
# Most of what there is to gain, at a third of the time of the usual level.
_LEVEL = 1
# What is worth a thread of its own: less of it is done sooner than that has begun.
_TOGETHER = 1 << 18
_READABLE_BY_ALL = 0o644 << 16


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of a file."""

    name: str
    data: bytes


def _joined(lines: Sequence[bytes], end: bytes = CRLF) -> bytes:
    return b"".join(lines).replace(END, end)


async def whole(
    name: str, head: bytes, blocks: AsyncIterator[list[bytes]], end: bytes
) -> AsyncIterator[Piece]:
    """A file that has everything in it; `head` is what it begins with."""
    yield Piece(name, _joined([head], end))
    async for lines in blocks:
        yield Piece(name, _joined(lines, end))


async def split(
    name: str,
    head: bytes,
    blocks: AsyncIterator[list[bytes]],
    most_rows: int | None,
    most_bytes: int | None,
) -> AsyncIterator[Piece]:
    """Files `name-001.csv` and on, each with the head and no larger than allowed."""
    parts = Parts(name, _joined([head]), most_rows, most_bytes)
    yield parts.begun()
    async for lines in blocks:
        for piece in parts.taken(lines):
            yield piece


class Parts:
    """Where lines go when files are only so large."""

    def __init__(
        self, name: str, head: bytes, most_rows: int | None, most_bytes: int | None
    ) -> None:
        self._name, self._head = name, head
        self._most_rows, self._most_bytes = most_rows, most_bytes
        self._number = self._rows = self._bytes = 0

    def begun(self) -> Piece:
        """The next file's head."""
        self._number += 1
        self._rows, self._bytes = 0, len(self._head)
        return self._piece(self._head)

    def taken(self, lines: Sequence[bytes]) -> Iterator[Piece]:
        """These lines after those before, in as many files as it needs."""
        while lines:
            some = self._that_fit(lines)
            if some:
                data = _joined(lines[:some])
                self._rows, self._bytes = self._rows + some, self._bytes + len(data)
                yield self._piece(data)
            lines = lines[some:]
            if lines:
                yield self.begun()

    def _that_fit(self, lines: Sequence[bytes]) -> int:
        count = len(lines)
        if self._most_rows is not None:
            count = min(count, self._most_rows - self._rows)
        if self._most_bytes is None:
            return count
        room = self._most_bytes - self._bytes
        longer = len(CRLF) - len(END)
        if sum(map(len, lines[:count])) + longer * count <= room:
            return count
        fitting = 0
        for line in lines[:count]:
            room -= len(line) + longer
            if room < 0:
                break
            fitting += 1
        # A line that no file is large enough for goes alone into one, rather than nowhere.
        return fitting or int(self._rows == 0)

    def _piece(self, data: bytes) -> Piece:
        return Piece(f"{self._name}-{self._number:03}.csv", data)


class _Sink:
    """What a zip is written to, and taken from before it is large."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is kept back."""

    def taken(self) -> bytes:
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data


class _Zip:
    """A zip of files whose pieces follow one another; `large`: one may have more than 2 GB."""

    def __init__(self, made_at: datetime, *, large: bool) -> None:
        self._made_at, self._large = made_at, large
        self.sink = _Sink()
        self._archive = ZipFile(cast("IO[bytes]", self.sink), "w")
        self._name: str | None = None
        self._opened: IO[bytes] | None = None

    def write(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            if self._opened is None or piece.name != self._name:
                if self._opened is not None:
                    self._opened.close()
                self._name = piece.name
                entry = _entry(piece.name, self._made_at)
                self._opened = self._archive.open(entry, "w", force_zip64=self._large)
            self._opened.write(piece.data)

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
        self._archive.close()


async def zipped(
    files: AsyncIterator[Piece], made_at: datetime, *, large: bool
) -> AsyncIterator[bytes]:
    """The bytes of a zip of these files, as `_Zip` has it."""
    archive = _Zip(made_at, large=large)
    waiting: list[Piece] = []
    size = 0
    # Some pieces are compressed while the next are read.
    packing: asyncio.Task[None] | None = None
    try:
        async for piece in files:
            waiting.append(piece)
            size += len(piece.data)
            if size < _TOGETHER:
                continue
            if packing is not None:
                await packing
            data = archive.sink.taken()
            packing = asyncio.create_task(asyncio.to_thread(archive.write, waiting))
            waiting, size = [], 0
            if data:
                yield data
        if packing is not None:
            await packing
        archive.write(waiting)
    finally:
        # Also of one that is given up; then nobody is sent its end.
        if packing is not None:
            await asyncio.wait([packing])
        archive.close()
    yield archive.sink.taken()


def _entry(name: str, made_at: datetime) -> ZipInfo:
    entry = ZipInfo(name, made_at.timetuple()[:6])
    entry.compress_type = ZIP_DEFLATED
    # The name it has before Python 3.13, and keeps.
    entry._compresslevel = _LEVEL  # type: ignore[attr-defined] # noqa: SLF001 (no other way)
    entry.external_attr = _READABLE_BY_ALL
    return entry
