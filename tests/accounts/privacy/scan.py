"""Looking for a word in everything a database holds, packed or not."""

from __future__ import annotations

import contextlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import orjson
from psycopg import sql

from api.db.pool import Database

_TABLES = b"""
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname !~ '^pg_toast' ORDER BY 1, 2
"""


async def tables_naming(database: Database, word: str) -> set[str]:
    """Every table that has the word in some row, whatever its case, in text, JSON or bytes."""
    found = set()
    async with database.pool.connection() as connection:
        tables = await (await connection.execute(_TABLES)).fetchall()
        assert {"accounts", "account_import_chunks", "procrastinate_jobs"} <= {t[1] for t in tables}
        for schema, table in tables:
            statement = sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, table))
            async for row in await connection.execute(statement):
                if any(names(cell, word) for cell in row):
                    found.add(table)
    return found


def names(value: Any, word: str) -> bool:
    """Whether a cell holds the word."""
    if isinstance(value, bytes | memoryview):
        return any(word.encode() in one.lower() for one in unpacked(bytes(value)))
    if isinstance(value, dict | list):
        return word.encode() in orjson.dumps(value, default=str).lower()
    return word in str(value).lower()


def unpacked(value: bytes) -> Iterator[bytes]:
    """The bytes, and what they hold where they are compressed or an archive."""
    yield value
    with contextlib.suppress(zlib.error):
        yield from unpacked(zlib.decompress(value))
    if value.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(value)) as archive:
            for member in archive.infolist():
                yield member.filename.encode()
                yield archive.read(member)
