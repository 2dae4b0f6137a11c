"""A thousand results for a thousand schools in one call, against writing the same rows by hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any
from uuid import UUID

import httpx
import psycopg
from psycopg.types.json import Jsonb

from api import wiring
from api.db.columns import new_id
from api.db.embedded import EmbeddedServer
from api.db.pool import Database
from api.db.uow import transact
from api.infrastructure import defining
from benchmarks import ground
from benchmarks.result import Result, compare

SCHOOLS = 1_000
TIMES = 5
CHECK = "internet_bandwidth"
# Every school follows the shipped plan, in which one task waits for the check.
_PLAN = """
ALTER TABLE tasks DISABLE TRIGGER USER;
ALTER TABLE schools DISABLE TRIGGER USER;
ALTER TABLE rollouts DISABLE TRIGGER USER;
UPDATE rollouts SET playbook_id = (SELECT id FROM playbooks WHERE name = 'one_to_one');
UPDATE tasks SET kind = 'check', key = 'infrastructure.internet',
  playbook_version = (SELECT version FROM playbooks WHERE name = 'one_to_one')
WHERE key = 'task.5';
UPDATE schools SET enrollment = 375, teacher_count = 25;
ALTER TABLE tasks ENABLE TRIGGER USER;
ALTER TABLE schools ENABLE TRIGGER USER;
ALTER TABLE rollouts ENABLE TRIGGER USER;
"""
_ACT = (
    "SELECT set_config('firstbell.actor', 'job:bench', true),"
    " set_config('firstbell.request', 'bench', true)"
)
_HOLD = """
WITH held AS (SELECT school_id FROM school_state WHERE school_id = ANY(%s)
  ORDER BY school_id FOR UPDATE)
UPDATE school_state s SET revision = s.revision + 1, touched_by = pg_current_xact_id()
FROM held WHERE s.school_id = held.school_id"""
_INSERT = (
    "INSERT INTO check_results (id, school_id, check_id, check_version, value, unit, needed,"
    " measured_at, recorded_at, method, evidence, actor, probe_report_id) VALUES "
)
_TASKS = """
UPDATE tasks SET progress_done = %(done)s, progress_total = 1, unit = 'checks',
  valid_until = %(until)s, cause = %(cause)s, status = %(status)s, updated_at = %(now)s,
  started_at = %(begun)s, done_at = %(begun)s
WHERE school_id = ANY(%(schools)s) AND key = 'infrastructure.internet'"""


def check_results(server: EmbeddedServer, rounds: int) -> Iterable[Result]:
    """One call over HTTP; every school's task has moved when it answers.

    The limit is one transaction on the driver: the schools' gate, one insert of all rows, one
    update of all tasks, all that the same triggers and keys ask for.
    """
    with ground.fresh(server) as base:
        ground.seed(base.url, schools=SCHOOLS, tasks=60, done=4)
        asyncio.run(_ship(base))
        with psycopg.connect(base.url, autocommit=True) as connection:
            connection.execute(_PLAN.encode())
            connection.execute(b"VACUUM ANALYZE")
        with (
            ground.served(base) as (port, _),
            psycopg.connect(base.url) as raw,
            httpx.Client(
                base_url=f"http://127.0.0.1:{port}",
                headers={"authorization": f"Bearer {base.token}"},
                timeout=120,
            ) as client,
        ):
            pairs = []
            for number in range(rounds + 1):
                pair = (_posted(client), _written(raw))
                # The first round warms both up.
                if number:
                    pairs.append(pair)
            _check(client)
        yield compare(
            "check_results",
            "ms",
            pairs,
            limit_name="one multi-row insert and the tasks' update in SQL",
            goal=5.0,
            better="lower",
        )


async def _ship(base: ground.Ground) -> None:
    async with Database(base.url, base.settings(), wiring.build_bus()) as database:
        await transact(database, defining.SHIPPER, defining.ship)


def _values() -> Iterable[int]:
    """Of each two calls one reopens the tasks that the other finishes."""
    return (900 if step % 2 else 1800 for step in range(TIMES + 1))


def _posted(client: httpx.Client) -> float:
    """Milliseconds of one call, the median of several."""
    taken = []
    for value in _values():
        rows = [{"school": f"S{n}", "check": CHECK, "value": value} for n in range(1, SCHOOLS + 1)]
        begin = time.perf_counter()
        answer = client.post("/v1/check-results/bulk", json={"results": rows})
        taken.append((time.perf_counter() - begin) * 1000)
        answer.raise_for_status()
    return median(taken)


def _written(raw: psycopg.Connection[Any]) -> float:
    """The same by hand."""
    schools: list[UUID] = [row[0] for row in raw.execute("SELECT id FROM schools ORDER BY id")]
    (check_id,) = raw.execute("SELECT id FROM checks WHERE slug = %s", (CHECK,)).fetchone() or (0,)
    raw.commit()
    taken = []
    for value in _values():
        begin = time.perf_counter()
        now, passed = datetime.now(UTC), value >= 1720
        raw.execute(_ACT)
        raw.execute(_HOLD, (schools,))
        rows: list[Any] = []
        for school in schools:
            rows += (new_id(), school, check_id, 1, value, "Mbps", 1720, now, now, "by hand")
            rows += (Jsonb({}), "job:bench", None)
        places = ",".join(["(" + ",".join(["%s"] * 13) + ")"] * SCHOOLS)
        raw.execute((_INSERT + places).encode(), rows)
        changes = {
            "done": int(passed),
            "until": now + timedelta(days=180) if passed else None,
            "cause": f"1,720 Mbps needed (400 users x 4.3), measured {value:,} Mbps",
            "status": "done" if passed else "pending",
            "begun": now if passed else None,
            "now": now,
            "schools": schools,
        }
        raw.execute(_TASKS, changes)
        raw.commit()
        taken.append((time.perf_counter() - begin) * 1000)
    return median(taken)


def _check(client: httpx.Client) -> None:
    """The last school's task waits for what was measured last."""
    tasks = client.get(f"/v1/schools/S{SCHOOLS}/tasks?limit=1000").json()["items"]
    (task,) = [one for one in tasks if one["key"] == "infrastructure.internet"]
    assert task["progress_total"] == 1, task
    assert "1,720 Mbps needed" in task["cause"], task
