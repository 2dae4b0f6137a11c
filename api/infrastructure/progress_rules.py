"""What a school's standing with a check means for the task that waits for it. Pure."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from api.infrastructure.rules import Outcome, Verdict
from api.infrastructure.verdicts import Definition, Standing, is_warning

UNIT = "checks"


class Evidence(NamedTuple):
    """A task's evidence, in the order in which a task holds it."""

    done: int
    total: int
    unit: str
    expected_on: date | None
    valid_until: datetime | None
    cause: str


def check_evidence(asked: Definition, standing: Standing) -> Evidence:
    """The evidence of a task of kind `check`.

    It does not depend on the moment: that a passed check has become stale is derived from
    `valid_until`. A failed warning is told and keeps nobody waiting; a scheduled re-test is the
    promise that the forecast goes by.
    """
    done = standing.outcome is Outcome.PASSED or standing.verdict is Verdict.NOT_APPLICABLE
    cause, valid_until = standing.why, standing.valid_until
    if not done and is_warning(asked) and standing.outcome is not None:
        done, cause = True, f"Warning: {standing.why}"
    return Evidence(int(done), 1, UNIT, standing.retest_on, valid_until, cause)
