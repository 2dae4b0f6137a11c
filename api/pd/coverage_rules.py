"""How far a school is with a course: people, hours, and the day when it will be there. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import ROUND_CEILING, Decimal
from heapq import nlargest
from typing import NamedTuple

UNIT = "hours"
_NOTHING = Decimal(0)


class Person(NamedTuple):
    """What one of the staff has of a course: hours attended, and (day, hours) booked."""

    attended: Decimal
    booked: tuple[tuple[date, Decimal], ...] = ()


class Coverage(NamedTuple):
    """`base` and `needed` count people; completed, booked and uncovered make up the needed.

    `expected_on` is the day on which bookings reach what is needed.
    """

    base: int | None
    needed: int
    completed: int
    booked: int
    hours_needed: Decimal
    hours_completed: Decimal
    hours_booked: Decimal
    expected_on: date | None

    @property
    def uncovered(self) -> int:
        return self.needed - self.completed - self.booked

    @property
    def hours_uncovered(self) -> Decimal:
        return self.hours_needed - self.hours_completed - self.hours_booked


def base_of(
    roles: Iterable[str], active: Mapping[str, int], teacher_count: int | None, confirmed: bool
) -> int | None:
    """How many could need the course: active staff with the roles, and until the list is
    confirmed at least as many teachers as the school says it has. None: nobody knows.
    """
    base = 0
    for role in roles:
        listed = active.get(role, 0)
        unlisted = teacher_count or 0 if role == "teacher" and not confirmed else 0
        base += max(listed, unlisted)
    return base if base or confirmed else None


def needed_of(share: Decimal, base: int) -> int:
    return int((share * base).to_integral_value(ROUND_CEILING))


def cover(base: int | None, share: Decimal, hours: Decimal, people: Sequence[Person]) -> Coverage:
    """Where a school stands. Only the `needed` people with the most hours count, each up to the
    course's hours: half a course for twice as many is no course for anybody.
    """
    needed = needed_of(share, base or 0)
    done = [min(one.attended, hours) for one in people]
    later = [_with_bookings(one, hours) for one in people]
    completed = min(needed, sum(1 for one in done if one >= hours))
    promised = min(needed, sum(1 for one in later if one >= hours))
    hours_completed = sum(nlargest(needed, done), _NOTHING)
    hours_later = sum(nlargest(needed, later), _NOTHING)
    return Coverage(
        base=base,
        needed=needed,
        completed=completed,
        booked=promised - completed,
        hours_needed=needed * hours,
        hours_completed=hours_completed,
        hours_booked=hours_later - hours_completed,
        expected_on=_reached_on(needed, hours, people) if completed < needed else None,
    )


def _with_bookings(one: Person, hours: Decimal) -> Decimal:
    return min(one.attended + sum((booked for _, booked in one.booked), _NOTHING), hours)


def _reached_on(needed: int, hours: Decimal, people: Sequence[Person]) -> date | None:
    """The day on which the needed-th person has all hours."""
    days = sorted(day for one in people if (day := _complete_on(one, hours)) is not None)
    return days[needed - 1] if len(days) >= needed else None


def _complete_on(one: Person, hours: Decimal) -> date | None:
    """The day of the booking that completes the course; the first day there is when it is."""
    total = one.attended
    if total >= hours:
        return date.min
    for day, booked in sorted(one.booked):
        total += booked
        if total >= hours:
            return day
    return None


def whole_hours(coverage: Coverage) -> tuple[int, int]:
    """(done, total) in whole hours for a task: full only when all needed hours are there."""
    total = int(coverage.hours_needed.to_integral_value(ROUND_CEILING))
    if coverage.hours_completed >= coverage.hours_needed:
        return total, total
    return min(int(coverage.hours_completed), max(total - 1, 0)), total


def why(coverage: Coverage, roles: Sequence[str], today: date) -> str:
    """One sentence of where it stands, shown beside the task."""
    if coverage.base is None:
        return f"nobody with the role {' or '.join(roles)} is on the staff list"
    if not coverage.needed:
        return f"nobody with the role {' or '.join(roles)} works here"
    if coverage.completed >= coverage.needed:
        return f"{coverage.completed} of {coverage.needed} people trained"
    parts = [f"{coverage.completed} of {coverage.needed} people trained"]
    if coverage.booked:
        parts.append(f"{coverage.booked} booked")
    if coverage.uncovered:
        parts.append(f"{coverage.uncovered} in no session")
    if coverage.expected_on is not None and coverage.expected_on < today:
        parts.append("attendance is not recorded")
    return ", ".join(parts)
