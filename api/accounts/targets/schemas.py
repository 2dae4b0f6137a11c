"""What the API takes in and gives out about targets."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import BaseModel, Field, SecretStr, StringConstraints

from api.accounts.targets.models import Target, TargetHandOff
from api.accounts.targets.rules import (
    Action,
    Breaker,
    Desired,
    Observed,
    Policy,
    RowState,
    TargetKind,
)
from api.http.strict import PatchIn, Strict

Slug = Annotated[str, StringConstraints(pattern="^[a-z0-9][a-z0-9_-]{0,39}$")]
Url = Annotated[str, StringConstraints(min_length=8, max_length=500)]
# What a header can carry; a token of a server's is never longer.
Token = Annotated[SecretStr, Field(min_length=1, max_length=4000)]
Rate = Annotated[
    int, Field(ge=1, le=1_000_000, description="Accounts a minute, over all our workers.")
]
Concurrency = Annotated[int, Field(ge=1, le=64, description="Calls at the same time.")]
Sends = Annotated[bool, Field(description="Initial passwords that wait are sent with accounts.")]
DEFAULT_RATE, DEFAULT_CONCURRENCY = 600, 4


class TargetIn(Strict):
    """A system that students sign in to. `base_url`, `token`, `sends_passwords` are for `scim`."""

    network: Annotated[str, Field(max_length=100, description="Id or code.")]
    slug: Slug
    kind: TargetKind = TargetKind.scim
    base_url: Url | None = None
    token: Token | None = None
    rate_per_minute: Rate = DEFAULT_RATE
    concurrency: Concurrency = DEFAULT_CONCURRENCY
    required: bool = True
    policy: Policy = Policy.refuse
    dry_run: bool = False
    paused: bool = False
    sends_passwords: Sends = False


class TargetPatch(PatchIn):
    """A merge patch. A new `token` or `base_url` also has a target tried again that refused us."""

    never_null: ClassVar[frozenset[str]] = frozenset(
        {
            *("base_url", "rate_per_minute", "concurrency", "required", "policy"),
            *("dry_run", "paused", "sends_passwords"),
        }
    )

    base_url: Url | None = None
    token: Token | None = None
    rate_per_minute: Rate | None = None
    concurrency: Concurrency | None = None
    required: bool | None = None
    policy: Policy | None = None
    dry_run: bool | None = None
    paused: bool | None = None
    sends_passwords: Sends | None = None


class TargetOut(BaseModel):
    """`has_token` in place of the token, which is never shown."""

    id: UUID
    network: str
    slug: str
    kind: TargetKind
    base_url: str | None
    has_token: bool
    rate_per_minute: int
    concurrency: int
    required: bool
    policy: Policy
    dry_run: bool
    paused: bool
    sends_passwords: bool
    version: int
    created_at: datetime
    updated_at: datetime


class PlannedOut(BaseModel):
    """What is to be done at the target, by what it is."""

    create: int = 0
    update: int = 0
    suspend: int = 0
    restore: int = 0
    delete: int = 0


class BreakerOut(BaseModel):
    """`open` until a moment; `refused` until credentials change or somebody asks for a sync."""

    state: Breaker
    open_until: datetime | None
    error: str | None


class DriftOut(BaseModel):
    """Of the last reading back; `asked`: another one is about to be done.

    `strangers` are accounts there that nobody here knows, `clashes` names among them that ours
    would have.
    """

    asked: bool
    read_at: datetime | None
    found: int
    strangers: int
    clashes: int


class TargetStatusOut(BaseModel):
    """How a target fares. `accounts` counts by what is known there, `errors` by code; `due` are
    those of the waiting that are to be tried now.

    `remaining_seconds` is how long what waits takes at the target's rate, and `ends_at` when that
    is; null while it does not move by itself.
    """

    target: TargetOut
    waiting: int
    due: int
    dead: int
    drifted: int
    accounts: dict[Observed, int]
    planned: PlannedOut
    errors: dict[str, int]
    breaker: BreakerOut
    drift: DriftOut
    running: bool
    remaining_seconds: int | None
    remaining: str | None
    ends_at: datetime | None


class TargetAccountOut(BaseModel):
    """A row of the queue. `remote_name` is null for who may not see names, or where it is ours."""

    account_id: UUID
    sourced_id: str | None
    school: str | None
    state: RowState
    desired: Desired
    observed: Observed
    action: Action | None
    remote_id: str | None
    remote_name: str | None
    attempts: int
    next_try_at: datetime | None
    error: str | None
    dead_at: datetime | None
    drifted: list[str]


class RetryIn(Strict):
    """Which dead rows to try again; left out, all."""

    account_ids: Annotated[list[UUID], Field(min_length=1, max_length=1000)] | None = None


class RetriedOut(BaseModel):
    retried: int


class HandOffOut(BaseModel):
    """A file for the target's people; `waiting` of its rows are neither confirmed nor refused."""

    id: UUID
    created_at: datetime
    created_by: str
    students: int
    waiting: int
    confirmed_at: datetime | None
    confirmed_by: str | None


class HandOffResultOut(BaseModel):
    """What a target's result file said: `unknown` rows name nobody of the hand-off."""

    confirmed: int
    refused: int
    unknown: int


def target_out(target: Target, network: str) -> TargetOut:
    return TargetOut(
        id=target.id,
        network=network,
        slug=target.slug,
        kind=TargetKind(target.kind),
        base_url=target.base_url,
        has_token=target.sealed is not None,
        rate_per_minute=target.rate_per_minute,
        concurrency=target.concurrency,
        required=target.required,
        policy=Policy(target.policy),
        dry_run=target.dry_run,
        paused=target.paused,
        sends_passwords=target.sends_passwords,
        version=target.version,
        created_at=target.created_at,
        updated_at=target.updated_at,
    )


def hand_off_out(one: TargetHandOff, waiting: int) -> HandOffOut:
    return HandOffOut(
        id=one.id,
        created_at=one.created_at,
        created_by=one.created_by,
        students=one.students,
        waiting=waiting,
        confirmed_at=one.confirmed_at,
        confirmed_by=one.confirmed_by,
    )
