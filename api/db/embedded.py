"""The embedded PostgreSQL 18: shared by every process of one data directory, gone with the last.

    with embedded.start(data_dir) as server:
        psycopg.connect(server.url())

A client holds a shared lock on ``clients.lock`` for as long as it lives; a keeper process (see
``embedded_keeper``) runs the server while anybody does. A client that notices the keeper's death
starts another, which adopts the running server. Synchronous: use it before the event loop starts.
"""

import contextlib
import fcntl
import logging
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import orjson
import psycopg
from psycopg import sql

from api.db import embedded_keeper as keeper
from api.db.embedded_cluster import (
    PORT,
    SUPERUSER,
    Cluster,
    EmbeddedServerFailed,
    explain,
    initialise,
    locate,
)

__all__ = ["EmbeddedServer", "EmbeddedServerFailed", "fleeting", "start", "temporary"]

ROLE = "firstbell"
DATABASE = "firstbell"
PATIENCE_BEFORE_NOTICE = 2.0
NOTICE_EVERY = 10.0
STOP_PATIENCE = 90.0
WATCH_PAUSE = 1.0
MEMORY = Path("/dev/shm")  # noqa: S108, the kernel's own folder
# Several times what a temporary server comes to.
ROOMY_BYTES = 4 * 2**30

_log = logging.getLogger(__name__)


def tell(message: str) -> None:
    """The default for notices: standard error."""
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()


class EmbeddedServer:
    """A client's hold on the embedded server. Made by :func:`start`."""

    def __init__(
        self, cluster: Cluster, options: Mapping[str, str], notify: Callable[[str], None]
    ) -> None:
        self._cluster = cluster
        self._spec = cluster.spec(dict(options))
        self._options = dict(options)
        self._notify = notify
        self._stopped = threading.Event()
        self._hold: int | None = None

    def __enter__(self) -> "EmbeddedServer":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def url(self, database: str = DATABASE, user: str = ROLE) -> str:
        """A conninfo URL over the unix socket, for psycopg and libpq.

        ``user`` is the application's role by default (it owns its database and may create
        others); ``postgres`` is the superuser.
        """
        place = quote(str(self._cluster.sockets), safe="")
        return f"postgresql://{quote(user)}@/{quote(database, safe='')}?host={place}&port={PORT}"

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self._cluster.log

    @property
    def data(self) -> Path:
        """The PostgreSQL data directory."""
        return self._cluster.data

    @property
    def binaries(self) -> Path:
        """The folder of ``pg_dump``, ``psql`` and the other programs of the same version."""
        return self._cluster.binaries

    def stop(self) -> None:
        """Let go. The last client's server shuts down, and this waits until it has."""
        self._stopped.set()
        if self._hold is None:
            return
        os.close(self._hold)
        self._hold = None
        deadline = time.monotonic() + STOP_PATIENCE
        # A keeper gives up its own lock first and the clients' as its very last act.
        names = ("keeper", "clients")
        while any(keeper.is_held(self._spec.lock(name)) for name in names):
            if self._others_live() or time.monotonic() > deadline:
                return
            time.sleep(0.02)

    def _others_live(self) -> bool:
        """Whether another client holds the server; False while the keeper is closing it."""
        path = self._spec.lock("clients")
        if keeper.is_held(path):
            return False
        alone = keeper.try_lock(path, fcntl.LOCK_EX)
        if alone is None:
            return True
        os.close(alone)
        return False

    def acquire(self) -> None:
        """Take the shared hold, then bring the server up. The start lock must be held."""
        self._hold = keeper.open_lock(self._spec.lock("clients"))
        try:
            # Waits while a keeper is shutting the server down.
            fcntl.flock(self._hold, fcntl.LOCK_SH)
            initialise(self._cluster, self._options)
            self._bring_up()
        except BaseException:
            os.close(self._hold)
            self._hold = None
            raise
        threading.Thread(target=self._watch, name="embedded-postgres", daemon=True).start()

    def _bring_up(self) -> None:
        """Spawn a keeper if none works, wait for the server, make the role and the database."""
        log_start = self.log.stat().st_size if self.log.exists() else 0
        if not keeper.is_held(self._spec.lock("keeper")):
            self._spawn_keeper()
        with self._connected(log_start) as connection:
            ensure_role_and_database(connection)

    def _spawn_keeper(self) -> None:
        """Start a detached keeper; returns once it holds its lock."""
        rotate(self.log)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        output = os.open(self.log, flags, 0o600)
        try:
            self._cluster.owner.give(self.log)
            subprocess.run(
                [sys.executable, "-I", keeper.__file__],
                input=orjson.dumps(asdict(self._spec)),
                stdout=output,
                stderr=output,
                start_new_session=True,
                check=True,
            )
        except (OSError, subprocess.CalledProcessError) as error:
            raise EmbeddedServerFailed(self._explain("has no keeper", 0)) from error
        finally:
            os.close(output)

    def _connected(self, log_start: int) -> psycopg.Connection[tuple[object, ...]]:
        """A superuser's connection, as soon as the server accepts one.

        Crash recovery takes as long as it takes: only the keeper's end is a failure.
        """
        began = noticed = time.monotonic()
        while True:
            try:
                return psycopg.connect(
                    self.url("postgres", SUPERUSER), autocommit=True, connect_timeout=5
                )
            except psycopg.OperationalError as error:
                if not keeper.is_held(self._spec.lock("keeper")):
                    raise EmbeddedServerFailed(self._explain("cannot start", log_start)) from error
                now = time.monotonic()
                due = PATIENCE_BEFORE_NOTICE if noticed == began else NOTICE_EVERY
                if now - noticed > due:
                    noticed = now
                    reason = str(error).strip().rpartition(": ")[2]
                    self._notify(
                        f"Waiting for the embedded PostgreSQL ({now - began:.0f} s): {reason}"
                    )
            time.sleep(0.03)

    def _explain(self, what: str, log_start: int) -> str:
        output = ""
        with contextlib.suppress(OSError):
            written = self.log.read_bytes()
            # A log shorter than before was rotated since.
            output = written[log_start if log_start < len(written) else 0 :].decode(
                errors="replace"
            )
        return explain(self._cluster, what, output)

    def _watch(self) -> None:
        """Wait for the keeper's end; while this client lives, that calls for another keeper."""
        while True:
            descriptor = keeper.open_lock(self._spec.lock("keeper"))
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            os.close(descriptor)
            if self._stopped.is_set():
                return
            try:
                with keeper.locked(self._spec.lock("start")):
                    self._bring_up()
            except (EmbeddedServerFailed, psycopg.Error, OSError):
                _log.exception("the embedded PostgreSQL ended and does not start again")
            self._stopped.wait(WATCH_PAUSE)


def rotate(log: Path, limit: int = 10 * 2**20) -> None:
    """Keep one older log beside a log that grew over ``limit`` bytes."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > limit:
            log.replace(log.with_suffix(".log.1"))


def ensure_role_and_database(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Make the application's role and database where they are missing."""
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone() is None:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB").format(sql.Identifier(ROLE)))
    row = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
    if row is None:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(
                sql.Identifier(DATABASE), sql.Identifier(ROLE)
            )
        )


def start(
    data_dir: Path,
    options: Mapping[str, str] | None = None,
    notify: Callable[[str], None] = tell,
) -> EmbeddedServer:
    """Share the embedded server of ``data_dir``, starting it if need be.

    ``options`` are server settings for whoever starts it (tests turn ``fsync`` off); a server
    that runs already keeps its own. ``notify`` hears why a start takes long.

    Raises:
        EmbeddedServerFailed: it cannot start; the message holds the last lines of its log.
    """
    try:
        data_dir = data_dir.resolve()
        with keeper.locked(data_dir / "start.lock"):
            server = EmbeddedServer(locate(data_dir), options or {}, notify)
            server.acquire()
            return server
    except OSError as error:
        raise EmbeddedServerFailed(
            f"The embedded PostgreSQL cannot use {data_dir}: {error}"
        ) from error


def fleeting() -> Path:
    """Where data lives that is soon deleted: in memory where there is plenty, else on the disk.

    A database is a thousand files; making and deleting them costs a file system of the disk more
    than a short life of what is in them.
    """
    with contextlib.suppress(OSError, StopIteration, ValueError):
        shown = Path("/proc/meminfo").read_text().splitlines()
        available = next(line.split()[1] for line in shown if line.startswith("MemAvailable:"))
        memory = os.statvfs(MEMORY)
        roomy = memory.f_bavail * memory.f_frsize >= ROOMY_BYTES <= int(available) * 1024
        # The server's programs are copied beside its data where its user cannot read them.
        if roomy and not memory.f_flag & os.ST_NOEXEC and os.access(MEMORY, os.W_OK | os.X_OK):
            return MEMORY
    return Path(tempfile.gettempdir()).resolve()


@contextlib.contextmanager
def temporary(
    options: Mapping[str, str] | None = None, shared: str | None = None
) -> Iterator[EmbeddedServer]:
    """A server for the length of the block, with a data directory that is deleted after it.

    Processes that give the same ``shared`` name use one server; the last deletes it. Not safe
    against a power cut: it never waits for the disk.
    """
    fast = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    name = secrets.token_hex(6) if shared is None else shared
    # Straight below and open to pass through, so that root's server, which runs as another user,
    # can live in it.
    folder = fleeting() / f"fb-{name}"
    with start(folder, {**fast, **(options or {})}) as server:
        yield server
    with contextlib.suppress(OSError), keeper.locked(folder / "start.lock"):
        alone = keeper.try_lock(folder / "clients.lock", fcntl.LOCK_EX)
        if alone is not None:
            if not keeper.is_held(folder / "keeper.lock"):
                shutil.rmtree(folder)
            os.close(alone)
