"""Results, re-tests and exemptions in and out, and where schools stand."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from api.http.strict import Strict
from api.infrastructure.rules import Outcome, Severity, Verdict
from api.schools.schemas import Email
from api.tasks.schemas import PlanDate, PlanMoment, Reason

Value = Annotated[Decimal, Field(ge=-(10**15), le=10**15, max_digits=30)]
Method = Annotated[str, StringConstraints(min_length=1, max_length=200)]
GivenUnit = Annotated[
    str,
    StringConstraints(min_length=1, max_length=40),
    Field(description="The check's, or one it can be computed from."),
]
# A number in JSON, which Pydantic would write as text.
NumberOut = Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]
# What programs write is a list of messages or an object; the readers of each say what is wrong.
Output = Annotated[dict[str, Any], Field(description="What `iperf3 -J` wrote, as it came.")]
Messages = Annotated[
    list[Any], Field(max_length=5000, description="What an ndt7 client wrote, as it came.")
]
MOST_RESULTS = 5_000
# An evidence is dates, names and references; photos belong elsewhere.
MOST_EVIDENCE = 20_000


class MeasurementIn(Strict):
    """A value, or the output of a program to read it from."""

    value: Value | None = None
    unit: GivenUnit | None = None
    measured_at: PlanMoment | None = Field(
        default=None, description="When it was measured; now, or what the program says."
    )
    method: Method | None = None
    evidence: Annotated[dict[str, Any], Field(max_length=100)] = Field(default_factory=dict)
    iperf3: Output | None = None
    ndt7: Messages | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        ways = [self.value is not None, self.iperf3 is not None, self.ndt7 is not None]
        if ways.count(True) != 1:
            raise PydanticCustomError(
                "one_measurement", "Give `value`, or the output of one program: `iperf3` or `ndt7`."
            )
        if self.value is None and self.unit is not None:
            raise PydanticCustomError("unit", "The program's output says in which unit it is.")
        if len(str(self.evidence)) > MOST_EVIDENCE:
            raise PydanticCustomError(
                "evidence_long", "Evidence has at most 20,000 characters; link to what is longer."
            )
        return self


class ResultIn(MeasurementIn):
    """What was measured of a check at a school."""


class BulkResultIn(MeasurementIn):
    """One of many."""

    school: Annotated[str, Field(min_length=1, max_length=100, description="Id or code.")]
    check: Annotated[str, Field(min_length=1, max_length=100, description="Id or slug.")]


class BulkResultsIn(Strict):
    results: Annotated[list[BulkResultIn], Field(min_length=1, max_length=MOST_RESULTS)]


class ResultOut(BaseModel):
    """A result as it was kept. `needed` and `outcome` are what it was worth then, by the version
    of the check that it names; what it is worth now is the school's verdict.
    """

    id: UUID
    school: str
    check: str
    check_version: int
    value: NumberOut
    unit: str
    needed: NumberOut | None
    outcome: Outcome
    measured_at: datetime
    recorded_at: datetime
    method: str
    evidence: dict[str, Any]
    by: str
    probe_report_id: UUID | None


class BulkAnswerOut(BaseModel):
    """The answer to one row: its result, or why there is none."""

    index: int
    result_id: UUID | None = None
    code: str | None = None
    detail: str | None = None


class BulkResultsOut(BaseModel):
    recorded: int
    refused: int
    items: list[BulkAnswerOut]


class RetestIn(Strict):
    """A day to measure again; it takes the place of one that was agreed on before."""

    scheduled_on: PlanDate
    owner_email: Email | None = None
    note: Reason | None = None


class RetestOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    scheduled_on: date
    owner_email: str | None
    note: str | None
    created_at: datetime


class ExemptionIn(Strict):
    """Why the check does not concern the school."""

    reason: Reason


class ExemptionOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    reason: str
    actor: str
    created_at: datetime


class PremisesIn(Strict):
    """What thresholds count besides students and teachers; null: nobody knows."""

    rooms: Annotated[int, Field(ge=0, le=10_000)] | None = None
    other_users: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        default=None, description="Other staff and guests, who use the network too."
    )


class PremisesOut(BaseModel):
    rooms: int | None
    other_users: int | None
    updated_at: datetime | None


class StandingOut(BaseModel):
    """Where a school stands with a check. `outcome` is the newest result's, whatever overlays it;
    `waived`: the task that waits for it has an approved waiver.
    """

    check: str
    severity: Severity
    verdict: Verdict
    outcome: Outcome | None
    value: NumberOut | None
    unit: str
    needed: NumberOut | None
    measured_at: datetime | None
    valid_until: datetime | None
    retest_on: date | None
    task_id: UUID | None
    waived: bool


class SchoolCheckOut(StandingOut):
    """The same with its reason; the check as it holds at the school, and what people said of it."""

    check_id: UUID
    title: str
    version: int
    comparator: Literal[">=", "<=", "=="]
    why: str
    result_id: UUID | None
    exemption: ExemptionOut | None
    retest: RetestOut | None


class MatrixRowOut(BaseModel):
    """A school with the checks that were asked for, by slug."""

    school: str
    school_id: UUID
    name: str
    network_id: UUID
    checks: list[StandingOut]
