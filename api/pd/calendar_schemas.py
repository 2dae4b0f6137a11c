"""Calendar links as the API makes and shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from api.http.strict import Strict
from api.pd.models import CalendarLink
from api.pd.rules import CalendarKind
from api.schools.schemas import Line, SchoolRef

# What each kind is about: the fields that it needs, of which a trainer has one or the other.
_NAMED_BY = {
    CalendarKind.school: ({"school"},),
    CalendarKind.network: ({"network"},),
    CalendarKind.person: ({"staff"},),
    CalendarKind.trainer: ({"staff"}, {"network", "trainer"}),
}


class CalendarIn(Strict):
    """Whose sessions to show: of a `school`, of a `network`, of a person (`staff`), or those that
    a trainer leads: one of the `staff`, or a `trainer` from outside of a `network`.

    `label` is the name that calendars show; give none that names somebody who attends.
    """

    kind: CalendarKind
    school: SchoolRef | None = None
    network: SchoolRef | None = None
    staff: UUID | None = None
    trainer: Line | None = Field(
        None, description="The email or the name under which a trainer from outside leads sessions."
    )
    label: Line | None = None

    @model_validator(mode="after")
    def _says_whose(self) -> Self:
        names = {"school", "network", "staff", "trainer"}
        given = {name for name in names if getattr(self, name) is not None}
        allowed = _NAMED_BY[self.kind]
        if given not in allowed:
            ways = " or ".join(" and ".join(sorted(way)) for way in allowed)
            raise PydanticCustomError(
                "subject_unclear",
                "A calendar of this kind needs {ways}, and no other.",
                {"ways": ways},
            )
        return self


class CalendarOut(BaseModel):
    """A link without its secret. `subject_id`: the school, network or person; null for a trainer
    from outside. `last_read_at`: a calendar asked for it, to the hour.
    """

    id: UUID
    kind: CalendarKind
    label: str
    network_id: UUID
    subject_id: UUID | None
    created_by: str
    created_at: datetime
    last_read_at: datetime | None


class NewCalendarOut(CalendarOut):
    """The addresses are shown once: whoever has one sees the calendar, without signing in."""

    url: str
    webcal: str


def calendar_out(link: CalendarLink) -> CalendarOut:
    return CalendarOut.model_validate(link, from_attributes=True)
