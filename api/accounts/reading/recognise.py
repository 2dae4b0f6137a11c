"""Which kind of roster a file is: told by its content, never by its name."""

from __future__ import annotations

from datetime import date
from itertools import chain
from typing import cast

from api.accounts.reading.archive import Archive, SeekableSource
from api.accounts.reading.clever import read_clever
from api.accounts.reading.native import read_native
from api.accounts.reading.ndjson import read_ndjson
from api.accounts.reading.oneroster import read_oneroster
from api.accounts.reading.rows import Roster, Source
from api.accounts.reading.sds import read_sds_1, read_sds_2_1
from api.accounts.reading.sheet import Sheet
from api.accounts.reading.text import Text, read_head
from api.schools.errors import FileUnreadable, unreadable

_JSON = "{["
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_PACKED = (
    b"\x1f\x8b",
    b"BZh",
    b"7z\xbc\xaf\x27\x1c",
    b"\xfd7zXZ\x00",
    b"Rar!",
    b"\xd0\xcf\x11\xe0",
)
# A users.csv that has one of these is OneRoster's; Microsoft's has neither.
_ONEROSTER = ("enableduser", "orgsourcedids")


def is_zip(head: bytes) -> bool:
    """Whether a file that begins like this is an archive, which must be seekable to be read."""
    return head.startswith(_ZIP)


def read_roster(source: Source, hint: str | None = None, today: date | None = None) -> Roster:
    """The roster of an upload, its rows still to be read.

    `hint` is the media type its sender named; it decides only what the content leaves open.
    `today` only tells ended roles from others.

    Raises: FileUnreadable, here for the file as a whole or while the batches are iterated.
    """
    head = read_head(source)
    if is_zip(head):
        return _read_archive(Archive(cast("SeekableSource", source)), today)
    if head.startswith(_PACKED):
        raise unreadable(
            "format-unknown",
            "The file is packed, or a spreadsheet's own; send CSV, NDJSON or an ordinary zip.",
        )
    text = Text(source, head)
    blocks = iter(text)
    first = next(blocks, "")
    begins = first.lstrip("\ufeff \t\r\n")[:1]
    blocks = chain([first], blocks)
    if begins in _JSON if begins else "json" in (hint or ""):
        return read_ndjson(text, blocks)
    return read_native(text, blocks)


def _read_archive(archive: Archive, today: date | None) -> Roster:
    if "manifest.csv" in archive:
        return read_oneroster(archive, today)
    if "users.csv" in archive:
        wanted = {name: name for name in ("sourcedid", *_ONEROSTER)}
        users = Sheet(archive, "users.csv", wanted, ())
        if users.columns & set(_ONEROSTER) or "roles.csv" not in archive:
            return read_oneroster(archive, today)
        return read_sds_2_1(archive, today)
    if "student.csv" in archive:
        return read_sds_1(archive)
    if "students.csv" in archive and "schools.csv" in archive:
        return read_clever(archive)
    raise _unknown(archive)


def _unknown(archive: Archive) -> FileUnreadable:
    if "workbook.xml" in archive:
        return unreadable("format-unknown", "The file is a spreadsheet; save it as CSV.")
    return unreadable(
        "format-unknown",
        "The archive is no roster we know: OneRoster and School Data Sync v2.1 have users.csv and"
        " orgs.csv, School Data Sync v1 Student.csv, Clever students.csv and schools.csv.",
    )
