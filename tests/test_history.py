"""History: whatever changes is told, with who and which request; and nothing else is told.

The walk makes every write that there is (those of the authorization table) and compares all rows
before and after each with what history says about that request.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, LiteralString

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from api import wiring
from api.auth.passwords import hash_password
from api.auth.rules import Role
from api.auth.service import create_user
from api.auth.tokens import create_token
from api.db.pool import Database
from api.db.uow import writing
from api.settings import Settings
from tests.authorization_rules import Case
from tests.authorization_table import CASES
from tests.authorization_world import PASSWORD, World, call, client_of
from tests.shelf import furnished

Connection = psycopg.Connection[Any]
Rows = dict[tuple[str, str], dict[str, Any]]
Told = dict[tuple[str, str, str], tuple[Any, Any]]

# DESIGN 4 names them; each with the id that its history goes by.
KEYS: dict[LiteralString, LiteralString] = {
    "networks": "t.id::text",
    "calendars": "t.network_id::text",
    "schools": "t.id::text",
    "rollouts": "t.id::text",
    "tasks": "t.id::text",
    "dependencies": "t.predecessor_id || '>' || t.successor_id",
    "waivers": "t.id::text",
    "vendors": "t.id::text",
    "orders": "t.id::text",
    "order_lines": "t.id::text",
    "promises": "t.id::text",
    "allocations": "t.id::text",
    "checks": "t.id::text",
    "pd_registrations": "t.id::text",
    "targets": "t.id::text",
}
# What is told of a row, where that is not all of it: of a token that there is another.
SHOWN: dict[LiteralString, LiteralString] = {
    "targets": (
        "to_jsonb(t) || jsonb_build_object('sealed', left(encode(sha256(t.sealed), 'hex'), 12))"
    )
}
# Those that no other refers to, so that they can go and come back.
COPIED: tuple[LiteralString, ...] = ("waivers", "dependencies", "calendars")
NOISE = {"updated_at", "version"}
NOBODY = psycopg.errors.NotNullViolation


@pytest.fixture
def database_url(peopled_url: str) -> str:
    return peopled_url


@pytest.fixture
async def database(settings: Settings, database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, settings, wiring.build_bus()) as opened:
        yield opened


@pytest.fixture
async def app(built_app: FastAPI, settings: Settings, database: Database) -> AsyncIterator[FastAPI]:
    app = furnished(built_app, settings, database)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
def world(peopled: tuple[str, World]) -> World:
    return peopled[1]


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    """Beside the service, as a script on psql would be; what it does is never committed."""
    with psycopg.connect(database_url) as opened:
        yield opened
        opened.rollback()


def snapshot(connection: Connection) -> Rows:
    """Every recorded row, as it is now."""
    connection.rollback()
    rows: Rows = {}
    for table, key in KEYS.items():
        found = connection.execute(
            f"SELECT {key}, {SHOWN.get(table, 'to_jsonb(t)')} FROM {table} t"
        )
        rows |= {(table, row[0]): row[1] for row in found}
    return rows


def differences(before: Rows, after: Rows) -> Told:
    """What history has to say about the way from one snapshot to the next."""
    told: Told = {}
    for one in before.keys() | after.keys():
        old, new = before.get(one), after.get(one)
        if old is None or new is None:
            told[(*one, "delete" if new is None else "insert")] = (_plain(old), _plain(new))
            continue
        changed = {name for name in old if old[name] != new[name]} - NOISE
        if changed:
            told[(*one, "update")] = (
                {name: old[name] for name in changed},
                {name: new[name] for name in changed},
            )
    return told


def _plain(row: dict[str, Any] | None) -> dict[str, Any] | None:
    """Without what an update moves along untold, so that one may follow an insert."""
    return row and {name: value for name, value in row.items() if name not in NOISE}


def told_about(connection: Connection, request_id: str) -> Told:
    """The story of one request: what it did to a row in several steps is one change of it.

    Each step has to begin where the one before ended, so none is told twice.
    """
    found = connection.execute(
        "SELECT table_name, row_id, operation, before, after FROM history WHERE request_id = %s"
        " ORDER BY id",
        (request_id,),
    ).fetchall()
    told: Told = {}
    for table, row, operation, before, after in found:
        first = next((key for key in told if key[:2] == (table, row)), (table, row, operation))
        if first not in told:
            told[first] = (_plain(before), _plain(after))
            continue
        assert operation == "update", f"{request_id} told {first} twice"
        earlier, now = told[first]
        assert now is not None, f"{request_id} changed {first} after it was gone"
        assert all(now.get(name, value) == value for name, value in before.items()), first
        told[first] = (before | earlier if earlier else earlier, now | after)
    return {key: change for key, change in told.items() if change[0] != change[1]}


def writes() -> list[tuple[str, Case]]:
    return [
        (key, case)
        for key, cases in CASES.items()
        for case in cases
        if not key.startswith("GET") and not key.endswith("sign-in/link")
    ]


async def test_every_write_over_http_is_told_and_nothing_else(
    app: FastAPI, database: Database, world: World, connection: Connection
) -> None:
    async with writing(database, "job:test") as session:
        token = await create_token(session, name="walker", role=Role.admin, sees_names=True)
    actor = f"token:{_token_id(connection, 'walker')}"
    seen: set[tuple[str, str]] = set()
    before = snapshot(connection)
    for number, (key, case) in enumerate(writes()):
        request_id = f"walk-{number}"
        async with client_of(app, token) as client:
            answer = await call(
                client, key, case, world.names["a1"], **{"x-request-id": request_id}
            )
        assert answer.status_code == case.status or "sign-in" in key, answer.text
        after = snapshot(connection)
        told = told_about(connection, request_id)
        assert told == differences(before, after), key
        seen |= {(table, operation) for table, _, operation in told}
        before = after
    actors = connection.execute(
        "SELECT DISTINCT actor FROM history WHERE request_id LIKE 'walk-%'"
    ).fetchall()
    assert actors == [(actor,)]
    # Else the walk would not have gone everywhere.
    assert {table for table, _ in seen} == set(KEYS)
    assert {operation for _, operation in seen} == {"insert", "update", "delete"}


def _token_id(connection: Connection, name: str) -> str:
    (token_id,) = connection.execute(
        "SELECT id FROM api_tokens WHERE name = %s", (name,)
    ).fetchone() or ("",)
    return str(token_id)


async def test_no_row_lacks_its_story(world: World, connection: Connection) -> None:
    """Also those that were there first: each row has its insert, each history row its source."""
    for table, key in KEYS.items():
        untold = connection.execute(
            f"SELECT count(*) FROM {table} t WHERE 1 <> (SELECT count(*) FROM history h"
            f" WHERE h.table_name = '{table}' AND h.row_id = {key} AND h.operation = 'insert')"
        ).fetchone()
        assert untold == (0,), table
    nameless = connection.execute(
        "SELECT table_name, row_id FROM history"
        r" WHERE actor !~ '^(user|token|vendor|job):.' OR at IS NULL"
        " OR (actor LIKE 'token:%' AND request_id = '')"
        # Vendors are known to all networks, and so are shared checks.
        " OR (network_id IS NULL AND table_name NOT IN ('vendors', 'checks'))"
        " OR (network_id IS NOT NULL AND table_name = 'vendors')"
    ).fetchall()
    assert nameless == []


async def test_a_person_is_named_by_their_id(
    app: FastAPI, database: Database, world: World, connection: Connection
) -> None:
    async with writing(database, "job:test") as session:
        user = await create_user(
            session,
            email="boss@school.org",
            name="Boss",
            role=Role.admin,
            password_hash=await hash_password(PASSWORD),
        )
    async with client_of(app, None) as client:
        client.headers["origin"] = "http://firstbell.test"
        given = {"email": "boss@school.org", "password": PASSWORD}
        assert (await client.post("/v1/sign-in", json=given)).status_code == 200
        path = f"/v1/tasks/{world.names['a1']['start']}/start"
        answer: httpx.Response = await client.post(path, headers={"x-request-id": "by-hand"})
    assert answer.status_code == 200, answer.text
    actors = connection.execute("SELECT DISTINCT actor FROM history WHERE request_id = 'by-hand'")
    assert actors.fetchall() == [(f"user:{user.id}",)]


def hold(connection: Connection, actor: str = "job:test") -> None:
    """The gate of everything, and somebody who acts (nobody when empty)."""
    connection.execute("UPDATE network_state SET touched_by = pg_current_xact_id()")
    connection.execute("UPDATE school_state SET touched_by = pg_current_xact_id()")
    connection.execute("SELECT set_config('firstbell.actor', %s, true)", (actor,))


def count(connection: Connection) -> int:
    found = connection.execute("SELECT count(*) FROM history").fetchone()
    assert found is not None
    return int(found[0])


def size(connection: Connection, table: LiteralString) -> int:
    found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert found is not None
    return int(found[0])


SOMETHING: dict[LiteralString, LiteralString] = {
    "networks": "name = name || '!'",
    "calendars": "observe_holidays = NOT observe_holidays",
    "schools": "name = name || '!'",
    "rollouts": "wave = 'new'",
    "tasks": "title = title || '!'",
    "dependencies": "lag_days = lag_days + 1",
    "waivers": "reason = reason || '!'",
    "vendors": "name = name || '!'",
    "orders": "reason = 'new'",
    "order_lines": "description = 'new'",
    "promises": "actor = actor || '!'",
    # No sum of the line's, whose change would be told as well.
    "allocations": "rejected = rejected + 1",
    "checks": "title = title || '!'",
    "pd_registrations": "entry = entry + 100",
}
# What every edit moves along, and writing back what is there.
_BOOKKEEPING: LiteralString = "version = version + 1, updated_at = now()"
NOTHING: dict[LiteralString, LiteralString] = {
    **dict.fromkeys(KEYS, _BOOKKEEPING),
    "calendars": "observe_holidays = observe_holidays",
    "dependencies": "lag_days = lag_days",
    "order_lines": "description = description",
    "promises": "actor = actor",
    "allocations": "quantity = quantity",
}


async def test_a_write_without_an_actor_fails(connection: Connection) -> None:
    for table, change in SOMETHING.items():
        hold(connection, actor="")
        with pytest.raises(NOBODY, match="actor"):
            connection.execute(f"UPDATE {table} SET {change}")
        connection.rollback()


async def test_one_statement_over_many_rows_tells_each(connection: Connection) -> None:
    for table, change in SOMETHING.items():
        hold(connection)
        before, rows = count(connection), size(connection, table)
        assert rows > 1, table
        connection.execute(f"UPDATE {table} SET {change}")
        assert count(connection) == before + rows, table
        connection.rollback()


async def test_an_update_that_changes_nothing_tells_nothing(connection: Connection) -> None:
    hold(connection)
    before = count(connection)
    for table, change in NOTHING.items():
        assert connection.execute(f"UPDATE {table} SET {change}").rowcount > 1, table
        assert count(connection) == before, table


async def test_deleting_and_copying_back_tells_each_row(connection: Connection) -> None:
    """COPY is how rows come by the thousand, and no statement of ours is seen then."""
    for table in COPIED:
        connection.execute(f"CREATE TEMP TABLE kept_{table} AS SELECT * FROM {table}")
        hold(connection)
        before, rows = count(connection), size(connection, table)
        connection.execute(f"DELETE FROM {table}")
        assert count(connection) == before + rows, table
        lines = connection.execute(f"SELECT * FROM kept_{table}").fetchall()
        with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
            for line in lines:
                copy.write_row(line)
        assert count(connection) == before + 2 * rows, table
        told = connection.execute(
            "SELECT count(*), count(h.after) FROM history h WHERE operation = 'insert'"
            f" AND table_name = '{table}' AND actor = 'job:test'"
        ).fetchone()
        assert told == (rows, rows), table


async def test_an_upsert_tells_the_insert_and_the_update(connection: Connection) -> None:
    hold(connection)
    before = count(connection)
    connection.execute(
        "DELETE FROM calendars WHERE network_id = (SELECT min(id::text)::uuid FROM networks)"
    )
    connection.execute(
        "INSERT INTO calendars (network_id, observe_holidays)"
        " SELECT id, false FROM networks"
        " ON CONFLICT (network_id) DO UPDATE SET observe_holidays = excluded.observe_holidays"
    )
    found = connection.execute(
        "SELECT operation FROM history ORDER BY id DESC LIMIT %s", (count(connection) - before,)
    )
    assert sorted(row[0] for row in found) == ["delete", "insert", "update"]


async def test_a_cascade_tells_what_it_took_along(connection: Connection, world: World) -> None:
    """A task's edges and waivers go with it; the rows are gone, what they were is not."""
    hold(connection)
    task = world.names["a1"]["waits"]
    connection.execute("DELETE FROM tasks WHERE id = %s", (task,))
    found = connection.execute(
        "SELECT table_name, before ->> 'successor_id' FROM history WHERE operation = 'delete'"
        " ORDER BY table_name"
    ).fetchall()
    assert found == [("dependencies", task), ("tasks", None)]
