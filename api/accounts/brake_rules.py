"""When a full roster is held for a person to look at, before anybody vanishes by accident. Pure.

Ten and seventy-five percent of the scope, and a quarter of a school, are where Clever and others
pause; a quarter of a handful is nothing, so a school's own limit begins at five.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

# However a school is named.
S = TypeVar("S")

MISSING_PERCENT = 10
CHANGED_PERCENT = 75
SCHOOL_PERCENT = 25
SCHOOL_FLOOR = 5


@dataclass(frozen=True, slots=True)
class Comparison(Generic[S]):
    """A full roster against what was there, in the scope of the run.

    `baseline` holds the students by school of the last roster that was applied, empty for a
    source's first; `present` those the file names; `missing` those there were and it does not
    name, or names only to end them. `changed` counts the accounts it changes otherwise than in
    their grade.
    """

    baseline: Mapping[S, int]
    present: Mapping[S, int]
    missing: Mapping[S, int]
    changed: int


@dataclass(frozen=True, slots=True)
class Reason(Generic[S]):
    """Why a run is held: `count` of `of` students, more than `limit` percent."""

    code: str
    count: int
    of: int
    limit: int | None = None
    school: S | None = None


def reasons_to_hold(found: Comparison[S]) -> list[Reason[S]]:
    """Every reason, those of the whole scope first; none for a source's first roster."""
    if not found.baseline:
        return []
    return [*_of_the_scope(found), *_of_schools(found)]


def _of_the_scope(found: Comparison[S]) -> Iterator[Reason[S]]:
    total = sum(found.baseline.values())
    missing = sum(found.missing.values())
    if exceeds(missing, total, MISSING_PERCENT):
        yield Reason("too-many-missing", missing, total, MISSING_PERCENT)
    if exceeds(found.changed, total, CHANGED_PERCENT):
        yield Reason("too-many-changed", found.changed, total, CHANGED_PERCENT)


def _of_schools(found: Comparison[S]) -> Iterator[Reason[S]]:
    for school, before in found.baseline.items():
        if before and not found.present.get(school):
            yield Reason("school-gone", before, before, school=school)
    for school, missing in found.missing.items():
        before = found.baseline.get(school, 0)
        gone = before and not found.present.get(school)
        if not gone and missing >= SCHOOL_FLOOR and exceeds(missing, before, SCHOOL_PERCENT):
            yield Reason("too-many-missing-at-school", missing, before, SCHOOL_PERCENT, school)


def exceeds(count: int, of: int, percent: int) -> bool:
    """Whether `count` is more than so many percent; exactly that many is not."""
    return count * 100 > of * percent
