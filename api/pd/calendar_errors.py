"""What calendar links refuse, one class a reason."""

from __future__ import annotations

from typing import ClassVar

from api.errors import Forbidden, Invalid, NotFound, TooManyRequests, field_error


class CalendarNotFound(NotFound):
    """One answer for a link that never was, one that was revoked and one that is another's."""

    code: ClassVar[str] = "calendar-not-found"
    title: ClassVar[str] = "There is no such calendar, or its link was revoked"


class CalendarGuessed(TooManyRequests):
    code: ClassVar[str] = "calendar-throttled"
    title: ClassVar[str] = "Too many calendar links that are none"


class CalendarNotYours(Forbidden):
    code: ClassVar[str] = "calendar-not-yours"
    title: ClassVar[str] = "Somebody else made this link"


class TrainerUnknown(Invalid):
    code: ClassVar[str] = "trainer-unknown"
    title: ClassVar[str] = "Nobody of that name leads a session"


def calendar_not_found() -> CalendarNotFound:
    return CalendarNotFound("Ask whoever gave you the link for a new one.")


def trainer_unknown(given: str) -> TrainerUnknown:
    detail = (
        f"No session of the network is led by {given!r}; name the trainer as a session does, or"
        " a member of staff by `staff`."
    )
    return TrainerUnknown(detail, errors=[field_error("/trainer", "trainer-unknown", detail)])
