"""Bodies of orders, in and out."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import (
    AwareDatetime,
    BaseModel,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from api.devices.rules import CountsAs, OrderState, PromiseSource
from api.http.strict import PatchIn, Strict
from api.schools.rules import Receiving
from api.schools.schemas import Cents, ImportOut, Line, SchoolRef

MOST_PIECES = 10_000_000
Number = Annotated[Line, Field(max_length=100, description="Unique for its seller.")]
Sku = Annotated[Line, Field(max_length=100)]
Pieces = Annotated[int, Field(ge=1, le=MOST_PIECES)]
Planned = Annotated[int, Field(ge=0, le=MOST_PIECES)]
Percent = Annotated[int, Field(ge=0, le=100, description="Of each school's allocation.")]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
# Beyond these years a date is a typing error.
Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2100, 12, 31))]
Moment = Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC))]


class AllocationIn(Strict):
    school: SchoolRef
    quantity: Planned


Allocations = Annotated[list[AllocationIn], Field(max_length=50_000)]


class LineIn(Strict):
    """One sku; what no school is given yet may be allocated later."""

    sku: Sku
    description: Line | None = None
    quantity: Pieces
    unit_price_cents: Cents | None = None
    counts_as: CountsAs = CountsAs.STUDENT_DEVICE
    promised_on: Day | None = None
    allocations: Allocations = []


Lines = Annotated[list[LineIn], Field(min_length=1, max_length=500)]


class OrderIn(Strict):
    """A draft. Its network is that of its schools; without any, name one.

    `receiving` left out: as the network does.
    """

    vendor: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    number: Number
    network: SchoolRef | None = None
    receiving: Receiving | None = None
    over_tolerance_percent: Percent = 0
    lines: Lines


class OrderPatchIn(PatchIn):
    """A merge patch. `lines` replaces all of them, and like `number` only changes in a draft."""

    never_null: ClassVar[frozenset[str]] = frozenset({"number", "over_tolerance_percent", "lines"})

    number: Number | None = None
    receiving: Receiving | None = None
    over_tolerance_percent: Percent | None = None
    lines: Lines | None = None


class NewLineIn(LineIn):
    """`substitutes`: the sku of the line that it stands in for, piece by piece. Allocations left
    out then: those who wait for that line get it. `counts_as` left out: as that line does.
    """

    substitutes: Sku | None = None


class AmendIn(Strict):
    """Lines for an order that is more than a draft; who substitutes one says why."""

    lines: Annotated[list[NewLineIn], Field(min_length=1, max_length=500)]
    reason: Annotated[Reason | None, Field(validate_default=True)] = None

    @field_validator("reason")
    @classmethod
    def _say_why(cls, reason: str | None, info: ValidationInfo) -> str | None:
        if reason is None and any(line.substitutes for line in info.data.get("lines", ())):
            raise PydanticCustomError("reason_required", "Say why a line is substituted.")
        return reason


class HoldIn(Strict):
    """`{"reason"}` holds; `{"release": true}` goes on."""

    release: bool = False
    reason: Annotated[Reason | None, Field(validate_default=True)] = None

    @field_validator("reason")
    @classmethod
    def _say_why(cls, reason: str | None, info: ValidationInfo) -> str | None:
        if reason is None and not info.data.get("release"):
            raise PydanticCustomError("reason_required", "Say why it is held, or release it.")
        return reason


class CancelIn(Strict):
    reason: Reason


class CloseIn(Strict):
    """The reason is needed when pieces never came."""

    reason: Reason | None = None


class LinePromiseIn(Strict):
    """No date withdraws what was promised before."""

    sku: Sku
    promised_on: Day | None


class PromisesIn(Strict):
    """`stated_at` is when it was said; left out: now. Our own guess is an `estimate`."""

    lines: Annotated[list[LinePromiseIn], Field(min_length=1, max_length=500)]
    stated_at: Moment | None = None
    source: Literal["call", "estimate"] = "call"


class AllocationsIn(Strict):
    """`replace: "all"` leaves nothing to schools not named; `"part"` leaves those alone."""

    allocations: Allocations
    replace: Literal["all", "part"] = "all"


class MoveIn(Strict):
    """Without `from_school` out of the pieces that no school has; without `to_school` into them."""

    sku: Sku
    from_school: SchoolRef | None = None
    to_school: SchoolRef | None = None
    quantity: Pieces

    @model_validator(mode="after")
    def _go_somewhere(self) -> MoveIn:
        if self.from_school is None and self.to_school is None:
            raise PydanticCustomError("nowhere", "Name a school the pieces come from or go to.")
        return self


class ReallocateIn(Strict):
    """Applied together or not at all; `dry_run` answers the same and writes nothing."""

    moves: Annotated[list[MoveIn], Field(min_length=1, max_length=10_000)]
    dry_run: bool = False


class PromiseOut(BaseModel):
    promised_on: date | None
    stated_at: datetime
    recorded_at: datetime
    source: PromiseSource
    actor: str
    event_id: UUID | None


class PromisedLineOut(BaseModel):
    """`history`: the newest first."""

    sku: str
    promised_on: date | None
    history: list[PromiseOut]


class PromisesOut(BaseModel):
    """`recorded` counts those that were not known before."""

    order_id: UUID
    recorded: int
    lines: list[PromisedLineOut]


class AllocationOut(BaseModel):
    """A line's pieces for a school, or at a site; `there` is what the place has now."""

    school: str | None
    site: str | None
    quantity: int
    there: int
    outstanding: int
    over: int
    accepted: int
    rejected: int
    returned: int
    moved_in: int
    moved_out: int


class LineOut(BaseModel):
    """The stored sums, then what they say. `substituted` pieces come by another line, so they are
    not `short`. `under_way` and `delivered` are in shipments that
    nobody has counted.
    """

    id: UUID
    sku: str
    description: str | None
    quantity: int
    unit_price_cents: int | None
    counts_as: CountsAs
    promised_on: date | None
    substituted: int
    allocated: int
    accepted: int
    returned: int
    under_way: int
    delivered: int
    outstanding: int
    backordered: int
    overdue: int
    short: int
    over: int


class LineDetailOut(LineOut):
    allocations: list[AllocationOut]


class OrderHead(BaseModel):
    """`total_cents` by the prices that are known; `receiving` as it holds, `receiving_from` says
    whose word that is.
    """

    id: UUID
    vendor: str
    number: str
    network: str
    state: OrderState
    held_from: OrderState | None
    reason: str | None
    receiving: Receiving
    receiving_from: Literal["order", "network"]
    over_tolerance_percent: int
    total_cents: int
    requested_by: str
    approved_by: str | None
    approved_at: datetime | None
    placed_at: datetime | None
    closed_at: datetime | None
    created_at: datetime
    updated_at: datetime


class OrderOut(OrderHead):
    lines: list[LineOut]


class TimelineOut(BaseModel):
    """Something that happened; `id` is of the promise, amendment, shipment, receipt, transfer or
    return.
    """

    at: datetime
    kind: Literal["state", "promise", "amendment", "shipment", "receipt", "transfer", "return"]
    summary: str
    actor: str | None = None
    id: UUID | None = None


class OrderDetailOut(OrderHead):
    """`timeline`: the newest first, at most 500 entries."""

    lines: list[LineDetailOut]
    timeline: list[TimelineOut]


class LineAllocationsOut(BaseModel):
    sku: str
    quantity: int
    allocated: int
    unallocated: int
    allocations: list[AllocationOut]


class OrderNameOut(BaseModel):
    vendor: str
    number: str


class LeftDraftOut(OrderNameOut):
    """A draft that was to be placed, and why it was not."""

    why: str


class OrderImportOut(ImportOut):
    """Where `place` was asked for: the orders `placed`, and those `left_draft`."""

    placed: list[OrderNameOut] = []
    left_draft: list[LeftDraftOut] = []


class ShareOut(BaseModel):
    """`gap`: devices the school needs that are neither there nor on any order; null while its
    need is not known.
    """

    allocated: int
    outstanding: int
    gap: int | None


class SkuChangeOut(BaseModel):
    sku: str
    before: int
    after: int
    change: int


class SchoolChangeOut(BaseModel):
    """A school that gains or loses pieces; `before` and `after` are over all the order's lines."""

    school: str
    school_id: UUID
    change: int
    lines: list[SkuChangeOut]
    before: ShareOut
    after: ShareOut


class ReallocateOut(BaseModel):
    """`gains` and `loses` name the schools; `unallocated` is left for schools, by sku."""

    order_id: UUID
    dry_run: bool
    gains: list[str]
    loses: list[str]
    schools: list[SchoolChangeOut]
    unallocated: dict[str, int]
