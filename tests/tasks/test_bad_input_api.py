"""What must not break the spine: each a clear problem, nothing half-written, never a 500."""

from __future__ import annotations

import gc
import time
from datetime import date, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest

from api import clock
from api.db.columns import new_id
from api.db.pool import Database
from api.db.uow import writing
from api.tasks.gate import LARGEST_GRAPH
from tests.tasks.conftest import Body, Caller, rows
from tests.tasks.small import add, small

STATE = "SELECT (SELECT count(*) FROM history), (SELECT sum(revision) FROM school_state)"
TASK_COLUMNS = (
    "id, network_id, school_id, rollout_id, key, title, workstream, kind, gate, after_first_bell,"
    " duration_days, status, progress_done, version, created_at, updated_at"
)


async def fill(database: Database, school: Body, count: int) -> list[UUID]:
    """A chain of tasks t0, t1, ... in the school's rollout, ending in a gate."""
    found = await rows(database, "SELECT id FROM rollouts WHERE school_id = %s", school["id"])
    owner, now = (UUID(school["network_id"]), UUID(school["id"]), found[0][0]), clock.now()
    ids = [new_id() for _ in range(count)]
    async with writing(database, "job:test") as session:
        await session.touch_schools([owner[1]])
        connection = await session.psycopg()
        copying = f"COPY tasks ({TASK_COLUMNS}) FROM STDIN".encode()
        async with connection.cursor() as cursor, cursor.copy(copying) as copy:
            for number, task_id in enumerate(ids):
                named = (f"t{number}", f"Task {number}", "change", "manual", number == count - 1)
                counted = (False, 1, "pending", 0, 1, now, now)
                await copy.write_row((task_id, *owner, *named, *counted))
        columns = "predecessor_id, successor_id, network_id, school_id, rollout_id, lag_days"
        copying = f"COPY dependencies ({columns}) FROM STDIN".encode()
        async with connection.cursor() as cursor, cursor.copy(copying) as copy:
            for before, after in pairwise(ids):
                await copy.write_row((before, after, *owner, 0))
    return ids


async def test_a_graph_has_a_limit_and_is_quick_at_it(
    admin: Caller, database: Database, school: Body
) -> None:
    ids = await fill(database, school, LARGEST_GRAPH - 1)
    began = time.process_time()
    last = await admin.task("last")
    problem = await admin.post("/schools/A/tasks", {"key": "more", "title": "More"}, 409)
    assert (problem["code"], problem["limit"]) == ("graph-too-large", LARGEST_GRAPH)
    await add(admin, "x.a")
    problem = await admin.post("/schools/A/rollouts", {"playbook": "small"}, 409)
    assert problem["code"] == "graph-too-large"
    await admin.put(f"/tasks/{last['id']}/dependencies/{ids[-1]}")
    cycle = await admin.put(f"/tasks/{ids[0]}/dependencies/{last['id']}", status=409)
    assert len(cycle["path"]) == LARGEST_GRAPH + 1
    readiness = await admin.get("/schools/A/readiness")
    assert len(readiness["critical_path"]) == LARGEST_GRAPH - 1
    graph = await admin.get("/schools/A/graph")
    assert len(graph["tasks"]) == LARGEST_GRAPH
    await admin.post(f"/tasks/{ids[7]}/cancel", {"reason": "x"})
    await admin.patch("/schools/A/rollout", {"first_bell": "2099-08-24"})
    assert time.process_time() - began < 10


async def test_a_graph_of_ten_thousand_in_one_file_is_refused(
    admin: Caller, database: Database
) -> None:
    source = small(*(f"x.t{number}" for number in range(9_000)))
    assert len(source) < 1_900_000
    problem = await admin.post("/playbooks", {"source": source}, 422)
    assert problem["code"] == "playbook-invalid" or problem["errors"][0]["code"] == "too-long"
    source = small(*(f"x.t{number}" for number in range(1_001)))
    problem = await admin.post("/playbooks", {"source": source}, 422)
    assert problem["code"] == "playbook-invalid"
    assert "1000" in problem["errors"][0]["detail"]
    assert await rows(database, "SELECT count(*) FROM playbooks") == [(0,)]


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{y}: &{y} [{', '.join(['*' + x] * 9)}]\n" for x, y in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("", "empty"),
        (BOMB, "anchor"),
        ("[" * 900_000, "too-deep"),
        ("{a: " * 200_000, "too-deep"),
        ("- x\n" * 100_000, "too-large"),
        ("!!python/object/apply:os.system [x]", "tag"),
        (small("x.a<x.b", "x.b<x.a"), "dependency-cycle"),
        (small("x.a", "x.a"), "duplicate-task"),
        (small("x.a<x.nope"), "unknown-task"),
        (small("x.a") + "colour: red\n", "unknown-key"),
        (small("x.a").replace("small", "sm\u0007all"), "bad-character"),
        ("\ufffe" * 10, "bad-character"),
        ("a: b: c", "syntax"),
    ],
)
async def test_a_hostile_playbook_is_a_problem_with_a_line(
    admin: Caller, database: Database, source: str, code: str
) -> None:
    began = time.process_time()
    problem = await admin.post("/playbooks", {"source": source}, 422)
    assert time.process_time() - began < 10
    assert problem["code"] == "playbook-invalid"
    assert code in {one["code"] for one in problem["errors"]}
    assert all(one["line"] >= 1 for one in problem["errors"])
    assert await rows(database, "SELECT count(*) FROM playbooks") == [(0,)]


async def test_a_hostile_playbook_keeps_nobody_waiting(admin: Caller) -> None:
    """It is read beside the event loop, which goes on answering."""
    slow = small(*(f"x.t{number}" for number in range(1_000)))
    # Processor time of this thread, which runs the loop, against that of the whole process: unlike
    # a stopwatch it does not know how busy the machine is.
    # Without the collector, whose walk over all that the other tests left may fall to this thread.
    gc.disable()
    everywhere, here = time.process_time(), time.thread_time()
    try:
        await admin.post("/playbooks", {"source": slow}, 201)
    finally:
        gc.enable()
    assert time.thread_time() - here < (time.process_time() - everywhere) / 2


LONG = "x" * 100_000


@pytest.mark.parametrize(
    "given",
    [
        {"key": "A B"},
        {"key": LONG},
        {"key": ""},
        {"key": "a\u0000"},
        {"title": ""},
        {"title": LONG},
        {"title": "a\u0000b"},
        {"description": LONG},
        {"workstream": "Two Words"},
        {"kind": "magic"},
        {"gate": "maybe"},
        {"duration_days": -1},
        {"duration_days": 2_001},
        {"duration_days": 10**30},
        {"duration_days": 1.5},
        {"not_before": "1999-12-31"},
        {"not_before": "2101-01-01"},
        {"not_before": "0001-01-01"},
        {"not_before": "9999-12-31"},
        {"not_before": "2027-02-30"},
        {"owner_email": "a b"},
        {"depends_on": ["b"] * 201},
        {"depends_on": [None]},
        {"depends_on": "b"},
        {"colour": "red"},
        {"status": "done"},
    ],
    ids=lambda given: str(given)[:40],
)
async def test_a_task_that_makes_no_sense(
    admin: Caller, database: Database, school: Body, given: Body
) -> None:
    before = await rows(database, STATE)
    problem = await admin.post("/schools/A/tasks", {"key": "a", "title": "A"} | given, 422)
    assert problem["errors"]
    assert "xxxx" not in str(problem)
    assert await rows(database, STATE) == before


async def test_every_script_is_kept_as_it_is(admin: Caller, school: Body) -> None:
    title = "Ärger mit 学校 🏫 \u202e' ; DROP TABLE tasks; --"
    task = await admin.task("a", title=title)
    assert (await admin.get(f"/tasks/{task['id']}"))["title"] == title
    half = b'{"key": "b", "title": "\\ud800"}'
    headers = {"content-type": "application/json"}
    answer = await admin.client.post("/v1/schools/A/tasks", content=half, headers=headers)
    assert answer.status_code in (400, 422)
    assert set(await admin.tasks()) == {"a"}


@pytest.mark.parametrize(
    "given",
    [
        {"done": -1},
        {"done": 2**31},
        {"done": 1, "total": -1},
        {"done": 1, "total": 10**12},
        {"done": 1, "lead_days": 2_001},
        {"done": 1, "spread_days": -1},
        {"done": 1, "expected_on": "0001-01-01"},
        {"done": 1, "expected_on": "9999-12-31"},
        {"done": 1, "valid_until": "0001-01-01T00:00:00+14:00"},
        {"done": 1, "valid_until": "9999-12-31T23:59:59-14:00"},
        {"done": 1, "valid_until": "2027-08-23T00:00:00"},
        {"done": 1, "valid_until": 1e300},
        {"done": 1, "unit": LONG},
        {"done": 1, "cause": "a\u0000"},
        {"total": 3},
        {},
    ],
    ids=lambda given: str(given)[:40],
)
async def test_evidence_that_makes_no_sense(
    admin: Caller, database: Database, school: Body, given: Body
) -> None:
    task = await admin.task("a")
    before = await rows(database, STATE)
    assert (await admin.post(f"/tasks/{task['id']}/evidence", given, 422))["errors"]
    assert await rows(database, STATE) == before


async def test_paths_that_name_nothing(admin: Caller, school: Body) -> None:
    task = await admin.task("a")
    for path in ("/tasks/x", "/tasks/x/dependencies/y", f"/tasks/{LONG[:2000]}"):
        assert (await admin.answer("GET", path)).status_code in (404, 405, 422)
    for name in ("NOPE", "%00", "%F0%9F%8F%AB", "..", LONG[:2000], "' OR 1=1"):
        given = {"key": "b", "title": "B"}
        answer = await admin.answer("POST", f"/schools/{name}/tasks", given)
        assert answer.status_code in (404, 405), name
        answer = await admin.answer(
            "POST", f"/networks/{name}/first-bell", {"first_bell": "2027-08-30"}
        )
        assert answer.status_code in (404, 405), name
    await admin.put(f"/tasks/{task['id']}/dependencies/x", status=422)
    await admin.put(f"/tasks/{task['id']}/dependencies/{task['id']}", {"lag_days": 2_001}, 422)


EVER = date(2027, 8, 23)


def idle(days: int) -> list[str]:
    """Days off before first bell."""
    return [str(EVER - timedelta(days=number)) for number in range(1, days + 1)]


async def test_a_calendar_without_a_working_day_in_five_years(
    admin: Caller, database: Database, network: Body
) -> None:
    await add(admin, "x.a:2", "x.b:2<x.a")
    for code in "AB":
        await admin.school(code, first_bell=str(EVER))
    await admin.post("/networks/N/rollouts", {"playbook": "small"})
    before = await admin.tasks("A")
    await admin.patch("/schools/A", {"blackout_days": idle(1_990)})
    given: dict[str, Any] = {"first_bell": str(EVER + timedelta(days=1))}
    # The 23rd itself is a working day: a day's work fits before the 24th, two days' do not.
    problem = await admin.patch("/schools/A/rollout", given, 422)
    assert problem["code"] == "no-working-day"
    assert problem["detail"].startswith("A: ")
    assert (await admin.get("/schools/A/rollout"))["first_bell"] == str(EVER)
    many = await admin.post("/networks/N/first-bell", given)
    assert [(one["school"], one["code"]) for one in many["refused"]] == [("A", "no-working-day")]
    assert (many["matched"], many["changed"]) == (2, 1)
    assert await admin.tasks("A") == before
    assert (await admin.get("/schools/B/rollout"))["first_bell"] == given["first_bell"]
    # Work on its tasks goes on.
    await admin.post(f"/tasks/{before['x.a']['id']}/start")


@pytest.mark.parametrize("bell", ["0001-01-01", "0001-03-01", "9999-12-31"])
async def test_a_first_bell_at_the_end_of_time(
    admin: Caller, database: Database, network: Body, bell: str
) -> None:
    """A school takes any date; a plan that leaves the calendar is refused, not broken."""
    await add(admin, "x.a:200", "x.b:200<x.a", "x.l:200", x_l="after_first_bell: true")
    answer = await admin.answer(
        "POST", "/schools", {"name": "A", "code": "A", "network": "N", "first_bell": bell}
    )
    assert answer.status_code in (201, 422)
    if answer.status_code == 201:
        problem = await admin.post("/schools/A/rollouts", {"playbook": "small"}, 422)
        assert problem["code"] in ("date-out-of-range", "no-working-day")
        assert await admin.tasks() == {}
        assert (await admin.get("/schools/A/rollout"))["playbook"] is None
    await admin.school("B")
    for path, body in (
        ("/schools/B/rollouts", {"first_bell": bell}),
        ("/networks/N/first-bell", {"first_bell": bell}),
        ("/networks/N/rollouts", {"playbook": "small", "first_bell": bell}),
    ):
        assert (await admin.post(path, body, 422))["errors"]
