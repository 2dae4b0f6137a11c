"""What the schools room takes in and gives out."""

from __future__ import annotations

import unicodedata
from datetime import date, datetime
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StringConstraints
from pydantic_core import PydanticCustomError

from api.http.strict import PatchIn, Strict
from api.schools.models import Network, NetworkCalendar, School, Site, Staff
from api.schools.rules import (
    Receiving,
    RolloutModel,
    SiteKind,
    StaffRole,
    is_code,
    normal_code,
    timezone_problem,
)
from api.schools.username_template import DEFAULT_TEMPLATE, TemplateRefused, parse_template

MOST_PEOPLE = 1_000_000
MOST_CENTS = 10**15
_CODE_HELP = (
    "A code has 1 to 40 capital letters, digits and hyphens, begins with no hyphen, and is not"
    " written like an id."
)


def _printable(text: str) -> str:
    if any(unicodedata.category(c) in {"Cc", "Cs"} for c in text):
        raise PydanticCustomError("control-character", "No line breaks or control characters.")
    return text


def _code(text: str) -> str:
    code = normal_code(text)
    if not is_code(code):
        raise PydanticCustomError("code-invalid", _CODE_HELP)
    return code


def _timezone(text: str) -> str:
    problem = timezone_problem(text)
    if problem:
        raise PydanticCustomError("timezone-unknown", "{problem}", {"problem": problem})
    return text


def _template(text: str) -> str:
    try:
        parse_template(text)
    except TemplateRefused as refused:
        why = {"why": str(refused)}
        raise PydanticCustomError("username-template-invalid", "{why}", why) from refused
    return text


_TRIMMED = StringConstraints(strip_whitespace=True, min_length=1)
Line = Annotated[str, _TRIMMED, Field(max_length=200), AfterValidator(_printable)]
SourcedId = Annotated[str, _TRIMMED, Field(max_length=100), AfterValidator(_printable)]
Wave = SourcedId
# Of a person in a roster: as long as OneRoster allows.
PersonId = Annotated[str, _TRIMMED, Field(max_length=255), AfterValidator(_printable)]
Code = Annotated[
    str,
    StringConstraints(max_length=100),
    AfterValidator(_code),
    Field(description=_CODE_HELP, examples=["KIPP-ASCEND"]),
]
Timezone = Annotated[
    str,
    StringConstraints(max_length=100),
    AfterValidator(_timezone),
    Field(description="IANA name.", examples=["America/Chicago"]),
]
Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, max_length=254, pattern=r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+$"
    ),
]
People = Annotated[int, Field(ge=0, le=MOST_PEOPLE)]
Weekend = Annotated[
    list[int], Field(max_length=7, description="Weekdays off; Monday is 0, Sunday 6.")
]
Days = Annotated[list[date], Field(max_length=2000)]
Country = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=3)]
Region = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    AfterValidator(_printable),
]
Cents = Annotated[int, Field(ge=0, le=MOST_CENTS)]
UsernameTemplate = Annotated[
    str,
    StringConstraints(max_length=100),
    AfterValidator(_template),
    Field(
        description="What new students' usernames are made from: {given}, {family}, {grade},"
        " {grad_year}, {sourced_id} and what stands between. {given:1} is a name's first"
        " character, {grad_year:2} a number's last two.",
        examples=[DEFAULT_TEMPLATE],
    ),
]
SchoolRef = Annotated[
    str, StringConstraints(min_length=1, max_length=100), Field(description="Id or code.")
]


class NetworkIn(Strict):
    """A new network; country and region decide its public holidays."""

    code: Code
    name: Line
    timezone: Timezone
    country: Country
    region: Region | None = None
    approval_threshold_cents: Cents | None = None
    four_eyes: bool = False
    receiving: Receiving = Receiving.on_delivery
    username_template: UsernameTemplate = DEFAULT_TEMPLATE
    weekend: Weekend = Field(default_factory=lambda: [5, 6])
    observe_holidays: bool = True
    blackout_days: Days = Field(default_factory=list)


class NetworkPatch(PatchIn):
    """A merge patch: what is left out stays; null clears where null is allowed."""

    never_null: ClassVar[frozenset[str]] = frozenset(
        {
            "name",
            "timezone",
            "country",
            "four_eyes",
            "receiving",
            "username_template",
            "weekend",
            "observe_holidays",
            "blackout_days",
        }
    )

    name: Line | None = None
    timezone: Timezone | None = None
    country: Country | None = None
    region: Region | None = None
    approval_threshold_cents: Cents | None = None
    four_eyes: bool | None = None
    receiving: Receiving | None = None
    username_template: UsernameTemplate | None = None
    weekend: Weekend | None = None
    observe_holidays: bool | None = None
    blackout_days: Days | None = None


class NetworkOut(BaseModel):
    id: UUID
    code: str
    name: str
    timezone: str
    country: str
    region: str | None
    approval_threshold_cents: int | None
    four_eyes: bool
    receiving: Receiving
    username_template: str
    weekend: list[int]
    observe_holidays: bool
    blackout_days: list[date]
    version: int
    created_at: datetime
    updated_at: datetime


class SiteIn(Strict):
    """A warehouse or office; without a code one is made from the name."""

    name: Line
    code: Code | None = None
    kind: SiteKind = SiteKind.warehouse


class SitePatch(PatchIn):
    never_null: ClassVar[frozenset[str]] = frozenset({"name", "kind"})

    name: Line | None = None
    kind: SiteKind | None = None


class SiteOut(BaseModel):
    id: UUID
    network: str
    code: str
    name: str
    kind: SiteKind
    version: int
    created_at: datetime
    updated_at: datetime


class SchoolIn(Strict):
    """A new school. `model`, `first_bell` and `wave` open its first rollout, without a playbook."""

    name: Line
    network: SchoolRef
    code: Code | None = None
    sourced_id: SourcedId | None = None
    timezone: Timezone | None = None
    enrollment: People | None = None
    teacher_count: People | None = None
    blackout_days: Days = Field(default_factory=list)
    model: RolloutModel | None = None
    first_bell: date | None = None
    wave: Wave | None = None


class SchoolPatch(PatchIn):
    """A merge patch: what is left out stays; null clears where null is allowed."""

    never_null: ClassVar[frozenset[str]] = frozenset(
        {"name", "timezone", "blackout_days", "staff_confirmed", "archived"}
    )

    name: Line | None = None
    timezone: Timezone | None = None
    sourced_id: SourcedId | None = None
    enrollment: People | None = None
    teacher_count: People | None = None
    blackout_days: Days | None = None
    staff_confirmed: bool | None = None
    archived: bool | None = None


class SchoolOut(BaseModel):
    id: UUID
    code: str
    sourced_id: str | None
    name: str
    network: str
    network_id: UUID
    timezone: str
    enrollment: int | None
    teacher_count: int | None
    staff_confirmed: bool
    blackout_days: list[date]
    archived: bool
    archived_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


class StaffIn(Strict):
    school: SchoolRef
    sourced_id: SourcedId
    given_name: Line
    family_name: Line
    email: Email | None = None
    role: StaffRole


class StaffPatch(PatchIn):
    """A merge patch; `active: false` is how somebody leaves. `school` moves within the network."""

    never_null: ClassVar[frozenset[str]] = frozenset(
        {"school", "given_name", "family_name", "role", "active"}
    )

    school: SchoolRef | None = None
    given_name: Line | None = None
    family_name: Line | None = None
    email: Email | None = None
    role: StaffRole | None = None
    active: bool | None = None


class StaffOut(BaseModel):
    id: UUID
    school: str
    sourced_id: str
    given_name: str
    family_name: str
    email: str | None
    role: StaffRole
    active: bool
    version: int
    created_at: datetime
    updated_at: datetime


class RowCounts(BaseModel):
    total: int
    created: int
    updated: int
    unchanged: int
    rejected: int


class RowIssue(BaseModel):
    """What is wrong with one row; `row` is its line in the file, the header being 1."""

    row: int
    column: str | None
    code: str
    got: str | None
    expected: str


class ImportOut(BaseModel):
    """`issues_left_out` counts those beyond the first thousand."""

    mode: Literal["apply", "dry_run"]
    rows: RowCounts
    issues: list[RowIssue]
    issues_left_out: int = 0


def network_out(network: Network, calendar: NetworkCalendar) -> NetworkOut:
    return NetworkOut(
        id=network.id,
        code=network.code,
        name=network.name,
        timezone=network.timezone,
        country=network.country,
        region=network.region,
        approval_threshold_cents=network.approval_threshold_cents,
        four_eyes=network.four_eyes,
        receiving=Receiving(network.receiving),
        username_template=network.username_template,
        weekend=calendar.weekend,
        observe_holidays=calendar.observe_holidays,
        blackout_days=calendar.blackout_days,
        version=network.version,
        created_at=network.created_at,
        updated_at=network.updated_at,
    )


def site_out(site: Site, network: Network) -> SiteOut:
    return SiteOut(
        id=site.id,
        network=network.code,
        code=site.code,
        name=site.name,
        kind=SiteKind(site.kind),
        version=site.version,
        created_at=site.created_at,
        updated_at=site.updated_at,
    )


def school_out(school: School, network_code: str) -> SchoolOut:
    return SchoolOut(
        id=school.id,
        code=school.code,
        sourced_id=school.sourced_id,
        name=school.name,
        network=network_code,
        network_id=school.network_id,
        timezone=school.timezone,
        enrollment=school.enrollment,
        teacher_count=school.teacher_count,
        staff_confirmed=school.staff_confirmed,
        blackout_days=school.blackout_days,
        archived=school.archived_at is not None,
        archived_at=school.archived_at,
        version=school.version,
        created_at=school.created_at,
        updated_at=school.updated_at,
    )


def staff_out(person: Staff, school_code: str) -> StaffOut:
    return StaffOut(
        id=person.id,
        school=school_code,
        sourced_id=person.sourced_id,
        given_name=person.given_name,
        family_name=person.family_name,
        email=person.email,
        role=StaffRole(person.role),
        active=person.active,
        version=person.version,
        created_at=person.created_at,
        updated_at=person.updated_at,
    )
