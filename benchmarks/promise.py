"""A promise on one line: feeding a thousand schools against feeding one."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from statistics import median

import httpx
import psycopg

from api.db.embedded import EmbeddedServer
from benchmarks import ground
from benchmarks.result import Result, compare

SCHOOLS = 1_000
TIMES = 5
# A gate that counts devices in every school, and students who need them.
_DEVICES = """
ALTER TABLE tasks DISABLE TRIGGER USER;
ALTER TABLE schools DISABLE TRIGGER USER;
UPDATE tasks SET kind = 'devices' WHERE key = 'task.5';
UPDATE schools SET enrollment = 100;
ALTER TABLE tasks ENABLE TRIGGER USER;
ALTER TABLE schools ENABLE TRIGGER USER;
"""


def promise(server: EmbeddedServer, rounds: int) -> Iterable[Result]:
    """One call over HTTP; every school's task has moved when it answers."""
    with ground.fresh(server) as base:
        ground.seed(base.url, schools=SCHOOLS + 1, tasks=60, done=4)
        with psycopg.connect(base.url, autocommit=True) as connection:
            connection.execute(_DEVICES.encode())
        with ground.served(base) as (port, _):
            client = httpx.Client(
                base_url=f"http://127.0.0.1:{port}",
                headers={"authorization": f"Bearer {base.token}"},
                timeout=120,
            )
            seller = {"slug": "acme", "name": "Acme"}
            client.post("/v1/vendors", json=seller).raise_for_status()
            many = _placed(client, "MANY", [f"S{n}" for n in range(1, SCHOOLS + 1)])
            one = _placed(client, "ONE", [f"S{SCHOOLS + 1}"])
            with psycopg.connect(base.url, autocommit=True) as connection:
                connection.execute(b"VACUUM ANALYZE")
            pairs = []
            for number in range(rounds + 1):
                pair = (_promised(client, many, number), 20 * _promised(client, one, number))
                # The first round warms both up.
                if number:
                    pairs.append(pair)
            _check(client)
        yield compare(
            "promise",
            "ms",
            pairs,
            limit_name="20 x the same call where the line feeds one school",
            goal=1.0,
            better="lower",
        )


def _placed(client: httpx.Client, number: str, schools: Sequence[str]) -> str:
    """The id of an order with one line that feeds these schools."""
    shares = [{"school": school, "quantity": 108} for school in schools]
    line = {"sku": "CB", "quantity": 108 * len(schools), "allocations": shares}
    body = {"vendor": "acme", "number": number, "lines": [line]}
    made = client.post("/v1/orders", json=body)
    made.raise_for_status()
    order_id: str = made.json()["id"]
    client.post(f"/v1/orders/{order_id}/place").raise_for_status()
    return order_id


def _promised(client: httpx.Client, order_id: str, number: int) -> float:
    """Milliseconds of one call, the median of several; each names another day."""
    taken = []
    for step in range(TIMES):
        day = date(2030, 1, 1) + timedelta(days=number * TIMES + step)
        lines = [{"sku": "CB", "promised_on": day.isoformat()}]
        begin = time.perf_counter()
        answer = client.post(f"/v1/orders/{order_id}/promises", json={"lines": lines})
        taken.append((time.perf_counter() - begin) * 1000)
        answer.raise_for_status()
    return median(taken)


def _check(client: httpx.Client) -> None:
    """The last school of each kind waits for the last day that was promised."""
    days = set()
    for school, order in ((f"S{SCHOOLS}", "MANY"), (f"S{SCHOOLS + 1}", "ONE")):
        tasks = client.get(f"/v1/schools/{school}/tasks?limit=1000").json()["items"]
        days |= {task["expected_on"] for task in tasks if task["key"] == f"order:acme:{order}"}
    assert len(days) == 1, days
    assert None not in days
