"""A roster whose API, worker and database are killed again and again: as if nothing happened."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from api import wiring
from api.accounts.run import run_import
from api.auth.rules import Role
from api.auth.tokens import create_token
from api.db import embedded, schema
from api.db.pool import Database
from api.db.uow import writing
from api.settings import Settings
from tests.accounts.conftest import SCHOOLS, Caller, Rosters, csv_of, student
from tests.mother import DOOMED, Mother
from tests.shelf import furnished
from tests.tasks.conftest import NETWORK

ROWS = 10_000
KILLS = 2
# Seconds after a run has begun; most of it is over then.
LONGEST = 1.5
SECRET = "k" * 43
STALLED_AFTER = 1.5
PATIENCE = 240.0
# Whose API is killed after the file was taken sends it again: then there may be a run that finds
# nothing to do.
_WROTE = "i.created + i.updated + i.missing > 0"
_ATTEMPTS = "SELECT status, attempts FROM procrastinate_jobs WHERE task_name = 'account_import'"
# What the tables say, by names instead of ids and without the moments of our own.
TABLES = {
    "accounts": """
        SELECT a.sourced_id, s.code, a.given_name, a.family_name, a.grade, a.username, a.email,
          a.status, a.version, a.import_id IS NULL, a.missing_since IS NULL
        FROM accounts a JOIN schools s ON s.id = a.school_id""",
    "burnt": "SELECT digest, owner IS NULL FROM burnt_usernames",
    "changes": """
        SELECT a.sourced_id, c.kind, c.version_after FROM account_changes c
        JOIN accounts a ON a.id = c.account_id""",
    "baselines": """
        SELECT s.code, b.students FROM account_baselines b JOIN schools s ON s.id = b.school_id""",
    "issues": f"""
        SELECT row_number, column_name, code, got, expected FROM account_import_issues n
        JOIN account_imports i ON i.id = n.import_id WHERE {_WROTE}""",
    "imports": f"""
        SELECT state, total, created, updated, unchanged, missing, restored, rejected, percent,
          body_bytes FROM account_imports i WHERE {_WROTE}""",
    "uploads": f"""
        SELECT position, length(body) FROM account_import_chunks n
        JOIN account_imports i ON i.id = n.import_id WHERE {_WROTE}""",
    "tasks": """
        SELECT s.code, t.key, t.status, t.progress_done, t.progress_total, t.cause
        FROM tasks t JOIN schools s ON s.id = t.school_id WHERE t.kind = 'accounts'""",
    "staging": """
        SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'staging'""",
}


def connect(url: str) -> psycopg.Connection[Any]:
    """Once the database is up again, which may have died last."""
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            return psycopg.connect(url)
        except psycopg.OperationalError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.1)


def said(url: str) -> dict[str, list[tuple[Any, ...]]]:
    with connect(url) as connection:
        return {
            name: sorted(connection.execute(statement.encode()).fetchall(), key=repr)
            for name, statement in TABLES.items()
        }


def files(count: int) -> list[bytes]:
    """A first year, and the next: some leave, come, move, marry, and some rows are wrong."""
    some = [student(n, school=SCHOOLS[n % len(SCHOOLS)], username="") for n in range(count)]
    for number in range(0, count, 997):
        some[number]["grade"] = "97"
    later = [dict(one) for one in some[count // 20 :]]
    for number, one in enumerate(later):
        if number % 10 == 0:
            one["family_name"] = "Married"
        if number % 17 == 0:
            one["school"] = "B"
    later += [student(n, school="C", username="") for n in range(count, count + count // 10)]
    return [csv_of(some), csv_of(later)]


@asynccontextmanager
async def world(app: FastAPI, url: str) -> AsyncIterator[tuple[Rosters, str]]:
    """Schools with a plan, on a new database; and the token of who sends their rosters."""
    await asyncio.to_thread(schema.migrate, url)
    settings = Settings(database_url=url, secret_key=SecretStr(SECRET), log_level="WARNING")
    async with Database(url, settings, wiring.build_bus()) as database:
        furnished(app, settings, database)
        async with app.router.lifespan_context(app):
            async with writing(database, "job:test") as session:
                token = await create_token(session, name="cron", role=Role.admin)
            transport = httpx.ASGITransport(app)
            headers = {"authorization": f"Bearer {token}"}
            async with httpx.AsyncClient(
                transport=transport, base_url="http://firstbell.test", headers=headers, timeout=60
            ) as client:
                caller = Caller(client)
                await caller.post("/networks", NETWORK | {"code": "N"}, 201)
                for code in SCHOOLS:
                    await caller.school(code, sourced_id=f"org-{code}")
                    plan = {"playbook": "one_to_one", "first_bell": "2027-08-23"}
                    await caller.post(f"/schools/{code}/rollouts", plan, 201)
                yield Rosters(caller, database, settings), token


@contextmanager
def databases() -> Iterator[tuple[embedded.EmbeddedServer, list[str]]]:
    """A server of this test's own, since it dies, with two databases.

    It waits for what it has committed to be written, as one that matters does.
    """
    with embedded.temporary({"synchronous_commit": "on"}) as server:
        urls = []
        for name in ("clean", "killed"):
            admin = server.url("postgres", user="postgres")
            with psycopg.connect(admin, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name} OWNER firstbell".encode())
            urls.append(server.url(name))
        yield server, urls


@dataclass
class Mortals:
    """An API and a worker in processes of their own, and the database they share."""

    server: embedded.EmbeddedServer
    url: str
    log: Path
    port: int
    chance: random.Random
    mother: Mother
    running: dict[str, int] = field(default_factory=dict)
    killed: list[str] = field(default_factory=list)

    def start(self, what: str) -> None:
        commands = {
            "api": ["serve"],
            "worker": [DOOMED, self.url, SECRET, str(STALLED_AFTER)],
        }
        environment = {
            **os.environ,
            "FIRSTBELL_DATABASE_URL": self.url,
            "FIRSTBELL_SECRET_KEY": SECRET,
            "FIRSTBELL_PORT": str(self.port),
            "FIRSTBELL_EMBEDDED_WORKER": "false",
        }
        self.running[what] = self.mother.bear(commands[what], environment, self.log)

    def kill(self, what: str) -> None:
        """At once, in the middle of whatever it does; then there is another."""
        self.killed.append(what)
        if what == "database":
            pid = int((self.server.data / "postmaster.pid").read_text().split()[0])
            # Its keeper starts it again.
            os.kill(pid, signal.SIGKILL)
            return
        self.mother.kill(self.running[what])
        self.start(what)

    async def keep_killing(self, order: Sequence[str], longest: float) -> None:
        """Kill in the middle of the run, each time that somebody has begun it again."""
        attempts = -1
        for number, what in enumerate(order):
            begun = await asyncio.to_thread(self.begun_again, attempts)
            if begun is None:
                return
            attempts = begun
            # The first strikes for certain before the run can be done.
            await asyncio.sleep(number and self.chance.uniform(0, longest))
            await asyncio.to_thread(self.kill, what)

    def begun_again(self, after: int) -> int | None:
        """How often the run was given up before it was begun now; null once there is no job."""
        while True:
            with (
                contextlib.suppress(psycopg.OperationalError),
                psycopg.connect(self.url) as looking,
            ):
                found = looking.execute(_ATTEMPTS).fetchone()
                if found is None:
                    return None
                if found[0] == "doing" and found[1] > after:
                    return int(found[1])
            time.sleep(0.02)

    async def send(self, body: bytes, token: str) -> str:
        """Post the file until it is taken, the API killed in the middle of it; the import's id."""
        base, headers = f"http://127.0.0.1:{self.port}", {"authorization": f"Bearer {token}"}
        path, victims = "/v1/account-imports?snapshot=full", ["api"]

        async def pieces() -> AsyncIterator[bytes]:
            yield body[: len(body) // 2]
            if victims:
                await asyncio.to_thread(self.kill, victims.pop())
            yield body[len(body) // 2 :]

        async with httpx.AsyncClient(base_url=base, headers=headers, timeout=30) as client:
            while True:
                # It is being started, or started again.
                with contextlib.suppress(httpx.TransportError):
                    if (await client.get("/healthz")).is_success:
                        answer = await client.post(path, content=pieces())
                        assert answer.status_code == 202, answer.text
                        return str(answer.json()["id"])
                await asyncio.sleep(0.1)

    async def state(self, import_id: str) -> str:
        try:
            with psycopg.connect(self.url) as connection:
                found = connection.execute(
                    "SELECT state FROM account_imports WHERE id = %s", (import_id,)
                ).fetchone()
        except psycopg.OperationalError:
            return "down"
        return str(found[0]) if found else "lost"

    async def ended(self, import_id: str) -> str:
        async with asyncio.timeout(PATIENCE):
            state = await self.state(import_id)
            while state in ("queued", "running", "down"):
                await asyncio.sleep(0.1)
                state = await self.state(import_id)
        return state


async def clean_run(
    app: FastAPI, url: str, bodies: Sequence[bytes]
) -> dict[str, list[tuple[Any, ...]]]:
    async with world(app, url) as (rosters, _):
        for body in bodies:
            sent = await rosters.send(body, snapshot="full")
            await run_import(rosters.database, SECRET.encode(), sent["id"])
    return await asyncio.to_thread(said, url)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_a_roster_survives_whoever_is_killed_whenever(
    tmp_path: Path, built_app: FastAPI
) -> None:
    bodies = files(ROWS)
    chance = random.Random(4)  # noqa: S311 (not a secret)
    with databases() as (server, (clean, url)), socket.socket() as free:
        expected = await clean_run(built_app, clean, bodies)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        async with world(built_app, url) as (_, token):
            pass
        free.close()
        with Mother() as mother:
            mortals = Mortals(server, url, tmp_path / "log", port, chance, mother)
            for what in ("api", "worker"):
                mortals.start(what)
            order = [("database", "worker")[n % 2] for n in range(KILLS)]
            for body in bodies:
                import_id = await mortals.send(body, token)
                killing = asyncio.create_task(mortals.keep_killing(order, LONGEST))
                assert await mortals.ended(import_id) == "applied", mortals.log.read_text()
                await killing
                order.reverse()
        assert mortals.killed.count("api") == len(bodies)
        assert {"worker", "database"} <= set(mortals.killed)
        found = await asyncio.to_thread(said, url)
    assert {name: len(some) for name, some in found.items()} == {
        name: len(some) for name, some in expected.items()
    }
    assert found == expected
    assert len(expected["accounts"]) > ROWS
    assert expected["changes"]
    assert not expected["staging"]
