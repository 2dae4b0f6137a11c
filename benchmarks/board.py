"""The board of 20,000 schools with 40 tasks each: warm, recomputed, and how much memory."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable

import httpx
import psycopg

from api.db.embedded import EmbeddedServer
from benchmarks import ground
from benchmarks.result import Result, compare

SCHOOLS, TASKS = 20_000, 40


def board(server: EmbeddedServer, rounds: int) -> Iterable[Result]:
    """Warm against one `json_agg`, cold against a critical path in pure Python."""
    with ground.fresh(server) as base:
        ground.seed(base.url, SCHOOLS, TASKS)
        with ground.served(base) as (port, process):
            client = httpx.Client(
                base_url=f"http://127.0.0.1:{port}",
                headers={"authorization": f"Bearer {base.token}"},
                timeout=300,
            )
            cold, bare = [], critical_paths()
            for _ in range(rounds):
                with psycopg.connect(base.url, autocommit=True) as connection:
                    connection.execute(b"UPDATE school_state SET revision = revision + 1")
                cold.append((_timed(client), bare()))
            yield compare(
                "board_cold",
                "s",
                cold,
                limit_name="critical paths of the same graphs in pure Python",
                goal=4.0,
                better="lower",
            )
            warm = [(_timed(client), _aggregate(base.url)) for _ in range(rounds * 3)]
            yield compare(
                "board_warm",
                "s",
                warm,
                limit_name="one json_agg over 20,000 summary rows",
                goal=3.0,
                aim=2.0,
                better="lower",
            )
            yield compare(
                "board_memory",
                "MB",
                [(ground.peak_mb(process), 500.0)],
                limit_name="500 MB",
                goal=1.0,
                better="lower",
            )


def _timed(client: httpx.Client) -> float:
    begin = time.perf_counter()
    answer = client.get("/v1/readiness?limit=50000")
    took = time.perf_counter() - begin
    answer.raise_for_status()
    assert sum(answer.json()["totals"].values()) == SCHOOLS
    return took


def _aggregate(url: str) -> float:
    with psycopg.connect(url) as connection:
        connection.execute(b"SELECT 1")
        begin = time.perf_counter()
        connection.execute(b"SELECT json_agg(summary)::text FROM readiness_answers").fetchone()
        return time.perf_counter() - begin


Graph = tuple[list[tuple[int, int]], list[int]]


def critical_paths() -> Callable[[], float]:
    """A function that times the critical path of every graph, in seconds."""
    rng = random.Random(1)
    graphs: list[Graph] = []
    for _ in range(SCHOOLS):
        edges = {(j // 2, j) for j in range(1, TASKS)}
        edges |= {(j - 5, j) for j in range(5, 5 + TASKS // 2 + 1)}
        graphs.append((sorted(edges), [1 + rng.randrange(6) for _ in range(TASKS)]))
    return lambda: _time_paths(graphs)


def _time_paths(graphs: list[Graph]) -> float:
    begin = time.perf_counter()
    for edges, days in graphs:
        _critical_path(edges, days)
    return time.perf_counter() - begin


def _critical_path(edges: list[tuple[int, int]], days: list[int]) -> list[int]:
    """The least anybody can do: order, forward, backward, path; finish-to-start, no calendar."""
    size = len(days)
    before: list[list[int]] = [[] for _ in range(size)]
    after: list[list[int]] = [[] for _ in range(size)]
    waits = [0] * size
    for predecessor, successor in edges:
        before[successor].append(predecessor)
        after[predecessor].append(successor)
        waits[successor] += 1
    order = [task for task in range(size) if not waits[task]]
    finish, drives = [0] * size, [-1] * size
    for task in order:
        start = 0
        for predecessor in before[task]:
            if finish[predecessor] > start:
                start, drives[task] = finish[predecessor], predecessor
        finish[task] = start + days[task]
        for successor in after[task]:
            waits[successor] -= 1
            if not waits[successor]:
                order.append(successor)
    end = max(finish)
    late = [end] * size
    for task in reversed(order):
        start = late[task] - days[task]
        for predecessor in before[task]:
            late[predecessor] = min(late[predecessor], start)
    path = [finish.index(end)]
    while drives[path[-1]] >= 0:
        path.append(drives[path[-1]])
    return path
