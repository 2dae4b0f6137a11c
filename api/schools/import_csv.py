"""A file of schools, row by row. Pure: bytes in, checked rows and issues out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date

from api.schools.csv_table import (
    Issue,
    Reader,
    Shape,
    day_cell,
    read_table,
    text_cell,
    whole_number,
)
from api.schools.rules import RolloutModel, is_code, is_timezone, normal_code

MOST_ROWS = 100_000
MOST_PEOPLE = 1_000_000


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


def parse(raw: bytes) -> File:
    """All rows of a file, checked cell by cell.

    Raises: FileUnreadable (422) naming the column or line; TooLarge beyond 100,000 rows.
    """
    table = read_table(raw, SHAPE)
    rows = [Row(row=line, **values) for line, values in table.rows]
    return File(table.columns, rows, table.issues, table.rejected)


def _code(cell: str) -> str:
    code = normal_code(cell)
    if not is_code(code):
        raise ValueError(cell)
    return code


def _timezone(cell: str) -> str:
    if not is_timezone(cell):
        raise ValueError(cell)
    return cell


def _model(cell: str) -> str:
    return RolloutModel(re.sub(r"[ -]", "_", cell.casefold())).value


_PEOPLE = Reader(
    whole_number(0, MOST_PEOPLE), "number-invalid", f"a whole number from 0 to {MOST_PEOPLE}"
)
SHAPE = Shape(
    readers={
        "code": Reader(
            _code,
            "code-invalid",
            "1 to 40 letters, digits and hyphens, no hyphen first, not written like an id",
        ),
        "sourced_id": Reader(text_cell(100), "too-long", "at most 100 characters"),
        "name": Reader(text_cell(200), "too-long", "at most 200 characters"),
        "network": Reader(text_cell(100), "too-long", "a network's code"),
        "timezone": Reader(_timezone, "timezone-unknown", "an IANA name such as America/Chicago"),
        "enrollment": _PEOPLE,
        "teacher_count": _PEOPLE,
        "model": Reader(
            _model, "model-unknown", " or ".join(model.value for model in RolloutModel)
        ),
        "first_bell": Reader(day_cell, "date-invalid", "a day such as 2027-08-23"),
        "wave": Reader(text_cell(100), "too-long", "at most 100 characters"),
    },
    required=("name", "network"),
    most_rows=MOST_ROWS,
)
COLUMNS = tuple(SHAPE.readers)
