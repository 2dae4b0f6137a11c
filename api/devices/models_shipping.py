"""Tables: shipments with every scan, receipts, transfers and returns. Facts: only ever added."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Column, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from api.db.columns import Timestamped, id_field, moment_field, one_of, text_field
from api.devices.models import at_one_place
from api.devices.rules import PromiseSource, ShipmentStatus


def _serials() -> Any:
    return Field(sa_column=Column(ARRAY(Text), nullable=False, server_default=text("'{}'")))


class Shipment(Timestamped, table=True):
    """What is on its way to one place. Everything from `status` to `review` is the fold of its
    scans by occurrence, kept for reading.

    Carriers reuse tracking numbers, so no key here is unique.
    """

    __tablename__ = "shipments"
    __table_args__ = (
        one_of("status", ShipmentStatus),
        at_one_place(),
        Index("ix_shipments_tracking_key", "tracking_key"),
        Index("ix_shipments_order_id", "order_id"),
        Index(
            "ix_shipments_school_id", "school_id", postgresql_where=text("school_id IS NOT NULL")
        ),
    )

    id: UUID = id_field()
    network_id: UUID = Field(foreign_key="networks.id")
    order_id: UUID = Field(foreign_key="orders.id")
    school_id: UUID | None = Field(default=None, foreign_key="schools.id")
    site_id: UUID | None = Field(default=None, foreign_key="sites.id")
    carrier: str = text_field()
    carrier_key: str = text_field()
    tracking_number: str = text_field()
    tracking_key: str = text_field()
    status: str = text_field(default=ShipmentStatus.UNKNOWN)
    raw_status: str | None = text_field(default=None)
    status_at: datetime | None = moment_field(default=None, nullable=True)
    expected_on: date | None = None
    delivered_at: datetime | None = moment_field(default=None, nullable=True)
    # Why somebody should look: a later scan contradicts what was final.
    review: str | None = text_field(default=None)
    version: int = 1


class ShipmentLine(SQLModel, table=True):
    """What is in it, where somebody said so: the latest statement by occurrence."""

    __tablename__ = "shipment_lines"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        Index("ix_shipment_lines_line_id", "line_id"),
    )

    shipment_id: UUID = Field(primary_key=True, foreign_key="shipments.id", ondelete="CASCADE")
    line_id: UUID = Field(primary_key=True, foreign_key="order_lines.id", ondelete="CASCADE")
    quantity: int
    serial_numbers: list[str] = _serials()


class Scan(SQLModel, table=True):
    """One statement about a shipment; `key` makes it count once however often it is told.

    `lines` is `[[line id, quantity, [serial, ...]], ...]`, null where nothing was said of content.
    """

    __tablename__ = "scans"
    __table_args__ = (
        one_of("status", ShipmentStatus),
        one_of("source", PromiseSource),
        # Also by which a shipment's are found: it has some dozens.
        UniqueConstraint("shipment_id", "key"),
    )

    id: UUID = id_field()
    # No foreign key: nothing deletes shipments, and whoever adds scans has locked theirs before.
    shipment_id: UUID
    key: str = text_field()
    source: str = text_field()
    occurred_at: datetime = moment_field(nullable=False)
    recorded_at: datetime = moment_field(nullable=False)
    status: str | None = text_field(default=None)
    raw_status: str | None = text_field(default=None)
    expected_on: date | None = None
    lines: list[Any] | None = Field(default=None, sa_type=JSONB)
    event_id: UUID | None = None


class Receipt(SQLModel, table=True):
    """What somebody counted at a place. `received_on` is the day it came, not when it was typed
    in. One that `reverses` another takes it back, line for line.
    """

    __tablename__ = "receipts"
    __table_args__ = (
        at_one_place(),
        UniqueConstraint("reverses_id"),
        Index("ix_receipts_order_id", "order_id"),
        Index("ix_receipts_shipment_id", "shipment_id"),
    )

    id: UUID = id_field()
    network_id: UUID = Field(foreign_key="networks.id")
    order_id: UUID = Field(foreign_key="orders.id")
    shipment_id: UUID | None = Field(default=None, foreign_key="shipments.id")
    school_id: UUID | None = Field(default=None, foreign_key="schools.id")
    site_id: UUID | None = Field(default=None, foreign_key="sites.id")
    received_on: date
    recorded_at: datetime = moment_field(nullable=False)
    actor: str = text_field()
    note: str | None = text_field(default=None)
    override_reason: str | None = text_field(default=None)
    reverses_id: UUID | None = Field(default=None, foreign_key="receipts.id")


class ReceiptLine(SQLModel, table=True):
    """`over` is how many of the accepted came beyond the allocation, for a reversal to undo."""

    __tablename__ = "receipt_lines"
    __table_args__ = (
        CheckConstraint(
            "accepted >= 0 AND rejected >= 0 AND accepted + rejected > 0", name="counted"
        ),
        CheckConstraint("rejected = 0 OR reason IS NOT NULL", name="reason"),
        CheckConstraint("over >= 0", name="over"),
        Index("ix_receipt_lines_line_id", "line_id"),
        # A device scanned twice is found among all that ever came.
        Index("ix_receipt_lines_serial_numbers", "serial_numbers", postgresql_using="gin"),
    )

    receipt_id: UUID = Field(primary_key=True, foreign_key="receipts.id", ondelete="CASCADE")
    line_id: UUID = Field(primary_key=True, foreign_key="order_lines.id", ondelete="CASCADE")
    accepted: int
    rejected: int = 0
    over: int = 0
    reason: str | None = text_field(default=None)
    serial_numbers: list[str] = _serials()


class SerialAtHand(SQLModel, table=True):
    """A device that is at some place: the receipt that counted it last. Derived from receipts and
    returns; kept so that a serial number is at hand once in a network, whoever scans it.
    """

    __tablename__ = "serials_at_hand"

    network_id: UUID = Field(primary_key=True, foreign_key="networks.id")
    serial: str = Field(sa_column=Column(Text, primary_key=True))
    receipt_id: UUID = Field(foreign_key="receipts.id", ondelete="CASCADE")


class Transfer(SQLModel, table=True):
    """Pieces of a line that went from a site to a school; `allocated` of them were planned for no
    school before, and became its allocation. One that `reverses` another takes it back.
    """

    __tablename__ = "transfers"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("allocated BETWEEN 0 AND quantity", name="allocated"),
        UniqueConstraint("reverses_id"),
        Index("ix_transfers_line_id", "line_id"),
    )

    id: UUID = id_field()
    network_id: UUID = Field(foreign_key="networks.id")
    order_id: UUID = Field(foreign_key="orders.id")
    line_id: UUID = Field(foreign_key="order_lines.id")
    site_id: UUID = Field(foreign_key="sites.id")
    school_id: UUID = Field(foreign_key="schools.id")
    quantity: int
    allocated: int = 0
    moved_on: date
    recorded_at: datetime = moment_field(nullable=False)
    actor: str = text_field()
    note: str | None = text_field(default=None)
    serial_numbers: list[str] = _serials()
    reverses_id: UUID | None = Field(default=None, foreign_key="transfers.id")


class DeviceReturn(SQLModel, table=True):
    """Accepted pieces sent back; with `replacement` as many are expected again. Without, `over`
    of them were beyond the order, and the others are off it. One that `reverses` another takes
    it back.
    """

    __tablename__ = "returns"
    __table_args__ = (
        at_one_place(),
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("over BETWEEN 0 AND quantity", name="over"),
        UniqueConstraint("reverses_id"),
        Index("ix_returns_line_id", "line_id"),
    )

    id: UUID = id_field()
    network_id: UUID = Field(foreign_key="networks.id")
    order_id: UUID = Field(foreign_key="orders.id")
    line_id: UUID = Field(foreign_key="order_lines.id")
    school_id: UUID | None = Field(default=None, foreign_key="schools.id")
    site_id: UUID | None = Field(default=None, foreign_key="sites.id")
    quantity: int
    over: int = 0
    reason: str = text_field()
    replacement: bool = True
    returned_on: date
    recorded_at: datetime = moment_field(nullable=False)
    actor: str = text_field()
    note: str | None = text_field(default=None)
    serial_numbers: list[str] = _serials()
    reverses_id: UUID | None = Field(default=None, foreign_key="returns.id")
