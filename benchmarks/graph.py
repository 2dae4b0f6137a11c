"""Writing to graphs: an edge with its cycle check, and bulk updates that meet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from statistics import median
from uuid import UUID

import httpx
import psycopg

from api import wiring
from api.db.embedded import EmbeddedServer
from api.db.pool import Database
from api.db.uow import writing
from api.tasks import edges, gate
from api.tasks.models import Dependency
from api.tasks.queries import Owner
from benchmarks import ground
from benchmarks.result import Result, compare

# Fewer than the offset below, so that no seeded edge (j, 2j) is met again.
EDGES = 100


def edge_insert(server: EmbeddedServer, rounds: int) -> Iterable[Result]:
    """Cycle check and insert of an edge in a 400-task graph against the plain insert.

    Both through the unit of work, with its lock, history and commit.
    """
    with ground.fresh(server) as base:
        ground.seed(base.url, schools=2, tasks=400)
        yield asyncio.run(_edges(base, rounds))


async def _edges(base: ground.Ground, rounds: int) -> Result:
    async with Database(base.url, base.settings(), wiring.build_bus()) as database:
        pairs = []
        for number in range(rounds):
            checked = await _insert(database, base.url, 1, 150 + number)
            plain = await _insert(database, base.url, 2, 150 + number)
            pairs.append((checked, plain))
    return compare(
        "edge_insert",
        "ms",
        pairs,
        limit_name="plain insert with its foreign keys, same unit of work",
        goal=2.0,
        better="lower",
    )


async def _insert(database: Database, url: str, school: int, offset: int) -> float:
    """Median milliseconds of one edge (j, j + offset) with the check (school 1) or without."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT t.id, t.network_id, t.school_id, t.rollout_id FROM tasks t"
            " JOIN schools s ON s.id = t.school_id WHERE s.code = %s ORDER BY t.id",
            (f"S{school}",),
        ).fetchall()
    owner = Owner(rows[0][1], rows[0][2], rows[0][3], "America/Chicago")
    ids: list[UUID] = [row[0] for row in rows]
    times = []
    for j in range(EDGES):
        before, after = ids[j], ids[j + offset]
        begin = time.perf_counter()
        async with writing(database, "job:bench") as session:
            if school == 1:
                await edges.connect(session, owner, before, after, 0)
            else:
                await gate.lock(session, owner)
                session.add(
                    Dependency(
                        predecessor_id=before,
                        successor_id=after,
                        network_id=owner.network_id,
                        school_id=owner.school_id,
                        rollout_id=owner.rollout_id,
                    )
                )
                await session.flush()
        times.append((time.perf_counter() - begin) * 1000)
    return median(times)


def bulk(server: EmbeddedServer, rounds: int) -> Iterable[Result]:
    """Two 1,000-school bulk updates against 50-row batches for 30 s: errors a caller sees."""
    with ground.fresh(server) as base:
        ground.seed(base.url, schools=1_000, tasks=10)
        with ground.served(base) as (port, _):
            failed, calls = asyncio.run(_collide(port, base.token, seconds=10.0 * rounds))
    yield Result(
        name="bulk_errors",
        value=failed,
        unit=f"failed of {calls} calls",
        limit=1,
        limit_name="one",
        ratio=failed,
        goal=0,
        better="lower",
        rounds=1,
        spread=0,
    )


async def _collide(port: int, token: str, seconds: float) -> tuple[int, int]:
    failed = calls = 0
    until = time.monotonic() + seconds
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}",
        headers={"authorization": f"Bearer {token}"},
        timeout=120,
    ) as client:
        found = await client.get("/v1/readiness?limit=50000")
        codes = [row["school"]["code"] for row in found.json()["items"]]

        async def again(schools: list[str] | None, key: str) -> None:
            nonlocal failed, calls
            turn = 0
            while time.monotonic() < until:
                turn += 1
                body = {
                    "action": "assign",
                    "key": key,
                    "network": "BENCH",
                    "schools": schools,
                    "owner_email": f"owner{turn}@example.org",
                }
                answer = await client.post("/v1/tasks/bulk", json=body)
                calls += 1
                failed += answer.status_code != 200

        batches = [codes[start : start + 50] for start in (700, 300, 500, 100)]
        await asyncio.gather(
            again(None, "task.1"),
            again(codes[::-1], "task.2"),
            *(again(batch[::-1], "task.1") for batch in batches),
        )
    return failed, calls
