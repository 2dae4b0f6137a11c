"""Bodies of courses, sessions and a network's rules, in and out."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic.functional_validators import BeforeValidator
from pydantic_core import PydanticCustomError

from api.http.strict import PatchIn, Strict
from api.pd.rules import RuleName, SessionStatus, Severity
from api.schools.rules import StaffRole
from api.schools.schemas import Email, Line, SchoolRef, Timezone

MOST_SEATS = 100_000


def _distinct(roles: list[StaffRole]) -> list[StaffRole]:
    if len(set(roles)) < len(roles):
        raise PydanticCustomError("repeated_item", "A role stands twice in the list.")
    return roles


def _text_only(value: object) -> object:
    # A bare number would be read as seconds since 1970.
    if isinstance(value, int | float):
        raise PydanticCustomError("datetime_type", "Give the time as text (ISO 8601).")
    return value


CourseCode = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$"),
    Field(description="As playbooks name it.", examples=["blended_core"]),
]
CourseRef = Annotated[
    str, StringConstraints(min_length=1, max_length=100), Field(description="Id or code.")
]
Hours = Annotated[Decimal, Field(gt=0, le=200, decimal_places=2)]
SessionHours = Annotated[Decimal, Field(gt=0, le=24, decimal_places=2)]
Share = Annotated[Decimal, Field(gt=0, le=1, decimal_places=4)]
Roles = Annotated[list[StaffRole], Field(min_length=1, max_length=4), AfterValidator(_distinct)]
Moment = Annotated[
    datetime,
    BeforeValidator(_text_only),
    Field(description="With an offset, or as wall time in `timezone`; whole seconds."),
]
# RFC 3339 knows no time without an offset, so the document calls it text.
WallTime = Annotated[
    datetime, WithJsonSchema({"type": "string", "examples": ["2027-03-09T09:00:00"]})
]
Seats = Annotated[int, Field(ge=1, le=MOST_SEATS)]
Minimum = Annotated[int, Field(ge=0, le=MOST_SEATS)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
ClockTime = Annotated[
    str,
    StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$"),
    Field(description="HH:MM, of 24 hours.", examples=["08:00"]),
]
Room = Annotated[Line, Field(max_length=100)]


class CourseIn(Strict):
    """A course. Without a network it goes into the catalogue that all networks share."""

    code: CourseCode
    title: Line
    hours: Hours
    required_share: Share = Decimal(1)
    roles: Roles
    network: SchoolRef | None = None


class CoursePatch(PatchIn):
    """A merge patch; every school that needs the course is counted anew."""

    never_null: ClassVar[frozenset[str]] = frozenset(
        {"title", "hours", "required_share", "roles", "archived"}
    )

    title: Line | None = None
    hours: Hours | None = None
    required_share: Share | None = None
    roles: Roles | None = None
    archived: bool | None = None


class CourseOut(BaseModel):
    """`network` null: shared by all."""

    id: UUID
    network: str | None
    code: str
    title: str
    hours: float
    required_share: float
    roles: list[StaffRole]
    archived: bool
    version: int
    created_at: datetime
    updated_at: datetime


class TrainerIn(Strict):
    """Somebody on the network's staff, or somebody from outside by name and email."""

    staff: UUID | None = None
    name: Line | None = None
    email: Email | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> TrainerIn:
        if (self.staff is None) == (self.name is None):
            raise PydanticCustomError("trainer", "Name somebody of the staff, or give a name.")
        if self.staff is not None and self.email is not None:
            raise PydanticCustomError("trainer", "The email is of a trainer from outside.")
        return self


class SessionIn(Strict):
    """A course held once: at a school, at a site, or online.

    `timezone` is that of the place where it is left out; online without one, the network's.
    `hours` is the credit, by default as long as it takes. `network` says whose it is where
    neither the school nor the caller does.
    """

    course: CourseRef
    network: SchoolRef | None = None
    school: SchoolRef | None = None
    site: SchoolRef | None = None
    online: bool = False
    room: Room | None = None
    trainer: TrainerIn | None = None
    starts_at: Moment
    ends_at: Moment
    timezone: Timezone | None = None
    hours: SessionHours | None = None
    capacity: Seats
    minimum: Minimum = 0

    @model_validator(mode="after")
    def _one_place(self) -> SessionIn:
        if (self.school is not None) + (self.site is not None) + self.online != 1:
            raise PydanticCustomError("place", "Say one of school, site, and online.")
        if self.online and self.room is not None:
            raise PydanticCustomError("place", "An online session is in no room.")
        if self.minimum > self.capacity:
            raise PydanticCustomError("minimum", "The minimum is above the capacity.")
        return self


class SessionPatch(PatchIn):
    """A merge patch. A new time or place reschedules: all who come can, or nothing changes.

    Wall times go with `timezone`, which stays as it is when it is left out. One of `school`,
    `site` and `online` moves the session there.
    """

    never_null: ClassVar[frozenset[str]] = frozenset(
        {
            *("school", "site", "online", "starts_at", "ends_at", "timezone"),
            *("hours", "capacity", "minimum"),
        }
    )

    school: SchoolRef | None = None
    site: SchoolRef | None = None
    online: Literal[True] | None = None
    room: Room | None = None
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    timezone: Timezone | None = None
    hours: SessionHours | None = None
    capacity: Seats | None = None
    minimum: Minimum | None = None


class CancelIn(Strict):
    reason: Reason


class TrainerChangeIn(Strict):
    """`trainer` null: nobody is found yet, and the session says so."""

    trainer: TrainerIn | None
    reason: Reason | None = None


class WarningOut(BaseModel):
    """A rule that warns; `staff` is whom it is about, null where it is the session itself."""

    rule: str
    detail: str
    staff: UUID | None = None


class TrainerOut(BaseModel):
    staff: UUID | None
    name: str
    email: str | None


class SessionOut(BaseModel):
    """Times in UTC, and as clocks at `timezone` show them. Offers keep seats, so they are among
    `seats_taken`; `to_confirm` of them have not said yet that they come to where and when it moved.
    """

    id: UUID
    network: str
    course: str
    course_id: UUID
    title: str
    school: str | None
    site: str | None
    online: bool
    room: str | None
    trainer: TrainerOut | None
    starts_at: datetime
    ends_at: datetime
    timezone: str
    starts_local: WallTime
    ends_local: WallTime
    hours: float
    capacity: int
    minimum: int
    seats_taken: int
    waitlisted: int
    to_confirm: int
    full: bool
    below_minimum: bool
    status: SessionStatus
    reason: str | None
    sequence: int
    revised_at: datetime
    version: int
    warnings: list[WarningOut] = []


class RuleIn(Strict):
    """`limit`: minutes between two places (travel), or people of a school at once
    (out_of_school); the other rules have none.
    """

    rule: RuleName
    severity: Severity
    limit: Annotated[int, Field(ge=0, le=1440)] | None = None

    @model_validator(mode="after")
    def _limit_where_there_is_one(self) -> RuleIn:
        needs = self.rule in (RuleName.travel, RuleName.out_of_school)
        if needs and self.limit is None:
            raise PydanticCustomError("limit", "Say its `limit`: of minutes, or of people at once.")
        if not needs and self.limit is not None:
            raise PydanticCustomError("limit", "Only travel and out_of_school have a limit.")
        return self


class ClassesIn(Strict):
    """When classes are held on a school day, as clocks at each school show."""

    begin: ClockTime
    end: ClockTime

    @model_validator(mode="after")
    def _in_order(self) -> ClassesIn:
        if self.begin >= self.end:
            raise PydanticCustomError("classes", "Classes end after they begin, on the same day.")
        return self


class RulesIn(Strict):
    """All that a network says of PD; a rule that is left out is at its default again.

    A freed seat is offered to who has waited longest for `offer_hours`, or with `seat_at_once`
    given to the first of them who may come then. Who is away during `classes` is missed.
    """

    rules: Annotated[list[RuleIn], Field(max_length=4)] = []
    offer_hours: Annotated[int, Field(ge=1, le=720)] = 24
    seat_at_once: bool = False
    classes: ClassesIn = ClassesIn(begin="08:00", end="15:00")

    @model_validator(mode="after")
    def _each_once(self) -> RulesIn:
        if len({one.rule for one in self.rules}) < len(self.rules):
            raise PydanticCustomError("rules", "A rule stands twice in the list.")
        return self


class RuleOut(BaseModel):
    rule: RuleName
    severity: Severity
    limit: int | None


class ClassesOut(BaseModel):
    begin: str
    end: str


class RulesOut(BaseModel):
    rules: list[RuleOut]
    offer_hours: int
    seat_at_once: bool
    classes: ClassesOut
