"""Rows out of PostgreSQL as lines of CSV, a block at a time; the server writes the CSV."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from sqlalchemy import Dialect, Select
from sqlalchemy.dialects.postgresql import psycopg as dialect

from api.accounts.exports.apple_lines import COMMA, QUOTE, apple_lines

# Lines of a block: some hundred kilobytes.
BLOCK = 4_000
# How a line ends here. A cell has no line break in it, so each may be made another afterwards.
END = b"\n"
# What Apple's quoting stands in for; cells come as they are.
_FOR_APPLE = b", DELIMITER E'" + COMMA + b"', QUOTE E'" + QUOTE + b"'"
_DIALECT: Dialect = dialect.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy's own
Reveal = Callable[[UUID, bytes], str]


async def copied(
    connection: AsyncConnection[Any], rows: Select[Any], expected: int = 0, *, apple: bool = False
) -> AsyncIterator[list[bytes]]:
    """The rows of a select as lines of CSV, or as `apple` has them; at least `expected` of them."""
    query, values = _written(rows)
    copy = b"COPY (" + query + b") TO STDOUT (FORMAT csv" + (_FOR_APPLE if apple else b"") + b")"
    async with connection.cursor() as cursor, cursor.copy(copy, values) as out:
        block: list[bytes] = []
        while line := await out.read():
            block.append(bytes(line))
            expected -= 1
            # What has come is taken at once: awaiting each line took most of the time. Never the
            # end, which the cursor has to see itself.
            some = _arrived(connection, min(expected, BLOCK))
            block += some
            expected -= len(some)
            if len(block) >= BLOCK:
                yield apple_lines(block) if apple else block
                block = []
        if block:
            yield apple_lines(block) if apple else block


def _arrived(connection: AsyncConnection[Any], most: int) -> list[bytes]:
    """Lines that need not be waited for."""
    lines: list[bytes] = []
    take = connection.pgconn.get_copy_data
    while len(lines) < most:
        size, line = take(1)
        if size <= 0:
            break
        lines.append(bytes(line))
    return lines


async def revealed(
    connection: AsyncConnection[Any],
    rows: Select[Any],
    place: int,
    instead: str | None,
    reveal: Reveal,
) -> AsyncIterator[list[bytes]]:
    """The same of a select whose last two columns are an account's id and its sealed password.

    The password is put at `place`, or what stands `instead` where there is none.
    """
    query, values = _written(rows)
    async with connection.cursor(name="export", binary=True) as cursor:
        await cursor.execute(query, values)
        while found := await cursor.fetchmany(BLOCK):
            yield await asyncio.to_thread(_revealed, found, place, instead, reveal)


def _revealed(
    rows: Sequence[Sequence[Any]], place: int, instead: str | None, reveal: Reveal
) -> list[bytes]:
    lines = []
    for *cells, account_id, sealed in rows:
        cells[place] = instead if sealed is None else reveal(account_id, sealed)
        lines.append(cells)
    return csv_lines(lines)


class _Lines(list[bytes]):
    def write(self, line: str) -> None:
        self.append(line.encode())


def csv_lines(rows: Sequence[Sequence[Any]]) -> list[bytes]:
    """Rows as lines of CSV, quoted where PostgreSQL would."""
    lines = _Lines()
    csv.writer(lines, lineterminator=END.decode()).writerows(rows)
    return lines


def _written(statement: Select[Any]) -> tuple[bytes, dict[str, Any]]:
    """A statement and its values as psycopg takes them."""
    compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    return str(compiled).encode(), dict(compiled.params)
