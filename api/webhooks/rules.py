"""The words of the inbox, and what its secrets are sealed for. Pure."""

from __future__ import annotations

import re
from enum import StrEnum
from uuid import UUID

# A slug is part of a URL and of task keys (`order:acme:PO-118`), so it holds no colon.
SLUG = r"^[a-z0-9][a-z0-9-]{0,39}$"
_SLUG = re.compile(SLUG)


class Outcome(StrEnum):
    """What became of an event.

    `stored` waits to be applied; `duplicate` told nothing new; `unmatched` names an order or
    shipment that is not known; `failed` could not be understood or applied; `ignored` is of a
    kind that moves nothing, such as a test. Every one can be replayed while its body is kept.
    """

    STORED = "stored"
    APPLIED = "applied"
    DUPLICATE = "duplicate"
    UNMATCHED = "unmatched"
    FAILED = "failed"
    IGNORED = "ignored"


def is_slug(text: str) -> bool:
    return _SLUG.fullmatch(text) is not None


def event_purpose(vendor_id: UUID) -> bytes:
    """What an event's body is sealed for: under another vendor it does not open."""
    return b"webhook:" + vendor_id.bytes


def secret_purpose(vendor_id: UUID) -> bytes:
    return b"vendor-secret:" + vendor_id.bytes
