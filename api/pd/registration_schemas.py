"""Bodies of registrations, attendance, notices and coverage, in and out."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field

from api.http.strict import Strict
from api.pd.rules import NoticeKind, RegistrationStatus
from api.pd.schemas import SessionHours, WarningOut

AT_ONCE = 1_000


class PlaceOut(BaseModel):
    """How somebody stands in a session. `position` is their place in the waitlist, from 1.

    `to_confirm`: the session moved, and they have not said yet that they still come.
    """

    staff: UUID
    status: RegistrationStatus
    position: int | None = None
    offer_expires_at: datetime | None = None
    to_confirm: bool = False
    warnings: list[WarningOut] = []


class RegisterManyIn(Strict):
    """Staff by id, in the order in which they came."""

    staff: Annotated[list[UUID], Field(min_length=1, max_length=AT_ONCE)]


class RowOut(BaseModel):
    """One of many: `place`, or why there is none (`code` and `detail`)."""

    staff: UUID
    place: PlaceOut | None = None
    code: str | None = None
    detail: str | None = None


class RegisterManyOut(BaseModel):
    items: list[RowOut]


class RegistrationOut(BaseModel):
    """Names are null for who may not see them."""

    staff: UUID
    school: str
    role: str
    sourced_id: str
    given_name: str | None
    family_name: str | None
    status: RegistrationStatus
    entry: int
    position: int | None
    entered_at: datetime
    offer_expires_at: datetime | None
    hours: float | None
    walk_in: bool
    to_confirm: bool


class AttendanceRowIn(Strict):
    """`attended` null takes back what was said; `hours` are the session's where left out."""

    staff: UUID
    attended: bool | None
    hours: SessionHours | None = None


class AttendanceIn(Strict):
    """Who was there. Somebody who was not registered but came is a walk-in."""

    rows: Annotated[list[AttendanceRowIn], Field(min_length=1, max_length=AT_ONCE)]


class AttendanceOut(BaseModel):
    """`open` are those of whom nothing is said yet; without any the session is completed."""

    attended: int
    no_show: int
    open: int
    completed: bool


class NoticeOut(BaseModel):
    id: UUID
    staff: UUID | None
    kind: NoticeKind
    details: dict[str, Any]
    created_at: datetime
    sent_at: datetime | None


class SplitOut(BaseModel):
    """`needed` = completed + booked + uncovered."""

    needed: int
    completed: int
    booked: int
    uncovered: int


class HoursOut(BaseModel):
    needed: float
    completed: float
    booked: float
    uncovered: float


class CoverageOut(BaseModel):
    """What a school has of a course. `base` is who could need it: null while nobody knows.

    `expected_on` is the day on which the booked sessions reach the required share, null where
    they do not, or it is reached.
    """

    school: str
    course: str
    title: str
    required: bool
    base: int | None
    staff_confirmed: bool
    people: SplitOut
    hours: HoursOut
    expected_on: date | None
    why: str
