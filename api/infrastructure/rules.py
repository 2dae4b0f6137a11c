"""Words of checks, and what a measurement has to be before it is kept. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID


class Comparator(StrEnum):
    """How a measured value stands to the one that is needed."""

    AT_LEAST = ">="
    AT_MOST = "<="
    EXACTLY = "=="


class Severity(StrEnum):
    """Whether a failed check keeps its task open, or is only told."""

    GATE = "gate"
    WARNING = "warning"


class Outcome(StrEnum):
    """What one result says of itself, whatever came of it later."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


class Verdict(StrEnum):
    """Where a school stands with a check."""

    NOT_STARTED = "not_started"
    SCHEDULED = "scheduled"
    PASSED = "passed"
    FAILED = "failed"
    STALE = "stale"
    NOT_APPLICABLE = "not_applicable"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class NewResult:
    """A measurement to be kept: `value` in `unit`, or in the check's own when that is None.

    `measured_at` is an aware moment; `evidence` is any JSON object that says how it came about.
    """

    school_id: UUID
    check_id: UUID
    value: Decimal
    unit: str | None
    measured_at: datetime
    method: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    probe_report_id: UUID | None = None


# A technician's laptop may be wrong by so much without being told.
CLOCK_SKEW = timedelta(minutes=5)


def settled_moment(measured_at: datetime, now: datetime) -> datetime | None:
    """When it was measured; a clock that is a little ahead means now. None: that is to come."""
    if measured_at > now + CLOCK_SKEW:
        return None
    return min(measured_at, now)
