"""A million accounts exported in every format over HTTP, against COPY of the same rows; and that
memory does not grow with them.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterable
from dataclasses import replace

import psycopg
from psycopg import sql
from sqlalchemy.dialects.postgresql import psycopg as dialect

from api.accounts.exports.choosing import Chosen, rows_of
from api.accounts.exports.form import ExportFormat, Of
from api.accounts.exports.service import Asked, form_of
from api.accounts.rules import AccountStatus
from api.auth.rules import Role
from api.auth.tokens import create_token
from api.cli.people import OPERATOR
from api.db.embedded import EmbeddedServer
from api.db.pool import Database
from api.db.uow import transact
from benchmarks import ground
from benchmarks.ground import Ground
from benchmarks.result import Result, compare
from tests.accounts.rosters import invented, students

SCHOOLS, STUDENTS = 660, 1_000_000
_LIMIT = "COPY (SELECT the same cells) TO STDOUT, thrown away"
# Room for what the process learns about itself, none for a million rows.
_GROWTH_MB = 40.0
_ROSTER = """
CREATE TEMP TABLE roster (sourced_id text COLLATE "C", school text, given text, family text,
  grade text, username text, email text)
"""
_ACCOUNTS = """
INSERT INTO account_sources (id, network_id, slug, created_at)
SELECT uuidv7(), id, 'default', now() FROM networks;
INSERT INTO accounts (id, network_id, source_id, sourced_id, school_id, given_name, family_name,
  grade, username, email, status, version, created_at, updated_at)
SELECT uuidv7(), s.network_id, o.id, r.sourced_id, s.id, r.given, r.family,
  CASE r.grade WHEN 'K' THEN 0 ELSE r.grade::smallint END, r.username, r.email, 'active', 1,
  now(), now()
FROM roster r JOIN schools s ON s.code = r.school CROSS JOIN account_sources o
ORDER BY r.sourced_id;
"""


def exports(server: EmbeddedServer, rounds: int) -> Iterable[Result]:
    """Each format with everything it asks for: the survey, the record, the file."""
    with ground.fresh(server) as base:
        ground.seed(base.url, schools=SCHOOLS, tasks=1)
        _fill(base.url)
        token = asyncio.run(_token(base))
        with ground.served(base) as (port, process):
            for form in ExportFormat:
                _exported(port, token, form, "&school=S1")
            before = ground.peak_mb(process)
            for form in ExportFormat:
                pairs = [
                    (STUDENTS / _exported(port, token, form), STUDENTS / _copied(base.url, form))
                    for _ in range(rounds)
                ]
                yield compare(
                    f"export_{form}",
                    "accounts/s",
                    pairs,
                    limit_name=_LIMIT,
                    goal=0.4,
                    better="higher",
                )
            yield compare(
                "export_memory",
                "MB",
                [(ground.peak_mb(process), before + _GROWTH_MB)],
                limit_name=f"peak after one school's exports, and {_GROWTH_MB:g} MB",
                goal=1.0,
                better="lower",
            )


def _fill(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_ROSTER.encode())
        with connection.cursor().copy("COPY roster FROM STDIN") as copy:
            for one in students(invented(SCHOOLS, STUDENTS), named=True):
                copy.write_row((one.sourced_id, one.school.code, *one[2:]))
        connection.execute(_ACCOUNTS.encode())
        connection.execute(b"VACUUM ANALYZE")


async def _token(base: Ground) -> str:
    async with Database(base.url, base.settings()) as database:
        return await transact(
            database,
            OPERATOR.actor,
            lambda session: create_token(session, name="export", role=Role.admin, sees_names=True),
        )


def _exported(port: int, token: str, form: ExportFormat, more: str = "") -> float:
    """Seconds until the last byte was there."""
    request = (
        f"GET /v1/accounts/export?format={form}&network=BENCH{more} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    )
    begin = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), timeout=300) as connection:
        connection.sendall(request.encode())
        first = last = connection.recv(1 << 18)
        while piece := connection.recv(1 << 18):
            last = piece
    took = time.perf_counter() - begin
    assert first.startswith(b"HTTP/1.1 200 "), first[:500]
    assert last.endswith(b"0\r\n\r\n"), "The answer broke off."
    return took


def _copied(url: str, form: ExportFormat) -> float:
    """Seconds of COPY alone: the cells of every file, to a client that throws them away."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT id FROM networks").fetchone()
        assert row is not None
        chosen = Chosen(OPERATOR, row[0], None, None, AccountStatus.active)
        # What no account of these is unfit for need not be looked for.
        made = replace(form_of(Asked(form)), unfit=())
        took = 0.0
        for sheet in made.sheets:
            if sheet.of is not Of.account:
                continue
            rows = rows_of(
                chosen, made, sheet.of, [*sheet.columns.values()], secrets=False, guarded=False
            )
            compiled = rows.compile(
                dialect=dialect.dialect(),  # type: ignore[no-untyped-call] # SQLAlchemy's own
                compile_kwargs={"literal_binds": True, "render_postcompile": True},
            )
            query = sql.SQL("COPY ({}) TO STDOUT").format(sql.SQL(str(compiled).replace("%%", "%")))
            begin = time.perf_counter()
            with connection.cursor().copy(query) as copy:
                for _ in copy:
                    pass
            took += time.perf_counter() - begin
    return took
