"""Webhook intake: distinct signed events over 16 connections, each durable before its answer."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable

import httpx
import psycopg

from api.db.embedded import EmbeddedServer
from api.devices.rules import Scheme
from api.webhooks.keys import key_of_secret
from api.webhooks.signatures import standard_signature
from benchmarks import ground, load
from benchmarks.result import Result, compare

CONNECTIONS = 16
EVENTS = 12_000
# Its id and its body.
Event = tuple[str, bytes]
_LIMIT = "a route of the same app that only reads the body and answers"


def intake(server: EmbeddedServer, rounds: int) -> Iterable[Result]:
    """Rate and p99 against a route of the same app that only reads the body, in turn."""
    with ground.fresh(server) as base, ground.served(base) as (port, _):
        secret = add_vendor(port, base.token)
        rates: list[tuple[float, float]] = []
        p99s: list[tuple[float, float]] = []
        for number in range(rounds + 1):
            posts = signed_events(secret, EVENTS, f"round-{number}")
            bare = load.post(port, "/only-read", posts, connections=CONNECTIONS)
            ours = load.post(port, "/v1/webhooks/bench", posts, connections=CONNECTIONS)
            assert bare.statuses == ours.statuses == {202: EVENTS}, (bare, ours)
            # The first round warms both up.
            if number:
                rates.append((ours.rate, bare.rate))
                p99s.append((ours.p99, bare.p99))
        kept = EVENTS * (rounds + 1)
        with psycopg.connect(base.url) as connection:
            assert connection.execute("SELECT count(*) FROM webhook_events").fetchone() == (kept,)
    yield compare("intake", "events/s", rates, limit_name=_LIMIT, goal=0.45, better="higher")
    yield compare("intake_p99", "ms", p99s, limit_name=_LIMIT, goal=5.0, better="lower")


def add_vendor(port: int, token: str) -> str:
    """The seller `bench`, over HTTP; gives its secret."""
    answer = httpx.post(
        f"http://127.0.0.1:{port}/v1/vendors",
        json={"slug": "bench", "name": "Bench"},
        headers={"authorization": f"Bearer {token}"},
    )
    answer.raise_for_status()
    secret: str = answer.json()["secret"]
    return secret


def signed_events(secret: str, count: int, prefix: str) -> list[load.Post]:
    """Distinct events of some 300 bytes."""
    events = (
        (f"{prefix}-{number}", json.dumps(_event(number)).encode()) for number in range(count)
    )
    return signed(secret, events)


def signed(secret: str, events: Iterable[Event]) -> list[load.Post]:
    """Events as Standard Webhooks signs them, now."""
    key, stamp = key_of_secret(Scheme.STANDARD, secret), str(int(time.time()))
    posts = []
    for event_id, body in events:
        signature = standard_signature(key, event_id.encode(), stamp.encode(), body)
        headers = {
            "content-type": "application/json",
            "webhook-id": event_id,
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1,{signature.decode()}",
        }
        posts.append(load.Post(headers, body))
    return posts


def _event(number: int) -> dict[str, object]:
    return {
        "type": "shipment.updated",
        "timestamp": "2026-08-03T14:05:00Z",
        "data": {
            "order_number": f"PO-{number % 100}",
            "carrier": "ups",
            "tracking_number": f"1Z999AA1{number:010}",
            "status": "in_transit",
            "occurred_at": "2026-08-03T14:05:00Z",
            "expected_on": "2026-08-10",
            "lines": [{"sku": "CB-14", "quantity": 30}],
        },
    }
