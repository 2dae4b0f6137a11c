"""Whether the process lives, whether it may get traffic, and its figures.

`/healthz` says only that the process answers. `/readyz` is 503 until the database is there, at
our schema's revision, and what the start has promised (the demo) is in; and again from the moment
the process is told to stop. `/metrics` is for Prometheus: a registry per process, so with several
processes behind one address scrape each by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ipaddress
from dataclasses import dataclass, field
from typing import Annotated, Any, LiteralString

import psycopg
from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from pydantic import BaseModel

from api.auth.dependencies import database_of, identify, settings_of
from api.auth.rules import Right
from api.db.listen import Listener
from api.db.pool import Database
from api.db.schema import newest_revision
from api.errors import Unavailable
from api.http.problems import of_error

# A probe that waits longer than this is answered "not ready" rather than kept waiting.
_PATIENCE_SECONDS = 2.0
# Around the figures promised for a warm read (milliseconds) and for imports (seconds).
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_REVISION: LiteralString = "SELECT version_num FROM alembic_version"
# Only what waits, runs or failed: successful jobs are deleted.
_QUEUE: LiteralString = "SELECT status::text, count(*) FROM procrastinate_jobs GROUP BY status"
_WORKERS: LiteralString = (
    "SELECT count(*) FROM procrastinate_workers"
    " WHERE last_heartbeat > now() - make_interval(secs => 30)"
)
_POOL_FIGURES = {
    "pool_size": "Connections of the pool, idle or lent.",
    "pool_available": "Idle connections in the pool.",
    "requests_waiting": "Who waits for a connection now.",
}


# Read from the migrations' files, which do not change under a running process.
_newest = functools.cache(newest_revision)


class NotReady(Unavailable):
    code = "not-ready"
    title = "Not ready for traffic"


@dataclass(slots=True)
class Lifecycle:
    """Where the process is between its start and its end.

    `waiting_for` maps what the start still has to do to a sentence about it.
    """

    waiting_for: dict[str, str] = field(default_factory=dict)
    stopping: bool = False


class Metrics:
    """One process's figures. `record` is on every request's path, so it looks nothing up twice."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._requests = Histogram(
            "firstbell_request_seconds",
            "Requests by method, path template and status; their number and how long they took.",
            ("method", "path", "status"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._known: dict[tuple[str, str, int], Any] = {}
        self._pool = {
            name: Gauge(f"firstbell_{name}", text, registry=self.registry)
            for name, text in _POOL_FIGURES.items()
        }
        self._jobs = Gauge("firstbell_jobs", "Jobs by state.", ("state",), registry=self.registry)
        self._workers = Gauge(
            "firstbell_workers", "Workers with a heartbeat.", registry=self.registry
        )
        self._live = Gauge(
            "firstbell_listening", "1 while notifications arrive.", registry=self.registry
        )

    def record(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count a request. `path` is the template ("" for none), or each id would be a series."""
        key = (method, path, status)
        series = self._known.get(key)
        if series is None:
            series = self._requests.labels(method, path or "(unmatched)", str(status))
            self._known[key] = series
        series.observe(seconds)

    async def refresh(self, database: Database, listener: Listener) -> None:
        """Read what is only known when asked for: the pool, the queue, the listener."""
        stats = database.pool.get_stats()
        for name, gauge in self._pool.items():
            gauge.set(stats.get(name, 0))
        self._live.set(listener.live)
        async with database.pool.connection() as connection:
            found = dict(await (await connection.execute(_QUEUE)).fetchall())
            workers = await (await connection.execute(_WORKERS)).fetchone()
        for state in ("todo", "doing", "failed"):
            self._jobs.labels(state).set(found.get(state, 0))
        self._workers.set(workers[0] if workers else 0)


class HealthOut(BaseModel):
    """`status` is `ok`: anything else is a problem document with 503."""

    status: str = "ok"


async def _may_scrape(request: Request) -> None:
    trusted = settings_of(request).metrics_trusted
    if request.client is not None and is_trusted(request.client.host, trusted):
        return
    (await identify(request)).require(Right.metrics_read)


router = APIRouter(tags=["ops"])


@router.get("/healthz")
async def healthz() -> HealthOut:
    """The process answers. Restart it when this fails."""
    return HealthOut()


@router.get("/readyz", response_model=HealthOut)
async def readyz(request: Request) -> HealthOut | Response:
    """The process may get traffic: 503 with the reasons in `checks` otherwise."""
    lifecycle: Lifecycle = request.app.state.lifecycle
    checks = {"database": await check_database(database_of(request)), **lifecycle.waiting_for}
    if lifecycle.stopping:
        checks["process"] = "It is stopping."
    wrong = {name: reason for name, reason in checks.items() if reason}
    if wrong:
        # Answered and not raised: it is asked every second, and no failure to be logged.
        return of_error(request.scope, NotReady(" ".join(wrong.values()), checks=wrong))
    return HealthOut()


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(request: Request, _: Annotated[None, Depends(_may_scrape)]) -> Response:
    """This process's figures as Prometheus reads them; for `metrics:read` or a trusted address."""
    state = request.app.state
    # What the process itself knows is worth most when the database is not there.
    with contextlib.suppress(TimeoutError, psycopg.Error):
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await state.metrics.refresh(state.database, state.listener)
    return Response(generate_latest(state.metrics.registry), media_type=CONTENT_TYPE_LATEST)


def is_trusted(host: str, trusted: tuple[str, ...]) -> bool:
    """Whether an address is one of, or inside, the trusted addresses and networks."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in ipaddress.ip_network(known, strict=False) for known in trusted)


async def check_database(database: Database) -> str:
    """What is wrong with the database, as a sentence; "" when nothing is."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS), database.pool.connection() as connection:
            row = await (await connection.execute(_REVISION)).fetchone()
    except psycopg.errors.UndefinedTable:
        return "The database has no schema: run `firstbell migrate`."
    except (TimeoutError, psycopg.Error):
        return "The database does not answer."
    want = _newest()
    if row is None or row[0] != want:
        return (
            f"The database is at revision {row[0] if row else 'none'}, this version needs {want}."
        )
    return ""
