"""What a measurement has to be before it is kept: possible, past, in a known unit. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import orjson

from api.infrastructure.rules import NewResult, settled_moment
from api.infrastructure.units import alike, amount, converted, impossible, normal_unit
from api.infrastructure.verdicts import Definition


class Weighed(NamedTuple):
    """A value in the check's own unit, and when it was measured."""

    value: Decimal
    measured_at: datetime


class Fault(NamedTuple):
    """Why a measurement is not kept; `pointer` is of its body."""

    pointer: str
    code: str
    detail: str


def weigh(given: NewResult, asked: Definition, now: datetime) -> Weighed | Fault:
    """The measurement as it is kept for a check that asks for this."""
    unit = asked.unit
    named = normal_unit(given.unit) if given.unit is not None else unit
    if named is None:
        detail = f"Speeds are in bits here: send Mbps (8 times as many), not {given.unit}."
        return Fault("/unit", "unit-unknown", detail)
    if not given.value.is_finite():
        detail = "The value is no number; send one such as 98.5."
        return Fault("/value", "value-impossible", detail)
    if mend := impossible(given.value, named):
        detail = f"{amount(given.value, named)} cannot have been measured. {mend}"
        return Fault("/value", "value-impossible", detail)
    value = converted(given.value, named, unit)
    if value is None:
        detail = (
            f"This check is in {' or '.join(alike(unit))}, and {named} cannot be turned into it."
            " Send it in one of those, or leave the unit out."
        )
        return Fault("/unit", "unit-differs", detail)
    if not _is_storable(given.evidence):
        detail = (
            "Evidence is JSON of whole characters and of numbers: none is NaN or infinite, whole"
            " ones have at most 64 bits."
        )
        return Fault("/evidence", "evidence-unreadable", detail)
    if (doubtful := _doubtful(given.evidence, asked.requires, now)) is not None:
        return doubtful
    moment = settled_moment(given.measured_at, now)
    if moment is None:
        detail = (
            f"{given.measured_at.isoformat()} is to come; it is {now:%Y-%m-%dT%H:%M:%SZ}. Set the"
            " clock of whatever measured."
        )
        return Fault("/measured_at", "measured-in-future", detail)
    return Weighed(value, moment)


def _doubtful(evidence: Mapping[str, Any], requires: Iterable[str], now: datetime) -> Fault | None:
    """What would pass for evidence that a check asks for, and is none: a blank, or a day that is
    none or to come. Names that end in `_date` and `_on` are of days.
    """
    for name in requires:
        value, pointer = evidence.get(name), f"/evidence/{name}"
        if isinstance(value, str) and value and not value.strip():
            return Fault(pointer, "evidence-blank", "It is blank; fill it in or leave it out.")
        if value in (None, "") or not name.endswith(("_date", "_on")):
            continue
        day = _day(value)
        if day is None:
            detail = "This is a day, such as 2027-08-23; leave it out where there was none."
            return Fault(pointer, "not-a-date", detail)
        # Where it is tomorrow already, they know of it today.
        if day > now.date() + timedelta(days=1):
            detail = f"{day} is to come; send the result again once it has been."
            return Fault(pointer, "date-in-future", detail)
    return None


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else None
    except ValueError:
        return None


def _is_storable(evidence: Mapping[str, Any]) -> bool:
    """Half of a surrogate pair, for one, is JSON to some readers and to no database; NaN would come
    out as null.
    """
    try:
        return bool(orjson.loads(orjson.dumps(evidence)) == evidence)
    except TypeError:
        return False
