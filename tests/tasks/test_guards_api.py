"""What the database itself asserts: the gate was taken, and every change says who made it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from api.db.pool import Database
from api.db.uow import writing
from tests.tasks.conftest import Body, Caller, rows
from tests.tasks.small import add

WRITES = {
    "tasks": "UPDATE tasks SET title = 'x' WHERE key = 'a'",
    "tasks of the network": "UPDATE tasks SET title = 'x' WHERE key = 'ours'",
    "dependencies": "DELETE FROM dependencies",
    "waivers": "UPDATE waivers SET reason = 'x'",
    "rollouts": "UPDATE rollouts SET wave = 'x'",
    "new tasks": "INSERT INTO tasks (id, network_id, school_id, rollout_id, key, title, workstream,"
    " kind, gate, after_first_bell, duration_days, status, progress_done, version, created_at,"
    " updated_at) SELECT gen_random_uuid(), network_id, school_id, rollout_id, 'z', title,"
    " workstream, kind, gate, after_first_bell, duration_days, status, progress_done, version,"
    " created_at, updated_at FROM tasks WHERE key = 'a'",
}


@pytest.fixture
async def graph(admin: Caller, school: Body) -> None:
    """One of everything: a, b after it, a network's task, a waiver."""
    await admin.network_task("ours")
    a = await admin.task("a")
    await admin.task("b", depends_on=["a"])
    await admin.post(f"/tasks/{a['id']}/waivers", {"reason": "w"}, 201)


@pytest.mark.parametrize("what", list(WRITES))
async def test_a_write_without_the_gate_is_refused(
    graph: None, database: Database, school: Body, what: str
) -> None:
    with pytest.raises(DBAPIError) as refused:
        async with writing(database, "job:test") as session:
            await session.execute(text(WRITES[what]))
    assert isinstance(refused.value.orig, psycopg.Error)
    assert refused.value.orig.sqlstate == "FB001"
    async with writing(database, "job:test") as session:
        await session.touch_networks([UUID(school["network_id"])])
        await session.touch_schools([UUID(school["id"])])
        await session.execute(text(WRITES[what]))


async def test_the_gate_of_another_school_does_not_do(
    admin: Caller, graph: None, database: Database
) -> None:
    other = await admin.school("B")
    with pytest.raises(DBAPIError, match="touch_schools"):
        await write(database, other["id"])


async def write(database: Database, held: str) -> None:
    """A write to school A's tasks by a transaction that holds another school."""
    async with writing(database, "job:test") as session:
        await session.touch_schools([UUID(held)])
        await session.execute(text(WRITES["tasks"]))


async def test_a_write_that_names_nobody_is_refused(graph: None, database: Database) -> None:
    async with database.pool.connection() as connection:
        await connection.execute("UPDATE school_state SET touched_by = pg_current_xact_id()")
        with pytest.raises(psycopg.errors.NotNullViolation):
            await connection.execute("UPDATE rollouts SET wave = 'x'")
        await connection.rollback()


async def scenario(admin: Caller) -> None:
    """Something of everything that writes."""
    await add(admin, "x.a", "x.b<x.a")
    await admin.post("/networks/N/rollouts", {"playbook": "small"})
    tasks = await admin.tasks()
    path = f"/tasks/{tasks['x.a']['id']}"
    await admin.patch(path, {"title": "T"})
    await admin.post(f"{path}/evidence", {"done": 1, "total": 2})
    waiver = await admin.post(f"{path}/waivers", {"reason": "w"}, 201)
    await admin.post(f"{path}/evidence", {"done": 0, "total": 2})
    await admin.post(f"/waivers/{waiver['id']}/revoke", status=409)
    mine = await admin.task("mine", depends_on=["x.b"])
    await admin.post(f"/tasks/{tasks['x.b']['id']}/cancel", {"reason": "x"})
    await admin.put(f"/tasks/{mine['id']}/dependencies/{tasks['x.a']['id']}", {"lag_days": 2})
    await admin.delete(f"/tasks/{mine['id']}/dependencies/{tasks['x.a']['id']}")
    await admin.post("/tasks/bulk", {"action": "start", "task_ids": [mine["id"]]})
    await admin.post("/networks/N/first-bell", {"first_bell": "2027-08-30"})
    await admin.patch("/schools/A/rollout", {"state": "closed"})


TABLES = {
    "tasks": "t.id::text",
    "dependencies": "t.predecessor_id || '>' || t.successor_id",
    "waivers": "t.id::text",
    "rollouts": "t.id::text",
}


async def test_every_row_has_its_story_told_once(
    admin: Caller, database: Database, school: Body
) -> None:
    await scenario(admin)
    told = await rows(database, "SELECT * FROM history WHERE actor = '' OR request_id = ''")
    assert told == []
    for table, key in TABLES.items():
        inserts = await rows(
            database,
            f"SELECT {key} FROM {table} t WHERE 1 <> (SELECT count(*) FROM history h WHERE"
            f" h.table_name = '{table}' AND h.row_id = {key} AND h.operation = 'insert')",
        )
        assert inserts == [], table
        # Replaying the changes over the first state gives the row as it is.
        wrong = await rows(database, REPLAY.format(table=table, key=key))
        assert wrong == [], table


# Merges each row's insert and updates in order, and compares with the row itself.
REPLAY = """
WITH RECURSIVE told AS (
  SELECT row_id, after, row_number() OVER (PARTITION BY row_id ORDER BY id) AS n
  FROM history WHERE table_name = '{table}' AND operation <> 'delete'
), replayed AS (
  SELECT row_id, after AS doc, n FROM told WHERE n = 1
  UNION ALL
  SELECT t.row_id, r.doc || t.after, t.n FROM told t
  JOIN replayed r ON r.row_id = t.row_id AND t.n = r.n + 1
)
SELECT t.* FROM {table} t WHERE NOT EXISTS (
  SELECT 1 FROM replayed r WHERE r.row_id = {key}
  AND to_jsonb(t) - '{{updated_at,version}}'::text[] = r.doc - '{{updated_at,version}}'::text[]
)"""


async def test_a_change_names_its_request_and_its_caller(
    admin: Caller, database: Database, school: Body
) -> None:
    task = await admin.task("a")
    path = f"/tasks/{task['id']}/start"
    answer = await admin.answer("POST", path, None, x_request_id="morning-7")
    assert answer.status_code == 200
    query = "SELECT actor, before, after FROM history WHERE request_id = 'morning-7' ORDER BY id"
    found: list[Any] = await rows(database, query)
    by = {row[0] for row in found}
    assert len(by) == 1
    assert by.pop().startswith("token:")
    assert [row[1]["status"] for row in found if "status" in row[1]] == ["pending"]
    assert [row[2]["status"] for row in found if "status" in row[2]] == ["in_progress"]
    # The task and its rollout, once each; the clock's columns are bookkeeping.
    assert [set(row[2]) for row in found] in (
        [{"status", "started_at"}, {"state"}],
        [{"state"}, {"status", "started_at"}],
    )


async def test_evidence_writes_one_row_a_change(
    admin: Caller, database: Database, school: Body
) -> None:
    task = await admin.task("a")
    for done in (0, 1, 1, 2):
        await admin.post(f"/tasks/{task['id']}/evidence", {"done": done, "total": 2})
    found = await rows(
        database,
        "SELECT after ->> 'status' FROM history WHERE row_id = %s AND operation = 'update'"
        " ORDER BY id",
        task["id"],
    )
    assert [row[0] for row in found] == [None, "in_progress", "done"]
