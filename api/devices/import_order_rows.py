"""A file of orders, a row for each line and school. Pure: bytes in, checked rows and issues out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from api.devices.rules import CountsAs
from api.schools.csv_table import (
    Issue,
    Reader,
    Shape,
    day_cell,
    read_table,
    text_cell,
    whole_number,
)

MOST_ROWS = 100_000
MOST_PIECES = 10_000_000
MOST_CENTS = 10**15


@dataclass(frozen=True, slots=True)
class Row:
    """`quantity` is the school's share of the line, `line_quantity` what is ordered of it in all.
    None: the cell is empty, or the column absent.
    """

    row: int
    vendor: str
    number: str
    sku: str
    school: str
    quantity: int
    line_quantity: int | None = None
    description: str | None = None
    unit_price_cents: int | None = None
    counts_as: str | None = None
    promised_on: date | None = None


@dataclass(frozen=True, slots=True)
class File:
    """`rejected` counts the rows that have issues; one row may have several."""

    rows: list[Row]
    issues: list[Issue]
    rejected: int


def parse(raw: bytes) -> File:
    """All rows of a file, checked cell by cell.

    Raises: FileUnreadable (422) naming the column or line; TooLarge beyond 100,000 rows.
    """
    table = read_table(raw, SHAPE)
    rows = [Row(row=line, **values) for line, values in table.rows]
    return File(rows, table.issues, table.rejected)


def _counts_as(cell: str) -> str:
    return CountsAs(cell.casefold().replace(" ", "_").replace("-", "_")).value


def _day(cell: str) -> date:
    day = day_cell(cell)
    # Beyond these years a date is a typing error.
    if not 2000 <= day.year <= 2100:
        raise ValueError(cell)
    return day


SHAPE = Shape(
    readers={
        "vendor": Reader(text_cell(100), "too-long", "a seller's slug"),
        "number": Reader(text_cell(100), "too-long", "at most 100 characters"),
        "sku": Reader(text_cell(100), "too-long", "at most 100 characters"),
        "school": Reader(text_cell(100), "too-long", "a school's code"),
        "quantity": Reader(
            whole_number(0, MOST_PIECES), "number-invalid", f"a whole number up to {MOST_PIECES}"
        ),
        "line_quantity": Reader(
            whole_number(1, MOST_PIECES),
            "number-invalid",
            f"a whole number from 1 to {MOST_PIECES}",
        ),
        "description": Reader(text_cell(200), "too-long", "at most 200 characters"),
        "unit_price_cents": Reader(
            whole_number(0, MOST_CENTS), "number-invalid", "a whole number of cents"
        ),
        "counts_as": Reader(
            _counts_as, "counts-as-unknown", " or ".join(kind.value for kind in CountsAs)
        ),
        "promised_on": Reader(_day, "date-invalid", "a day such as 2027-08-13"),
    },
    required=("vendor", "number", "sku", "school", "quantity"),
    most_rows=MOST_ROWS,
)
