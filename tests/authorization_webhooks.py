"""The operations of vendors and the inbox and who may call them, and the events that are there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from api import clock
from api.db.columns import new_id
from api.db.pool import Database
from api.db.uow import writing
from api.devices.models import Vendor
from api.webhooks.models import WebhookEvent
from api.webhooks.rules import Outcome
from tests.authorization_rules import Case, Reach

# An event of its own for each operation that changes one.
_EVENTS = ("event", "event_match", "event_replay")


def _vendor(path: str, body: Any = None, status: int = 200) -> tuple[Case, ...]:
    """All networks share the vendors, so only who cares for all of them changes one."""
    return (Case("vendors:manage", Reach.EVERYWHERE, path, body, status),)


def _any(path: str) -> tuple[Case, ...]:
    return (Case("orders:read", Reach.ANY, path),)


WEBHOOKS: dict[str, tuple[Case, ...]] = {
    # Open to whoever signs; nobody here does.
    "POST /v1/webhooks/{slug}": (Case("", Reach.OPEN, "/v1/webhooks/acme", {}, 401),),
    "GET /v1/vendors": _any("/v1/vendors"),
    "POST /v1/vendors": _vendor("/v1/vendors", {"slug": "new-{place}", "name": "New"}, 201),
    "GET /v1/vendors/{slug}": _any("/v1/vendors/acme"),
    "PATCH /v1/vendors/{slug}": _vendor("/v1/vendors/acme", {"name": "Acme of {place}"}),
    "POST /v1/vendors/{slug}/secrets": _vendor("/v1/vendors/acme/secrets", {}, 201),
    "POST /v1/vendors/{slug}/test-event": _vendor("/v1/vendors/acme/test-event", None, 202),
    "GET /v1/vendors/{slug}/lead-times": _any("/v1/vendors/acme/lead-times"),
    "POST /v1/vendors/{slug}/lead-times": _vendor("/v1/vendors/acme/lead-times"),
    "GET /v1/webhook-events": (
        Case("orders:read", Reach.SCHOOL, "/v1/webhook-events?limit=1000", shows='"event-{place}"'),
    ),
    "GET /v1/webhook-events/{event_id}": (
        Case("orders:read", Reach.SCHOOL, "/v1/webhook-events/{event}"),
    ),
    "POST /v1/webhook-events/{event_id}/match": (
        Case(
            "orders:write",
            Reach.SCHOOL,
            "/v1/webhook-events/{event_match}/match",
            {"order": "{order}"},
            202,
        ),
    ),
    "POST /v1/webhook-events/{event_id}/replay": (
        Case("orders:write", Reach.SCHOOL, "/v1/webhook-events/{event_replay}/replay", None, 202),
    ),
    # Applies again what the caller sees, which may be nothing.
    "POST /v1/webhook-events/replay": (
        Case(
            "orders:write",
            Reach.ANY,
            "/v1/webhook-events/replay",
            {"vendor": "acme", "since": "2020-01-01T00:00:00Z"},
            202,
        ),
    ),
}


async def make_events(
    database: Database, names: Mapping[str, str], network_id: UUID
) -> dict[str, str]:
    """The ids of failed events about the place's shipment."""
    ids = {}
    async with writing(database, "job:test") as session:
        vendor = (await session.scalars(select(Vendor).where(col(Vendor.slug) == "acme"))).one()
        for name in _EVENTS:
            event = WebhookEvent(
                id=new_id(),
                vendor_id=vendor.id,
                key=f"{name}-{names['place']}",
                received_at=clock.now(),
                sealed=b"not opened here",
                outcome=Outcome.FAILED,
                network_id=network_id,
                order_id=UUID(names["order"]),
                shipment_id=UUID(names["shipment"]),
            )
            session.add(event)
            ids[name] = str(event.id)
    return ids
