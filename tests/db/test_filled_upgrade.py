"""Upgrading a database that has been in use: nothing is lost or changed, and the guards hold."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from alembic import command
from psycopg import sql
from psycopg.types.json import Jsonb
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from api.db import schema
from tests.db.filled_0001 import FIRST, NETWORK, OTHER, ROWS, SCHOOL, Row

Connection = psycopg.Connection[Any]
TABLES_OF_OTHERS = "alembic_version|procrastinate_.*"
GUARDED = {
    "tasks": "UPDATE tasks SET title = 'x'",
    "dependencies": "UPDATE dependencies SET lag_days = 9",
    "waivers": "UPDATE waivers SET reason = 'x'",
    "rollouts": "UPDATE rollouts SET wave = 'x'",
    "calendars": "UPDATE calendars SET observe_holidays = true",
    "schools": "UPDATE schools SET name = 'x'",
}


def upgrade(url: str, revision: str) -> None:
    """`schema.migrate` knows only the newest on the way up."""
    with create_engine(schema.sqlalchemy_url(url), poolclass=NullPool).connect() as connection:
        command.upgrade(schema.alembic_config(connection), revision)


def tables(connection: Connection) -> list[str]:
    found = connection.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND"
        " relnamespace = 'public'::regnamespace AND relname !~ %s ORDER BY relname",
        (f"^({TABLES_OF_OTHERS})$",),
    )
    return [row[0] for row in found]


def insert(connection: Connection, table: str, row: Row) -> None:
    # Only the columns there are: an identity gives itself.
    names = sql.SQL(", ").join(map(sql.Identifier, row))
    statement = sql.SQL(
        "INSERT INTO {table} ({names}) SELECT {names} FROM jsonb_populate_record(NULL::{table}, %s)"
    ).format(table=sql.Identifier(table), names=names)
    connection.execute(statement, (Jsonb(row),))


# Columns that came later, with what rows from before then say.
LATER: dict[str, Row] = {
    "networks": {"username_template": "{given:1}{family}{grad_year:2}"},
    "staff": {"edits": None},
}


def content(url: str) -> dict[str, list[str]]:
    """Every row of every table of ours, as text; columns that came later, where they say more."""
    kept = {}
    with psycopg.connect(url) as connection:
        for table in tables(connection):
            rows = connection.execute(
                sql.SQL(
                    "SELECT (CASE WHEN doc @> %(later)s THEN doc - %(names)s::text[] ELSE doc END)"
                    "::text FROM (SELECT to_jsonb(t) FROM {} t) d(doc) ORDER BY 1"
                ).format(sql.Identifier(table)),
                {
                    "later": Jsonb(LATER.get(table, {})),
                    "names": list(LATER.get(table, {})),
                },
            )
            kept[table] = [row[0] for row in rows]
    return kept


def kept(url: str) -> dict[str, list[str]]:
    """The content, less the tables that came later and hold nothing yet."""
    return {table: rows for table, rows in content(url).items() if rows or table in ROWS}


@pytest.fixture
def filled(empty_database_url: str) -> str:
    """A database at revision 0001 with rows in every table."""
    upgrade(empty_database_url, "0001")
    with psycopg.connect(empty_database_url) as connection:
        for table, rows in ROWS.items():
            for row in rows:
                insert(connection, table, row)
    return empty_database_url


def test_the_rows_leave_out_no_table_and_no_column(filled: str) -> None:
    with psycopg.connect(filled) as connection:
        for table in tables(connection):
            total, *counts = connection.execute(_counts(connection, table)).fetchone() or (0,)
            assert total, f"{table} has no row in filled_0001.py"
            assert all(counts), f"a column of {table} is null in every row of filled_0001.py"


def _counts(connection: Connection, table: str) -> sql.Composed:
    """How many rows there are, and of each column how many values."""
    name = sql.Identifier(table)
    described = connection.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(name)).description
    counts = [sql.SQL("count({})").format(sql.Identifier(one.name)) for one in described or ()]
    return sql.SQL("SELECT {} FROM {}").format(
        sql.SQL(", ").join([sql.SQL("count(*)"), *counts]), name
    )


def test_up_down_and_up_again_keeps_every_row(filled: str) -> None:
    before = content(filled)
    assert sum(map(len, before.values())) >= sum(map(len, ROWS.values()))
    schema.migrate(filled)
    assert schema.current_revision(filled) == schema.newest_revision()
    assert kept(filled) == before
    schema.migrate(filled, "0001")
    assert content(filled) == before
    schema.migrate(filled)
    assert kept(filled) == before


@pytest.mark.parametrize("table", list(GUARDED))
def test_the_guards_hold_for_rows_from_before(filled: str, table: str) -> None:
    schema.migrate(filled)
    with psycopg.connect(filled) as connection:
        _act_for(connection, "user:somebody")
        with pytest.raises(psycopg.Error, match="must come after touch_schools") as refused:
            connection.execute(GUARDED[table])
        assert refused.value.sqlstate == "FB001"
        connection.rollback()
        _hold_all(connection)
        with pytest.raises(psycopg.errors.NotNullViolation):
            connection.execute(GUARDED[table])
        connection.rollback()
        _act_for(connection, "user:somebody")
        _hold_all(connection)
        changed = connection.execute(GUARDED[table]).rowcount
        told = connection.execute(
            "SELECT count(*) FROM history WHERE actor = 'user:somebody' AND table_name = %s",
            (table,),
        ).fetchone()
        assert told == (changed,)
        assert changed == len(ROWS[table])


def _act_for(connection: Connection, actor: str) -> None:
    connection.execute("SELECT set_config('firstbell.actor', %s, true)", (actor,))


def _hold_all(connection: Connection) -> None:
    """The gate of everything, as `touch_schools` takes it."""
    connection.execute("UPDATE network_state SET touched_by = pg_current_xact_id()")
    connection.execute("UPDATE school_state SET touched_by = pg_current_xact_id()")


def test_what_happened_in_between_is_kept(filled: str) -> None:
    """Down to 0001 the guards are gone; what they recorded stays, and goes on after it."""
    schema.migrate(filled)
    with psycopg.connect(filled) as connection:
        _act_for(connection, "user:somebody")
        _hold_all(connection)
        connection.execute("UPDATE tasks SET title = 'Mine' WHERE id = %s", (FIRST,))
    schema.migrate(filled, "0001")
    with psycopg.connect(filled) as connection:
        connection.execute("UPDATE schools SET name = 'Unguarded' WHERE id = %s", (OTHER,))
    between = content(filled)
    assert len(between["history"]) == len(ROWS["history"]) + 1
    schema.migrate(filled)
    assert kept(filled) == between
    with psycopg.connect(filled) as connection:
        _act_for(connection, "user:somebody")
        connection.execute("UPDATE networks SET name = 'Guarded' WHERE id = %s", (NETWORK,))
        last = connection.execute(
            "SELECT table_name, after FROM history ORDER BY id DESC LIMIT 1"
        ).fetchone()
    assert last == ("networks", {"name": "Guarded"})


def test_down_to_nothing_refuses_nothing_and_leaves_nothing(filled: str) -> None:
    """The way down is for a developer: it takes the data with it."""
    schema.migrate(filled)
    with psycopg.connect(filled) as connection:
        connection.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, priority, args, status)"
            " VALUES ('q', 'purge', 0, '{}', 'todo')"
        )
        assert connection.execute(
            "SELECT count(*) FROM school_state WHERE school_id = %s", (SCHOOL,)
        ).fetchone() == (1,)
    schema.migrate(filled, "base")
    assert schema.current_revision(filled) is None
    assert content(filled) == {}
    schema.migrate(filled)
    assert all(rows == [] for rows in content(filled).values())
