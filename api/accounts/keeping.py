"""What the clock does for imports: those whose job was given up are taken up again, a few times;
uploads and whom they named are forgotten a while after their run has ended.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import sql
from sqlalchemy import DateTime, Uuid, bindparam, text

from api import clock
from api.accounts.jobs import defer_import, defer_undo
from api.accounts.models import AccountImport
from api.accounts.privacy.rules import UPLOAD_DAYS
from api.accounts.rules import ImportState
from api.db.pool import Database
from api.db.uow import WriteSession, transact

MOST_REVIVALS = 2
_LOST = text("""
SELECT i.id FROM account_imports i
WHERE (i.state IN ('queued', 'running') OR i.state = 'applied' AND i.undo ->> 'state' = 'running')
  AND NOT EXISTS (SELECT FROM procrastinate_jobs j WHERE j.status IN ('todo', 'doing')
    AND j.task_name IN ('account_import', 'account_undo') AND j.args ->> 'import_id' = i.id::text)
ORDER BY i.id FOR UPDATE SKIP LOCKED
""")
# What could not be read quotes the file, of which a line or a header may be anybody's; the digest
# of a batch of one row is that student's.
_FORGET = text("""
WITH ended AS (
  UPDATE account_imports SET forgotten_at = :now, samples = NULL, digest = '',
    details = CASE WHEN jsonb_typeof(details) = 'object'
      THEN details - '{dropped,files_left_out}'::text[] END,
    problem = CASE WHEN problem ? 'errors' THEN jsonb_build_object('code', problem -> 'code',
      'detail', 'What exactly was wrong with the file is not kept any more.') ELSE problem END
  WHERE forgotten_at IS NULL AND state NOT IN ('queued', 'running', 'held')
    AND (:before IS NULL OR finished_at < :before)
    AND (:network IS NULL OR network_id = :network OR network_id IS NULL)
  RETURNING id),
chunks AS (DELETE FROM account_import_chunks c USING ended e WHERE c.import_id = e.id)
UPDATE account_import_issues i SET got = NULL,
  column_name = CASE WHEN i.code <> 'column-unknown' THEN i.column_name END
FROM ended e WHERE i.import_id = e.id AND (i.got IS NOT NULL OR i.code = 'column-unknown')
""").bindparams(
    bindparam("before", type_=DateTime(timezone=True)), bindparam("network", type_=Uuid())
)
_LEFT = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'staging' AND c.relkind = 'r' AND NOT EXISTS (
  SELECT FROM account_imports i WHERE i.state IN ('queued', 'running')
    AND right(c.relname, 32) = replace(i.id::text, '-', ''))
"""


async def look_after(database: Database) -> None:
    """Take up runs again that no job does any more; given up once too often, they have failed."""
    await transact(database, "job:account_imports", _revive)


async def _revive(session: WriteSession) -> None:
    for import_id in (await session.scalars(_LOST)).all():
        run = await session.get_one(AccountImport, import_id)
        run.revivals += 1
        undoing = run.state == ImportState.applied
        if run.revivals <= MOST_REVIVALS:
            await session.flush()
            await (defer_undo if undoing else defer_import)(session, run)
        elif undoing:
            run.undo = {**(run.undo or {}), "state": "failed"}
        else:
            run.state, run.finished_at = ImportState.failed, clock.now()
            run.problem = {
                "code": "internal-error",
                "detail": "It was begun again and again and never came to its end; nothing was"
                " written. The server's log says why.",
            }
    await session.flush()


async def forget_uploads(session: WriteSession) -> None:
    """Delete uploads, what they named, and what a run that died for good has left in `staging`."""
    await forget_imports(session, before=clock.now() - timedelta(days=UPLOAD_DAYS))


async def forget_imports(
    session: WriteSession, *, before: datetime | None = None, network_id: UUID | None = None
) -> None:
    """Delete all that runs which have ended hold of students: uploads, samples, rejected values.

    Those that ended `before`, or all; of a network and of none, or of all. The tables that some
    have left go at once, whenever they ended: nobody reads them any more.
    """
    values = {"now": clock.now(), "before": before, "network": network_id}
    await session.execute(_FORGET, values)
    connection = await session.psycopg()
    left: list[tuple[Any, ...]] = await (await connection.execute(_LEFT)).fetchall()
    for (name,) in left:
        table = sql.Identifier("staging", name)
        await connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))
