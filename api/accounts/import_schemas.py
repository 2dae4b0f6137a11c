"""Imports as they are told of."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from api.accounts.models import AccountImport, AccountImportIssue
from api.accounts.rules import ImportState, Mode, OnError, Snapshot

# What says nothing of who a child is; other cells are shown to those who see names.
_TELLING_NOTHING = frozenset({"school", "grade", "sourced_id", None})
_NAMES = ("given_name", "family_name", "username", "changes")


class RowsOut(BaseModel):
    """`total` is created, updated, unchanged and rejected. Restored ones are updated, too; those
    missing are in no row.
    """

    total: int
    created: int
    updated: int
    unchanged: int
    missing: int
    restored: int
    rejected: int


class UndoOut(BaseModel):
    """`kept`: edited since, by a person or a later run. `failed`: could not be put back."""

    state: str
    reversed: int = 0
    kept: int = 0
    failed: int = 0


class AccountImportOut(BaseModel):
    """A run. `snapshot` is null until the file has told what it is; `samples` are there of one
    that is previewed or held, and `held_reasons` say why (in a preview: that it would be).
    """

    id: UUID
    state: ImportState
    mode: Mode
    percent: int
    rows: RowsOut
    network: str | None = Field(description="Null until the file has told whose it is.")
    source: str
    on_error: OnError
    snapshot: Snapshot | None
    scope: str
    format: str | None
    details: dict[str, Any]
    body_bytes: int
    samples: dict[str, list[dict[str, Any]]]
    held_reasons: list[dict[str, Any]]
    problem: dict[str, Any] | None
    undo: UndoOut | None
    actor: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    approved_by: str | None
    approved_at: datetime | None


class AccountIssueOut(BaseModel):
    """Why a row was rejected. `row` is its line in the file, or in the archive's member `file`;
    `got` is null for who may not see names, where it may be one.
    """

    row: int
    file: str | None
    column: str | None
    code: str
    got: str | None
    expected: str


def import_out(
    run: AccountImport, network: str | None, codes: dict[str, str], *, sees_names: bool
) -> AccountImportOut:
    """`codes` are those of the schools that samples and reasons name, by id as text."""
    given = run.model_dump()
    samples = {
        kind: [_sample(one, codes, sees_names) for one in some]
        for kind, some in (run.samples or {}).items()
    }
    kept = {name: given[name] for name in AccountImportOut.model_fields if name in given}
    return AccountImportOut(
        **kept
        | {
            "rows": rows_out(run),
            "network": network,
            "source": run.source_slug,
            "details": run.details or {},
            "undo": _undo(run.undo),
            "samples": samples,
            "held_reasons": [_named(one, codes) for one in run.held_reasons or []],
        }
    )


def rows_out(run: AccountImport) -> RowsOut:
    given = run.model_dump()
    return RowsOut(**{name: given[name] for name in RowsOut.model_fields})


def _undo(undo: dict[str, Any] | None) -> UndoOut | None:
    """What is told of it; a full run also keeps there what was expected before it."""
    if not undo or "state" not in undo:
        return None
    return UndoOut(**{name: undo[name] for name in UndoOut.model_fields if name in undo})


def _named(one: dict[str, Any], codes: dict[str, str]) -> dict[str, Any]:
    """With the school's code in place of its id."""
    return one | {"school": codes.get(one["school"], one["school"])} if one.get("school") else one


def _sample(one: dict[str, Any], codes: dict[str, str], sees_names: bool) -> dict[str, Any]:
    school = codes.get(one["school_id"], one["school_id"])
    said = {name: value for name, value in one.items() if name != "school_id"} | {"school": school}
    return said if sees_names else {n: v for n, v in said.items() if n not in _NAMES}


def issue_out(issue: AccountImportIssue, *, sees_names: bool) -> AccountIssueOut:
    shown = sees_names or issue.column_name in _TELLING_NOTHING
    return AccountIssueOut(
        row=issue.row_number,
        file=issue.file or None,
        column=issue.column_name,
        code=issue.code,
        got=issue.got if shown else None,
        expected=issue.expected,
    )
