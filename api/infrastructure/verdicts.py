"""Where a school stands with a check: what was measured against what is needed now. Pure.

A result is worth what today's definition and enrollment make of it, so a new version or a grown
school turns an old result without a new measurement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any
from uuid import UUID

from api.infrastructure.rules import Comparator, Outcome, Severity, Verdict
from api.infrastructure.thresholds import Needed, School, needed, not_applicable
from api.infrastructure.units import amount, converted, is_counted


@dataclass(frozen=True, slots=True)
class Definition:
    """A version of a check, as far as results are judged by it."""

    unit: str
    comparator: str
    threshold: Mapping[str, Any]
    freshness_days: int | None
    severity: str
    applies: Mapping[str, Any] = field(default_factory=dict)
    requires: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Measurement:
    """A result, as far as it is judged. `evidence` holds only which of what is asked for is there.

    A definition may ask for the date of a hearing, for one; the page shows the evidence itself.
    `lower_bound`: there may well be more than was measured, as over a single connection.
    """

    id: UUID
    value: Decimal
    unit: str
    measured_at: datetime
    lower_bound: bool = False
    evidence: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Known:
    """What was recorded of a school and a check: the newest result, and what people said."""

    newest: Measurement | None = None
    exemption: str | None = None
    retest_on: date | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """The verdict with its reason. `why` is a sentence without a full stop; `outcome` is the newest
    result's, whatever overlays it; `needed` is in the check's unit, as `value` is.
    """

    verdict: Verdict
    why: str
    outcome: Outcome | None = None
    value: Decimal | None = None
    needed: Decimal | None = None
    measured_at: datetime | None = None
    valid_until: datetime | None = None
    retest_on: date | None = None
    result_id: UUID | None = None


# What the reason of a check that does not concern a school begins with.
NOT_APPLICABLE = "Not applicable: "
_WORDS: dict[str, str] = {
    Comparator.AT_LEAST: "needed",
    Comparator.AT_MOST: "allowed",
    Comparator.EXACTLY: "required",
}


def wanted(asked: Definition, school: School) -> Needed:
    """What the check asks of the school, in its unit: of what is counted, whole ones."""
    want = needed(asked.threshold, school)
    if want.value is None or not is_counted(asked.unit) or asked.comparator != Comparator.AT_LEAST:
        return want
    whole = want.value.to_integral_value(ROUND_CEILING)
    if whole == want.value:
        return want
    return Needed(whole, f"{want.how}, rounded up" if want.how else "")


def judge(asked: Definition, school: School, known: Known, now: datetime) -> Standing:
    """Where the school stands at the moment `now`."""
    reason = known.exemption or not_applicable(asked.applies, school)
    if reason is not None:
        return Standing(Verdict.NOT_APPLICABLE, f"{NOT_APPLICABLE}{reason}")
    want = wanted(asked, school)
    if known.newest is None:
        verdict = Verdict.SCHEDULED if known.retest_on else Verdict.NOT_STARTED
        return Standing(
            verdict, _unmeasured(asked, want), None, None, want.value, None, None, known.retest_on
        )
    return _measured(asked, want, known.newest, known.retest_on, now)


def _measured(
    asked: Definition, want: Needed, newest: Measurement, retest_on: date | None, now: datetime
) -> Standing:
    value = converted(newest.value, newest.unit, asked.unit)
    outcome, why = _outcome(asked, want, newest, value)
    valid_until = None
    if outcome is Outcome.PASSED and asked.freshness_days is not None:
        valid_until = newest.measured_at + timedelta(days=asked.freshness_days)
    verdict = Verdict(outcome.value)
    if valid_until is not None and valid_until <= now:
        verdict = Verdict.STALE
    if retest_on is not None and verdict is not Verdict.PASSED:
        verdict = Verdict.SCHEDULED
    return Standing(
        verdict,
        why,
        outcome,
        value,
        want.value,
        newest.measured_at,
        valid_until,
        retest_on,
        newest.id,
    )


def _outcome(
    asked: Definition, want: Needed, newest: Measurement, value: Decimal | None
) -> tuple[Outcome, str]:
    if value is None:
        measured = amount(newest.value, newest.unit)
        return Outcome.INCONCLUSIVE, f"Measured {measured}, and the check is in {asked.unit} now"
    if want.value is None:
        return Outcome.INCONCLUSIVE, f"Measured {amount(value, asked.unit)}, but {want.how}"
    asks = _asks(asked, want)
    missing = [name for name in asked.requires if name not in newest.evidence]
    if not compares(value, asked.comparator, want.value):
        if is_undecided(newest.lower_bound, asked.comparator):
            more = "over one connection, and the line may carry more; measure with several at once"
            return Outcome.INCONCLUSIVE, f"{asks}, measured {amount(value, asked.unit)} {more}"
        return Outcome.FAILED, f"{asks}, measured {amount(value, asked.unit)}"
    if missing:
        names = ", ".join(name.replace("_", " ") for name in missing)
        return Outcome.FAILED, f"{asks}, measured {amount(value, asked.unit)}; no evidence: {names}"
    return Outcome.PASSED, f"{asks}, measured {amount(value, asked.unit)}"


def _asks(asked: Definition, want: Needed) -> str:
    assert want.value is not None
    how = f" ({want.how})" if want.how else ""
    return f"{amount(want.value, asked.unit)} {_WORDS[asked.comparator]}{how}"


def _unmeasured(asked: Definition, want: Needed) -> str:
    if want.value is None:
        return f"Not measured yet, and {want.how}"
    return f"{_asks(asked, want)}, not measured yet"


def compares(value: Decimal, comparator: str, want: Decimal) -> bool:
    """Whether a value is as it should be, both in one unit."""
    if comparator == Comparator.AT_LEAST:
        return value >= want
    return value <= want if comparator == Comparator.AT_MOST else value == want


def is_undecided(lower_bound: bool, comparator: str) -> bool:
    """Whether too little says nothing, since it may be that not all of it was measured."""
    return lower_bound and comparator == Comparator.AT_LEAST


def is_warning(asked: Definition) -> bool:
    return asked.severity == Severity.WARNING
