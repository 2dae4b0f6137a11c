"""What the benchmarks stand on: a durable embedded server, databases, schools by the thousand."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
from pydantic import SecretStr

from api import wiring
from api.auth.rules import Role
from api.auth.tokens import create_token
from api.db import embedded, schema
from api.db.embedded_cluster import SUPERUSER
from api.db.pool import Database
from api.db.uow import WriteSession, transact
from api.settings import Settings
from api.tasks import library

SECRET = SecretStr("benchmark" * 5)


@dataclass(frozen=True, slots=True)
class Ground:
    """A database at the newest revision, and a token that may do anything in it."""

    url: str
    token: str

    def settings(self, **kwargs: object) -> Settings:
        return Settings.model_validate(
            {
                "database_url": self.url,
                "secret_key": SECRET,
                "log_level": "WARNING",
                "embedded_worker": False,
                **kwargs,
            }
        )


@contextmanager
def server() -> Iterator[embedded.EmbeddedServer]:
    """An embedded server with its ordinary, durable settings."""
    with (
        tempfile.TemporaryDirectory(prefix="firstbell-bench-") as folder,
        embedded.start(Path(folder) / "data") as started,
    ):
        yield started


@contextmanager
def fresh(started: embedded.EmbeddedServer) -> Iterator[Ground]:
    """A database of a benchmark's own."""
    name = f"bench_{uuid4().hex[:12]}"
    with psycopg.connect(started.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    url = started.url(name)
    schema.migrate(url)
    yield Ground(url, asyncio.run(_prepare(url)))
    # Autovacuum may be at it, which only the superuser may send away.
    owner = started.url("postgres", SUPERUSER)
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


async def _prepare(url: str) -> str:
    settings = Settings(database_url=url, secret_key=SECRET)

    async def work(session: WriteSession) -> str:
        await library.ship(session)
        return await create_token(session, name="bench", role=Role.admin)

    async with Database(url, settings, wiring.build_bus()) as database:
        return await transact(database, "job:bench", work)


_SEED = """
ALTER TABLE tasks DISABLE TRIGGER USER;
ALTER TABLE dependencies DISABLE TRIGGER USER;
ALTER TABLE rollouts DISABLE TRIGGER USER;
ALTER TABLE schools DISABLE TRIGGER USER;
ALTER TABLE networks DISABLE TRIGGER USER;
ALTER TABLE calendars DISABLE TRIGGER USER;
INSERT INTO networks (id, code, name, timezone, country, region, four_eyes, receiving, version,
  created_at, updated_at)
VALUES (uuidv7(), 'BENCH', 'Bench', 'America/Chicago', 'US', 'IL', false, 'on_delivery', 1,
  now(), now());
INSERT INTO calendars (network_id, observe_holidays) SELECT id, true FROM networks;
INSERT INTO network_state (network_id, revision) SELECT id, 1 FROM networks;
INSERT INTO schools (id, network_id, code, name, timezone, staff_confirmed, version,
  created_at, updated_at)
SELECT uuidv7(), n.id, 'S' || i, 'School ' || i, 'America/Chicago', false, 1, now(), now()
FROM networks n, generate_series(1, {schools}) i;
INSERT INTO school_state (school_id, revision) SELECT id, 1 FROM schools;
INSERT INTO rollouts (id, school_id, network_id, model, first_bell, wave, state, version,
  created_at, updated_at)
SELECT uuidv7(), id, network_id, 'one_to_one', current_date + 200, 'W1', 'active', 1, now(), now()
FROM schools;
CREATE TEMP TABLE seed AS
SELECT uuidv7() AS id, r.network_id, r.school_id, r.id AS rollout_id, j
FROM rollouts r, generate_series(0, {tasks} - 1) j;
INSERT INTO tasks (id, network_id, school_id, rollout_id, key, title, workstream, kind, gate,
  after_first_bell, owner_email, duration_days, status, progress_done, version, created_at,
  updated_at)
SELECT id, network_id, school_id, rollout_id, 'task.' || j, 'Do what has to be done, part ' || j,
  (ARRAY['devices', 'infrastructure', 'accounts', 'pd', 'change'])[j % 5 + 1], 'manual',
  j % 2 = 1, false, 'owner' || j % 7 || '@example.org', 1 + j % 6,
  CASE WHEN j < {done} THEN 'done' ELSE 'pending' END, 0, 1, now(), now()
FROM seed;
CREATE INDEX ON seed (rollout_id, j);
ANALYZE seed;
INSERT INTO dependencies (predecessor_id, successor_id, network_id, school_id, rollout_id, lag_days)
SELECT DISTINCT ON (a.id, b.id) a.id, b.id, b.network_id, b.school_id, b.rollout_id, b.j % 2
FROM seed b JOIN seed a ON a.rollout_id = b.rollout_id
  AND (a.j = b.j / 2 OR (b.j BETWEEN 5 AND 5 + {tasks} / 2 AND a.j = b.j - 5)) AND a.j < b.j;
ALTER TABLE tasks ENABLE TRIGGER USER;
ALTER TABLE dependencies ENABLE TRIGGER USER;
ALTER TABLE rollouts ENABLE TRIGGER USER;
ALTER TABLE schools ENABLE TRIGGER USER;
ALTER TABLE networks ENABLE TRIGGER USER;
ALTER TABLE calendars ENABLE TRIGGER USER;
"""


def seed(url: str, schools: int, tasks: int, done: int = 0) -> None:
    """`schools` S1, S2, ... of one network, each with a graph of `tasks` and 1.5 edges a task.

    Straight into the tables: history and the gate are for what people do.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_SEED.format(schools=schools, tasks=tasks, done=done).encode())
        connection.execute(b"VACUUM ANALYZE")


@contextmanager
def served(ground: Ground) -> Iterator[tuple[int, int]]:
    """The application and the bare one beside it in one uvicorn process: (port, process id)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "FIRSTBELL_DATABASE_URL": ground.url, "BENCH_PORT": str(port)}
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.server"], env=environment)
    try:
        _wait(port, process)
        yield port, process.pid
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()


@contextmanager
def working(ground: Ground) -> Iterator[int]:
    """A worker in a process of its own, whose id this gives."""
    environment = {
        **os.environ,
        "FIRSTBELL_DATABASE_URL": ground.url,
        "FIRSTBELL_SECRET_KEY": SECRET.get_secret_value(),
        "FIRSTBELL_LOG_LEVEL": "WARNING",
    }
    process = subprocess.Popen([sys.executable, "-m", "api", "worker"], env=environment)
    try:
        yield process.pid
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        process.kill()


def peak_mb(process: int) -> float:
    """The most memory that a process has had."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("The system does not tell a process's peak memory.")


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200:
                return
        time.sleep(0.1)
    raise RuntimeError("The benchmark's server did not come up.")
