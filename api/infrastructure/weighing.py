"""What a measurement has to be before it is kept: possible, past, in a known unit. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import orjson

from api.infrastructure.rules import NewResult, settled_moment
from api.infrastructure.units import alike, amount, converted, is_possible, normal_unit


class Weighed(NamedTuple):
    """A value in the check's own unit, and when it was measured."""

    value: Decimal
    measured_at: datetime


class Fault(NamedTuple):
    """Why a measurement is not kept; `pointer` is of its body."""

    pointer: str
    code: str
    detail: str


def weigh(given: NewResult, unit: str, now: datetime) -> Weighed | Fault:
    """The measurement as it is kept for a check in `unit`."""
    named = normal_unit(given.unit) if given.unit is not None else unit
    if named is None:
        detail = f"Speeds are in bits here: send Mbps (8 times as many), not {given.unit}."
        return Fault("/unit", "unit-unknown", detail)
    if not given.value.is_finite():
        return Fault("/value", "value-impossible", "The value is not a number.")
    if not is_possible(given.value, named):
        detail = f"{amount(given.value, named)} cannot have been measured."
        return Fault("/value", "value-impossible", detail)
    value = converted(given.value, named, unit)
    if value is None:
        detail = (
            f"This check is in {' or '.join(alike(unit))}, and {named} cannot be turned into it."
        )
        return Fault("/unit", "unit-differs", detail)
    if not _is_storable(given.evidence):
        detail = "Evidence is JSON of whole characters, and of numbers of at most 64 bits."
        return Fault("/evidence", "evidence-unreadable", detail)
    moment = settled_moment(given.measured_at, now)
    if moment is None:
        detail = (
            f"{given.measured_at.isoformat()} is to come; it is {now:%Y-%m-%dT%H:%M:%SZ}. Set the"
            " clock of whatever measured."
        )
        return Fault("/measured_at", "measured-in-future", detail)
    return Weighed(value, moment)


def _is_storable(evidence: Mapping[str, Any]) -> bool:
    """Half of a surrogate pair, for one, is JSON to some readers and to no database."""
    try:
        orjson.dumps(evidence)
    except TypeError:
        return False
    return True
