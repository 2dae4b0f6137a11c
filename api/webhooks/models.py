"""Tables: vendors' secrets, and the inbox of what vendors posted."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from api.db.columns import id_field, moment_field, one_of, text_field
from api.webhooks.rules import Outcome


class VendorSecret(SQLModel, table=True):
    """A shared secret, encrypted. Two live while one is being replaced; `retires_at` ends one."""

    __tablename__ = "vendor_secrets"
    __table_args__ = (Index("ix_vendor_secrets_vendor_id", "vendor_id"),)

    id: UUID = id_field()
    vendor_id: UUID = Field(foreign_key="vendors.id", ondelete="CASCADE")
    sealed: bytes = Field(sa_type=LargeBinary)
    created_at: datetime = moment_field(nullable=False)
    created_by: str = text_field()
    retires_at: datetime | None = moment_field(default=None, nullable=True)


class WebhookEvent(SQLModel, table=True):
    """One event as it was posted. `key` is the vendor's id of it, else the body's digest.

    `sealed` is the raw body, encrypted; null once the time to keep it is over, and `redacted` is
    then what may still be seen of it. From `kind` to `school` is what the translator read, kept to
    find an event again when its order appears.
    """

    __tablename__ = "webhook_events"
    __table_args__ = (
        one_of("outcome", Outcome),
        CheckConstraint("deliveries > 0", name="deliveries"),
        UniqueConstraint("vendor_id", "key"),
        # What the inbox still has to do: short, however long the inbox is.
        Index("ix_webhook_events_stored", "id", postgresql_where=text("outcome = 'stored'")),
        Index(
            "ix_webhook_events_unmatched_order",
            "order_key",
            postgresql_where=text("outcome = 'unmatched'"),
        ),
        Index(
            "ix_webhook_events_unmatched_tracking",
            "tracking_key",
            postgresql_where=text("outcome = 'unmatched'"),
        ),
        Index("ix_webhook_events_vendor_id_received_at", "vendor_id", "received_at"),
    )

    id: UUID = id_field()
    vendor_id: UUID = Field(foreign_key="vendors.id")
    key: str = text_field()
    received_at: datetime = moment_field(nullable=False)
    sealed: bytes | None = Field(default=None, sa_type=LargeBinary)
    outcome: str = text_field(default=Outcome.STORED)
    reason: str | None = text_field(default=None)
    # How often it was posted, and how often it was tried.
    deliveries: int = 1
    attempts: int = 0
    settled_at: datetime | None = moment_field(default=None, nullable=True)
    redacted: dict[str, object] | None = Field(default=None, sa_type=JSONB)
    kind: str | None = text_field(default=None)
    occurred_at: datetime | None = moment_field(default=None, nullable=True)
    order_key: str | None = text_field(default=None)
    carrier_key: str | None = text_field(default=None)
    tracking_key: str | None = text_field(default=None)
    school: str | None = text_field(default=None)
    # What it was applied to; a match made by a person sets these first. No foreign keys: nothing
    # deletes what they name, and to check them was a third of what settling cost the database.
    network_id: UUID | None = None
    order_id: UUID | None = None
    shipment_id: UUID | None = None
