"""What the PD room refuses, one class a reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar
from uuid import UUID

from api.errors import Conflict, Invalid, NotFound, field_error
from api.pd.rules import SessionStatus


class CourseNotFound(NotFound):
    code: ClassVar[str] = "course-not-found"
    title: ClassVar[str] = "There is no such course, or you may not see it"


class SessionNotFound(NotFound):
    code: ClassVar[str] = "session-not-found"
    title: ClassVar[str] = "There is no such session, or you may not see it"


class RegistrationNotFound(NotFound):
    code: ClassVar[str] = "registration-not-found"
    title: ClassVar[str] = "This person is not registered"


class CourseTaken(Conflict):
    code: ClassVar[str] = "course-taken"
    title: ClassVar[str] = "There is a course of this code already"


class CourseArchived(Conflict):
    code: ClassVar[str] = "course-archived"
    title: ClassVar[str] = "The course is archived"


class DoubleBooked(Conflict):
    """`collisions` lists what is in the way: `{"what": "person" | "trainer" | "room",
    "session", "course", "starts_at", "ends_at", "staff"?}`.
    """

    code: ClassVar[str] = "double-booked"
    title: ClassVar[str] = "Nobody and nothing can be at two places at once"


class SessionClosed(Conflict):
    """`status` is the session's: completed or cancelled."""

    code: ClassVar[str] = "session-closed"
    title: ClassVar[str] = "The session is not open any more"


class SessionStarted(Conflict):
    code: ClassVar[str] = "session-started"
    title: ClassVar[str] = "The session has started"


class SessionNotStarted(Conflict):
    code: ClassVar[str] = "session-not-started"
    title: ClassVar[str] = "The session has not started"


class SeatsTaken(Conflict):
    """`seats_taken` is how many the session must have at least."""

    code: ClassVar[str] = "seats-taken"
    title: ClassVar[str] = "More seats are taken than that"


class OfferExpired(Conflict):
    code: ClassVar[str] = "offer-expired"
    title: ClassVar[str] = "The offer has expired"


class NothingOffered(Conflict):
    code: ClassVar[str] = "nothing-offered"
    title: ClassVar[str] = "No seat is offered to this person"


class AttendanceRecorded(Conflict):
    code: ClassVar[str] = "attendance-recorded"
    title: ClassVar[str] = "Attendance is recorded already"


class StaffInactive(Conflict):
    code: ClassVar[str] = "staff-inactive"
    title: ClassVar[str] = "This person has left"


class RuleRefused(Conflict):
    """A rule that the network set to block; `warnings` says which, as a warning would."""

    code: ClassVar[str] = "rule-refused"
    title: ClassVar[str] = "A rule of the network says no"


class StaffUnknown(Invalid):
    """Some of the people of a list do not exist, or the caller may not see them."""

    code: ClassVar[str] = "staff-unknown"
    title: ClassVar[str] = "Some of these people are unknown"


def invalid(pointer: str, code: str, detail: str) -> Invalid:
    """Input with one wrong field."""
    return Invalid(detail, errors=[field_error(pointer, code, detail)])


def course_not_found(given: object) -> CourseNotFound:
    return CourseNotFound(f"There is no course {str(given)[:80]!r}, or you may not see it.")


def session_not_found(session_id: UUID) -> SessionNotFound:
    return SessionNotFound(f"There is no session {session_id}, or you may not see it.")


def session_closed(status: str) -> SessionClosed:
    mend = (
        "Its attendance can still be corrected, and who came unannounced added there."
        if status == SessionStatus.completed
        else "Plan another in its place."
    )
    return SessionClosed(f"The session is {status}. {mend}", status=status)


def double_booked(collisions: Sequence[dict[str, Any]]) -> DoubleBooked:
    """A refusal that names what is in the way, the first five in its sentence."""
    shown = [f"the {one['what']} is at {one['course']}, {one['when']}" for one in collisions[:5]]
    more = f", and {len(collisions) - 5} more" if len(collisions) > 5 else ""
    plain = [{key: value for key, value in one.items() if key != "when"} for one in collisions]
    return DoubleBooked(f"Double-booked: {'; '.join(shown)}{more}.", collisions=plain)


def rule_refused(warnings: Sequence[dict[str, Any]]) -> RuleRefused:
    shown = " ".join(dict.fromkeys(str(one["detail"]) for one in warnings))
    return RuleRefused(f"{shown} The network's rule blocks this.", warnings=list(warnings))


def staff_unknown(unknown: Iterable[tuple[int, UUID]], where: str) -> StaffUnknown:
    """`unknown` are (position, id) in the list at pointer `where`."""
    faults = [
        field_error(
            f"{where}/{position}", "staff-unknown", f"There is nobody {staff_id} you may see."
        )
        for position, staff_id in unknown
    ]
    return StaffUnknown("Unknown people, or not yours to see.", errors=faults)
