"""A test event: signed as the vendor signs, of a kind that moves nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import orjson

from api import clock
from api.db.columns import new_id
from api.db.uow import ReadSession
from api.devices.models import Vendor
from api.devices.rules import Scheme
from api.sealing import Sealer
from api.webhooks.errors import NoSecretOfOurs, SecretMissing
from api.webhooks.keys import key_of_secret
from api.webhooks.secrets import live_secrets, opened
from api.webhooks.signatures import (
    Posted,
    aftership_signature,
    easypost_signature,
    seventeen_track_signature,
    shippo_signature,
    standard_signature,
)

KIND = "test.firstbell"
Headers = list[tuple[bytes, bytes]]


async def build_test_event(session: ReadSession, sealer: Sealer, vendor: Vendor) -> Posted:
    """A request as the vendor would post it now, with its newest secret.

    Raises: NoSecretOfOurs for a scheme of public keys; SecretMissing; Unsealable.
    """
    scheme, now = Scheme(vendor.scheme), clock.now()
    if scheme is Scheme.SHIPENGINE:
        raise NoSecretOfOurs(
            "Only ShipEngine has the key it signs with: send a test from its own pages instead."
        )
    live = (await live_secrets(session, [vendor.id], now)).get(vendor.id, [])
    secret = opened(sealer, live)
    if secret is None:
        raise SecretMissing(f"{vendor.slug} has no secret: POST one to its /secrets first.")
    return signed_event(scheme, key_of_secret(scheme, secret), new_id(), now)


def signed_event(scheme: Scheme, key: bytes, event_id: UUID, now: datetime) -> Posted:
    """Pure: the body and headers of a scheme's test event."""
    body = orjson.dumps(_BODIES[scheme](str(event_id), now))
    return Posted(_headers(scheme, key, event_id, str(int(now.timestamp())).encode(), body), body)


def _headers(scheme: Scheme, key: bytes, event_id: UUID, stamp: bytes, body: bytes) -> Headers:
    if scheme is Scheme.STANDARD:
        named = str(event_id).encode()
        signature = b"v1," + standard_signature(key, named, stamp, body)
        return [
            (b"webhook-id", named),
            (b"webhook-timestamp", stamp),
            (b"webhook-signature", signature),
        ]
    if scheme is Scheme.SHIPPO:
        signature = b"t=" + stamp + b",v1=" + shippo_signature(key, stamp, body)
        return [(b"shippo-auth-signature", signature)]
    if scheme is Scheme.EASYPOST:
        return [(b"x-hmac-signature", easypost_signature(key, body))]
    if scheme is Scheme.AFTERSHIP:
        return [(b"aftership-hmac-sha256", aftership_signature(key, body))]
    return [(b"sign", seventeen_track_signature(key, body))]


# Each differs from every other by its id, or those without an event id would be duplicates.
_BODIES: dict[Scheme, Callable[[str, datetime], dict[str, object]]] = {
    Scheme.STANDARD: lambda one, now: {
        "type": KIND,
        "timestamp": now.isoformat(),
        "data": {"id": one},
    },
    Scheme.EASYPOST: lambda one, now: {
        "id": f"evt_{one}",
        "object": "Event",
        "description": KIND,
        "created_at": now.isoformat(),
        "result": {},
    },
    Scheme.SHIPPO: lambda one, now: {
        "event": "track_updated",
        "test": True,
        "data": {"metadata": f"{KIND} {one} {now.isoformat()}"},
    },
    Scheme.AFTERSHIP: lambda one, now: {
        "event": KIND,
        "event_id": one,
        "msg": {},
        "ts": int(now.timestamp()),
    },
    Scheme.SEVENTEEN_TRACK: lambda one, now: {
        "event": KIND,
        "data": {"tag": f"{one} {now.isoformat()}"},
    },
}
