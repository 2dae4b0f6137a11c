"""Which kind of roster a file is: told by its content, never by its name."""

from __future__ import annotations

from itertools import chain

from api.accounts.reading.native import read_native
from api.accounts.reading.ndjson import read_ndjson
from api.accounts.reading.rows import Roster, Source
from api.accounts.reading.text import Text, read_head

_JSON = "{["
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")


def is_zip(head: bytes) -> bool:
    """Whether a file that begins like this is an archive, which must be seekable to be read."""
    return head.startswith(_ZIP)


def read_roster(source: Source, hint: str | None = None) -> Roster:
    """The roster of an upload, its rows still to be read.

    `hint` is the media type its sender named; it decides only what the content leaves open.

    Raises: FileUnreadable, here for the file as a whole or while the batches are iterated.
    """
    text = Text(source, read_head(source))
    blocks = iter(text)
    first = next(blocks, "")
    begins = first.lstrip("\ufeff \t\r\n")[:1]
    blocks = chain([first], blocks)
    if begins in _JSON if begins else "json" in (hint or ""):
        return read_ndjson(text, blocks)
    return read_native(text, blocks)
