"""An upload as text, piece by piece: any encoding offices save in, and lines kept whole."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from api.accounts.reading.rows import Source
from api.schools.csv_table import NOTHING, encoding_of
from api.schools.errors import FileUnreadable, unreadable

PIECE = 256 * 1024
LONGEST_LINE = PIECE
_STRAY = re.compile(r"[\udc80-\udcff]")
_FOREIGN = re.compile(r"[^\x00-\x7f\udc80-\udcff]")


def read_head(source: Source, size: int = PIECE) -> bytes:
    """The first bytes, however few a read gives at a time."""
    pieces: list[bytes] = []
    missing = size
    while missing > 0 and (piece := source.read(missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


class Text:
    """The text of a source as blocks that end where lines end; `head` is read already.

    Without a byte order mark it is UTF-8 until the first bytes that are not; those make it
    Windows-1252, unless there was UTF-8 beyond ASCII: then they only spoil their cells.

    Raises, while iterated: FileUnreadable for a line that does not end, or mixed encodings.
    """

    def __init__(self, source: Source, head: bytes) -> None:
        self.bytes_read = 0
        self._source = source
        self._head = head
        self.encoding, content = encoding_of(head)
        self._mark = len(head) - len(content)
        self._wide = False

    def __iter__(self) -> Iterator[str]:
        rest = ""
        for text in self._decoded():
            block = rest + text
            cut = block.rfind("\n") + 1 or block.rfind("\r", 0, -1) + 1
            if cut:
                yield block[:cut]
            rest = block[cut:]
            # Megabytes without a line's end are one endless cell, or nothing at all.
            if len(rest) > PIECE and not rest.strip(NOTHING):
                rest = ""
            if len(rest) > LONGEST_LINE:
                raise unreadable(
                    "line-too-long",
                    f"A line is longer than {LONGEST_LINE:,} characters; this is no roster.",
                )
        if rest:
            yield rest

    def _pieces(self) -> Iterator[bytes]:
        self.bytes_read += len(self._head)
        yield self._head[self._mark :]
        while piece := self._source.read(PIECE):
            self.bytes_read += len(piece)
            yield piece

    def _decoded(self) -> Iterator[str]:
        if self.encoding == "utf-8":
            yield from self._narrow()
            return
        decoder = codecs.getincrementaldecoder(self.encoding)()
        try:
            for piece in self._pieces():
                yield decoder.decode(piece)
            yield decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise unreadable(
                "encoding-broken",
                f"The file begins as {self.encoding} but is not; save it as UTF-8.",
            ) from error

    def _narrow(self) -> Iterator[str]:
        rest = b""
        for piece in self._pieces():
            text, rest = self._decode(rest + piece, final=False)
            yield text
        if rest:
            yield self._decode(rest, final=True)[0]

    def _decode(self, raw: bytes, final: bool) -> tuple[str, bytes]:
        """The text of `raw`, and what of its end is only the beginning of a letter."""
        if self.encoding == "cp1252":
            return self._decode_windows(raw), b""
        try:
            text, used = codecs.utf_8_decode(raw, "strict", final)
        except UnicodeDecodeError:
            text, used = codecs.utf_8_decode(raw, "surrogateescape", final)
            if not self._wide and len(_FOREIGN.findall(text)) <= len(_STRAY.findall(text)):
                self.encoding = "cp1252"
                return _windows(raw), b""
        self._wide = self._wide or not text.isascii()
        return text, raw[used:]

    def _decode_windows(self, raw: bytes) -> str:
        if not raw.isascii() and _is_utf_8(raw):
            raise _mixed()
        return _windows(raw)


def _windows(raw: bytes) -> str:
    try:
        return raw.decode("cp1252")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _is_utf_8(raw: bytes) -> bool:
    try:
        return not codecs.utf_8_decode(raw, "strict", False)[0].isascii()
    except UnicodeDecodeError:
        return False


def _mixed() -> FileUnreadable:
    return unreadable(
        "encoding-mixed",
        "Some of the file is UTF-8 and some is Windows-1252; save all of it as UTF-8.",
    )
