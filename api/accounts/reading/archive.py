"""Archives from strangers: nothing is unpacked, every member is judged before one is read."""

from __future__ import annotations

import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import IO, Protocol, cast

from api.accounts.reading.rows import Source
from api.accounts.reading.text import Text, read_head
from api.schools.csv_table import shown
from api.schools.errors import FileUnreadable, unreadable

MOST_MEMBERS = 200
MOST_BYTES = 8 * 1024**3
# CSV of rosters shrinks to a tenth, a hundredth at best; only what is made to burst shrinks more.
MOST_RATIO = 200
_SMALL = 1024 * 1024
_MOST_AT_ONCE = 1024 * 1024
_ENCRYPTED = 0x1 | 0x40
_NESTED = (".zip", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".tar")
_PLAIN_NAME = re.compile(r"[a-z_]{1,40}\.csv")
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    struct.error,
)


class SeekableSource(Source, Protocol):
    def seek(self, offset: int, whence: int = 0, /) -> int: ...

    def tell(self) -> int: ...


class _Careful:
    """A file that is never read in huge pieces: a list of a million members is refused unread."""

    def __init__(self, source: SeekableSource) -> None:
        self._source = source
        self.seek = source.seek
        self.tell = source.tell

    def read(self, size: int = -1, /) -> bytes:
        piece = self._source.read(size if 0 <= size <= _MOST_AT_ONCE else _MOST_AT_ONCE + 1)
        if len(piece) > _MOST_AT_ONCE:
            raise zipfile.BadZipFile
        return piece

    def seekable(self) -> bool:
        return True


class Archive:
    """The members of an archive by their names in lower case, without folders.

    Raises: FileUnreadable for an archive that is broken, encrypted, nested, that unpacks to far
    more than it is, or whose names point elsewhere or are there twice.
    """

    def __init__(self, source: SeekableSource) -> None:
        self.size = source.seek(0, 2)
        try:
            self._zip = zipfile.ZipFile(cast("IO[bytes]", _Careful(source)))
        except _BROKEN as error:
            raise _broken("The archive", "its list of files is damaged or endless") from error
        found = self._zip.infolist()
        if len(found) > MOST_MEMBERS:
            raise unreadable(
                "zip-too-large",
                f"The archive has {len(found):,} files; a roster has at most {MOST_MEMBERS}.",
            )
        self._members: dict[str, zipfile.ZipInfo] = {}
        for info in found:
            self._take(info)
        if sum(info.file_size for info in found) > MOST_BYTES:
            raise unreadable(
                "zip-too-large",
                f"The archive unpacks to more than {MOST_BYTES // 1024**3} GiB; send it in parts.",
            )
        self._read = 0
        self._expected = 1

    def _take(self, info: zipfile.ZipInfo) -> None:
        _check(info)
        path = PurePosixPath(info.orig_filename)
        # What a Mac adds on its own, and folders, are no part of the roster.
        if info.is_dir() or path.parts[0] == "__MACOSX" or path.name.startswith("."):
            return
        name = path.name.casefold()
        if name in self._members:
            raise unreadable(
                "zip-duplicate", f"The archive has two files {shown(path.name)!r}; leave one."
            )
        self._members[name] = info

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def name_of(self, name: str) -> str:
        """A member's name as the archive writes it."""
        return PurePosixPath(self._members[name].filename).name

    def bytes_of(self, name: str) -> int:
        """How many bytes the member unpacks to."""
        return self._members[name].file_size if name in self._members else 0

    def left_out(self, read: Iterable[str]) -> list[str]:
        """Members that were not read, as far as their names are plainly no person's."""
        return sorted(filter(_PLAIN_NAME.fullmatch, self._members.keys() - set(read)))

    def expect(self, size: int) -> None:
        """How many unpacked bytes will be read in all, for `progress`."""
        self._expected = max(1, size)

    @property
    def progress(self) -> int:
        """How far reading is, in bytes of the archive."""
        return self.size * min(self._read, self._expected) // self._expected

    def count(self, size: int) -> None:
        self._read += size

    def text(self, name: str) -> Text:
        try:
            member = _Member(self._zip.open(self._members[name]), self)
        except _BROKEN as error:
            raise _broken("It", "it is damaged") from error
        return Text(member, read_head(member))


class _Member:
    """A member as it unpacks, its damage told as a sentence."""

    def __init__(self, opened: IO[bytes], archive: Archive) -> None:
        self._opened = opened
        self._archive = archive

    def read(self, size: int, /) -> bytes:
        try:
            piece = self._opened.read(size)
        except _BROKEN as error:
            raise _broken("It", "it is damaged") from error
        self._archive.count(len(piece))
        return piece


def _broken(what: str, why: str) -> FileUnreadable:
    return unreadable("zip-broken", f"{what} cannot be unpacked: {why}. Export it again.")


def _check(info: zipfile.ZipInfo) -> None:
    name = info.orig_filename
    path = PurePosixPath(name)
    linked = stat.S_ISLNK(info.external_attr >> 16)
    if path.is_absolute() or not path.parts or ".." in path.parts or linked:
        raise _unsafe(name)
    if "\\" in name or ":" in path.parts[0] or "\x00" in name:
        raise _unsafe(name)
    if info.flag_bits & _ENCRYPTED:
        raise unreadable("zip-encrypted", "The archive is encrypted; send it without a password.")
    if path.suffix.casefold() in _NESTED:
        raise unreadable(
            "zip-nested",
            f"{shown(name)!r} is an archive in the archive; send its files themselves.",
        )
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise unreadable(
            "zip-method", f"{shown(name)!r} is packed in a rare way; use an ordinary zip (deflate)."
        )
    if info.file_size > max(_SMALL, MOST_RATIO * info.compress_size):
        raise unreadable(
            "zip-bomb",
            f"{shown(name)!r} unpacks to more than {MOST_RATIO} times its size; no roster does.",
        )


def _unsafe(name: str) -> FileUnreadable:
    return unreadable(
        "zip-unsafe",
        f"The archive's file {shown(name)!r} points outside of it; pack the files themselves,"
        " without folders or links.",
    )
