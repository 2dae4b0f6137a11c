"""What the care of vendors takes in and gives out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.devices.rules import Scheme, VendorKind
from api.http.strict import PatchIn, Strict
from api.schools.schemas import Line
from api.webhooks.rules import SLUG, Outcome

# A secret in use is longer; a short one could be guessed at over HTTP.
SHORTEST_SECRET = 16
LONGEST_OVERLAP_HOURS = 14 * 24

Slug = Annotated[
    str,
    StringConstraints(pattern=SLUG),
    Field(description="Part of the vendor's URL and of task keys.", examples=["acme"]),
]
Secret = Annotated[
    str,
    StringConstraints(min_length=SHORTEST_SECRET, max_length=500),
    Field(description="As the vendor shows it; for `standard` it begins with `whsec_`."),
]


class KeyIn(Strict):
    """An RSA public key of a JWKS. A set is pasted as it is published, so what else a key has is
    let through, and dropped; but never the parts of a private key.
    """

    model_config = ConfigDict(extra="ignore")

    kty: Literal["RSA"]
    kid: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    n: Annotated[str, StringConstraints(max_length=1500)]
    e: Annotated[str, StringConstraints(max_length=20)]
    d: Annotated[None, Field(exclude=True, description="A private key is refused.")] = None


class KeySetIn(Strict):
    """A JWKS (RFC 7517), for a vendor that signs with keys of its own."""

    keys: Annotated[list[KeyIn], Field(min_length=1, max_length=20)]


class VendorIn(Strict):
    """Who sells, or tracks for sellers. Without a `secret` one is made for `standard`; the other
    schemes need theirs, and `shipengine` its `public_keys` instead.
    """

    slug: Slug
    name: Line
    scheme: Scheme = Scheme.STANDARD
    kind: VendorKind = VendorKind.SELLER
    tracks: Annotated[list[Slug], Field(max_length=1000)] = Field(default_factory=list)
    secret: Secret | None = None
    public_keys: KeySetIn | None = None


class VendorPatch(PatchIn):
    """What can change of a vendor: its slug, kind and scheme are for good."""

    never_null: ClassVar[frozenset[str]] = frozenset({"name", "tracks", "public_keys"})

    name: Line | None = None
    tracks: Annotated[list[Slug], Field(max_length=1000)] | None = None
    public_keys: KeySetIn | None = None


class SecretIn(Strict):
    """A new secret; the one before stays good for `overlap_hours`, so that both ends can change."""

    secret: Secret | None = None
    overlap_hours: Annotated[
        int, Field(ge=0, le=LONGEST_OVERLAP_HOURS, description="0 ends the old one now.")
    ] = 24


class SecretOut(BaseModel):
    """The new secret, shown once: null in a replay. `old_retires_at` null: no other is good."""

    secret: str
    old_retires_at: datetime | None


class LiveSecretOut(BaseModel):
    created_at: datetime
    retires_at: datetime | None


class HealthOut(BaseModel):
    """How a vendor's events fare. All but `last_event_at` are of the last 24 hours.

    `median_delay_seconds` is from receiving an event to settling it; null when none was.
    """

    last_event_at: datetime | None
    outcomes: dict[Outcome, int]
    failures: int
    repeats: int
    median_delay_seconds: float | None


class VendorOut(BaseModel):
    """A vendor. `health`, `secrets` and `public_keys` are null for who may not manage vendors;
    `secrets` says when each live one was made and retires, never what it is.
    """

    id: UUID
    slug: str
    name: str
    kind: VendorKind
    scheme: Scheme
    tracks: list[str]
    url: str
    version: int
    created_at: datetime
    updated_at: datetime
    secrets: list[LiveSecretOut] | None = None
    public_keys: dict[str, object] | None = None
    health: HealthOut | None = None


class NewVendorOut(BaseModel):
    """`secret` is shown once: null in a replay, and for a vendor that signs with its own keys."""

    vendor: VendorOut
    secret: str | None


class ReceivedOut(BaseModel):
    """The inbox row an event is kept in: `stored` when new, `duplicate` when it was there."""

    id: UUID
    outcome: Outcome
