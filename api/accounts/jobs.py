"""What a worker does for the accounts room: runs, one after another for each source."""

from __future__ import annotations

from uuid import UUID

from api.accounts.models import AccountImport
from api.accounts.privacy.retention import keep_to_schedule
from api.accounts.run import run_import
from api.accounts.undo import undo_import
from api.db.pool import Database
from api.db.uow import WriteSession
from api.errors import Invalid
from api.jobs.app import Job, defer
from api.settings import Settings

_IMPORT = "account_import"
_UNDO = "account_undo"


def secret_of(settings: Settings) -> bytes:
    """Raises: Invalid without a secret key, which every command that serves makes sure of."""
    if settings.secret_key is None:
        raise Invalid("FIRSTBELL_SECRET_KEY is not set: it keeps usernames from being read back.")
    return settings.secret_key.get_secret_value().encode()


def import_job(settings: Settings | None = None) -> Job:
    """The job of a run; without settings it can only be deferred."""

    async def work(database: Database, import_id: str) -> None:
        assert settings is not None
        await run_import(database, secret_of(settings), UUID(import_id))

    return Job(_IMPORT, work)


def undo_job(settings: Settings | None = None) -> Job:
    """The job of an undo; without settings it can only be deferred."""

    async def work(database: Database, import_id: str) -> None:
        assert settings is not None
        await undo_import(database, secret_of(settings), UUID(import_id))

    return Job(_UNDO, work)


def retention_job(settings: Settings) -> Job:
    """What keeps the schedule of `docs/privacy.md`, once a night."""

    async def work(database: Database) -> None:
        await keep_to_schedule(database, secret_of(settings))

    return Job("retention", work, cron="47 3 * * *", alone=True)


async def defer_import(session: WriteSession, run: AccountImport) -> None:
    """Have a run done once this transaction is committed, after those of its source before it."""
    await defer(session, import_job(), lock=_lock(run), import_id=str(run.id))


async def defer_undo(session: WriteSession, run: AccountImport) -> None:
    await defer(session, undo_job(), lock=_lock(run), import_id=str(run.id))


def _lock(run: AccountImport) -> str:
    return f"accounts:{run.network_id or '-'}:{run.source_slug}"
