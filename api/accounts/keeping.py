"""What the clock does for imports: those whose job was given up are taken up again, a few times;
uploads and what they named are forgotten a while after their run has ended.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from psycopg import sql
from sqlalchemy import text

from api import clock
from api.accounts.jobs import defer_import, defer_undo
from api.accounts.models import AccountImport
from api.accounts.rules import ImportState
from api.db.pool import Database
from api.db.uow import WriteSession, transact

# Long enough to find out that last week's roster was wrong, and to undo it.
UPLOAD_DAYS = 14
MOST_REVIVALS = 2
_LOST = text("""
SELECT i.id FROM account_imports i
WHERE (i.state IN ('queued', 'running') OR i.state = 'applied' AND i.undo ->> 'state' = 'running')
  AND NOT EXISTS (SELECT FROM procrastinate_jobs j WHERE j.status IN ('todo', 'doing')
    AND j.task_name IN ('account_import', 'account_undo') AND j.args ->> 'import_id' = i.id::text)
ORDER BY i.id FOR UPDATE SKIP LOCKED
""")
_FORGET = (
    text("""
DELETE FROM account_import_chunks c USING account_imports i
WHERE i.id = c.import_id AND i.finished_at < :before AND i.state NOT IN
  ('queued', 'running', 'held')
"""),
    text("""
UPDATE account_imports SET samples = NULL
WHERE samples IS NOT NULL AND finished_at < :before AND state <> 'held'
"""),
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
    """Delete uploads, samples, and what a run that died for good has left in `staging`."""
    before = clock.now() - timedelta(days=UPLOAD_DAYS)
    for statement in _FORGET:
        await session.execute(statement, {"before": before})
    connection = await session.psycopg()
    left: list[tuple[Any, ...]] = await (await connection.execute(_LEFT)).fetchall()
    for (name,) in left:
        table = sql.Identifier("staging", name)
        await connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))
