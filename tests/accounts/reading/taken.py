"""A roster read to its end, as tests look at it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import date
from typing import Any

from api.accounts.reading import ROW_FIELDS, Batch, Issue, Roster, Row, StaffRow, read_roster


class Drip:
    """A source that gives a few bytes at a time, as a network does."""

    def __init__(self, raw: bytes, size: int) -> None:
        self._raw = io.BytesIO(raw)
        self._size = size
        # Only what looks like an archive is sought in.
        self.seek, self.tell = self._raw.seek, self._raw.tell

    def read(self, size: int, /) -> bytes:
        return self._raw.read(min(size, self._size))


@dataclass(frozen=True, slots=True)
class Taken:
    roster: Roster
    batches: list[Batch]

    @property
    def rows(self) -> list[Row]:
        return [row for batch in self.batches for row in batch.rows]

    @property
    def staff(self) -> list[StaffRow]:
        return [row for batch in self.batches for row in batch.staff]

    @property
    def issues(self) -> list[Issue]:
        return [issue for batch in self.batches for issue in batch.issues]

    @property
    def found(self) -> list[tuple[int, str | None, str]]:
        """Row, column and code of each issue."""
        return [(issue.row, issue.column, issue.code) for issue in self.issues]

    def values(self, name: str) -> list[Any]:
        """One column of the rows."""
        return [row[ROW_FIELDS.index(name)] for row in self.rows]


def take(raw: bytes | str, *, today: date | None = None, hint: str | None = None) -> Taken:
    content = raw.encode() if isinstance(raw, str) else raw
    roster = read_roster(io.BytesIO(content), hint, today)
    return Taken(roster, list(roster.batches))


def drip(raw: bytes, size: int) -> Taken:
    """The same of a source that gives at most so many bytes at a time."""
    roster = read_roster(Drip(raw, size))
    return Taken(roster, list(roster.batches))
