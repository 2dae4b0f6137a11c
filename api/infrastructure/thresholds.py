"""What a check asks of a school: its threshold, computed from who learns there. Pure.

A threshold is one of these documents (`value`, `at_least` in the check's unit):

    {"kind": "constant", "value": 25}
    {"kind": "per_student" | "per_user" | "per_room", "value": 4.3, "at_least": 300}
    {"kind": "banded", "per": "student" | "user" | "room", "bands": [
        {"below": 1000, "value": 4.3, "at_least": 300}, {"value": 3}]}

Users are students, teachers, other staff and guests. Of bands the first holds whose `below` the
number is under; the last has none and takes the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class School:
    """What thresholds and rules count of a school; null where nobody has said."""

    code: str
    students: int | None = None
    teachers: int | None = None
    other_users: int | None = None
    rooms: int | None = None
    model: str | None = None

    @property
    def users(self) -> int | None:
        """Null without an enrollment: the teachers alone would need far too little."""
        if self.students is None:
            return None
        return self.students + (self.teachers or 0) + (self.other_users or 0)

    def count(self, per: str) -> int | None:
        """How many of what a threshold is per."""
        return {"student": self.students, "user": self.users, "room": self.rooms}[per]


class Needed(NamedTuple):
    """`value` is null where it cannot be computed; `how` is its arithmetic, or what is missing."""

    value: Decimal | None
    how: str


_UNKNOWN = {
    "student": "the enrollment of {code} is not known",
    "user": "the enrollment of {code} is not known",
    "room": "the number of rooms of {code} is not known",
}
_MEND = {"student": "set it on the school", "room": "set it on the school's premises"}


def needed(threshold: Mapping[str, Any], school: School) -> Needed:
    """The value that the threshold asks of the school, in the check's unit."""
    kind = threshold["kind"]
    if kind == "constant":
        return Needed(_decimal(threshold["value"]), "")
    per = threshold["per"] if kind == "banded" else kind.removeprefix("per_")
    count = school.count(per)
    if count is None:
        mend = _MEND.get(per, _MEND["student"])
        return Needed(None, f"{_UNKNOWN[per].format(code=school.code)}; {mend}")
    part = _band(threshold["bands"], count) if kind == "banded" else threshold
    return _multiplied(part, count, per)


def _band(bands: list[Mapping[str, Any]], count: int) -> Mapping[str, Any]:
    return next(band for band in bands if band.get("below") is None or count < band["below"])


def _multiplied(part: Mapping[str, Any], count: int, per: str) -> Needed:
    each = _decimal(part["value"])
    value = each * count
    plural = "" if count == 1 else "s"
    how = f"{count:,} {per}{plural} x {each:f}"
    least = part.get("at_least")
    if least is not None and value < _decimal(least):
        return Needed(_decimal(least), f"{how} is less than the least, {_decimal(least):,f}")
    return Needed(value, how)


def _decimal(value: Any) -> Decimal:
    # By its text: 4.3 as a float is a little more, and would be 1,720.0000000000002 of 400.
    return Decimal(str(value)).normalize() + 0


def not_applicable(rule: Mapping[str, Any], school: School) -> str | None:
    """Why a check with this rule does not concern the school; null when it does.

    A rule is `{"models": [...], "min_students": n}`, either or both; {} concerns every school,
    and what is not known of a school leaves it concerned.
    """
    models = rule.get("models")
    if models and school.model is not None and school.model not in models:
        only = " and ".join(_words(model) for model in models)
        return f"asked of {only} only, and {school.code} runs {_words(school.model)}"
    least = rule.get("min_students")
    if least is not None and school.students is not None and school.students < least:
        return f"asked from {least:,} students on, and {school.code} has {school.students:,}"
    return None


def _words(slug: str) -> str:
    return slug.replace("_", " ")
