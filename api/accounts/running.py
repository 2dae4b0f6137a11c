"""What the steps of a run share: which run it is, and the connection its transaction is on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import AsyncConnection, sql

from api.accounts.rules import Mode, OnError, Snapshot

Values = Mapping[str, Any]
Tell = Callable[[int], Awaitable[None]]
Table = sql.Identifier | None


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has begun; `school_id` is its scope where that is one school.

    `columns` are those the roster has, and where `clears` an empty cell takes grade and email
    away. `file` is the archive's member that rows are numbered in. Where `named`, usernames were
    made while the rows were staged. Where `rising`, no sourced id is there twice.
    `unidentified` counts rows that may be anybody's, since who they are about cannot be read.
    """

    id: UUID
    network_id: UUID
    source_id: UUID
    mode: Mode
    on_error: OnError
    snapshot: Snapshot
    school_id: UUID | None
    columns: frozenset[str]
    clears: bool
    file: str
    named: bool
    rising: bool
    unidentified: int
    uploaded_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class Tables:
    """A run's own tables: its rows, and its staff's."""

    rows: sql.Identifier
    staff: sql.Identifier


def tables_of(import_id: UUID) -> Tables:
    return Tables(
        sql.Identifier("staging", f"account_rows_{import_id.hex}"),
        sql.Identifier("staging", f"account_staff_{import_id.hex}"),
    )


async def untold(percent: int) -> None:
    """Nobody waits to hear how far a request is."""
    del percent


@dataclass(frozen=True, slots=True)
class Work:
    """A run on its transaction's connection; statements are ours, with `{table}`, `{staff}`.

    `tell` says outside of the transaction how far it is; it raises Withdrawn once it is cancelled.
    """

    run: Run
    tables: Tables
    connection: AsyncConnection[Any]
    tell: Tell = untold

    async def execute(
        self, statement: LiteralString, values: Values | None = None, /, *, table: Table = None
    ) -> int:
        """Rows written. `table` stands for `{table}` in place of the run's own."""
        cursor = await self.connection.execute(
            self._filled(statement, table), self._values(values or {})
        )
        return cursor.rowcount

    async def rows(
        self, statement: LiteralString, values: Values | None = None, /, *, table: Table = None
    ) -> list[tuple[Any, ...]]:
        cursor = await self.connection.execute(
            self._filled(statement, table), self._values(values or {})
        )
        return await cursor.fetchall()

    def _filled(self, statement: LiteralString, table: Table) -> sql.Composed:
        return sql.SQL(statement).format(table=table or self.tables.rows, staff=self.tables.staff)

    def _values(self, more: Values) -> dict[str, Any]:
        run = self.run
        return {
            "run": run.id,
            "network": run.network_id,
            "source": run.source_id,
            "school": run.school_id,
            "file": run.file,
            "uploaded": run.uploaded_at,
            "now": run.now,
            **more,
        }
