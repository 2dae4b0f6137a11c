"""The table of answers kept for `Idempotency-Key`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, Index, LargeBinary
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from api.db.columns import moment_field, text_field


class IdempotencyKey(SQLModel, table=True):
    """One answer a caller may ask for again.

    `route` is the path template, so a key names one operation; `fingerprint` is a SHA-256 of
    method, path, canonical query and body. `body` holds the bytes that were answered, with
    secrets set to null.
    """

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        CheckConstraint("octet_length(fingerprint) = 32", name="fingerprint_is_sha256"),
        CheckConstraint("status BETWEEN 200 AND 299", name="status_is_success"),
        CheckConstraint("expires_at > created_at", name="expires_after_creation"),
        Index("ix_idempotency_keys_expires_at", "expires_at"),
    )

    caller: str = text_field(primary_key=True)
    method: str = text_field(primary_key=True)
    route: str = text_field(primary_key=True)
    key: str = text_field(primary_key=True)
    fingerprint: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    status: int
    headers: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at: datetime = moment_field(nullable=False)
    expires_at: datetime = moment_field(nullable=False)
