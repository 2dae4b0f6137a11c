"""What the inbox takes in and gives out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from api.http.strict import Strict
from api.webhooks.rules import Outcome
from api.webhooks.schemas import Slug


class EventOut(BaseModel):
    """A row of the inbox. `order_number`, `carrier` and `tracking_number` are as they are compared,
    in lower case; `replayable`: its body is still kept.
    """

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    vendor: str
    key: Annotated[str, Field(description="The vendor's id of the event, else a digest of it.")]
    received_at: datetime
    outcome: Outcome
    reason: str | None
    deliveries: int
    attempts: int
    settled_at: datetime | None
    kind: str | None
    occurred_at: datetime | None
    order_number: str | None
    carrier: str | None
    tracking_number: str | None
    school: Annotated[str | None, Field(description="As the event names it.")]
    network_id: UUID | None
    order_id: UUID | None
    shipment_id: UUID | None
    replayable: bool


class SuggestionOut(BaseModel):
    """What an unmatched event may be about, and `why` we think so. Without `match` the event has
    found it already, and waits for what its reason says.
    """

    model_config = ConfigDict(from_attributes=True)

    order_id: UUID
    order_number: str
    shipment_id: UUID | None
    tracking_number: str | None
    why: str
    match: bool


class EventDetailOut(EventOut):
    """`body` holds only the fields known to be harmless; null until it was applied once."""

    body: dict[str, object] | None
    suggestions: list[SuggestionOut]


class MatchIn(Strict):
    """What the event is about: an order or a shipment, by id."""

    order: UUID | None = None
    shipment: UUID | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.order is None) == (self.shipment is None):
            raise ValueError("Name either an order or a shipment.")
        return self


class ReplayIn(Strict):
    """A vendor's events since a moment; without `outcome` those of every outcome."""

    vendor: Slug
    since: AwareDatetime
    outcome: Outcome | None = None


class ReplayedOut(BaseModel):
    """How many events wait to be applied again."""

    replayed: int
