"""The native CSV: our own columns in any order, those nobody knows refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from api.accounts.reading.cells import Judge
from api.accounts.reading.rows import COLUMNS, REQUIRED, Batch, Issue, Roster, gathered
from api.accounts.reading.table import Even, Table
from api.accounts.reading.text import Text
from api.schools.csv_table import Reader, Shape, columns_of, folded

# The columns that a file of rejected rows has besides; it may be sent again as it is.
EXPLAINING = ("error_row", "error_column", "error_code", "error_expected")
_ANY = Reader(str, "", "")
_SHAPE = Shape(readers=dict.fromkeys(COLUMNS, _ANY), required=REQUIRED, most_rows=0)


def read_native(text: Text, blocks: Iterable[str]) -> Roster:
    """Raises: FileUnreadable naming the column or line, here and while batches are iterated."""
    table = Table(blocks, _SHAPE.readers)
    names = names_of(table.header)
    details = {"delimiter": table.delimiter}
    return Roster(
        format="csv",
        columns=frozenset(name for name in names if name in COLUMNS),
        batches=gathered(_batches(text, table, names, details)),
        details=details,
    )


def names_of(header: Sequence[str]) -> list[str]:
    """The columns' names; those that explain a rejected row keep theirs."""
    explaining = [name if (name := folded(cell)) in EXPLAINING else "" for cell in header]
    own = ["" if said else cell for said, cell in zip(explaining, header, strict=True)]
    names = columns_of(own, _SHAPE)
    names += [""] * (len(header) - len(names))
    names = [said or name for said, name in zip(explaining, names, strict=True)]
    while not names[-1]:
        names.pop()
    return names


def _batches(
    text: Text, table: Table, names: Sequence[str], details: dict[str, str]
) -> Iterator[Batch]:
    even = Even(names, "")
    judge = Judge()
    for records in table:
        issues: list[Issue] = []
        numbers, rows = even(records, issues)
        columns = dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else {}
        cells = {name: columns[name] for name in COLUMNS if name in columns}
        kept, wrong = judge.rows(numbers, cells)
        yield Batch(kept, [], issues + wrong, text.bytes_read)
    # Only now: the first letter that shows the encoding may be the last of the file.
    details["encoding"] = text.encoding
