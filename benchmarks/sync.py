"""Accounts to a SCIM server on loopback, against a bare HTTP loop that posts the same bodies: the
queue, the leases, the record of disclosures and the settling are what the difference is made of.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import httpx
import orjson
import psycopg
from psycopg.types.json import Jsonb

from api import wiring
from api.accounts.targets.adapter import Order, Person
from api.accounts.targets.credentials import sealer_for
from api.accounts.targets.rules import Action, Desired
from api.accounts.targets.scim_wire import Offers, bulk, bulk_requests, call_of
from api.accounts.targets.sync import Syncing, sync_target
from api.app import create_app
from api.db.embedded import EmbeddedServer
from api.db.pool import Database
from api.db.uow import writing
from api.settings import Settings
from benchmarks import ground
from benchmarks.ground import Ground
from benchmarks.result import Result, compare
from tests.accounts.targets.scim_server import TOKEN, scim_server, tenant

ACCOUNTS, CONCURRENCY, SCHOOLS, AT_ONCE = 5_000, 8, 4, 100
_ACCOUNTS = """
INSERT INTO account_sources (id, network_id, slug, created_at)
SELECT uuidv7(), id, 'bench', now() FROM networks;
INSERT INTO accounts (id, network_id, source_id, sourced_id, school_id, given_name, family_name,
  grade, username, email, status, version, created_at, updated_at)
SELECT uuidv7(), s.network_id, o.id, i::text, s.id, 'Given' || i, 'Family' || i, 5, 'student' || i,
  'student' || i || '@example.org', 'active', 1, now(), now()
FROM generate_series(1, {accounts}) i
JOIN (SELECT *, row_number() OVER (ORDER BY id) AS n FROM schools) s ON s.n = 1 + i % {schools}
CROSS JOIN account_sources o;
ANALYZE accounts;
"""
_THERE = "SELECT count(*) FROM target_accounts WHERE observed = 'active'"
_OFFER = "UPDATE target_states SET offers = %s"
_HEADERS = {"authorization": f"Bearer {TOKEN}", "content-type": "application/scim+json"}
Work = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Scene:
    """A network's accounts, a server for them, and the bodies that make them there."""

    ground: Ground
    server: str
    orders: Sequence[Order]

    def bodies(self, offers: Offers) -> list[bytes]:
        calls = [(one, call_of(one, offers)) for one in self.orders]
        if offers.bulk:
            return [body for body, _ in bulk_requests(list(bulk(calls)), offers)]
        return [orjson.dumps(call.body) for _, call in calls]

    async def bare(self, offers: Offers) -> float:
        """Seconds that a loop takes which does nothing but post."""
        url = tenant(self.server) + ("/Bulk" if offers.bulk else "/Users")
        bodies = self.bodies(offers)
        waiting = iter(bodies)
        limits = httpx.Limits(max_connections=CONCURRENCY)
        async with httpx.AsyncClient(headers=_HEADERS, limits=limits, timeout=60) as client:

            async def post() -> None:
                for body in waiting:
                    (await client.post(url, content=body)).raise_for_status()

            return await _timed(lambda: asyncio.gather(*(post() for _ in range(CONCURRENCY))))

    async def ours(self, offers: Offers) -> float:
        """Seconds from all accounts waiting to the last one that is known to be there."""
        settings = self.ground.settings(private_targets=True)
        async with Database(self.ground.url, settings, wiring.build_bus()) as database:
            target_id = await self._target(settings, database)
            await self._offer(database, offers)
            syncing = Syncing(database, sealer_for(settings), settings.private_targets)
            took = await _timed(lambda: sync_target(syncing, target_id))
            async with database.raw() as connection:
                found = await connection.execute(_THERE)
                assert await found.fetchone() == (ACCOUNTS,), "not everybody arrived"
            async with writing(database, "job:bench") as session:
                await (await session.psycopg()).execute("DELETE FROM targets")
        return took

    async def _target(self, settings: Settings, database: Database) -> UUID:
        """A new target at a server without users, at which every account waits."""
        app = create_app(settings, database)
        body = {
            "network": "BENCH",
            "slug": "login",
            "base_url": tenant(self.server),
            "token": TOKEN,
            "rate_per_minute": 1_000_000,
            "concurrency": CONCURRENCY,
        }
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://firstbell.internal",
            headers={"authorization": f"Bearer {self.ground.token}"},
            timeout=60,
        ) as client:
            answer = await client.post("/v1/targets", json=body)
        return UUID(answer.raise_for_status().json()["id"])

    async def _offer(self, database: Database, offers: Offers) -> None:
        """As if the server had been asked before."""
        async with database.raw() as connection:
            await connection.execute(_OFFER, (Jsonb(offers._asdict()),))


async def _timed(work: Work) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


def sync(server: EmbeddedServer, rounds: int) -> Iterable[Result]:
    """5,000 accounts one by one, and by Bulk requests of 100."""
    singly = Offers()
    many = Offers(bulk_operations=AT_ONCE, bulk_bytes=1 << 20)
    named = {
        "sync": (singly, "a bare httpx loop of the same concurrency"),
        "sync_bulk": (many, "bare Bulk posts of the same size and concurrency"),
    }
    with _scene(server) as scene:
        for name, (offers, limit) in named.items():
            pairs = []
            for _ in range(rounds):
                took = asyncio.run(scene.ours(offers))
                pairs.append((ACCOUNTS / took, ACCOUNTS / asyncio.run(scene.bare(offers))))
            yield compare(name, "accounts/s", pairs, limit_name=limit, goal=0.7, better="higher")


@contextmanager
def _scene(server: EmbeddedServer) -> Iterator[Scene]:
    with ground.fresh(server) as base, scim_server() as address:
        ground.seed(base.url, schools=SCHOOLS, tasks=20)
        with psycopg.connect(base.url, autocommit=True) as connection:
            connection.execute(_ACCOUNTS.format(accounts=ACCOUNTS, schools=SCHOOLS).encode())
            rows = connection.execute(
                "SELECT id, username, given_name, family_name, email, sourced_id FROM accounts"
            ).fetchall()
        orders = [Order(row[0], Action.create, Desired.active, Person(*row[1:])) for row in rows]
        yield Scene(base, address, orders)
