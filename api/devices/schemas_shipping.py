"""Bodies of shipments, receipts, transfers and returns, in and out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from api.devices.receipt_rules import normal_serial
from api.devices.schemas import Day, Pieces, Planned, Reason, Sku
from api.http.strict import Strict
from api.schools.schemas import Line as OneLine

MOST_LINES = 500
MOST_SERIALS = 10_000

Ref = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Serial = Annotated[OneLine, StringConstraints(max_length=100), AfterValidator(normal_serial)]
Serials = Annotated[list[Serial], Field(max_length=MOST_SERIALS)]
# What came before the year 2000 is a typing error.
PastDate = Annotated[date, Field(ge=date(2000, 1, 1), description="No day to come, at the place.")]


def _distinct(names: list[str], what: str) -> None:
    name, times = Counter(names).most_common(1)[0] if names else ("", 0)
    if times > 1:
        raise PydanticCustomError(
            "repeated", "{what} {name} is named twice.", {"what": what, "name": name}
        )


def _at_one_place(school: str | None, site: str | None) -> None:
    if (school is None) == (site is None):
        raise PydanticCustomError("place", "Name a school, or a site, and not both.")


class PiecesIn(Strict):
    """Pieces of a line, with the serial numbers that were read."""

    sku: Sku
    quantity: Pieces
    serial_numbers: Serials = []

    @model_validator(mode="after")
    def _check_serials(self) -> Self:
        _check_serials(self.serial_numbers, self.quantity)
        return self


def _check_serials(serials: list[str], pieces: int) -> None:
    if len(set(serials)) < len(serials):
        raise PydanticCustomError("serial_repeated", "A serial number stands there twice.")
    if len(serials) > pieces:
        raise PydanticCustomError("serials", "There are more serial numbers than pieces.")


def _check_lines(lines: Sequence[PiecesIn | ReceiptLineIn] | None) -> None:
    """A device is of one line, and a line is named once."""
    given = lines or ()
    _distinct([line.sku for line in given], "The sku")
    _distinct([serial for line in given for serial in line.serial_numbers], "The serial number")


class ShipmentIn(Strict):
    """`lines`: what is in it, where that is known; without them it moves dates, never counts."""

    carrier: Annotated[OneLine, StringConstraints(max_length=100)]
    tracking_number: Annotated[OneLine, StringConstraints(max_length=100)]
    school: Ref | None = None
    site: Ref | None = None
    expected_on: Day | None = None
    lines: Annotated[list[PiecesIn], Field(min_length=1, max_length=MOST_LINES)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        _at_one_place(self.school, self.site)
        _check_lines(self.lines)
        return self


class ReceiptLineIn(Strict):
    """What was counted of a line: `rejected` pieces were sent off or set aside, and say why."""

    sku: Sku
    accepted: Planned
    rejected: Planned = 0
    reason: Reason | None = None
    serial_numbers: Serials = []

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.accepted + self.rejected == 0:
            raise PydanticCustomError("nothing", "Count at least one piece, or leave it out.")
        if self.rejected and self.reason is None:
            raise PydanticCustomError("reason_required", "Say in reason why pieces were rejected.")
        _check_serials(self.serial_numbers, self.accepted)
        return self


ReceiptLines = Annotated[list[ReceiptLineIn], Field(min_length=1, max_length=MOST_LINES)]


class _Counted(Strict):
    """`received_on` is the day it came (today at the place when absent). `override_reason` lets
    in what would be refused: too many, a box or a serial number a second time.
    """

    received_on: PastDate | None = None
    note: Reason | None = None
    override_reason: Reason | None = None


class ReceiptIn(_Counted):
    school: Ref | None = None
    site: Ref | None = None
    lines: ReceiptLines

    @model_validator(mode="after")
    def _check(self) -> Self:
        _at_one_place(self.school, self.site)
        _check_lines(self.lines)
        return self


class ShipmentReceiptIn(_Counted):
    """Without `lines` everything came as announced."""

    lines: ReceiptLines | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_lines(self.lines)
        return self


class OrderRef(Strict):
    """An order by its id, or by its seller's slug and its number."""

    order: UUID | None = None
    vendor: Ref | None = None
    number: Ref | None = None

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        by_number = self.vendor is not None and self.number is not None
        halves = (self.vendor is None) != (self.number is None)
        if halves or by_number == (self.order is not None):
            raise PydanticCustomError("order", "Name the order by its id, or by vendor and number.")
        return self


class BulkReceiptIn(_Counted):
    """One of many: of a shipment (`lines` may be left out), or of an order at a place."""

    shipment: UUID | None = None
    order: UUID | None = None
    vendor: Ref | None = None
    number: Ref | None = None
    school: Ref | None = None
    site: Ref | None = None
    lines: ReceiptLines | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_lines(self.lines)
        by_number = self.vendor is not None and self.number is not None
        ways = [self.shipment is not None, self.order is not None, by_number]
        if ways.count(True) != 1 or (self.vendor is None) != (self.number is None):
            raise PydanticCustomError(
                "order", "Name a shipment, an order by its id, or an order by vendor and number."
            )
        if self.shipment is None:
            _at_one_place(self.school, self.site)
            if self.lines is None:
                raise PydanticCustomError("lines", "Say in lines what came.")
        elif self.school is not None or self.site is not None:
            raise PydanticCustomError("place", "A shipment has its place; leave school and site.")
        return self


class BulkReceiptsIn(Strict):
    receipts: Annotated[list[BulkReceiptIn], Field(min_length=1, max_length=1000)]


class ReverseIn(Strict):
    note: Reason | None = None


class TransferLineIn(PiecesIn):
    school: Ref


class TransfersIn(OrderRef):
    """From one site to any number of schools; all of it, or nothing."""

    site: Ref
    moved_on: PastDate | None = None
    transfers: Annotated[list[TransferLineIn], Field(min_length=1, max_length=1000)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        serials = [serial for move in self.transfers for serial in move.serial_numbers]
        _distinct(serials, "The serial number")
        return self


class ReturnIn(OrderRef):
    """With `replacement` as many are expected again; without, they are off the order."""

    school: Ref | None = None
    site: Ref | None = None
    returned_on: PastDate | None = None
    reason: Reason
    replacement: bool = True
    lines: Annotated[list[PiecesIn], Field(min_length=1, max_length=MOST_LINES)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        _at_one_place(self.school, self.site)
        _check_lines(self.lines)
        return self


class ShipmentLineOut(BaseModel):
    sku: str
    quantity: int
    serial_numbers: list[str]


class ShipmentOut(BaseModel):
    """`lines` is null while nobody has said what is in it; `received` once it was counted."""

    id: UUID
    order_id: UUID
    vendor: str
    number: str
    school: str | None
    site: str | None
    carrier: str
    tracking_number: str
    status: str
    raw_status: str | None
    status_at: datetime | None
    expected_on: date | None
    delivered_at: datetime | None
    review: str | None
    received: bool
    lines: list[ShipmentLineOut] | None
    created_at: datetime
    updated_at: datetime


class ScanOut(BaseModel):
    """One statement as it was told; `occurred_at` is when it happened, not when it came."""

    source: str
    occurred_at: datetime
    recorded_at: datetime
    status: str | None
    raw_status: str | None
    expected_on: date | None
    lines: list[ShipmentLineOut] | None
    event_id: UUID | None


class ReceiptLineOut(BaseModel):
    sku: str
    accepted: int
    rejected: int
    over: int
    reason: str | None
    serial_numbers: list[str]


class ReceiptOut(BaseModel):
    """`reversed_by` names the receipt that took it back; its pieces then count no more."""

    id: UUID
    order_id: UUID
    shipment_id: UUID | None
    school: str | None
    site: str | None
    received_on: date
    recorded_at: datetime
    actor: str
    note: str | None
    override_reason: str | None
    reverses_id: UUID | None
    reversed_by: UUID | None
    lines: list[ReceiptLineOut]


class ShipmentDetailOut(ShipmentOut):
    """With every scan, in the order in which things happened, and what was counted."""

    scans: list[ScanOut]
    receipts: list[ReceiptOut]


class BulkAnswerOut(BaseModel):
    """The answer to one row: its receipt, or why there is none."""

    index: int
    receipt_id: UUID | None = None
    code: str | None = None
    detail: str | None = None


class BulkReceiptsOut(BaseModel):
    received: int
    refused: int
    items: list[BulkAnswerOut]


class TransferOut(BaseModel):
    """`reversed_by` names the transfer that took it back."""

    id: UUID
    order_id: UUID
    sku: str
    site: str
    school: str
    quantity: int
    moved_on: date
    recorded_at: datetime
    actor: str
    note: str | None
    serial_numbers: list[str]
    reverses_id: UUID | None
    reversed_by: UUID | None


class ReturnOut(BaseModel):
    """`reversed_by` names the return that took it back."""

    id: UUID
    order_id: UUID
    sku: str
    school: str | None
    site: str | None
    quantity: int
    reason: str
    replacement: bool
    returned_on: date
    recorded_at: datetime
    actor: str
    note: str | None
    serial_numbers: list[str]
    reverses_id: UUID | None
    reversed_by: UUID | None


class SerialLineOut(BaseModel):
    """Of one line: pieces ordered, serial numbers announced and scanned, and where they differ.

    `missing` were announced in what has been delivered or counted and not scanned; `unexpected`
    were scanned though the vendor announced others; `repeated` came more than once.
    """

    sku: str
    ordered: int
    announced: int
    scanned: int
    returned: int
    missing: list[str]
    unexpected: list[str]
    repeated: list[str]
