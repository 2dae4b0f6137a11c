"""Cells into values, a column at a time: what is common is looked up, what is unique matched.

A wrong cell is a Fault in its place, so that a batch of right ones is never looked at twice.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import repeat
from typing import Any, NamedTuple, cast

from api.accounts.reading.rows import COLUMNS, LONGEST_CELL, ROW_FIELDS, Issue, Row
from api.schools.csv_table import CONTROL, shown

# Half a byte pair: bytes that were no letter of the file's encoding, or JSON that names one.
_BROKEN = re.compile(r"[\ud800-\udfff]")
# The quote that keeps a spreadsheet from taking a cell for a formula; no name begins like this.
_GUARD = re.compile("^'(?=[=+\\-@\\t\\r\N{FULLWIDTH EQUALS SIGN}])")
_LONGEST_KEY = 255
_MOST_REMEMBERED = 50_000
_GRADES = {"PK": -1, "K": 0, "KG": 0} | {
    text: grade for grade in range(1, 13) for text in (str(grade), f"{grade:02}")
}
_GRADE_NAMES: dict[object, str] = {-1: "PK", 0: "K"}
GRADES = "PK, K or 1 to 12"
# As state lists (CEDS) and Clever name them; transitional kindergarten is the year before it.
_WORDS = _GRADES | {
    "TK": -1,
    "PRESCHOOL": -1,
    "PREKINDERGARTEN": -1,
    "TRANSITIONALKINDERGARTEN": -1,
    "KINDERGARTEN": 0,
}
_OUTSIDE = (
    "IT PR 13 UG PS PS1 PS2 PS3 PS4 AE OTHER UNGRADED INFANTTODDLER POSTGRADUATE UNDERGRADUATE"
    " GRADUATE ADULT ADULTEDUCATION"
)
_NO_GRADE = frozenset(_OUTSIDE.split())
_STATUSES = {"active": False, "tobedeleted": True, "inactive": True}


class Fault(NamedTuple):
    code: str
    got: str
    expected: str


def clean(cell: str) -> str | Fault:
    """A cell without what surrounds it, composed (NFC), in one line of letters."""
    cell = _GUARD.sub("", cell.strip())
    if cell.isascii() and cell.isprintable():
        return cell
    if _BROKEN.search(cell):
        got = shown(_BROKEN.sub("\N{REPLACEMENT CHARACTER}", cell))
        return Fault("encoding-broken", got, "text in the file's encoding; save it as UTF-8")
    if CONTROL.search(cell):
        got = shown(CONTROL.sub("\N{REPLACEMENT CHARACTER}", cell))
        return Fault("control-character", got, "one line without control characters")
    return unicodedata.normalize("NFC", cell)


def _text(longest: int) -> Callable[[str], str | Fault]:
    def read(cell: str) -> str | Fault:
        if len(cell) <= longest:
            return cell
        return Fault("too-long", shown(cell), f"at most {longest} characters")

    return read


_key = _text(_LONGEST_KEY)


def _grade(cell: str) -> int | Fault:
    found = _GRADES.get(cell.upper())
    return Fault("grade-unknown", shown(cell), GRADES) if found is None else found


class LooseGrade:
    """The first of a list of grades, in the words of any system; `left_out` are those before
    preschool, after grade 12 or outside of all, which an account has no grade for.
    """

    def __init__(self) -> None:
        self.left_out: set[str] = set()

    def __call__(self, cell: str) -> int | Fault | None:
        for one in filter(None, map(str.strip, cell.upper().split(","))):
            if one in _WORDS:
                return _WORDS[one]
            if one not in _NO_GRADE:
                return Fault("grade-unknown", shown(cell), GRADES)
            self.left_out.add(one)
        return None


def _deleted(cell: str) -> bool | Fault:
    found = _STATUSES.get(cell.casefold())
    return Fault("status-unknown", shown(cell), "active or tobedeleted") if found is None else found


def leaving(cells: Collection[str]) -> list[bool]:
    """Of a column `deleted`, whose rows say that they leave; empty where nobody's does."""
    gone = {cell for cell in set(cells) if _STATUSES.get(cell.strip().casefold())}
    return [cell in gone for cell in cells] if gone else []


def _moment(cell: str) -> datetime | Fault:
    try:
        moment = datetime.fromisoformat(cell)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return Fault("not-a-moment", shown(cell), "a moment such as 2027-08-23T06:00:00.000Z")


_USERNAME = re.compile(r"[^\s@,;:\"<>()\[\]\\]{1,64}(?:@[^\s@,;:\"<>()\[\]\\]{1,48})?")
_EMAIL = re.compile(r"[^\s@,;:\"<>()\[\]\\]{1,64}@[^\s@,;:\"<>()\[\]\\]{1,190}")


def _matching(pattern: re.Pattern[str], code: str, expected: str) -> Callable[[str], str | Fault]:
    def read(cell: str) -> str | Fault:
        return cell if pattern.fullmatch(cell) else Fault(code, shown(cell), expected)

    return read


class Known(dict[Any, Any]):
    """What each cell of a column with few different ones means."""

    def __init__(
        self, read: Callable[[str], Any], required: bool = False, empty: Any = None
    ) -> None:
        super().__init__()
        self._read = read
        self._required = required
        self._empty = empty
        self.faulty = False

    def values_of(self, cells: Iterable[str | None]) -> list[Any]:
        self.faulty = False
        return list(map(self.__getitem__, cells))

    def __missing__(self, cell: str | None) -> Any:
        value = judge(cell, self._read, self._required)
        if isinstance(value, Fault):
            # Not remembered: a fault is to be noticed each time.
            self.faulty = True
            return value
        value = self._empty if value is None else value
        if cell is not None and len(cell) > LONGEST_CELL:
            return value
        if len(self) >= _MOST_REMEMBERED:
            self.clear()
        self[cell] = value
        return value


class Unique:
    """A column whose cells differ from row to row; plain ones pass together."""

    def __init__(
        self,
        read: Callable[[str], Any],
        required: bool,
        longest: int,
        pattern: re.Pattern[str] | None = None,
    ) -> None:
        self._read = read
        self._required = required
        self._longest = longest
        self._pattern = pattern
        self.faulty = False

    def values_of(self, cells: Sequence[str | None]) -> list[Any]:
        self.faulty = False
        try:
            values = list(map(str.strip, cast("Sequence[str]", cells)))
        except TypeError:
            return self._slowly(cells)
        if not self._plain(values):
            return self._slowly(cells)
        return values if self._required else [value or None for value in values]

    def _plain(self, values: list[str]) -> bool:
        joined = "".join(values)
        if not (joined.isascii() and joined.isprintable()) or "'" in joined:
            return False
        if self._required and not all(values):
            return False
        if max(map(len, values), default=0) > self._longest:
            return False
        return self._pattern is None or all(map(self._pattern.fullmatch, filter(None, values)))

    def _slowly(self, cells: Sequence[str | None]) -> list[Any]:
        values = [judge(cell, self._read, self._required) for cell in cells]
        self.faulty = any(isinstance(value, Fault) for value in values)
        return values


def judge(cell: str | None, read: Callable[[str], Any], required: bool) -> Any:
    """The value of a cell, a Fault, or None where it is empty or (None) not said at all."""
    if cell is None:
        return None
    cleaned = clean(cell)
    if isinstance(cleaned, Fault):
        return cleaned
    if not cleaned:
        return Fault("required", "", "something in this cell") if required else None
    return read(cleaned)


def key_of(cell: str) -> str | None:
    """A sourced id, null where the cell is none."""
    key = judge(cell, _key, required=True)
    return key if isinstance(key, str) else None


def _readers(required: Iterable[str], grade: Callable[[str], Any]) -> dict[str, Known | Unique]:
    needed = set(required)
    username = _matching(_USERNAME, "username-malformed", "a name to sign in with, without spaces")
    email = _matching(_EMAIL, "email-malformed", "an e-mail address such as name@example.org")
    return {
        "sourced_id": Unique(_key, required=True, longest=_LONGEST_KEY),
        "school": Known(_text(255), "school" in needed),
        "given_name": Known(_text(100), "given_name" in needed),
        "family_name": Known(_text(100), "family_name" in needed),
        "grade": Known(grade),
        "username": Unique(username, "username" in needed, 113, _USERNAME),
        "email": Unique(email, "email" in needed, 255, _EMAIL),
        "deleted": Known(_deleted, empty=False),
        "modified_at": Known(_moment),
    }


class Judge:
    """Makes rows of columns of cells; `file` and the columns' `labels` are told in the issues.

    `resendable` says that a rejected row may be sent again as a student's.
    """

    def __init__(
        self,
        file: str = "",
        required: Iterable[str] = ("sourced_id", "school", "given_name", "family_name"),
        labels: Mapping[str, str] | None = None,
        grade: Callable[[str], Any] = _grade,
        *,
        resendable: bool = True,
    ) -> None:
        self._file = file
        self._resendable = resendable
        self._readers = _readers(required, grade)
        self._labels = labels or {}

    def rows(
        self, numbers: Sequence[int], cells: Mapping[str, Sequence[Any]]
    ) -> tuple[list[Row], list[Issue]]:
        """Rows in the order given; a column that is not among `cells` is not said throughout."""
        values: list[Iterable[Any]] = []
        faulty: list[tuple[str, list[Any]]] = []
        for name in ROW_FIELDS[1:]:
            if name not in cells:
                values.append(repeat(False if name == "deleted" else None))
                continue
            reader = self._readers[name]
            column = reader.values_of(cells[name])
            values.append(column)
            if reader.faulty:
                faulty.append((name, column))
        # strict=False: what the file does not say repeats without end.
        rows = cast("list[Row]", list(zip(numbers, *values, strict=False)))
        if not faulty:
            return rows, []
        return self._without(rows, faulty, cells)

    def _without(
        self,
        rows: list[Row],
        faulty: list[tuple[str, list[Any]]],
        cells: Mapping[str, Sequence[Any]],
    ) -> tuple[list[Row], list[Issue]]:
        """The right rows, and each wrong one's first fault unless the row is blank."""
        found: dict[int, tuple[str, Fault]] = {}
        for name, column in faulty:
            for index, value in enumerate(column):
                if type(value) is Fault:
                    found.setdefault(index, (name, value))
        issues = [
            Issue(
                rows[index][0],
                self._labels.get(name, name),
                *fault,
                self._file,
                _whose(rows[index]),
                self._cells(rows[index], index, cells),
            )
            for index, (name, fault) in sorted(found.items())
            if any((column[index] or "").strip() for column in cells.values())
        ]
        return [row for index, row in enumerate(rows) if index not in found], issues

    def _cells(
        self, row: Row, index: int, cells: Mapping[str, Sequence[Any]]
    ) -> tuple[str, ...] | None:
        """The row as it may be sent again: what is wrong as it came, the rest as it was read."""
        if not self._resendable or row[8]:
            return None
        return tuple(
            str(cells[name][index]).strip()[:LONGEST_CELL]
            if isinstance(value, Fault)
            else told(name, value)
            for name, value in zip(COLUMNS, cast("Sequence[object]", row[1:8]), strict=True)
        )


def _whose(row: Row) -> str | None:
    """The student of a row that may have faults in place of values."""
    return row[1] if type(row[1]) is str else None


def told(column: str, value: object) -> str:
    """A value as the native CSV has it."""
    if value is None:
        return ""
    return _GRADE_NAMES.get(value, str(value)) if column == "grade" else str(value)
