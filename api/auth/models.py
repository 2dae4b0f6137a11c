"""Tables: users and their schools, sign-ins, tokens, one-time links, throttles."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Column,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    Uuid,
    func,
)
from sqlmodel import Field, SQLModel, col

from api.auth.rules import LinkPurpose, Role
from api.db.columns import Timestamped, id_field, moment_field, one_of, text_field


def _digest_key() -> Column[bytes]:
    return Column(LargeBinary, primary_key=True)


class User(Timestamped, table=True):
    """Somebody who signs in. Without a network: every network."""

    __tablename__ = "users"
    __table_args__ = (
        one_of("role", Role),
        # An admin answers for whole networks, a school lead for schools in one.
        CheckConstraint("role <> 'school_lead' OR network_id IS NOT NULL", name="lead_network"),
    )

    id: UUID = id_field()
    email: str = text_field()
    name: str = text_field()
    # Null until an invitation is accepted, and for those who only sign in elsewhere (OIDC).
    password_hash: str | None = text_field(default=None)
    role: str = text_field()
    network_id: UUID | None = Field(default=None, foreign_key="networks.id", index=True)
    # Whether only the schools in `user_schools` are theirs: with this and no row, none is.
    school_limited: bool = False
    sees_names: bool = False
    active: bool = True
    last_sign_in_at: datetime | None = moment_field(default=None, nullable=True)
    version: int = 1


# Case is not what tells two mailboxes apart.
Index("uq_users_email", func.lower(col(User.email)), unique=True)


class UserSchool(SQLModel, table=True):
    __tablename__ = "user_schools"

    user_id: UUID = Field(primary_key=True, foreign_key="users.id", ondelete="CASCADE")
    school_id: UUID = Field(
        primary_key=True, foreign_key="schools.id", ondelete="CASCADE", index=True
    )


class SignInSession(SQLModel, table=True):
    """A signed-in browser. `id` is the SHA-256 of its cookie: the table alone opens nothing."""

    __tablename__ = "sign_in_sessions"

    id: bytes = Field(sa_column=_digest_key())
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", index=True)
    created_at: datetime = moment_field(nullable=False)
    last_seen_at: datetime = moment_field(nullable=False)
    expires_at: datetime = moment_field(nullable=False, index=True)


class ApiToken(SQLModel, table=True):
    """A script's key. `public_id` finds the row, `secret_hash` (SHA-256) proves the caller."""

    __tablename__ = "api_tokens"
    __table_args__ = (
        one_of("role", Role),
        CheckConstraint("school_ids IS NULL OR network_id IS NOT NULL", name="school_network"),
        CheckConstraint("cardinality(school_ids) > 0", name="school_ids"),
        UniqueConstraint("public_id"),
    )

    id: UUID = id_field()
    public_id: str = text_field()
    name: str = text_field()
    secret_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    role: str = text_field()
    # Null: all rights of the role.
    scopes: list[str] | None = Field(default=None, sa_column=Column(ARRAY(Text), nullable=True))
    network_id: UUID | None = Field(default=None, foreign_key="networks.id")
    # Null: all schools of the network(s).
    school_ids: list[UUID] | None = Field(
        default=None, sa_column=Column(ARRAY(Uuid), nullable=True)
    )
    sees_names: bool = False
    # `user:ID`, `token:ID` or `job:NAME`: what it makes never outlives or exceeds its maker.
    created_by: str = text_field(index=True)
    created_at: datetime = moment_field(nullable=False)
    expires_at: datetime | None = moment_field(default=None, nullable=True)
    last_used_at: datetime | None = moment_field(default=None, nullable=True)
    revoked_at: datetime | None = moment_field(default=None, nullable=True)


class OneTimeLink(SQLModel, table=True):
    """An invitation, a password reset or a sign-in; the row holds the link's SHA-256."""

    __tablename__ = "one_time_links"
    __table_args__ = (one_of("purpose", LinkPurpose),)

    id: bytes = Field(sa_column=_digest_key())
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", index=True)
    purpose: str = text_field()
    created_at: datetime = moment_field(nullable=False)
    expires_at: datetime = moment_field(nullable=False, index=True)
    used_at: datetime | None = moment_field(default=None, nullable=True)


class ThrottleRow(SQLModel, table=True):
    """Attempts of an account or address in its window, and until when it waits."""

    __tablename__ = "throttles"

    key: str = Field(sa_column=Column(Text, primary_key=True))
    attempts: int
    window_started_at: datetime = moment_field(nullable=False, index=True)
    blocked_until: datetime = moment_field(nullable=False)


class OidcState(SQLModel, table=True):
    """A sign-in that is away at the identity provider, bound to the browser that began it."""

    __tablename__ = "oidc_states"

    id: bytes = Field(sa_column=_digest_key())
    browser_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    nonce: str = text_field()
    code_verifier: str = text_field()
    expires_at: datetime = moment_field(nullable=False, index=True)
