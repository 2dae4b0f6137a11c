"""A few rows in the request itself: the road of a file, in the transaction of who sent them."""

from __future__ import annotations

import hashlib
import io
import zlib
from typing import Any, LiteralString

import orjson
from sqlalchemy import select
from sqlmodel import col

from api import clock
from api.accounts.batch_schemas import BatchIn, BatchOut, BatchRowOut
from api.accounts.deciding import decide
from api.accounts.disclosures import Purpose, disclose_some
from api.accounts.import_schemas import rows_out
from api.accounts.models import AccountImport, AccountImportChunk, AccountImportIssue
from api.accounts.places import network_named
from api.accounts.preparing import prepare_inline, settle_source
from api.accounts.reading import read_roster
from api.accounts.rules import ImportState
from api.accounts.running import Work, tables_of
from api.accounts.staging import drop_tables
from api.accounts.upload import Asked, whose
from api.auth.caller import Caller
from api.db.uow import WriteSession

# A run's plan has no row for those that are new to a source without accounts.
_OUTCOMES: LiteralString = """
SELECT s.number, a.id, a.username, CASE WHEN a.import_id = %(run)s THEN 'created'
  WHEN p.kind = 'suspended' THEN 'updated' ELSE coalesce(p.kind, 'unchanged') END
FROM {table} s JOIN accounts a ON a.source_id = %(source)s AND a.sourced_id = s.sourced_id
LEFT JOIN account_plan p ON p.number = s.number
WHERE NOT s.faulty
"""


async def import_rows(
    session: WriteSession, caller: Caller, given: BatchIn, secret: bytes
) -> BatchOut:
    """Make and change the accounts of at most a thousand students.

    Raises: NetworkNotFound; NetworkUnknown; Forbidden for a caller limited to schools.
    """
    caller.require_whole_networks()
    lines = [orjson.dumps(row.model_dump(exclude_unset=True)) for row in given.rows]
    run = await _begin(session, caller, given, b"\n".join(lines))
    prepared = await prepare_inline(session, run, read_roster(io.BytesIO(b"\n".join(lines))))
    await decide(prepared, run, secret, session)
    await session.refresh(run)
    work = Work(prepared.run, tables_of(run.id), await session.psycopg())
    results = await _results(session, work, given, sees_names=caller.sees_names)
    await drop_tables(work.connection, work.tables)
    named = {one.id for one in results if one.id is not None and one.username is not None}
    if named:
        await disclose_some(session, caller.actor, Purpose.imported, named, run.network_id)
    return BatchOut(import_id=run.id, rows=rows_out(run), results=results)


async def _begin(
    session: WriteSession, caller: Caller, given: BatchIn, body: bytes
) -> AccountImport:
    """The run, with its body kept like a file's: a later undo asks what this one said."""
    asked = Asked(source=given.source, network=given.network)
    network_id, scope = await whose(session, caller, asked)
    if network_id is None:
        network_id = await network_named(session, {str(row.school) for row in given.rows})
    now = clock.now()
    run = AccountImport(
        network_id=network_id,
        source_slug=given.source,
        scope=scope,
        state=ImportState.running,
        digest=hashlib.sha256(body).digest(),
        body_bytes=len(body),
        actor=caller.actor,
        created_at=now,
        started_at=now,
        query_key="",
    )
    # Two batches that say the same are two, since each is answered with its own rows.
    run.query_key = str(run.id)
    session.add(run)
    await session.flush()
    session.add(AccountImportChunk(import_id=run.id, position=0, body=zlib.compress(body, 1)))
    await session.flush()
    run.source_id = await settle_source(run, session)
    return run


async def _results(
    session: WriteSession, work: Work, given: BatchIn, *, sees_names: bool
) -> list[BatchRowOut]:
    found: dict[int, dict[str, Any]] = {}
    for number, account_id, username, outcome in await work.rows(_OUTCOMES):
        shown = username if sees_names else None
        found[number] = {"id": account_id, "username": shown, "outcome": outcome}
    of_run = col(AccountImportIssue.import_id) == work.run.id
    for issue in await session.scalars(select(AccountImportIssue).where(of_run)):
        found[issue.row_number] = {
            "outcome": "rejected",
            "column": issue.column_name,
            "code": issue.code,
            "expected": issue.expected,
        }
    return [
        BatchRowOut(
            sourced_id=None if row.sourced_id is None else str(row.sourced_id),
            **found.get(number, {"outcome": "unchanged"}),
        )
        for number, row in enumerate(given.rows, 1)
    ]
