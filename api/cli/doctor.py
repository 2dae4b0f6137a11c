"""`doctor`: what may be wrong here, each line with how to mend it."""

from __future__ import annotations

import asyncio
import shutil
import stat
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, LiteralString
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg
import typer
from psycopg import AsyncConnection
from sqlalchemy.exc import OperationalError

from api import wiring
from api.cli.common import KEY_FILE, Exit, console, opened, print_json, url_of
from api.cli.people import JsonOption
from api.db.embedded import EmbeddedServerFailed
from api.db.listen import Listener
from api.db.pool import Database
from api.db.schema import current_revision, newest_revision
from api.settings import Settings

OLDEST_SERVER = 18
# What a process takes beside its pool: the LISTEN connection.
BESIDE_THE_POOL = 1
_LISTEN_PATIENCE = 10.0
_LOW_DISK, _NO_DISK = 2 * 2**30, 200 * 2**20


class State(StrEnum):
    ok = "ok"
    warn = "warn"
    fail = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, and how to mend it when it is not well."""

    check: str
    state: State
    detail: str
    mend: str = ""


def doctor(as_json: JsonOption = False) -> None:
    """Look for what keeps FirstBell from running well; the exit code is 1 when a check fails."""
    settings = Settings()
    findings = [*look_around(settings)]
    try:
        with opened(settings, migrates=False, needs_key=False) as ready:
            findings.append(schema_finding(ready))
            findings += asyncio.run(look_into(ready))
    except (EmbeddedServerFailed, psycopg.OperationalError, OperationalError) as error:
        reason = str(getattr(error, "orig", None) or error).strip()
        mend = "Look at DATABASE_URL, and whether the server runs."
        findings.append(Finding("database", State.fail, reason, mend))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            _print(finding)
    if any(finding.state is State.fail for finding in findings):
        raise typer.Exit(Exit.failed)


def _print(finding: Finding) -> None:
    colour = {State.ok: "green", State.warn: "yellow", State.fail: "red"}[finding.state]
    console.print(f"[{colour}]{finding.state:<4}[/]  {finding.check}: ", end="", highlight=False)
    console.out(finding.detail, highlight=False)
    if finding.mend:
        console.out(f"      {finding.mend}", highlight=False)


def look_around(settings: Settings) -> Iterator[Finding]:
    """What can be seen without a database."""
    version = ".".join(map(str, sys.version_info[:3]))
    fits = (3, 11) <= sys.version_info[:2] < (3, 15)
    yield Finding(
        "Python",
        State.ok if fits else State.fail,
        version,
        "" if fits else "Use Python 3.11 to 3.14.",
    )
    try:
        ZoneInfo("America/Chicago")
        yield Finding("time zones", State.ok, "known")
    except ZoneInfoNotFoundError:
        yield Finding("time zones", State.fail, "unknown", "Install the package tzdata.")
    yield _disk(settings)
    yield _key(settings)


def _disk(settings: Settings) -> Finding:
    folder = settings.data_dir if settings.data_dir.exists() else settings.data_dir.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    state = State.fail if free < _NO_DISK else State.warn if free < _LOW_DISK else State.ok
    mend = "" if state is State.ok else "Make room, or set FIRSTBELL_DATA_DIR to another disk."
    return Finding("disk", state, f"{free / 2**30:.1f} GB free", mend)


def _key(settings: Settings) -> Finding:
    if settings.secret_key is not None:
        long = len(settings.secret_key.get_secret_value()) >= 32
        mend = "" if long else "Use at least 32 characters: openssl rand -hex 32"
        return Finding("secret key", State.ok if long else State.warn, "given", mend)
    if settings.database_url is not None:
        mend = "Set FIRSTBELL_SECRET_KEY, the same on every host: openssl rand -hex 32"
        return Finding("secret key", State.fail, "missing", mend)
    path = settings.data_dir / KEY_FILE
    if not path.exists():
        return Finding("secret key", State.ok, "made at the first start")
    others = stat.S_IMODE(path.stat().st_mode) & 0o077
    mend = f"Run: chmod 600 {path}" if others else ""
    detail = "readable by others" if others else "in the data directory"
    return Finding("secret key", State.fail if others else State.ok, detail, mend)


def schema_finding(settings: Settings) -> Finding:
    have, want = current_revision(url_of(settings, direct=True)), newest_revision()
    if have == want:
        return Finding("schema", State.ok, f"revision {have}")
    detail = f"revision {have or 'none'}, this version needs {want}"
    return Finding("schema", State.fail, detail, "Run: firstbell migrate")


async def look_into(settings: Settings) -> list[Finding]:
    """What the database says."""
    async with Database(url_of(settings), settings) as database:
        async with database.raw() as connection:
            looks = (_server, _clocks, _budget, _workers, _failed_jobs)
            findings = [await _try(look, connection, settings) for look in looks]
        findings.append(await _listening(database))
        return findings


_Look = Callable[[AsyncConnection[Any], Settings], Awaitable[Finding]]


async def _try(look: _Look, connection: AsyncConnection[Any], settings: Settings) -> Finding:
    try:
        return await look(connection, settings)
    except psycopg.errors.UndefinedTable:
        name = look.__name__.strip("_").replace("_", " ")
        return Finding(name, State.warn, "not known without a schema", "Run: firstbell migrate")


async def _one(connection: AsyncConnection[Any], statement: LiteralString) -> Any:
    row = await (await connection.execute(statement)).fetchone()
    return row[0] if row else None


async def _server(connection: AsyncConnection[Any], _: Settings) -> Finding:
    major, minor = divmod(connection.info.server_version, 10000)
    fits = major >= OLDEST_SERVER
    mend = "" if fits else f"Use PostgreSQL {OLDEST_SERVER} or newer."
    return Finding("PostgreSQL", State.ok if fits else State.fail, f"{major}.{minor}", mend)


async def _clocks(connection: AsyncConnection[Any], _: Settings) -> Finding:
    before = time.time()
    theirs = float(await _one(connection, "SELECT extract(epoch FROM clock_timestamp())"))
    skew = abs(theirs - (before + time.time()) / 2)
    state = State.fail if skew > 60 else State.warn if skew > 2 else State.ok
    mend = "" if state is State.ok else "Synchronise both hosts' clocks (NTP)."
    return Finding("clocks", state, f"{skew:.1f} s apart", mend)


async def _budget(connection: AsyncConnection[Any], settings: Settings) -> Finding:
    statement: LiteralString = (
        "SELECT current_setting('max_connections')::int"
        " - current_setting('superuser_reserved_connections')::int"
        " - current_setting('reserved_connections')::int"
    )
    there = int(await _one(connection, statement))
    each = settings.pool_size + BESIDE_THE_POOL
    fits = there // each
    detail = f"{each} per process of {there}: room for {fits} processes"
    if fits >= 2:
        return Finding("connections", State.ok, detail)
    mend = "Lower FIRSTBELL_POOL_SIZE, or raise the server's max_connections."
    return Finding("connections", State.warn if fits else State.fail, detail, mend)


async def _workers(connection: AsyncConnection[Any], _: Settings) -> Finding:
    statement: LiteralString = (
        "SELECT count(*) FROM procrastinate_workers"
        " WHERE last_heartbeat > now() - make_interval(secs => 30)"
    )
    alive = int(await _one(connection, statement))
    if alive:
        return Finding("worker", State.ok, f"{alive} with a heartbeat")
    return Finding("worker", State.warn, "none runs", "Start firstbell serve, or firstbell worker.")


async def _failed_jobs(connection: AsyncConnection[Any], _: Settings) -> Finding:
    failed = int(
        await _one(connection, "SELECT count(*) FROM procrastinate_jobs WHERE status = 'failed'")
    )
    if not failed:
        return Finding("jobs", State.ok, "none failed")
    return Finding("jobs", State.warn, f"{failed} failed", "The log says why each one did.")


async def _listening(database: Database) -> Finding:
    async with Listener(database, wiring.CHANNELS) as listener:
        try:
            await asyncio.wait_for(listener.wait_live(), _LISTEN_PATIENCE)
        except TimeoutError:
            mend = "Set FIRSTBELL_DIRECT_DATABASE_URL to an address that bypasses the pooler."
            return Finding("LISTEN", State.warn, "does not work here; polling instead", mend)
    return Finding("LISTEN", State.ok, "notifications arrive")
