"""The first half of a run: whose the upload is, and all of it in the run's own table."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb
from sqlalchemy import exists, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from api import clock
from api.accounts.errors import Withdrawn
from api.accounts.models import Account, AccountImport, AccountSource
from api.accounts.places import Places, network_named, schools_of
from api.accounts.reading import Roster
from api.accounts.rules import Mode, OnError, Snapshot
from api.accounts.running import Run, tables_of
from api.accounts.staging import Readers, Told, count_rows, stage
from api.accounts.stored import Upload, open_roster
from api.accounts.username_rules import Namer, parse_template
from api.db.columns import new_id
from api.db.pool import Database
from api.db.uow import ReadSession, WriteSession, reading, transact
from api.schools.models import Network

_SECONDS_BETWEEN_WORDS = 0.4
# Of all of a run, reading and staging the file.
_STAGED_PERCENT = 60
_SCHOOL = "school:"
_TELL = (
    "UPDATE account_imports SET percent = %s, total = %s, rejected = %s"
    " WHERE id = %s AND state = 'running'"
)
_STAGED = """
UPDATE account_imports SET staged_rows = %(rows)s, total = %(total)s, rejected = %(rejected)s,
  format = %(format)s, details = %(details)s, snapshot = %(snapshot)s, percent = %(percent)s
WHERE id = %(id)s AND state = 'running'
"""
# Where a row may leave out what another has, only what it says is changed.
_WITHOUT_CELLS = frozenset({"ndjson"})


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run whose rows are staged; `total` counts those of the file, rejected ones too."""

    run: Run
    namer: Namer
    total: int


async def prepare(database: Database, given: AccountImport) -> Prepared:
    """Stage a run's upload, unless that is done.

    Raises: FileUnreadable; NetworkUnknown; Withdrawn.
    """
    async with database.pool.connection() as connection:
        staged = await count_rows(connection, tables_of(given.id))
    if staged is not None and staged == given.staged_rows:
        async with reading(database) as session:
            return await _prepared(session, given)
    roster, spool = await asyncio.to_thread(open_roster, Upload(database, given.id))
    try:
        if given.network_id is None:
            given.network_id, roster = await _told_by(database, roster)
        given.source_id = await transact(database, given.actor, partial(settle_source, given))
        return await _stage(database, given, roster)
    finally:
        if spool is not None:
            spool.close()


async def _told_by(database: Database, roster: Roster) -> tuple[UUID, Roster]:
    """The network of the schools that the first rows name, and the roster with those rows.

    Raises: NetworkUnknown.
    """
    first = await asyncio.to_thread(list, islice(roster.batches, 1))
    names = {str(row[2]) for batch in first for row in batch.rows if row[2] is not None}
    names |= {org.identifier for org in roster.orgs.values() if org.identifier}
    async with reading(database) as session:
        network_id = await network_named(session, names)
    return network_id, replace(roster, batches=chain(first, roster.batches))


async def settle_source(given: AccountImport, session: WriteSession) -> UUID:
    """The run's source, made on its first use; remembered with its network."""
    named = (col(AccountSource.network_id) == given.network_id) & (
        col(AccountSource.slug) == given.source_slug
    )
    await session.execute(
        insert(AccountSource)
        .values(
            id=new_id(),
            network_id=given.network_id,
            slug=given.source_slug,
            created_at=clock.now(),
        )
        .on_conflict_do_nothing()
    )
    source_id = (await session.scalars(select(col(AccountSource.id)).where(named))).one()
    await session.execute(
        update(AccountImport)
        .where(col(AccountImport.id) == given.id)
        .values(network_id=given.network_id, source_id=source_id)
    )
    return source_id


async def _prepared(session: ReadSession, given: AccountImport) -> Prepared:
    network_id, source_id = given.network_id, given.source_id
    assert network_id is not None
    assert source_id is not None
    details = given.details or {}
    only = _only(given)
    known = await schools_of(session, network_id)
    run = Run(
        id=given.id,
        network_id=network_id,
        source_id=source_id,
        mode=Mode(given.mode),
        on_error=OnError(given.on_error),
        snapshot=Snapshot(given.snapshot or Snapshot.delta),
        school_id=next((one.id for one in known if one.code == only), None),
        columns=frozenset(details.get("columns", ())),
        clears=given.format not in _WITHOUT_CELLS,
        file=str(details.get("people_file", "")),
        named=bool(details.get("named")),
        rising=bool(details.get("rising")),
        unidentified=int(details.get("unidentified", 0)),
        uploaded_at=given.created_at,
        now=clock.now(),
    )
    return Prepared(run, await _namer(session, network_id), given.total)


def _only(given: AccountImport) -> str | None:
    """The code of the one school that the run is about."""
    return given.scope.removeprefix(_SCHOOL) if given.scope.startswith(_SCHOOL) else None


async def _namer(session: ReadSession, network_id: UUID) -> Namer:
    network = (await session.scalars(select(Network).where(col(Network.id) == network_id))).one()
    return Namer(parse_template(network.username_template), clock.today(network.timezone))


async def _stage(database: Database, given: AccountImport, roster: Roster) -> Prepared:
    async with reading(database) as session:
        readers = await _readers(session, given, roster)
    async with database.pool.connection() as connection:
        await connection.execute("SET LOCAL statement_timeout = 0")
        # As where it is decided: enough for tables that are read as a whole.
        await connection.execute("SET LOCAL default_statistics_target = 10")
        await _stage_on(connection, given, roster, readers, _Progress(database, given).told)
    async with reading(database) as session:
        return await _prepared(session, given)


async def prepare_inline(session: WriteSession, given: AccountImport, roster: Roster) -> Prepared:
    """Stage a run's few rows in the transaction of whoever sent them."""
    readers = await _readers(session, given, roster)
    await _stage_on(await session.psycopg(), given, roster, readers, _untold)
    return await _prepared(session, given)


async def _readers(session: ReadSession, given: AccountImport, roster: Roster) -> Readers:
    assert given.network_id is not None
    places = Places(await schools_of(session, given.network_id), roster.orgs, _only(given))
    # Most nights nearly every student is known, and a name is made for the others only.
    of_source = select(exists().where(col(Account.source_id) == given.source_id))
    known = await session.scalar(of_source)
    return Readers(places, None if known else await _namer(session, given.network_id))


async def _stage_on(
    connection: AsyncConnection[Any],
    given: AccountImport,
    roster: Roster,
    readers: Readers,
    told: Told,
) -> None:
    staged = await stage(connection, given.id, tables_of(given.id), roster, readers, told)
    given.staged_rows, given.total, given.rejected = staged.rows, staged.total, staged.rejected
    given.format, given.snapshot = roster.format, _snapshot(given.snapshot, roster)
    given.details = {
        **roster.details,
        "columns": sorted(roster.columns),
        "people_file": roster.people_file,
        "unidentified": staged.unidentified,
        "named": readers.namer is not None,
        "rising": staged.rising,
    }
    written = await connection.execute(
        _STAGED,
        {
            "id": given.id,
            "rows": given.staged_rows,
            "total": given.total,
            "rejected": given.rejected,
            "format": given.format,
            "details": Jsonb(given.details),
            "snapshot": given.snapshot,
            "percent": _STAGED_PERCENT,
        },
    )
    if not written.rowcount:
        raise Withdrawn


async def _untold(bytes_read: int, rows: int, rejected: int) -> None:
    """Nobody waits to hear how far a request is."""
    del bytes_read, rows, rejected


def _snapshot(asked: str | None, roster: Roster) -> Snapshot:
    """A file that says it is a delta is none but that; one that says it is full is so unless the
    query says otherwise.
    """
    if Snapshot.delta in (roster.snapshot, asked):
        return Snapshot.delta
    return Snapshot(asked or roster.snapshot or Snapshot.delta)


class _Progress:
    """Says how far the staging is, a few times a second, and hears of a cancellation."""

    def __init__(self, database: Database, given: AccountImport) -> None:
        self._database, self._id, self._all = database, given.id, given.body_bytes
        self._said = 0.0

    async def told(self, bytes_read: int, rows: int, rejected: int) -> None:
        """Raises: Withdrawn."""
        if time.monotonic() - self._said < _SECONDS_BETWEEN_WORDS:
            return
        percent = min(_STAGED_PERCENT, _STAGED_PERCENT * bytes_read // max(1, self._all))
        async with self._database.raw() as connection:
            said = await connection.execute(_TELL, (percent, rows, rejected, self._id))
        self._said = time.monotonic()
        if not said.rowcount:
            raise Withdrawn
