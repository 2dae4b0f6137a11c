"""The rules that may warn or block: travel, blackout days, too many away, a substitute. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from api.pd.rules import USUAL_CLASSES, Classes, Rule, RuleName, Severity


class SchoolDays(NamedTuple):
    """What a school's days are: its zone, weekdays off (Monday is 0), days off, blackout days; when
    classes are held.
    """

    code: str
    timezone: str
    weekend: frozenset[int]
    days_off: frozenset[date]
    blackout: frozenset[date]
    classes: Classes = USUAL_CLASSES


class Going(NamedTuple):
    """Somebody who would go: `elsewhere` are (place, start, end) of what else they go to around
    that time, the place null online.
    """

    staff_id: UUID
    school_id: UUID
    role: str
    elsewhere: tuple[tuple[UUID | None, datetime, datetime], ...] = ()


class Occasion(NamedTuple):
    """Where and when; `place_id` is null online."""

    place_id: UUID | None
    starts_at: datetime
    ends_at: datetime


class Warned(NamedTuple):
    rule: RuleName
    severity: Severity
    detail: str
    staff_id: UUID | None


class Checker:
    """Asks the rules about one person after another who goes to the same session.

    `away` is how many teachers of a school are away at that time already; whoever is told to
    `send` is one more.
    """

    def __init__(
        self,
        rules: Mapping[RuleName, Rule],
        occasion: Occasion,
        schools: Mapping[UUID, SchoolDays],
        away: Mapping[UUID, int],
    ) -> None:
        self._rules, self._occasion, self._schools = rules, occasion, schools
        self._away = dict(away)

    def ask(self, one: Going) -> list[Warned]:
        """What the rules say of this person's going, those that are ignored left out."""
        school = self._schools[one.school_id]
        found = [*self._hurry(one), *self._closed(school)]
        if self._is_missed(one):
            need = f"A substitute is needed at {school.code} meanwhile."
            found.append((RuleName.substitute, need))
        away, limit = self._away.get(one.school_id, 0), self._rules[RuleName.out_of_school].limit
        if self._leaves(one) and limit is not None and away >= limit:
            detail = f"{away + 1} teachers of {school.code} are away at once, more than {limit}."
            found.append((RuleName.out_of_school, detail))
        return self._told(found, one.staff_id)

    def ask_trainer(self, one: Going) -> list[Warned]:
        """Of a trainer only whether they can get there: to be away is their work."""
        return self._told(self._hurry(one), one.staff_id)

    def closed_at(self, host: SchoolDays) -> list[Warned]:
        """What the school says where the session is held."""
        return self._told(self._closed(host))

    def send(self, one: Going) -> None:
        """They go."""
        if self._leaves(one):
            self._away[one.school_id] = self._away.get(one.school_id, 0) + 1

    def _hurry(self, one: Going) -> list[tuple[RuleName, str]]:
        gap = self._shortest_way(one)
        if gap is None:
            return []
        return [(RuleName.travel, f"Only {gap} minutes to get to or from elsewhere.")]

    def _closed(self, school: SchoolDays) -> list[tuple[RuleName, str]]:
        """A sentence for each blackout day of the school that the session touches."""
        return [
            (RuleName.blackout, f"{day:%d %B %Y} is a blackout day at {school.code}.")
            for day in days_of(self._occasion, school.timezone)
            if day in school.blackout
        ]

    def _told(
        self, found: Iterable[tuple[RuleName, str]], staff_id: UUID | None = None
    ) -> list[Warned]:
        return [
            Warned(rule, self._rules[rule].severity, detail, staff_id)
            for rule, detail in found
            if self._rules[rule].severity is not Severity.ignore
        ]

    def _shortest_way(self, one: Going) -> int | None:
        """Minutes between this session and the nearest elsewhere, where they are too few."""
        here, limit = self._occasion, self._rules[RuleName.travel].limit
        if here.place_id is None or limit is None:
            return None
        gaps = [
            max(starts_at - here.ends_at, here.starts_at - ends_at)
            for place_id, starts_at, ends_at in one.elsewhere
            if place_id is not None and place_id != here.place_id
        ]
        shortest = min(gaps, default=timedelta.max)
        if not timedelta(0) <= shortest < timedelta(minutes=limit):
            return None
        return int(shortest.total_seconds()) // 60

    def _is_missed(self, one: Going) -> bool:
        return one.role == "teacher" and in_classes(self._occasion, self._schools[one.school_id])

    def _leaves(self, one: Going) -> bool:
        elsewhere = self._occasion.place_id not in (None, one.school_id)
        return elsewhere and self._is_missed(one)


def days_of(occasion: Occasion, timezone: str) -> list[date]:
    """The days at a place that a session touches; one that ends at midnight ends the day before."""
    zone = ZoneInfo(timezone)
    first = occasion.starts_at.astimezone(zone).date()
    last = (occasion.ends_at - timedelta(microseconds=1)).astimezone(zone).date()
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def in_classes(occasion: Occasion, school: SchoolDays) -> bool:
    """Whether the session overlaps the time of classes on a working day of the school."""
    zone = ZoneInfo(school.timezone)
    for day in days_of(occasion, school.timezone):
        if day.weekday() in school.weekend or day in school.days_off:
            continue
        begin = datetime.combine(day, school.classes.begin, zone)
        end = datetime.combine(day, school.classes.end, zone)
        if occasion.starts_at < end and begin < occasion.ends_at:
            return True
    return False


def blocked(warned: Iterable[Warned]) -> list[Warned]:
    return [one for one in warned if one.severity is Severity.block]
