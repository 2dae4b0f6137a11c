"""Databases of one worker, used by one test after another: emptied in between, not made anew.

Making one copies a thousand files, which took longer than most tests. What they are copied from
is made once for all workers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, LiteralString
from uuid import uuid4

import psycopg
from fastapi import FastAPI
from psycopg import Connection, sql

from api.app import furnish
from api.db.pool import Database
from api.settings import Settings

# What a test must leave as it was for its database to serve another: all that is not rows.
_SHAPE: LiteralString = """
WITH ours AS (SELECT oid FROM pg_namespace WHERE nspname !~ '^pg_|^information_schema$')
SELECT (SELECT count(*) FROM ours),
  (SELECT count(*) || ' ' || max(c.oid) FROM pg_class c JOIN ours o ON o.oid = c.relnamespace),
  (SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    JOIN ours o ON o.oid = c.relnamespace WHERE NOT a.attisdropped),
  (SELECT count(*) || ' ' || max(p.oid) FROM pg_proc p JOIN ours o ON o.oid = p.pronamespace),
  (SELECT count(*) || ' ' || max(oid) || ' ' || count(*) FILTER (WHERE tgenabled <> 'O')
    FROM pg_trigger),
  (SELECT count(*) || ' ' || max(oid) FROM pg_constraint),
  (SELECT count(*) FROM pg_db_role_setting)"""
_OTHERS: LiteralString = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()"""
_TABLES: LiteralString = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname !~ '^pg_|^information_schema$'"""
_RESTART: LiteralString = """
SELECT setval(format('%I.%I', schemaname, sequencename), start_value, false)
FROM pg_sequences WHERE last_value IS NOT NULL"""
# Deleted rows leave their room behind; a database that became this large is not kept.
_LARGEST_BYTES = 32 * 2**20


class Shelf:
    """Copies of `template`; `url` gives a database's address, for its superuser when told so."""

    def __init__(self, template: str, url: Callable[..., str]) -> None:
        self._template, self._url = template, url
        self._free: list[str] = []
        # Kept open, as superuser: a new one would look up every table again, which takes longer
        # than emptying them.
        self._within: dict[str, Connection[Any]] = {}
        # Not the template itself: nobody can copy it while somebody is in it.
        self._free.append(self.take())
        with self._inside(self._free[0]) as connection:
            self._shape = connection.execute(_SHAPE).fetchone()
            tables = connection.execute(_TABLES).fetchall()
            # What a migration put in stays, as long as it is as it was.
            self._given = {table: kept for table in tables if (kept := _rows(connection, table))}
            self._clear = sql.SQL(";").join(
                sql.SQL("DELETE FROM {}").format(sql.Identifier(*table))
                for table in tables
                if table not in self._given
            )

    def take(self) -> str:
        """The name of an empty database at the newest revision."""
        if self._free:
            return self._free.pop()
        name = f"test_{uuid4().hex}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {self._template} OWNER firstbell")
        return name

    def give_back(self, name: str) -> None:
        """Whoever still uses it is thrown out first."""
        if self._emptied(name):
            self._free.append(name)
        else:
            if name in self._within:
                self._within.pop(name).close()
            self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def execute(self, statement: str) -> None:
        with self._inside("postgres") as connection:
            connection.execute(statement.encode())

    def _inside(self, name: str) -> Connection[Any]:
        # As superuser: an autovacuum worker may be looking at a database that is dropped.
        return psycopg.connect(self._url(name, user="postgres"), autocommit=True)

    def close(self) -> None:
        for connection in self._within.values():
            connection.close()

    def _emptied(self, name: str) -> bool:
        try:
            if name not in self._within:
                self._within[name] = self._inside(name)
            # Without triggers: no history of it, no order among tables that refer to each other.
            self._within[name].execute("SET session_replication_role = replica")
        except psycopg.OperationalError:
            # The test dropped it itself.
            return False
        return self._cleared(self._within[name])

    def _cleared(self, connection: Connection[Any]) -> bool:
        with connection.transaction():
            connection.execute(_OTHERS)
            size = connection.execute("SELECT pg_database_size(current_database())").fetchone()
            if size is None or size[0] > _LARGEST_BYTES:
                return False
            if connection.execute(_SHAPE).fetchone() != self._shape:
                return False
            if any(_rows(connection, table) != kept for table, kept in self._given.items()):
                return False
            connection.execute(self._clear)
            connection.execute(_RESTART)
        return True


def made_once(url: Callable[..., str], name: str, fill: Callable[[str], str]) -> str:
    """Have the database `name`, to be copied from: the first worker of a run fills it.

    `fill` is given its address; what it returned is returned to each worker.
    """
    with psycopg.connect(url("postgres", user="postgres"), autocommit=True) as connection:
        # Until the connection ends, also when `fill` fails.
        connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [name])
        about = connection.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s",
            [name],
        ).fetchone()
        if about is not None and about[0] is not None:
            return str(about[0])
        named = sql.Identifier(name)
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(named))
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER firstbell").format(named))
        said = fill(url(name))
        comment = sql.SQL("COMMENT ON DATABASE {} IS {}").format(named, sql.Literal(said))
        connection.execute(comment)
        return said


def furnished(app: FastAPI, settings: Settings, database: Database) -> FastAPI:
    """An app that was built before, on this database now; it works nothing off by itself."""
    furnish(app, settings.model_copy(update={"embedded_worker": False}), database)
    return app


def _rows(connection: Connection[Any], table: tuple[str, str]) -> str | None:
    """All rows of a table in one text, or None when there are none."""
    query = sql.SQL("SELECT string_agg(t::text, ';' ORDER BY t::text) FROM {} t")
    found = connection.execute(query.format(sql.Identifier(*table))).fetchone()
    assert found is not None
    kept: str | None = found[0]
    return kept
