"""Checks as they are defined, changed and shown."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    model_validator,
)
from pydantic_core import PydanticCustomError

from api.http.strict import PatchIn, Strict
from api.infrastructure.rules import Comparator, Severity
from api.infrastructure.units import normal_unit
from api.schools.schemas import Line
from api.tasks.rules import BlendedModel

Slug = Annotated[
    str,
    StringConstraints(max_length=63, pattern=r"^[a-z][a-z0-9_]*$"),
    Field(description="What playbooks call it.", examples=["internet_bandwidth"]),
]
Prose = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Name = Annotated[str, StringConstraints(max_length=63, pattern=r"^[a-z][a-z0-9_]*$")]
Number = Annotated[float, Field(ge=-1_000_000_000, le=1_000_000_000)]
Each = Annotated[float, Field(ge=0, le=1_000_000_000)]
People = Annotated[int, Field(ge=1, le=1_000_000)]
Per = Literal["student", "user", "room"]


def _unit(text: str) -> str:
    unit = normal_unit(text)
    if unit is None:
        raise PydanticCustomError("unit-unknown", "Speeds are in bits: write Mbps, not MB/s.")
    return unit


Unit = Annotated[
    str,
    StringConstraints(min_length=1, max_length=40, pattern=r"^[^\x00-\x1f]+$"),
    AfterValidator(_unit),
    Field(examples=["Mbps", "percent", "dBm", "devices"]),
]


class ConstantIn(Strict):
    """The same for every school."""

    kind: Literal["constant"]
    value: Number


class PerIn(Strict):
    """So much for each student, user (students, teachers, other staff and guests) or room."""

    kind: Literal["per_student", "per_user", "per_room"]
    value: Each
    at_least: Each | None = None


class BandIn(Strict):
    """What holds for numbers under `below`; without it for all the rest."""

    below: People | None = None
    value: Each
    at_least: Each | None = None


class BandedIn(Strict):
    """So much for each, but how much depends on how many they are."""

    kind: Literal["banded"]
    per: Per
    bands: Annotated[list[BandIn], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        ends = [band.below for band in self.bands[:-1]]
        rising = [end for end in ends if end is not None]
        if self.bands[-1].below is not None or len(rising) < len(ends):
            raise PydanticCustomError(
                "bands-open", "Every band but the last has `below`; the last takes the rest."
            )
        if sorted(set(rising)) != rising:
            raise PydanticCustomError("bands-order", "`below` rises from band to band.")
        return self


def _kind(value: Any) -> str | None:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return _KINDS.get(kind) if isinstance(kind, str) else None


_KINDS = {"constant": "constant", "banded": "banded"} | dict.fromkeys(
    ("per_student", "per_user", "per_room"), "per"
)
ThresholdIn = Annotated[
    Annotated[ConstantIn, Tag("constant")]
    | Annotated[PerIn, Tag("per")]
    | Annotated[BandedIn, Tag("banded")],
    Discriminator(
        _kind,
        custom_error_type="threshold_kind",
        custom_error_message="A threshold has a `kind`: constant, per_student, per_user,"
        " per_room or banded.",
    ),
]


class AppliesIn(Strict):
    """Which schools a check concerns; without a word all of them."""

    models: Annotated[list[BlendedModel], Field(max_length=5)] | None = None
    min_students: People | None = None


class CheckIn(Strict):
    """A check of one network, or without one of everybody. With the slug of a shared check a
    network's own takes its place there, and what was measured counts for it.
    """

    slug: Slug
    title: Line
    network: Annotated[str, Field(max_length=100, description="Id or code.")] | None = None
    unit: Unit
    comparator: Comparator
    threshold: ThresholdIn
    freshness_days: Annotated[int, Field(ge=1, le=3650)] | None = Field(
        default=None, description="How long a result holds; null: for good."
    )
    severity: Severity = Severity.GATE
    method: Prose
    source: Prose
    applies: AppliesIn = AppliesIn()
    requires: Annotated[list[Name], Field(max_length=20)] = Field(
        default_factory=list, description="Evidence without which a result does not pass."
    )


class CheckPatch(PatchIn):
    """A merge patch. Every change is a version of its own, by which all results are judged anew;
    an archived check is asked of nobody.
    """

    never_null: ClassVar[frozenset[str]] = frozenset(
        {
            *("title", "unit", "comparator", "threshold", "severity", "method", "source"),
            *("applies", "requires", "archived"),
        }
    )

    title: Line | None = None
    unit: Unit | None = None
    comparator: Comparator | None = None
    threshold: ThresholdIn | None = None
    freshness_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    severity: Severity | None = None
    method: Prose | None = None
    source: Prose | None = None
    applies: AppliesIn | None = None
    requires: Annotated[list[Name], Field(max_length=20)] | None = None
    archived: bool | None = None


class DefinitionOut(BaseModel):
    """What a check asks for."""

    model_config = ConfigDict(from_attributes=True)

    version: int
    unit: str
    comparator: Comparator
    threshold: dict[str, Any]
    freshness_days: int | None
    severity: Severity
    method: str
    source: str
    applies: dict[str, Any]
    requires: list[str]
    created_at: datetime


class CheckVersionOut(DefinitionOut):
    """A definition as it was decided once, and by whom."""

    by: str


class CheckOut(DefinitionOut):
    """A check with its newest definition; `network` is null for one of everybody."""

    id: UUID
    slug: str
    title: str
    network: str | None
    archived_at: datetime | None
    updated_at: datetime
