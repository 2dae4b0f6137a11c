"""The rejected rows of a run as CSV, made again from its upload: to be corrected and sent again.

They are kept nowhere but in the upload, so they go when it goes.
"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import NamedTuple
from uuid import UUID

from api.accounts.errors import UploadGone
from api.accounts.reading import COLUMNS, Batch, Issue, Row
from api.accounts.reading.cells import told
from api.accounts.reading.native import EXPLAINING
from api.accounts.stored import Upload, open_roster
from api.db.pool import Database
from api.schools.errors import FileUnreadable

_IS_KEPT = b"SELECT EXISTS (SELECT FROM account_import_chunks WHERE import_id = %s)"
_EXPLAINED = (
    b"SELECT row_number, column_name, code, expected FROM account_import_issues"
    b" WHERE import_id = %s AND file = %s AND row_number BETWEEN %s AND %s"
)
# What a spreadsheet takes for the beginning of a formula; the reader takes the quote off again.
_FORMULAS = tuple("=+-@\t\r\N{FULLWIDTH EQUALS SIGN}")


class _Why(NamedTuple):
    row: int
    column: str | None
    code: str
    expected: str


async def rejected_csv(database: Database, import_id: UUID) -> AsyncIterator[bytes]:
    """The file in pieces: the columns that the roster has, and why each row was refused.

    Rows that are no students', or that ask for a deletion, are only among the issues: sent again
    as CSV they would mean something else.

    Raises: UploadGone, before the first piece.
    """
    async with database.raw() as connection:
        found = await connection.execute(_IS_KEPT, (import_id,))
        if (await found.fetchone()) != (True,):
            raise UploadGone(
                "The upload is not kept any more; the issues still say what was wrong."
            )
    return _pieces(database, import_id)


async def _pieces(database: Database, import_id: UUID) -> AsyncIterator[bytes]:
    spool = None
    try:
        roster, spool = await asyncio.to_thread(open_roster, Upload(database, import_id))
        columns = [name for name in COLUMNS if name in roster.columns]
        yield _written([[*columns, *EXPLAINING]], "utf-8-sig")
        while (batch := await asyncio.to_thread(next, roster.batches, None)) is not None:
            numbers = [row[0] for row in batch.rows] + [one.row for one in batch.issues]
            if not numbers:
                continue
            span = (min(numbers), max(numbers))
            reasons = await _explained(database, import_id, roster.people_file, span)
            if reasons:
                yield _written(_lines(batch, roster.people_file, columns, reasons))
    except FileUnreadable:
        # The run ended where the file did; what was read up to there is all that was refused.
        return
    finally:
        if spool is not None:
            spool.close()


async def _explained(
    database: Database, import_id: UUID, file: str, span: tuple[int, int]
) -> dict[int, _Why]:
    async with database.raw() as connection:
        found = await connection.execute(_EXPLAINED, (import_id, file, *span))
        return {row[0]: _Why(*row) for row in await found.fetchall()}


def _lines(
    batch: Batch, file: str, columns: Iterable[str], reasons: Mapping[int, _Why]
) -> list[list[str]]:
    """The rows that were refused, by the reader or afterwards, in the order of the file."""
    places = [COLUMNS.index(name) for name in columns]
    cells = sorted(_refused(batch.rows, batch.issues, file, reasons))
    return [
        [*(kept[place] for place in places), *map(_text, reasons[number])] for number, kept in cells
    ]


def _refused(
    rows: Iterable[Row], issues: Iterable[Issue], file: str, reasons: Mapping[int, _Why]
) -> Iterator[tuple[int, tuple[str, ...]]]:
    for row in rows:
        if row[0] in reasons and not row[8]:
            yield row[0], tuple(map(told, COLUMNS, row[1:]))
    for one in issues:
        if one.cells is not None and one.file == file and one.row in reasons:
            yield one.row, one.cells


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _written(lines: Iterable[Iterable[str]], encoding: str = "utf-8") -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([_guarded(cell) for cell in line] for line in lines)
    return out.getvalue().encode(encoding)


def _guarded(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULAS) else cell
