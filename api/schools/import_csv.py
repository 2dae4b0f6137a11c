"""A file of schools read row by row: any encoding and delimiter offices use, nothing guessed.

Pure: bytes in, checked rows and issues out. A file that cannot be trusted as a whole (no header,
a column nobody knows, quotes that never close) is refused; a wrong cell costs only its row.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from api.errors import TooLarge
from api.schools.errors import unreadable
from api.schools.rules import RolloutModel, is_code, is_timezone, normal_code

COLUMNS = (
    "code",
    "sourced_id",
    "name",
    "network",
    "timezone",
    "enrollment",
    "teacher_count",
    "model",
    "first_bell",
    "wave",
)
REQUIRED = ("name", "network")
MOST_ROWS = 100_000
MOST_PEOPLE = 1_000_000
_SHOWN = 80
_DELIMITERS = ",;\t|"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NUMBER = re.compile(r"[0-9]{1,9}(?:\.0+)?")
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
class Row:
    """A row whose cells are all readable. None: the cell is empty, or the column absent."""

    row: int
    name: str
    network: str
    code: str | None = None
    sourced_id: str | None = None
    timezone: str | None = None
    enrollment: int | None = None
    teacher_count: int | None = None
    model: str | None = None
    first_bell: date | None = None
    wave: str | None = None


@dataclass(frozen=True, slots=True)
class File:
    """`rejected` counts the rows that have issues; one row may have several."""

    columns: frozenset[str]
    rows: list[Row] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    rejected: int = 0


def shown(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def decode(raw: bytes) -> str:
    """The text of a file, whichever way it was saved.

    A byte order mark decides; else UTF-16 shows by its zero bytes; else UTF-8 where it is valid
    and Windows-1252, then Latin-1, where it is not.
    """
    encoding, content = _encoding(raw)
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


def _encoding(raw: bytes) -> tuple[str, bytes]:
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


def parse(raw: bytes) -> File:
    """All rows of a file, checked cell by cell.

    Raises: FileUnreadable (422) naming the column or line; TooLarge beyond 100,000 rows.
    """
    text = decode(raw)
    nothing = unreadable("file-empty", "The file is empty; its first line names the columns.")
    # Asked first, since megabytes of nothing would otherwise be read as one endless cell.
    if not text.strip(" \t\r\n\x00\ufeff,;|"):
        raise nothing
    records = _records(text)
    _, header = next(records, (0, None))
    if header is None:
        raise nothing
    columns = _columns(header)
    used = {name: index for index, name in enumerate(columns) if name}
    file = File(frozenset(used))
    rejected = 0
    for line, cells in records:
        if len(file.rows) + rejected >= MOST_ROWS:
            raise TooLarge(f"A file may have {MOST_ROWS:,} rows; send this one in parts.")
        row = _row(line, cells, columns, used, file.issues)
        if row is None:
            rejected += 1
        else:
            file.rows.append(row)
    return File(file.columns, file.rows, file.issues, rejected)


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Records that are not blank, and the line each begins on; the header is the first."""
    lines = io.StringIO(text, newline="")
    skipped = 0
    header = ""
    for line in lines:
        # Excel's own hint, which is no row: `sep=;`.
        if line.strip() and not re.fullmatch(r"sep=.", line.strip(), re.IGNORECASE):
            header = line
            break
        skipped += 1
    # A header's cell may hold a line break too, so the reader starts at it and not after it.
    lines.seek(0)
    for _ in range(skipped):
        next(lines)
    reader = csv.reader(lines, delimiter=_delimiter(header), strict=True)
    begins = skipped + 1
    try:
        for cells in reader:
            if any(map(str.strip, cells)):
                yield begins, cells
            begins = skipped + reader.line_num + 1
    except csv.Error as error:
        raise unreadable(
            "quotes-broken",
            f"The row that begins on line {begins} cannot be read: a double quote in it is not"
            " closed, or is followed by more text. Close it, or double it where it is meant.",
        ) from error


def _delimiter(header: str) -> str:
    """The one that makes the most known columns of the header; a comma when none does."""

    def known(delimiter: str) -> int:
        return sum(_folded(cell) in COLUMNS for cell in header.split(delimiter))

    return max(_DELIMITERS, key=known)


def _folded(cell: str) -> str:
    return cell.strip(" \t\r\n\xa0\ufeff\"'").casefold()


def _columns(header: Sequence[str]) -> list[str]:
    """The columns' names, "" for one without; trailing ones without a name are dropped."""
    names = [_folded(cell) for cell in header]
    while names and not names[-1]:
        names.pop()
    if not set(names) & set(COLUMNS):
        # Not repeated: what is no header may be anything, a child's name too.
        raise unreadable(
            "header-missing",
            f"The first line names none of the columns; they are {', '.join(COLUMNS)}.",
        )
    problems = [
        f"There is no column {shown(cell.strip())!r}; the columns are {', '.join(COLUMNS)}."
        for cell, name in zip(header, names, strict=False)
        if name and name not in COLUMNS
    ]
    if problems:
        raise unreadable("column-unknown", *problems[:20])
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise unreadable(
            "column-twice", *(f"The column {name!r} is there twice." for name in twice)
        )
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise unreadable(
            "column-missing",
            *(f"The column {name!r} is missing from the first line." for name in missing),
        )
    return names


def _row(
    line: int,
    cells: list[str],
    columns: Sequence[str],
    used: dict[str, int],
    issues: list[Issue],
) -> Row | None:
    """The row, or None with its issues added."""
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
    for name, index in used.items():
        cell = cells[index]
        if not cell:
            if name in REQUIRED:
                issues.append(Issue(line, name, "required", "", "something in this cell"))
            continue
        if _CONTROL.search(cell):
            got = shown(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", cell))
            expected = "one line without control characters"
            issues.append(Issue(line, name, "control-character", got, expected))
            continue
        read, code, expected = _READERS[name]
        try:
            values[name] = read(cell)
        except ValueError:
            issues.append(Issue(line, name, code, shown(cell), expected))
    return Row(row=line, **values) if len(issues) == before else None


def _text(longest: int) -> Callable[[str], str]:
    def read(cell: str) -> str:
        if len(cell) > longest:
            raise ValueError(cell)
        return cell

    return read


def _code(cell: str) -> str:
    code = normal_code(cell)
    if not is_code(code):
        raise ValueError(cell)
    return code


def _timezone(cell: str) -> str:
    if not is_timezone(cell):
        raise ValueError(cell)
    return cell


def _people(cell: str) -> int:
    if not _NUMBER.fullmatch(cell) or int(cell.partition(".")[0]) > MOST_PEOPLE:
        raise ValueError(cell)
    return int(cell.partition(".")[0])


def _model(cell: str) -> str:
    return RolloutModel(re.sub(r"[ -]", "_", cell.casefold())).value


def _day(cell: str) -> date:
    # The library's own reading also takes week dates, which no office means.
    if not _DAY.fullmatch(cell):
        raise ValueError(cell)
    return date.fromisoformat(cell)


_COUNT = f"a whole number from 0 to {MOST_PEOPLE}"
# column: (how to read a cell, the issue's code, what was expected)
_READERS: dict[str, tuple[Callable[[str], Any], str, str]] = {
    "code": (
        _code,
        "code-invalid",
        "1 to 40 letters, digits and hyphens, no hyphen first, not written like an id",
    ),
    "sourced_id": (_text(100), "too-long", "at most 100 characters"),
    "name": (_text(200), "too-long", "at most 200 characters"),
    "network": (_text(100), "too-long", "a network's code"),
    "timezone": (_timezone, "timezone-unknown", "an IANA name such as America/Chicago"),
    "enrollment": (_people, "number-invalid", _COUNT),
    "teacher_count": (_people, "number-invalid", _COUNT),
    "model": (_model, "model-unknown", " or ".join(model.value for model in RolloutModel)),
    "first_bell": (_day, "date-invalid", "a day such as 2027-08-23"),
    "wave": (_text(100), "too-long", "at most 100 characters"),
}
