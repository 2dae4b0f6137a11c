"""A CSV file as batches of records, numbered by the line each begins on."""

from __future__ import annotations

import csv
import io
from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import accumulate, chain, islice
from typing import NamedTuple

from api.accounts.reading.rows import COLUMNS, LONGEST_CELL, Issue
from api.accounts.reading.text import PIECE
from api.schools.csv_table import (
    NOTHING,
    SPREADSHEET_HINT,
    delimiter_of,
    file_empty,
    quotes_broken,
)

# Few enough to stay in the processor's cache from one step to the next.
AT_ONCE = 500
# Between two looks at how much text they were: a line may be nothing but delimiters.
_A_FEW = 20


class Records(NamedTuple):
    """Rows as cells, and the line each begins on, the first of the file being 1."""

    numbers: Sequence[int]
    rows: list[list[str]]


class Table:
    """The header, and after it the records; `columns` decides which delimiter it is.

    Raises: FileUnreadable for a file without content, or (also while iterated) quotes that
    never close.
    """

    def __init__(self, blocks: Iterable[str], columns: Container[str]) -> None:
        self._skipped = 0
        self._read = 0
        lines = self._lines(self._counted(blocks))
        first = self._first(lines)
        self.delimiter = delimiter_of(first, columns)
        self._reader = csv.reader(chain([first], lines), delimiter=self.delimiter, strict=True)
        try:
            self.header = next(self._reader)
        except csv.Error as error:
            raise quotes_broken(self._skipped + 1) from error

    def _counted(self, blocks: Iterable[str]) -> Iterator[str]:
        for block in blocks:
            self._read += len(block)
            yield block

    def _lines(self, blocks: Iterator[str]) -> Iterator[str]:
        # Megabytes of nothing before the header are passed over without looking at each line.
        for block in blocks:
            if block.strip(NOTHING):
                break
            self._skipped += _line_ends(block)
        else:
            raise file_empty()
        return chain.from_iterable(io.StringIO(one, newline="") for one in chain([block], blocks))

    def _first(self, lines: Iterator[str]) -> str:
        for line in lines:
            if line.strip(NOTHING) and not SPREADSHEET_HINT.fullmatch(line.strip()):
                return line
            self._skipped += 1
        raise file_empty()

    def __iter__(self) -> Iterator[Records]:
        while True:
            begins = self._skipped + self._reader.line_num + 1
            rows: list[list[str]] = []
            enough = self._read + PIECE
            try:
                while len(rows) < AT_ONCE and self._read < enough:
                    before = len(rows)
                    rows.extend(islice(self._reader, _A_FEW))
                    if len(rows) == before:
                        break
            except csv.Error as error:
                raise quotes_broken(begins + sum(map(_lines_of, rows))) from error
            if not rows:
                return
            if self._skipped + self._reader.line_num + 1 - begins == len(rows):
                yield Records(range(begins, begins + len(rows)), rows)
            else:
                ends = accumulate(map(_lines_of, rows), initial=begins)
                yield Records(list(islice(ends, len(rows))), rows)


def _lines_of(row: list[str]) -> int:
    return 1 + sum(map(_line_ends, row))


def _line_ends(text: str) -> int:
    return text.count("\n") + text.count("\r") - text.count("\r\n")


class Even:
    """Makes rows as wide as the header, whose columns without a name must stay empty.

    Those of a file (of an archive) are not sent again: whom they are about cannot be told.
    """

    def __init__(self, names: Sequence[str], file: str) -> None:
        self._width = len(names)
        self._nameless = [index for index, name in enumerate(names) if not name]
        self._places = {name: index for index, name in enumerate(names)}
        self._file = file

    def __call__(self, records: Records, issues: list[Issue]) -> Records:
        """The rows that fit; blank ones are left out and ragged ones become issues."""
        plain = set(map(len, records.rows)) == {self._width} and not self._nameless
        if plain and all(map(any, records.rows)):
            return records
        numbers: list[int] = []
        rows: list[list[str]] = []
        for number, row in zip(records.numbers, records.rows, strict=True):
            if not any(row) or not any(map(str.strip, row)):
                continue
            if not plain and self._ragged(row):
                issues.append(self._issue(number, row))
                continue
            numbers.append(number)
            rows.append(row[: self._width])
        return Records(numbers, rows)

    def _ragged(self, row: list[str]) -> bool:
        if len(row) < self._width or any(map(str.strip, row[self._width :])):
            return True
        return any(row[index].strip() for index in self._nameless)

    def _issue(self, number: int, row: list[str]) -> Issue:
        expected = f"{self._width} cells, as in the first line"
        cells = None
        if not self._file:
            places = [self._places.get(name, len(row)) for name in COLUMNS]
            cells = tuple(
                row[place].strip()[:LONGEST_CELL] if place < len(row) else "" for place in places
            )
        return Issue(
            number, None, "row-ragged", f"{len(row)} cells", expected, self._file, cells=cells
        )
