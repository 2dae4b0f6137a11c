"""Bodies of the readiness room. The answers themselves are rendered by `document`."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel


class SchoolOut(BaseModel):
    id: UUID
    code: str
    name: str


class GatesOut(BaseModel):
    satisfied: int
    total: int
    waived: int | None = None


class ForecastOut(BaseModel):
    ready_on: date | None
    float_days: int | None


class WorkstreamOut(BaseModel):
    workstream: str
    verdict: str
    gates: GatesOut
    percent: int | None
    evidence: list[dict[str, Any]] | None = None


class ReadinessOut(BaseModel):
    """Documented here, rendered once and served as stored bytes."""

    school: SchoolOut
    rollout: dict[str, Any] | None
    as_of: datetime
    version: str
    verdict: str
    ready: bool
    percent: int | None
    progress: float | None
    gates: GatesOut
    forecast: ForecastOut
    workstreams: list[WorkstreamOut]
    blockers: list[dict[str, Any]]
    critical_path: list[dict[str, Any]]
    next_actions: list[dict[str, Any]]
    waivers: list[dict[str, Any]]
    without_waivers: dict[str, Any]


class ProblemOut(BaseModel):
    code: str
    detail: str


class BoardRowOut(BaseModel):
    """`problem` says why no date can be computed for the school; otherwise it is absent."""

    school: SchoolOut
    first_bell: date | None
    verdict: str
    ready: bool
    percent: int | None
    ready_on: date | None
    float_days: int | None
    workstreams: list[WorkstreamOut]
    network: str
    wave: str | None
    problem: ProblemOut | None = None


class BoardOut(BaseModel):
    items: list[BoardRowOut]
    totals: dict[str, int]


class SaidOut(BaseModel):
    """What FirstBell said, when."""

    said_at: datetime
    verdict: str
    percent: int | None
    ready_on: date | None


class ActionOut(BaseModel):
    """`do_by` is the last day to start it without making the school late."""

    school: SchoolOut
    task_id: UUID
    title: str
    owner_email: str | None
    do_by: date | None
    why: str


class AuditOut(BaseModel):
    id: int
    at: datetime
    actor: str
    request_id: str
    table_name: str
    row_id: str
    network_id: UUID | None
    school_id: UUID | None
    operation: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
