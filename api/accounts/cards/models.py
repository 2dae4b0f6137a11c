"""Table: the one-time passwords of accounts, sealed, and what became of them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, text
from sqlmodel import Field, SQLModel

from api.db.columns import moment_field


class InitialPassword(SQLModel, table=True):
    """An account's initial password until it was handed out or has expired, and when that was.

    `sealed` is null once it is spent; nobody can read it back then. `delivered_at` is when a
    system that the student signs in to was first told it.
    """

    __tablename__ = "initial_passwords"
    __table_args__ = (
        CheckConstraint("sealed IS NULL OR handed_out_at IS NULL", name="spent"),
        CheckConstraint("expires_at > made_at", name="expires_at"),
        Index(
            "ix_initial_passwords_expires_at",
            "expires_at",
            postgresql_where=text("sealed IS NOT NULL"),
        ),
    )

    # A secret does not outlive its account.
    account_id: UUID = Field(primary_key=True, foreign_key="accounts.id", ondelete="CASCADE")
    sealed: bytes | None = Field(default=None, sa_type=LargeBinary)
    made_at: datetime = moment_field(nullable=False)
    expires_at: datetime = moment_field(nullable=False)
    delivered_at: datetime | None = moment_field(default=None, nullable=True)
    handed_out_at: datetime | None = moment_field(default=None, nullable=True)
