"""A few students in one request, and what became of each."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from api.accounts.import_schemas import RowsOut
from api.http.strict import Strict
from api.schools.schemas import SchoolRef

MOST_ROWS = 1_000
_Cell = Annotated[str, StringConstraints(max_length=1000)] | int | None


class BatchRowIn(Strict):
    """As in a file: `school` is a code or sourced id, `grade` PK, K or 1 to 12. What a row leaves
    out stays as it is; a new student needs a name and a school.
    """

    sourced_id: _Cell
    school: _Cell
    given_name: _Cell = None
    family_name: _Cell = None
    grade: _Cell = None
    username: _Cell = None
    email: _Cell = None


class BatchIn(Strict):
    """`network` left out: told by the source, else by the schools."""

    source: Annotated[str, StringConstraints(pattern="^[a-z0-9][a-z0-9_-]{0,39}$")] = "default"
    network: SchoolRef | None = None
    rows: Annotated[list[BatchRowIn], Field(min_length=1, max_length=MOST_ROWS)]


class BatchRowOut(BaseModel):
    """What became of a row, in the order given. A rejected one says why; the `username` is only
    told to who may see names.
    """

    sourced_id: str | None
    outcome: Literal["created", "updated", "restored", "unchanged", "rejected"]
    id: UUID | None = None
    username: str | None = None
    column: str | None = None
    code: str | None = None
    expected: str | None = None


class BatchOut(BaseModel):
    """`import_id` is the run it was, which can be undone like any other."""

    import_id: UUID
    rows: RowsOut
    results: list[BatchRowOut]
