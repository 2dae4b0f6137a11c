"""Bodies of the spine, in and out."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from api.http.strict import PatchIn, Strict
from api.tasks.rules import BlendedModel, TaskKind, Transition

Key = Annotated[
    str,
    StringConstraints(max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:/\-]*$"),
    Field(description="Unique in its graph, such as `devices.order` or `order:acme:PO-118`."),
]
Slug = Annotated[str, StringConstraints(max_length=40, pattern=r"^[a-z][a-z0-9_-]*$")]
Title = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Email = Annotated[str, StringConstraints(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")]
Days = Annotated[int, Field(ge=0, le=2000, description="Working days.")]
Count = Annotated[int, Field(ge=0, le=2_000_000_000)]
Wave = Annotated[str, StringConstraints(min_length=1, max_length=60)]
# Beyond these years a plan is a typing error, and date arithmetic would leave the calendar.
PlanDate = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2100, 12, 31))]
PlanMoment = Annotated[
    AwareDatetime,
    Field(ge=datetime(2000, 1, 1, tzinfo=UTC), le=datetime(2100, 12, 31, tzinfo=UTC)),
]
# Ids or codes.
Schools = Annotated[list[str], Field(min_length=1, max_length=50_000)]


class TaskIn(Strict):
    key: Key
    title: Title
    description: Annotated[str, StringConstraints(max_length=4000)] | None = None
    workstream: Slug = "change"
    kind: TaskKind = TaskKind.MANUAL
    gate: bool = False
    duration_days: Days = 1
    owner_email: Email | None = None
    not_before: PlanDate | None = None
    depends_on: Annotated[list[Key], Field(max_length=200)] = []


class TaskPatchIn(PatchIn):
    never_null: ClassVar[frozenset[str]] = frozenset(
        {"title", "workstream", "gate", "duration_days"}
    )

    title: Title | None = None
    description: Annotated[str, StringConstraints(max_length=4000)] | None = None
    workstream: Slug | None = None
    gate: bool | None = None
    duration_days: Days | None = None
    owner_email: Email | None = None
    not_before: PlanDate | None = None
    planned_start: PlanDate | None = None
    planned_finish: PlanDate | None = None


class TaskOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    network_id: UUID
    school_id: UUID | None
    rollout_id: UUID | None
    key: str
    title: str
    description: str | None
    workstream: str
    kind: str
    gate: bool
    owner_email: str | None
    owner_role: str | None
    duration_days: int
    duration_low: int | None
    duration_high: int | None
    not_before: date | None
    after_first_bell: bool
    planned_start: date | None
    planned_finish: date | None
    edited: list[str]
    status: str
    reason: str | None
    progress_done: int
    progress_total: int | None
    unit: str | None
    expected_on: date | None
    lead_days: int | None
    spread_days: int | None
    cause: str | None
    valid_until: datetime | None
    started_at: datetime | None
    done_at: datetime | None
    created_at: datetime
    updated_at: datetime


class OverrideIn(Strict):
    """Why a rule is overridden: for a blocked task, or one that evidence should finish."""

    override_reason: Reason | None = None


class ReasonIn(Strict):
    reason: Reason


class OptionalReasonIn(Strict):
    reason: Reason | None = None


class EvidenceIn(Strict):
    """What is known now; it replaces what was known before."""

    done: Count
    total: Count | None = None
    unit: Annotated[str, StringConstraints(max_length=40)] | None = None
    expected_on: PlanDate | None = None
    lead_days: Days | None = None
    spread_days: Days | None = None
    valid_until: PlanMoment | None = None
    cause: Annotated[str, StringConstraints(max_length=500)] | None = None


class DependencyIn(Strict):
    lag_days: Days = 0


class DependencyOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    predecessor_id: UUID
    successor_id: UUID
    lag_days: int


class WaiverIn(Strict):
    reason: Reason
    expires_on: PlanDate | None = None


class WaiverOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    task_id: UUID
    school_id: UUID | None
    state: str
    reason: str
    expires_on: date | None
    requested_by: str
    decided_by: str | None
    created_at: datetime
    updated_at: datetime


class BulkIn(Strict):
    """One decision about many tasks: those of `task_ids`, or those of a key in many schools.

    `reason` is the override reason of start and complete. With `on_error=abort` one refusal
    refuses all; `dry_run` says what would happen.
    """

    action: Transition | Literal["assign"]
    task_ids: Annotated[list[UUID], Field(min_length=1, max_length=50_000)] | None = None
    key: Key | None = None
    network: str | None = None
    wave: Wave | None = None
    schools: Schools | None = None
    reason: Reason | None = None
    owner_email: Email | None = None
    on_error: Literal["skip", "abort"] = "skip"
    dry_run: bool = False


class RefusedOut(BaseModel):
    task_id: UUID | None = None
    school: str | None = None
    code: str
    detail: str


class BulkOut(BaseModel):
    """`changed` tasks of `matched`; the first 1,000 refusals, of `refused_total`."""

    matched: int
    changed: int
    refused_total: int
    refused: list[RefusedOut]
    dry_run: bool


class RolloutIn(Strict):
    """A playbook by name, such as `one_to_one`; without one the rollout starts empty."""

    playbook: Annotated[str, StringConstraints(max_length=100)] | None = None
    first_bell: PlanDate | None = None
    model: BlendedModel | None = None
    wave: Wave | None = None


class RolloutPatchIn(PatchIn):
    never_null: ClassVar[frozenset[str]] = frozenset({"state"})

    first_bell: PlanDate | None = None
    model: BlendedModel | None = None
    wave: Wave | None = None
    state: Literal["closed"] | None = None


class RolloutOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    school_id: UUID
    network_id: UUID
    playbook: str | None = None
    playbook_version: int | None = None
    model: str | None
    first_bell: date | None
    wave: str | None
    state: str
    opened_on: date | None
    opened_ready: bool | None
    created_at: datetime
    updated_at: datetime


class NetworkRolloutsIn(Strict):
    """A playbook for many schools: all of the network, those of a wave, or those named.

    Schools that are named are put into the wave.
    """

    playbook: Annotated[str, StringConstraints(max_length=100)]
    wave: Wave | None = None
    schools: Schools | None = None
    first_bell: PlanDate | None = None


class FirstBellIn(Strict):
    """A new first bell for many schools: all of the network, those of a wave, or those named."""

    first_bell: PlanDate
    wave: Wave | None = None
    schools: Schools | None = None
    dry_run: bool = False


class ManyOut(BaseModel):
    """How many schools it concerned, how many changed, and who was refused and why."""

    matched: int
    changed: int
    tasks_added: int = 0
    tasks_changed: int = 0
    refused: list[RefusedOut] = []
    dry_run: bool = False


class PlaybookIn(Strict):
    """A playbook's YAML text; `network` keeps it to one network."""

    source: Annotated[str, StringConstraints(max_length=1_000_000, strip_whitespace=False)]
    network: str | None = None


class PlaybookOut(BaseModel):
    id: UUID | None
    name: str
    version: int
    title: str
    summary: str
    model: str
    network_id: UUID | None
    shipped: bool
    tasks: int
    gates: int
    devices_per_student: float
    devices_per_teacher: float
    spare_percent: int
    default_lead_days: int
    source: str | None = None


class GraphTaskOut(BaseModel):
    """Dates are the forecast's; null for what is satisfied or leads to no gate."""

    id: UUID
    key: str
    title: str
    workstream: str
    kind: str
    gate: bool
    status: str
    satisfied: bool
    of_network: bool
    start: date | None
    finish: date | None
    late_finish: date | None
    float_days: int | None
    critical: bool
    owner_email: str | None
    progress_done: int
    progress_total: int | None
    unit: str | None
    planned_start: date | None
    planned_finish: date | None


class GraphOut(BaseModel):
    tasks: list[GraphTaskOut]
    edges: list[DependencyOut]
    first_bell: date | None
    today: date
