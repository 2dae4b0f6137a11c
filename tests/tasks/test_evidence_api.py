"""The door for evidence, over HTTP and as the workstreams use it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event

from api import clock
from api.db.columns import new_id
from api.db.pool import Database
from api.db.uow import writing
from api.tasks.errors import TasksUnknown
from api.tasks.evidence import Progress, record_progress
from tests.tasks.conftest import Body, Caller, rows

TOMORROW = clock.now() + timedelta(days=1)


async def record(database: Database, *progress: Progress) -> int:
    async with writing(database, "job:test") as session:
        return await record_progress(session, progress)


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """What is sent to the database inside the block."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)


async def evidence(caller: Caller, task: Body, done: int, total: int | None, **more: Any) -> Body:
    given = {"done": done, "total": total, **more}
    answered: Body = await caller.post(f"/tasks/{task['id']}/evidence", given)
    return answered


async def test_a_count_moves_the_task(admin: Caller, school: Body) -> None:
    task = await admin.task("a")
    for done, total, status in (
        (0, 3, "pending"),
        (1, 3, "in_progress"),
        (3, 3, "done"),
        (2, 3, "in_progress"),
        (0, 3, "in_progress"),
        (5, 3, "done"),
        (5, 6, "in_progress"),
    ):
        now = await evidence(admin, task, done, total)
        assert (now["status"], now["progress_done"], now["progress_total"]) == (status, done, total)
        assert (now["done_at"] is not None) == (status == "done")


async def test_evidence_is_recorded_though_the_task_is_blocked(admin: Caller, school: Body) -> None:
    await admin.task("a")
    b = await admin.task("b", depends_on=["a"])
    assert (await evidence(admin, b, 3, 3))["status"] == "done"


async def test_a_zero_total_never_satisfies(admin: Caller, school: Body) -> None:
    task = await admin.task("a", gate=True)
    assert (await evidence(admin, task, 0, 0))["status"] == "pending"
    assert (await evidence(admin, task, 5, 0))["status"] == "in_progress"
    await admin.post(f"/tasks/{task['id']}/complete", {"override_reason": "nobody enrolled"})
    readiness = await admin.get("/schools/A/readiness")
    assert readiness["ready"] is False
    assert readiness["gates"] == {"satisfied": 0, "total": 1, "waived": 0}


async def test_what_a_person_skipped_or_cancelled_stays_so(admin: Caller, school: Body) -> None:
    for move, status in (("skip", "skipped"), ("cancel", "cancelled")):
        task = await admin.task(move)
        await admin.post(f"/tasks/{task['id']}/{move}", {"reason": "x"})
        now = await evidence(admin, task, 3, 3)
        assert (now["status"], now["progress_done"]) == (status, 3)


async def test_a_task_done_by_hand_is_reopened_by_lower_evidence_only(
    admin: Caller, school: Body
) -> None:
    task = await admin.task("a")
    await evidence(admin, task, 5, 10)
    path = f"/tasks/{task['id']}/complete"
    await admin.post(path, {"override_reason": "the rest is on its way"})
    assert (await evidence(admin, task, 6, 10))["status"] == "done"
    assert (await evidence(admin, task, 4, 10))["status"] == "in_progress"


async def test_the_cause_is_why(admin: Caller, school: Body) -> None:
    task = await admin.task("a", gate=True)
    await evidence(admin, task, 0, 80, unit="devices", cause="40 devices on no order")
    (blocker,) = (await admin.get("/schools/A/readiness"))["blockers"]
    assert blocker["why"] == "40 devices on no order"
    await evidence(admin, task, 0, 80, unit="devices")
    (blocker,) = (await admin.get("/schools/A/readiness"))["blockers"]
    assert blocker["why"] == "80 of 80 devices outstanding"


async def test_expired_evidence_does_not_satisfy(admin: Caller, school: Body) -> None:
    task = await admin.task("a", gate=True)
    after = await admin.task("b", depends_on=["a"])
    await evidence(admin, task, 1, 1, valid_until="2027-09-30T00:00:00Z")
    assert (await admin.get("/schools/A/readiness"))["ready"] is True
    with clock.moved_to(datetime(2027, 9, 30, 0, 0, 1, tzinfo=UTC)):
        assert (await admin.get("/schools/A/readiness"))["ready"] is False
        problem = await admin.post(f"/tasks/{after['id']}/start", status=409)
        assert problem["blocked_by"] == ["a"]


async def test_the_same_evidence_again_writes_nothing(
    admin: Caller, database: Database, school: Body
) -> None:
    task = await admin.task("a")
    one = Progress(
        task_id=UUID(task["id"]),
        done=2,
        total=9,
        unit="devices",
        expected_on=date(2027, 8, 2),
        lead_days=3,
        spread_days=4,
        valid_until=TOMORROW,
        cause="late",
    )
    assert await record(database, one) == 1
    count = "SELECT count(*) FROM history WHERE row_id = %s"
    before = await rows(database, count, task["id"])
    assert await record(database, one) == 0
    assert await record(database, one, one) == 0
    assert await rows(database, count, task["id"]) == before
    now = await admin.get(f"/tasks/{task['id']}")
    assert (now["expected_on"], now["lead_days"], now["spread_days"]) == ("2027-08-02", 3, 4)
    for change in ({"unit": "boxes"}, {"expected_on": None}, {"valid_until": None}, {"cause": "x"}):
        one = replace(one, **change)
        assert await record(database, one) == 1


async def test_unknown_tasks_are_named_and_nothing_is_recorded(
    admin: Caller, database: Database, school: Body
) -> None:
    task, nobody = await admin.task("a"), uuid4()
    with pytest.raises(TasksUnknown, match=str(nobody)):
        await record(database, Progress(UUID(task["id"]), 1, 2), Progress(nobody, 1, 2))
    assert (await admin.get(f"/tasks/{task['id']}"))["progress_total"] is None
    assert await record(database) == 0


async def test_a_thousand_tasks_take_a_few_statements(
    admin: Caller, database: Database, network: Body
) -> None:
    content = "code,name,network,first_bell\n"
    content += "".join(f"S{n},School {n},N,2027-08-23\n" for n in range(1_000))
    headers = {"content-type": "text/csv"}
    imported = await admin.client.post("/v1/schools/import", content=content, headers=headers)
    assert imported.json()["rows"]["created"] == 1_000
    found = await rows(database, "SELECT school_id, network_id, id FROM rollouts ORDER BY id")
    ids = [new_id() for _ in found]
    async with writing(database, "job:test") as session:
        await session.touch_schools(row[0] for row in found)
        connection = await session.psycopg()
        columns = b"id, school_id, network_id, rollout_id, key, title, workstream, kind, gate,"
        columns += b" after_first_bell, duration_days, status, progress_done, version,"
        columns += b" created_at, updated_at"
        async with (
            connection.cursor() as cursor,
            cursor.copy(b"COPY tasks (" + columns + b") FROM STDIN") as copy,
        ):
            now = clock.now()
            for task_id, row in zip(ids, found, strict=True):
                kept = (task_id, *row, "a", "A", "devices", "devices", True, False)
                await copy.write_row((*kept, 1, "pending", 0, 1, now, now))
    with statements(database) as one:
        await record(database, Progress(ids[0], 1, 2))
    with statements(database) as many:
        assert await record(database, *(Progress(task_id, 2, 2) for task_id in ids)) == 1_000
    assert len(many) == len(one)
    assert await rows(database, "SELECT status, count(*) FROM tasks GROUP BY 1") == [
        ("done", 1_000)
    ]
    assert await rows(database, "SELECT DISTINCT state FROM rollouts") == [("active",)]


async def test_a_closed_rollout_is_left_as_it_ended(
    admin: Caller, database: Database, school: Body
) -> None:
    old = await admin.task("a")
    await admin.patch("/schools/A/rollout", {"state": "closed"})
    new = await admin.task("a")
    assert await record(database, *(Progress(UUID(t["id"]), 1, 2) for t in (old, new))) == 1
    assert await admin.get(f"/tasks/{old['id']}") == old
    assert (await admin.get(f"/tasks/{new['id']}"))["progress_done"] == 1
    problem = await admin.post(f"/tasks/{old['id']}/evidence", {"done": 1}, 409)
    assert problem["code"] == "rollout-closed"
