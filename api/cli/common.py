"""What the commands share: the settings with a database in them, consoles and exit codes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import TypeVar

import orjson
import typer
from pydantic import SecretStr
from rich.console import Console

from api import wiring
from api.db import embedded, schema
from api.db.pool import Database
from api.settings import Settings

T = TypeVar("T")

console = Console()
error_console = Console(stderr=True)
KEY_FILE = "secret.key"


class Exit(IntEnum):
    """What a command's exit code says; the table is in `firstbell --help`."""

    ok = 0
    failed = 1
    usage = 2
    unreachable = 3
    schema = 4
    held = 5
    rejected = 6
    interrupted = 130


EPILOG = (
    "Exit codes: 0 done, 1 refused or failed, 2 wrong usage or settings, 3 the database cannot be"
    " reached or started, 4 its schema is of another version, 5 an import waits"
    " for approval, 6 it left rows out, 130 interrupted."
)


class Misconfigured(typer.Exit):
    """A setting is missing; says which, and ends with the code for usage."""

    def __init__(self, message: str) -> None:
        error_console.out(message, style="red", highlight=False)
        super().__init__(Exit.usage)


@contextmanager
def opened(
    settings: Settings, *, migrates: bool = True, needs_key: bool = True
) -> Iterator[Settings]:
    """The settings with a `database_url` that answers and a secret key, while the block lasts.

    Without a `DATABASE_URL` the embedded server of the data directory is shared or started, and
    brought to the newest revision if `migrates`. A database of one's own is never migrated here.

    Raises: Misconfigured; EmbeddedServerFailed.
    """
    if settings.database_url is not None:
        if settings.secret_key is None and needs_key:
            raise Misconfigured(
                "Set FIRSTBELL_SECRET_KEY: with a DATABASE_URL every host needs the same one."
                " Make one with: openssl rand -hex 32"
            )
        yield settings
        return
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with embedded.start(settings.data_dir) as server:
        url = server.url()
        if migrates and schema.current_revision(url) != schema.newest_revision():
            schema.migrate(url)
        key = settings.secret_key or SecretStr(secret_key(settings.data_dir))
        yield settings.model_copy(update={"database_url": url, "secret_key": key})


def secret_key(data_dir: Path) -> str:
    """The key kept in the data directory, readable by its owner alone; made when missing."""
    path = data_dir / KEY_FILE
    draft = data_dir / f".{KEY_FILE}.{os.getpid()}"
    if not path.exists():
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
        # Whole or not at all, and the first of two processes wins.
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_text().strip()


def url_of(settings: Settings, *, direct: bool = False) -> str:
    """The database's address in settings that `opened` gave; `direct` goes past a pooler."""
    url = (settings.direct_database_url if direct else None) or settings.database_url
    if url is None:
        raise RuntimeError("settings without a database_url did not come from `opened`")
    return url


def with_database(work: Callable[[Database, Settings], Awaitable[T]]) -> T:
    """Run `work` on the database that the environment names."""

    async def run(settings: Settings) -> T:
        async with Database(url_of(settings), settings, wiring.build_bus()) as database:
            return await work(database, settings)

    with opened(Settings()) as settings:
        schema.check_revision(url_of(settings, direct=True))
        return asyncio.run(run(settings))


def print_json(value: object) -> None:
    """JSON on standard output, for machines."""
    console.file.write(orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2).decode() + "\n")
