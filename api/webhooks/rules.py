"""The words of the inbox. Pure."""

from __future__ import annotations

from enum import StrEnum


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
