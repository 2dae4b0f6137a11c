"""60,000 events at full speed, in any order: how soon the inbox is empty, and what it says then.

That is compared with what the same events leave when they come one after another, in the order in
which they happened.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import product

import httpx
import psycopg

from api import clock, wiring
from api.db.columns import new_id
from api.db.embedded import EmbeddedServer
from api.db.pool import Database
from api.sealing import sealer_of
from api.webhooks.jobs import drain
from api.webhooks.rules import event_purpose
from benchmarks import ground, load
from benchmarks.intake import CONNECTIONS, Event, add_vendor, signed
from benchmarks.result import Result, compare

# Two orders for a thousand schools, in six boxes for each, and five scans a box.
SCHOOLS, ORDERS, BOXES, PIECES = 1_000, 2, 6, 5
ROAD = ("pre_transit", "in_transit", "in_transit", "out_for_delivery", "delivered")
SECONDS = 5.0
_BEGIN = datetime(2026, 8, 3, tzinfo=UTC)
_PATIENCE = 300.0
# By names and without moments of our own, so that two databases can be compared.
_TABLES = (
    b"""SELECT o.number, s.tracking_key, s.status, s.status_at, s.expected_on, s.delivered_at,
    s.review, c.code FROM shipments s JOIN orders o ON o.id = s.order_id
    JOIN schools c ON c.id = s.school_id ORDER BY 1, 2""",
    b"""SELECT s.tracking_key, n.key, n.occurred_at FROM scans n
    JOIN shipments s ON s.id = n.shipment_id ORDER BY 1, 2""",
    b"""SELECT s.tracking_key, n.quantity, n.serial_numbers FROM shipment_lines n
    JOIN shipments s ON s.id = n.shipment_id ORDER BY 1, 2""",
    b"""SELECT c.code, t.key, t.status, t.progress_done, t.progress_total, t.expected_on, t.cause
    FROM tasks t JOIN schools c ON c.id = t.school_id WHERE t.kind = 'order' ORDER BY 1, 2""",
    b"SELECT outcome, count(*) FROM webhook_events GROUP BY 1 ORDER BY 1",
)
_WORKS = b"SELECT EXISTS (SELECT FROM procrastinate_workers)"
_EMPTY = b"SELECT NOT EXISTS (SELECT FROM webhook_events WHERE outcome = 'stored')"
_COPY = b"""
COPY webhook_events (id, vendor_id, key, received_at, sealed, outcome, deliveries, attempts)
FROM STDIN
"""
Tables = list[list[tuple[object, ...]]]


def inbox(server: EmbeddedServer, rounds: int) -> Iterable[Result]:
    """Seconds from the last answer to an empty inbox, with one worker beside one server."""
    events = list(_happened())
    with ground.fresh(server) as base:
        with _served(base):
            pass
        expected = asyncio.run(_in_order(base, events))
    taken = []
    for number in range(rounds):
        with ground.fresh(server) as base:
            taken.append((_measure(base, events, number, expected), SECONDS))
    yield compare(
        "inbox",
        "s",
        taken,
        limit_name=f"{SECONDS:g} s after the last of {len(events):,} events",
        goal=1.0,
        better="lower",
    )


def _measure(base: ground.Ground, events: Sequence[Event], number: int, expected: Tables) -> float:
    shuffled = list(events)
    random.Random(number).shuffle(shuffled)
    with _served(base) as (port, secret), _worker(base):
        posts = signed(secret, shuffled)
        sent = load.post(port, "/v1/webhooks/bench", posts, connections=CONNECTIONS)
        begin = time.perf_counter()
        assert sent.statuses == {202: len(events)}, sent
        _wait(base.url, _EMPTY)
        took = time.perf_counter() - begin
    assert _tables(base.url) == expected, "The tables differ from those of the ordered stream."
    return took


def _happened() -> Iterator[Event]:
    """Each school's boxes of each order, scan after scan, in the order in which they happen."""
    boxes = list(product(range(ORDERS), range(1, SCHOOLS + 1), range(BOXES)))
    for step, status in enumerate(ROAD):
        for place, (number, school, box) in enumerate(boxes):
            moment = (_BEGIN + timedelta(hours=4 * step, seconds=place)).isoformat()
            data = {
                "order_number": f"PO-{number}",
                "carrier": "ups",
                "tracking_number": f"1Z-{number}-{school}-{box}",
                "status": status,
                "occurred_at": moment,
                "expected_on": f"2026-08-{10 + step}",
                "school": f"S{school}",
                "lines": [{"sku": "CB", "quantity": PIECES}],
            }
            body = {"type": "shipment.updated", "timestamp": moment, "data": data}
            yield f"{step}-{number}-{school}-{box}", json.dumps(body).encode()


@contextmanager
def _served(base: ground.Ground) -> Iterator[tuple[int, str]]:
    """A server with placed orders of the seller `bench` for every school: port, its secret."""
    ground.seed(base.url, SCHOOLS, tasks=5)
    with ground.served(base) as (port, _):
        secret = add_vendor(port, base.token)
        client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}/v1",
            headers={"authorization": f"Bearer {base.token}"},
            timeout=_PATIENCE,
        )
        each = PIECES * BOXES
        shares = [{"school": f"S{school}", "quantity": each} for school in range(1, SCHOOLS + 1)]
        lines = [{"sku": "CB", "quantity": each * SCHOOLS, "allocations": shares}]
        for number in range(ORDERS):
            order = {"vendor": "bench", "number": f"PO-{number}", "lines": lines}
            made = client.post("/orders", json=order).raise_for_status()
            client.post(f"/orders/{made.json()['id']}/place").raise_for_status()
        with psycopg.connect(base.url, autocommit=True) as connection:
            connection.execute(b"VACUUM ANALYZE")
        yield port, secret


@contextmanager
def _worker(base: ground.Ground) -> Iterator[None]:
    """`firstbell worker`, which applies while the events still come."""
    environment = {
        **os.environ,
        "FIRSTBELL_DATABASE_URL": base.url,
        "FIRSTBELL_SECRET_KEY": ground.SECRET.get_secret_value(),
        "FIRSTBELL_LOG_LEVEL": "WARNING",
    }
    process = subprocess.Popen([sys.executable, "-m", "api", "worker"], env=environment)
    try:
        _wait(base.url, _WORKS)
        yield
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()


def _wait(url: str, condition: bytes) -> None:
    deadline = time.monotonic() + _PATIENCE
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(condition).fetchone() != (True,):
            if time.monotonic() > deadline:
                raise RuntimeError(f"This did not become true: {condition.decode()}")
            time.sleep(0.02)


def _tables(url: str) -> Tables:
    with psycopg.connect(url) as connection:
        return [connection.execute(statement).fetchall() for statement in _TABLES]


async def _in_order(base: ground.Ground, events: Iterable[Event]) -> Tables:
    """What the tables say when the events come as they happened, batch after batch."""
    sealer = sealer_of(ground.SECRET.get_secret_value())
    async with Database(base.url, base.settings(), wiring.build_bus()) as database:
        async with database.raw() as connection:
            found = await connection.execute(b"SELECT id FROM vendors WHERE slug = 'bench'")
            ((vendor,),) = await found.fetchall()
            async with connection.cursor() as cursor, cursor.copy(_COPY) as rows:
                for event_id, body in events:
                    sealed = sealer.seal(body, event_purpose(vendor))
                    row = (new_id(), vendor, event_id, clock.now(), sealed, "stored", 1, 0)
                    await rows.write_row(row)
        await drain(database, sealer)
    return _tables(base.url)
