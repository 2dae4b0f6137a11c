"""What a person changed of a row that rosters write too: their word stands until there is news."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from api import clock

# By field: when, who, and what the source had said.
Edits = dict[str, dict[str, Any]]


def with_edits(row: Any, changes: Mapping[str, Any], actor: str) -> Edits | None:
    """The row's edits with those of a person, before the changes are written.

    One that says again what the source said is none any more.
    """
    edits: Edits = dict(row.edits or {})
    for field, value in changes.items():
        known = edits.pop(field, None)
        said = known["source"] if known else _plain(getattr(row, field))
        if _plain(value) != said:
            edits[field] = {"at": clock.now().isoformat(), "source": said, "by": actor}
    return edits or None


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value
