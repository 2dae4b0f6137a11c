"""What every import from a file answers, whatever its rows are about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Literal

from api.errors import field_error
from api.schools.csv_table import Issue
from api.schools.errors import ImportAborted
from api.schools.schemas import ImportOut, RowCounts, RowIssue

_MOST_ISSUES = 1000


def import_out(
    mode: Literal["apply", "dry_run"], counts: RowCounts, issues: Iterable[Issue]
) -> ImportOut:
    """The answer: all counts, and the first thousand issues in the order of their rows."""
    ordered = sorted(issues, key=_line)
    return ImportOut(
        mode=mode,
        rows=counts,
        issues=[RowIssue(**asdict(issue)) for issue in ordered[:_MOST_ISSUES]],
        issues_left_out=max(0, len(ordered) - _MOST_ISSUES),
    )


def _line(issue: Issue) -> int:
    return issue.row


def aborted(answer: ImportOut) -> ImportAborted:
    """The refusal of a whole file for its rejected rows, each named."""
    errors = [
        field_error(
            f"/rows/{issue.row}" + (f"/{issue.column}" if issue.column else ""),
            issue.code,
            f"Expected {issue.expected}.",
        )
        for issue in answer.issues
    ]
    return ImportAborted(
        f"{answer.rows.rejected} of {answer.rows.total} rows have problems; nothing was written.",
        errors=errors,
        rows=answer.rows.model_dump(),
        issues=[issue.model_dump() for issue in answer.issues],
    )
