"""Reading one school: warm, unchanged, and first after a change; 60 tasks, 16 connections."""

from __future__ import annotations

import time
from collections.abc import Iterable
from statistics import median

import httpx

from api.db.embedded import EmbeddedServer
from benchmarks import ground, load
from benchmarks.result import Result, compare

CONNECTIONS = 16


def warm(server: EmbeddedServer, rounds: int) -> Iterable[Result]:
    """A stored answer against one primary-key select of the same bytes; both authenticate."""
    with ground.fresh(server) as base:
        ground.seed(base.url, schools=20, tasks=60, done=20)
        with ground.served(base) as (port, _):
            client = httpx.Client(
                base_url=f"http://127.0.0.1:{port}",
                headers={"authorization": f"Bearer {base.token}"},
            )
            answer = client.get("/v1/schools/S1/readiness")
            answer.raise_for_status()
            school = answer.json()["school"]["id"]
            mine = {"authorization": f"Bearer {base.token}"}
            same = {**mine, "if-none-match": answer.headers["etag"]}
            full: list[tuple[float, float]] = []
            unchanged: list[tuple[float, float]] = []
            for number in range(rounds + 1):
                bare = _rate(port, f"/bare/{school}", mine, 200)
                ours = _rate(port, "/v1/schools/S1/readiness", mine, 200)
                again = _rate(port, "/v1/schools/S1/readiness", same, 304)
                # The first round warms both up.
                if number:
                    full.append((ours, bare))
                    unchanged.append((again, bare))
            yield compare(
                "readiness_warm",
                "requests/s",
                full,
                limit_name="FastAPI endpoint, one primary-key select, same bytes",
                goal=0.85,
                aim=0.95,
                better="higher",
            )
            yield compare(
                "readiness_304",
                "requests/s",
                unchanged,
                limit_name="FastAPI endpoint, one primary-key select, same bytes",
                goal=1.0,
                better="higher",
            )
            yield _first_read(client, rounds)


def _rate(port: int, path: str, headers: dict[str, str], status: int) -> float:
    done = load.run(port, path, headers, connections=CONNECTIONS, seconds=4)
    assert set(done.statuses) == {status}, done.statuses
    return done.rate


def _first_read(client: httpx.Client, rounds: int) -> Result:
    """The first read after a change against three warm reads and five milliseconds."""
    tasks = client.get("/v1/schools/S2/tasks?limit=1000&status=pending").json()["items"]
    pairs = []
    for _ in range(rounds):
        first, warm_reads = [], []
        for number in range(30):
            task = tasks[number % len(tasks)]["id"]
            body = {"done": number % 7, "total": 10}
            client.post(f"/v1/tasks/{task}/evidence", json=body).raise_for_status()
            first.append(_timed(client))
            warm_reads += [_timed(client) for _ in range(3)]
        pairs.append((median(first), 3 * median(warm_reads) + 5))
    return compare(
        "readiness_first_read",
        "ms",
        pairs,
        limit_name="3 x a warm read + 5 ms",
        goal=1.0,
        better="lower",
    )


def _timed(client: httpx.Client) -> float:
    begin = time.perf_counter()
    client.get("/v1/schools/S2/readiness").raise_for_status()
    return (time.perf_counter() - begin) * 1000
