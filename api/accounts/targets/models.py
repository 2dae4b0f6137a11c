"""Tables: the systems that accounts reach, and what is desired and known of each account there."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from api.accounts.targets.rules import Breaker, Desired, Observed, Policy, TargetKind
from api.db.columns import Timestamped, id_field, moment_field, one_of, text_field


class Target(Timestamped, table=True):
    """A system that students sign in to, as people set it up; `sealed` is the bearer token.

    A `required` target must have an account before it counts as done. One that `sends_passwords`
    is sent the initial passwords that wait.
    """

    __tablename__ = "targets"
    __table_args__ = (
        one_of("kind", TargetKind),
        one_of("policy", Policy),
        CheckConstraint("rate_per_minute BETWEEN 1 AND 1000000", name="rate_per_minute"),
        CheckConstraint("concurrency BETWEEN 1 AND 64", name="concurrency"),
        CheckConstraint("(kind = 'scim') = (base_url IS NOT NULL)", name="base_url"),
        CheckConstraint("kind = 'scim' OR NOT sends_passwords", name="sends_passwords"),
        UniqueConstraint("network_id", "slug"),
    )

    id: UUID = id_field()
    network_id: UUID = Field(foreign_key="networks.id")
    slug: str = text_field()
    kind: str = text_field()
    base_url: str | None = text_field(default=None)
    sealed: bytes | None = Field(default=None, sa_type=LargeBinary)
    rate_per_minute: int
    concurrency: int = Field(sa_type=SmallInteger)
    required: bool = True
    policy: str = text_field(default=Policy.refuse)
    dry_run: bool = False
    paused: bool = False
    sends_passwords: bool = False
    version: int = 1


class TargetState(SQLModel, table=True):
    """How a target fares, apart from how it is set up: written with every batch.

    `paced_until` is when the next call may begin, over all workers; `runner` is the one that has
    the target, until `runner_until`. `trips` counts the pauses in a row. `offers` is what discovery
    said and behaviour confirmed. `settled_at` is when rows were last settled and `projected_at`
    up to when the schools' tasks know of it. Of the last reading back, `drift_found` are those
    that differed, `strangers` those nobody here knows, `clashes` names that ours would have, too.
    """

    __tablename__ = "target_states"
    __table_args__ = (one_of("breaker", Breaker),)

    target_id: UUID = Field(primary_key=True, foreign_key="targets.id", ondelete="CASCADE")
    paced_until: datetime | None = moment_field(default=None, nullable=True)
    runner: UUID | None = None
    runner_until: datetime | None = moment_field(default=None, nullable=True)
    breaker: str = text_field(default=Breaker.closed)
    failures: int = Field(default=0, sa_type=SmallInteger)
    trips: int = Field(default=0, sa_type=SmallInteger)
    open_until: datetime | None = moment_field(default=None, nullable=True)
    last_error: str | None = text_field(default=None)
    offers: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    settled_at: datetime | None = moment_field(default=None, nullable=True)
    projected_at: datetime | None = moment_field(default=None, nullable=True)
    drift_asked_at: datetime | None = moment_field(default=None, nullable=True)
    drift_read_at: datetime | None = moment_field(default=None, nullable=True)
    drift_found: int = 0
    strangers: int = 0
    clashes: int = 0


class TargetAccount(SQLModel, table=True):
    """What is desired of an account at a target and what is known of it there; also the queue.

    A row waits while it has a `next_try_at`; a runner that takes it sets that to when others may
    take it from a runner that died. `doubtful`: an attempt may have made the account without our
    learning of it, so it is looked for before it is made. Digests are of the names that were
    sent. `remote_name` is the name there where it is another than ours. `drifted` names fields
    that differed when the target was read back. Of `password_at` and before are the initial
    passwords that the account there is not sent any more: it has them, or was there when we came
    to it. No foreign key on accounts: the row outlives its
    account until the target has confirmed that it is gone.
    """

    __tablename__ = "target_accounts"
    __table_args__ = (
        one_of("desired", Desired),
        one_of("observed", Observed),
        Index("ix_target_accounts_account_id", "account_id"),
        Index(
            "ix_target_accounts_waiting",
            "target_id",
            "next_try_at",
            postgresql_where=text("next_try_at IS NOT NULL"),
        ),
        Index(
            "ix_target_accounts_dead",
            "target_id",
            "dead_at",
            postgresql_where=text("dead_at IS NOT NULL"),
        ),
        Index(
            "uq_target_accounts_target_id_remote_id",
            "target_id",
            "remote_id",
            unique=True,
            postgresql_where=text("remote_id IS NOT NULL"),
        ),
        Index("ix_target_accounts_hand_off_id", "hand_off_id"),
    )

    target_id: UUID = Field(primary_key=True, foreign_key="targets.id", ondelete="CASCADE")
    account_id: UUID = Field(primary_key=True)
    desired: str = text_field()
    desired_digest: int | None = Field(default=None, sa_type=BigInteger)
    observed: str = text_field(default=Observed.none)
    observed_digest: int | None = Field(default=None, sa_type=BigInteger)
    observed_at: datetime | None = moment_field(default=None, nullable=True)
    read_at: datetime | None = moment_field(default=None, nullable=True)
    remote_id: str | None = text_field(default=None)
    remote_name: str | None = text_field(default=None)
    etag: str | None = text_field(default=None)
    attempts: int = Field(default=0, sa_type=SmallInteger)
    next_try_at: datetime | None = moment_field(default=None, nullable=True)
    lease_id: UUID | None = None
    doubtful: bool = False
    last_error: str | None = text_field(default=None)
    dead_at: datetime | None = moment_field(default=None, nullable=True)
    drifted: list[str] | None = Field(default=None, sa_column=Column(ARRAY(Text)))
    hand_off_id: UUID | None = Field(default=None, foreign_key="target_hand_offs.id")
    password_at: datetime | None = moment_field(default=None, nullable=True)


class TargetHandOff(SQLModel, table=True):
    """A file of what waits for a target of kind `csv`, and whether its people confirmed it."""

    __tablename__ = "target_hand_offs"
    __table_args__ = (Index("ix_target_hand_offs_target_id", "target_id"),)

    id: UUID = id_field()
    target_id: UUID = Field(foreign_key="targets.id", ondelete="CASCADE")
    created_at: datetime = moment_field(nullable=False)
    created_by: str = text_field()
    students: int
    confirmed_at: datetime | None = moment_field(default=None, nullable=True)
    confirmed_by: str | None = text_field(default=None)
