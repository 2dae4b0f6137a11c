"""A table in a CSV file read row by row: any encoding and delimiter offices use, nothing guessed.

Pure: bytes in, checked rows and issues out. A file that cannot be trusted as a whole (no header,
a column nobody knows, quotes that never close) is refused; a wrong cell costs only its row.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from api.errors import TooLarge
from api.schools.errors import FileUnreadable, unreadable

# What a file without content may consist of.
NOTHING = " \t\r\n\x00\ufeff,;|"
SPREADSHEET_HINT = re.compile(r"sep=.", re.IGNORECASE)
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SHOWN = 80
_DELIMITERS = ",;\t|"
_NUMBER = re.compile(r"[0-9]{1,15}(?:\.0+)?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    # Before UTF-16, whose mark its own begins with.
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)


@dataclass(frozen=True, slots=True)
class Issue:
    """What is wrong with a row; `row` is the line it begins on, the header's being 1."""

    row: int
    column: str | None
    code: str
    got: str | None
    expected: str


@dataclass(frozen=True, slots=True)
class Reader:
    """How a column's cells are read: `read` raises ValueError for those that `expected` is not."""

    read: Callable[[str], Any]
    code: str
    expected: str


@dataclass(frozen=True, slots=True)
class Shape:
    """The columns there are, those that no row can be without, and how many rows are too many."""

    readers: Mapping[str, Reader]
    required: tuple[str, ...]
    most_rows: int

    @property
    def names(self) -> str:
        return ", ".join(self.readers)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows as (line, values of the cells that are not empty); `rejected` counts those refused."""

    columns: frozenset[str]
    rows: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    rejected: int = 0


def shown(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def decode(raw: bytes) -> str:
    """The text of a file, whichever way it was saved.

    A byte order mark decides; else UTF-16 shows by its zero bytes; else UTF-8 where it is valid
    and Windows-1252, then Latin-1, where it is not.
    """
    encoding, content = encoding_of(raw)
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise unreadable(
                "encoding-broken", f"The file begins as {encoding} but is not; save it as UTF-8."
            ) from error
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def encoding_of(raw: bytes) -> tuple[str, bytes]:
    """The encoding that a file's beginning shows, and the content without its mark."""
    for mark, name in _BOMS:
        if raw.startswith(mark):
            return name, raw[len(mark) :]
    start = raw[:400]
    even, odd = start[0::2].count(0), start[1::2].count(0)
    half = len(start) // 2
    # A header is mostly ASCII, so in UTF-16 nearly every second byte is zero.
    if half and odd > 0.8 * half and even < 0.2 * half:
        return "utf-16-le", raw
    if half and even > 0.8 * half and odd < 0.2 * half:
        return "utf-16-be", raw
    return "utf-8", raw


def read_table(raw: bytes, shape: Shape) -> Table:
    """All rows of a file, checked cell by cell.

    Raises: FileUnreadable (422) naming the column or line; TooLarge beyond the most rows.
    """
    text = decode(raw)
    # Asked first, since megabytes of nothing would otherwise be read as one endless cell.
    if not text.strip(NOTHING):
        raise file_empty()
    records = _records(text, shape)
    _, header = next(records, (0, None))
    if header is None:
        raise file_empty()
    columns = columns_of(header, shape)
    table = Table(frozenset(name for name in columns if name))
    rejected = 0
    for line, cells in records:
        if len(table.rows) + rejected >= shape.most_rows:
            raise TooLarge(f"A file may have {shape.most_rows:,} rows; send this one in parts.")
        values = _values(line, cells, columns, shape, table.issues)
        if values is None:
            rejected += 1
        else:
            table.rows.append((line, values))
    return Table(table.columns, table.rows, table.issues, rejected)


def _records(text: str, shape: Shape) -> Iterator[tuple[int, list[str]]]:
    """Records that are not blank, and the line each begins on; the header is the first."""
    lines = io.StringIO(text, newline="")
    skipped = 0
    header = ""
    for line in lines:
        # Excel's own hint, which is no row: `sep=;`.
        if line.strip() and not SPREADSHEET_HINT.fullmatch(line.strip()):
            header = line
            break
        skipped += 1
    # A header's cell may hold a line break too, so the reader starts at it and not after it.
    lines.seek(0)
    for _ in range(skipped):
        next(lines)
    reader = csv.reader(lines, delimiter=delimiter_of(header, shape.readers), strict=True)
    begins = skipped + 1
    try:
        for cells in reader:
            if any(map(str.strip, cells)):
                yield begins, cells
            begins = skipped + reader.line_num + 1
    except csv.Error as error:
        raise quotes_broken(begins) from error


def file_empty() -> FileUnreadable:
    return unreadable("file-empty", "The file is empty; its first line names the columns.")


def quotes_broken(line: int) -> FileUnreadable:
    return unreadable(
        "quotes-broken",
        f"The row that begins on line {line} cannot be read: a double quote in it is not"
        " closed, or is followed by more text. Close it, or double it where it is meant.",
    )


def delimiter_of(header: str, columns: Container[str]) -> str:
    """The one that makes the most known columns of the header; a comma when none does."""

    def known(delimiter: str) -> int:
        return sum(folded(cell) in columns for cell in header.split(delimiter))

    return max(_DELIMITERS, key=known)


def folded(cell: str) -> str:
    """A column's name without what spreadsheets and people leave around it."""
    return cell.strip(" \t\r\n\xa0\ufeff\"'").casefold()


def columns_of(header: Sequence[str], shape: Shape) -> list[str]:
    """The columns' names, "" for one without; trailing ones without a name are dropped."""
    names = [folded(cell) for cell in header]
    while names and not names[-1]:
        names.pop()
    if not set(names) & shape.readers.keys():
        # Not repeated: what is no header may be anything, a child's name too.
        raise unreadable(
            "header-missing",
            f"The first line names none of the columns; they are {shape.names}.",
        )
    problems = [
        f"There is no column {shown(cell.strip())!r}; the columns are {shape.names}."
        for cell, name in zip(header, names, strict=False)
        if name and name not in shape.readers
    ]
    if problems:
        raise unreadable("column-unknown", *problems[:20])
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise unreadable(
            "column-twice", *(f"The column {name!r} is there twice." for name in twice)
        )
    missing = [name for name in shape.required if name not in names]
    if missing:
        raise unreadable(
            "column-missing",
            *(f"The column {name!r} is missing from the first line." for name in missing),
        )
    return names


def _values(
    line: int, cells: list[str], columns: Sequence[str], shape: Shape, issues: list[Issue]
) -> dict[str, Any] | None:
    """The row's values, or None with its issues added."""
    before = len(issues)
    cells = [cell.strip() for cell in cells]
    width = len(columns)
    extra = any(cells[width:]) or any(
        cell and not name for cell, name in zip(cells, columns, strict=False)
    )
    if len(cells) < width or extra:
        expected = f"{width} cells, as in the first line"
        issues.append(Issue(line, None, "row-ragged", f"{len(cells)} cells", expected))
        return None
    values: dict[str, Any] = {}
    for name, cell in zip(columns, cells, strict=False):
        if not name:
            continue
        if not cell:
            if name in shape.required:
                issues.append(Issue(line, name, "required", "", "something in this cell"))
            continue
        if CONTROL.search(cell):
            got = shown(CONTROL.sub("\N{REPLACEMENT CHARACTER}", cell))
            expected = "one line without control characters"
            issues.append(Issue(line, name, "control-character", got, expected))
            continue
        reader = shape.readers[name]
        try:
            values[name] = reader.read(cell)
        except ValueError:
            issues.append(Issue(line, name, reader.code, shown(cell), reader.expected))
    return values if len(issues) == before else None


def text_cell(longest: int) -> Callable[[str], str]:
    def read(cell: str) -> str:
        if len(cell) > longest:
            raise ValueError(cell)
        return cell

    return read


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Also as spreadsheets write it: `500.0`."""

    def read(cell: str) -> int:
        if not _NUMBER.fullmatch(cell):
            raise ValueError(cell)
        number = int(cell.partition(".")[0])
        if not least <= number <= most:
            raise ValueError(cell)
        return number

    return read


def day_cell(cell: str) -> date:
    # The library's own reading also takes week dates, which no office means.
    if not _DAY.fullmatch(cell):
        raise ValueError(cell)
    return date.fromisoformat(cell)
