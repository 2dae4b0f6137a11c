"""An upload on its way into a table of its run's own: read in a thread, copied by the piece.

The table is unlogged: what a crash of the database empties is made again from the upload, which
is durable. It is gone when the run ends.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, repeat
from operator import lt
from typing import Any, LiteralString, NamedTuple, cast
from uuid import UUID

from psycopg import AsyncConnection, sql

from api.accounts.places import Places, Refused
from api.accounts.reading import Issue, Roster, Row, StaffRow
from api.accounts.running import Tables
from api.accounts.username_rules import Namer

_MAKE: tuple[LiteralString, ...] = (
    "DROP TABLE IF EXISTS {table}, {staff}",
    """
CREATE UNLOGGED TABLE {table} (number int NOT NULL, sourced_id text COLLATE "C" NOT NULL,
  school_id uuid, given_name text, family_name text, grade smallint, username text COLLATE "C",
  email text, deleted bool NOT NULL, modified_at timestamptz, username_base text COLLATE "C",
  faulty bool NOT NULL) WITH (autovacuum_enabled = false)""",
    """
CREATE UNLOGGED TABLE {staff} (number int NOT NULL, file text NOT NULL, sourced_id text NOT NULL,
  school_id uuid, given_name text, family_name text, email text, role text,
  deleted bool NOT NULL, modified_at timestamptz) WITH (autovacuum_enabled = false)""",
)
# The reader refuses control characters, so only a backslash has to be escaped. Frozen rows need
# no second visit by whoever reads them first.
_COPY: LiteralString = "COPY {table} FROM STDIN (FORMAT TEXT, DELIMITER E'\\x01', NULL '', FREEZE)"
_COPY_STAFF: LiteralString = "COPY {staff} FROM STDIN"
_COPY_ISSUES: LiteralString = (
    "COPY account_import_issues (import_id, file, row_number, column_name, code, got, expected)"
    " FROM STDIN"
)
_FORGET: LiteralString = "DELETE FROM account_import_issues WHERE import_id = %s"

_GRADES = {None: ""} | {grade: str(grade) for grade in range(-1, 13)}

# Called with the upload's bytes read, rows and rejected rows so far.
Told = Callable[[int, int, int], Awaitable[None]]


@dataclass(slots=True)
class _Piece:
    """Some thousand rows, ready to be copied."""

    text: bytes
    rows: int
    unstaged: int
    unidentified: int
    staff: list[tuple[Any, ...]]
    issues: list[Issue]
    bytes_read: int


class Readers(NamedTuple):
    """What rows are read with; without a namer none is given a name while it is staged."""

    places: Places
    namer: Namer | None


@dataclass(frozen=True, slots=True)
class Staged:
    """How many rows are in the table, how many the file has, how many are refused already, and
    how many of those say of nobody that they are there. `rising`: each id is above the last, so
    none is there twice.
    """

    rows: int
    total: int
    rejected: int
    unidentified: int
    rising: bool


class _Ids:
    """Whether sourced ids only rise, as in a file that was written in their order."""

    def __init__(self) -> None:
        self.rising = True
        self._last = ""

    def look_at(self, ids: Sequence[str]) -> None:
        self.rising = (
            self.rising and self._last < ids[0] and all(map(lt, ids, islice(ids, 1, None)))
        )
        self._last = ids[-1]


async def stage(
    connection: AsyncConnection[Any],
    import_id: UUID,
    tables: Tables,
    roster: Roster,
    readers: Readers,
    told: Told,
) -> Staged:
    """Fill the run's own tables and the issues of its reader, in the caller's transaction.

    One piece is read while the one before it is copied.
    Raises: FileUnreadable where the rest of the file cannot be trusted.
    """
    for statement in _MAKE:
        await connection.execute(_filled(statement, tables))
    await connection.execute(_FORGET, (import_id,))
    rows = total = rejected = unidentified = 0
    ids = _Ids()
    async for piece in _ahead(_pieces(roster, readers, ids)):
        if piece.text:
            async with connection.cursor().copy(_filled(_COPY, tables)) as copy:
                await copy.write(piece.text)
        if piece.staff:
            await _copy_rows(connection, _filled(_COPY_STAFF, tables), piece.staff)
        if piece.issues:
            issues = [_issue(import_id, one) for one in piece.issues]
            await _copy_rows(connection, sql.SQL(_COPY_ISSUES), issues)
        rows += piece.rows
        total += piece.rows + piece.unstaged
        rejected += len(piece.issues)
        unidentified += piece.unidentified
        await told(piece.bytes_read, total, rejected)
    await connection.execute(_filled("ANALYZE {table}", tables))
    return Staged(rows, total, rejected, unidentified, ids.rising)


async def drop_tables(connection: AsyncConnection[Any], tables: Tables) -> None:
    await connection.execute(_filled(_MAKE[0], tables))


async def count_rows(connection: AsyncConnection[Any], tables: Tables) -> int | None:
    """Rows in the run's table; null where there is none."""
    name = tables.rows.as_string()
    found = await connection.execute("SELECT to_regclass(%s)", (name,))
    if (await found.fetchone()) == (None,):
        return None
    counted = await connection.execute(_filled("SELECT count(*) FROM {table}", tables))
    row = await counted.fetchone()
    return int(row[0]) if row else None


def _filled(statement: LiteralString, tables: Tables) -> sql.Composed:
    return sql.SQL(statement).format(table=tables.rows, staff=tables.staff)


async def _copy_rows(
    connection: AsyncConnection[Any], statement: sql.SQL | sql.Composed, rows: list[tuple[Any, ...]]
) -> None:
    async with connection.cursor().copy(statement) as copy:
        for row in rows:
            await copy.write_row(row)


async def _ahead(pieces: Iterator[_Piece]) -> AsyncIterator[_Piece]:
    """The pieces, each made in a thread while the one before is in use."""
    making = asyncio.create_task(asyncio.to_thread(next, pieces, None))
    try:
        while (piece := await making) is not None:
            making = asyncio.create_task(asyncio.to_thread(next, pieces, None))
            yield piece
    finally:
        # Whoever closes what the thread reads from has to wait until it has stopped.
        with contextlib.suppress(Exception):
            await making


def _pieces(roster: Roster, readers: Readers, ids: _Ids) -> Iterator[_Piece]:
    for batch in roster.batches:
        if batch.rows:
            ids.look_at([row[1] for row in batch.rows])
        staff, issues = _staff(batch.staff, readers.places)
        issues += batch.issues
        refused = [one for one in issues if one.sourced_id]
        unstaged = len(issues) - len(refused)
        lost = sum(not one.sourced_id and one.file == roster.people_file for one in issues)
        lines = list(map(_refused_line, refused))
        lines += _lines(batch.rows, readers, roster.people_file, issues)
        text = "".join(lines)
        if "\\" in text:
            text = text.replace("\\", "\\\\")
        counts = (len(lines), unstaged, lost)
        yield _Piece(text.encode(), *counts, staff, issues, batch.bytes_read)


def _lines(rows: Sequence[Row], readers: Readers, file: str, issues: list[Issue]) -> Iterable[str]:
    """Rows as COPY takes them; one whose school is refused is kept, marked, with its issue.

    Made by the column, which takes half the time of making them row by row.
    """
    if not rows:
        return ()
    numbers, ids, schools, given, family, grades, usernames, emails, deleted, moments = zip(
        *rows, strict=True
    )
    places: list[str | Refused] = list(map(readers.places.__getitem__, schools))
    faulty: Iterable[str] = repeat("f\n")
    if Refused in set(map(type, places)):
        faulty = ["t\n" if isinstance(place, Refused) else "f\n" for place in places]
        for index, place in enumerate(places):
            if isinstance(place, Refused):
                issues.append(Issue(numbers[index], "school", *place, file))
                places[index] = ""
    bases: Iterable[str] = repeat("")
    if readers.namer is not None:
        bases = readers.namer.names(given, family, grades, ids)
    return map(
        "\x01".join,
        zip(
            map(str, numbers),
            ids,
            cast("list[str]", places),
            _texts(given),
            _texts(family),
            map(_GRADES.__getitem__, grades),
            _texts(usernames),
            _texts(emails),
            ["t" if one else "f" for one in deleted] if True in deleted else repeat("f"),
            ["" if one is None else str(one) for one in moments] if any(moments) else repeat(""),
            bases,
            faulty,
            # What is the same in every row is repeated without end.
            strict=False,
        ),
    )


def _texts(column: Sequence[str | None]) -> Iterable[str]:
    """A column with nothing where there is none."""
    if None not in column:
        return cast("Sequence[str]", column)
    return [text or "" for text in column] if any(column) else repeat("")


def _refused_line(one: Issue) -> str:
    """A row that says no more than that its student is there."""
    return f"{one.row}\x01{one.sourced_id}" + "\x01" * 7 + "f" + "\x01" * 3 + "t\n"


def _staff(rows: Iterable[StaffRow], places: Places) -> tuple[list[tuple[Any, ...]], list[Issue]]:
    staff, issues = [], []
    for one in rows:
        place = places[one.school]
        if isinstance(place, Refused):
            issues.append(Issue(one.number, "school", *place, one.file))
        else:
            name = (one.given_name, one.family_name)
            said = (place or None, *name, one.email, one.role, one.deleted, one.modified_at)
            staff.append((one.number, one.file, one.sourced_id, *said))
    return staff, issues


def _issue(import_id: UUID, one: Issue) -> tuple[Any, ...]:
    return (import_id, one.file, one.row, one.column, one.code, one.got, one.expected)
