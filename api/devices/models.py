"""Tables: vendors, orders with lines, promises and allocations, and what is known of lead times.

Shipments, receipts, transfers and returns are in `models_shipping`.
"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from api.db.columns import Timestamped, id_field, moment_field, one_of, text_field
from api.devices.rules import CountsAs, OrderState, PromiseSource, Scheme, VendorKind
from api.schools.rules import Receiving


def at_one_place() -> CheckConstraint:
    """A row is at a school or at a site, never both."""
    return CheckConstraint("(school_id IS NULL) <> (site_id IS NULL)", name="place")


class Vendor(Timestamped, table=True):
    """Who sells, or tracks for sellers; known to all networks. Its secrets are the webhooks'.

    `public_keys` is a JWKS, for a scheme whose vendor signs with a key of its own.
    """

    __tablename__ = "vendors"
    __table_args__ = (
        one_of("kind", VendorKind),
        one_of("scheme", Scheme),
        UniqueConstraint("slug"),
    )

    id: UUID = id_field()
    slug: str = text_field()
    name: str = text_field()
    kind: str = text_field(default=VendorKind.SELLER)
    scheme: str = text_field(default=Scheme.STANDARD)
    public_keys: dict[str, object] | None = Field(default=None, sa_type=JSONB)
    version: int = 1


class VendorTracks(SQLModel, table=True):
    """A tracker may speak about the orders of these sellers."""

    __tablename__ = "vendor_tracks"
    __table_args__ = (CheckConstraint("tracker_id <> seller_id", name="not_itself"),)

    tracker_id: UUID = Field(primary_key=True, foreign_key="vendors.id", ondelete="CASCADE")
    seller_id: UUID = Field(primary_key=True, foreign_key="vendors.id", ondelete="CASCADE")


class Order(Timestamped, table=True):
    """`number_key` is what numbers are compared by; `held_from` the state a hold goes back to.

    `receiving` null: the network's. `over_tolerance_percent` of each allocation may arrive too
    many without anybody's word.
    """

    __tablename__ = "orders"
    __table_args__ = (
        one_of("state", OrderState),
        one_of("receiving", Receiving),
        CheckConstraint("over_tolerance_percent BETWEEN 0 AND 100", name="over_tolerance_percent"),
        CheckConstraint("(state = 'on_hold') = (held_from IS NOT NULL)", name="held_from"),
        UniqueConstraint("vendor_id", "number_key"),
        Index("ix_orders_network_id_state", "network_id", "state"),
    )

    id: UUID = id_field()
    network_id: UUID = Field(foreign_key="networks.id")
    vendor_id: UUID = Field(foreign_key="vendors.id")
    number: str = text_field()
    number_key: str = text_field()
    state: str = text_field(default=OrderState.DRAFT)
    held_from: str | None = text_field(default=None)
    receiving: str | None = text_field(default=None)
    over_tolerance_percent: int = 0
    reason: str | None = text_field(default=None)
    requested_by: str = text_field()
    approved_by: str | None = text_field(default=None)
    approved_at: datetime | None = moment_field(default=None, nullable=True)
    placed_at: datetime | None = moment_field(default=None, nullable=True)
    closed_at: datetime | None = moment_field(default=None, nullable=True)
    version: int = 1


class OrderLine(SQLModel, table=True):
    """`cancelled` pieces are no longer expected; for `substituted` of those another line stands in.
    A trigger keeps `allocated`, `accepted`,
    `returned` and `over` the sums of the line's allocations, so the checks here guard them all.
    """

    __tablename__ = "order_lines"
    __table_args__ = (
        one_of("counts_as", CountsAs),
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("cancelled BETWEEN 0 AND quantity", name="cancelled"),
        CheckConstraint("substituted BETWEEN 0 AND cancelled", name="substituted"),
        CheckConstraint("unit_price_cents >= 0", name="unit_price_cents"),
        CheckConstraint("allocated <= quantity - cancelled", name="allocated"),
        CheckConstraint("accepted - returned <= quantity - cancelled + over", name="received"),
        UniqueConstraint("order_id", "sku"),
    )

    id: UUID = id_field()
    order_id: UUID = Field(foreign_key="orders.id", ondelete="CASCADE")
    network_id: UUID = Field(foreign_key="networks.id")
    # As given: lines are shown in this order.
    position: int = 0
    sku: str = text_field()
    description: str | None = text_field(default=None)
    quantity: int
    cancelled: int = 0
    substituted: int = 0
    unit_price_cents: int | None = Field(default=None, sa_type=BigInteger)
    counts_as: str = text_field(default=CountsAs.STUDENT_DEVICE)
    # The latest of the promises, by when it was stated.
    promised_on: date | None = None
    allocated: int = 0
    accepted: int = 0
    returned: int = 0
    over: int = 0


class Amendment(SQLModel, table=True):
    """A line that an order got once it was more than a draft, and the line it stands in for, if
    any. Append-only.
    """

    __tablename__ = "amendments"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("line_id <> substitutes_id", name="not_itself"),
        CheckConstraint("substitutes_id IS NULL OR reason IS NOT NULL", name="reason"),
        UniqueConstraint("line_id"),
        Index("ix_amendments_order_id", "order_id"),
    )

    id: UUID = id_field()
    order_id: UUID = Field(foreign_key="orders.id", ondelete="CASCADE")
    network_id: UUID = Field(foreign_key="networks.id")
    line_id: UUID = Field(foreign_key="order_lines.id", ondelete="CASCADE")
    substitutes_id: UUID | None = Field(
        default=None, foreign_key="order_lines.id", ondelete="CASCADE"
    )
    quantity: int
    reason: str | None = text_field(default=None)
    recorded_at: datetime = moment_field(nullable=False)
    actor: str = text_field()


class LinePromise(SQLModel, table=True):
    """What was promised for a line, when and by whom. Append-only; null withdraws a promise."""

    __tablename__ = "promises"
    __table_args__ = (
        one_of("source", PromiseSource),
        Index("ix_promises_line_id_stated_at", "line_id", "stated_at"),
    )

    id: UUID = id_field()
    line_id: UUID = Field(foreign_key="order_lines.id", ondelete="CASCADE")
    network_id: UUID = Field(foreign_key="networks.id")
    promised_on: date | None = None
    source: str = text_field()
    stated_at: datetime = moment_field(nullable=False)
    recorded_at: datetime = moment_field(nullable=False)
    actor: str = text_field()
    event_id: UUID | None = None


class Allocation(SQLModel, table=True):
    """A line's pieces for a school, and what came of them there; at a site only what came.

    Pieces at the place are accepted + moved_in - moved_out - returned. `over` is how many more
    than allocated somebody, or the order's tolerance, has let in.
    """

    __tablename__ = "allocations"
    __table_args__ = (
        at_one_place(),
        CheckConstraint("quantity >= 0 AND (quantity = 0 OR site_id IS NULL)", name="quantity"),
        CheckConstraint(
            "accepted >= 0 AND rejected >= 0 AND returned >= 0 AND moved_in >= 0"
            " AND moved_out >= 0 AND over >= 0",
            name="counters",
        ),
        CheckConstraint("moved_out + returned <= accepted + moved_in", name="at_hand"),
        CheckConstraint(
            "site_id IS NOT NULL OR accepted + moved_in - moved_out - returned <= quantity + over",
            name="received",
        ),
        UniqueConstraint("line_id", "school_id", "site_id", postgresql_nulls_not_distinct=True),
        Index(
            "ix_allocations_school_id", "school_id", postgresql_where=text("school_id IS NOT NULL")
        ),
        Index("ix_allocations_order_id", "order_id"),
    )

    id: UUID = id_field()
    order_id: UUID = Field(foreign_key="orders.id", ondelete="CASCADE")
    line_id: UUID = Field(foreign_key="order_lines.id", ondelete="CASCADE")
    network_id: UUID = Field(foreign_key="networks.id")
    school_id: UUID | None = Field(default=None, foreign_key="schools.id")
    site_id: UUID | None = Field(default=None, foreign_key="sites.id")
    quantity: int = 0
    accepted: int = 0
    rejected: int = 0
    returned: int = 0
    moved_in: int = 0
    moved_out: int = 0
    over: int = 0


class LeadTime(SQLModel, table=True):
    """What was learned of a vendor's sku, in working days: from placing to receipt (`lead_days`,
    the median) and from the promise to receipt (`spread_days`, four of five within it).
    """

    __tablename__ = "lead_times"
    __table_args__ = (
        CheckConstraint("samples > 0 AND lead_days >= 0 AND spread_days >= 0", name="learned"),
    )

    vendor_id: UUID = Field(primary_key=True, foreign_key="vendors.id", ondelete="CASCADE")
    sku: str = text_field(primary_key=True)
    samples: int
    lead_days: int
    spread_days: int
    learned_at: datetime = moment_field(nullable=False)
