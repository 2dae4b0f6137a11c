"""What reading a roster gives: rows in batches, issues, and what is known of the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol

COLUMNS = ("sourced_id", "school", "given_name", "family_name", "grade", "username", "email")
ROW_FIELDS = ("number", *COLUMNS, "deleted", "modified_at")
REQUIRED = ("sourced_id", "school")
# As much of a wrong cell is kept, to be sent again: more than any right one has.
LONGEST_CELL = 1_000

# One student in the order of ROW_FIELDS, ready for COPY; None is "not said".
Row = tuple[
    int,
    str,
    str | None,
    str | None,
    str | None,
    int | None,
    str | None,
    str | None,
    bool,
    datetime | None,
]


class Source(Protocol):
    """The bytes of an upload; an archive must also be seekable."""

    def read(self, size: int, /) -> bytes: ...


class StaffRow(NamedTuple):
    """A grown-up; `role` is a StaffRole, `school` a code or sourced id.

    Who is `deleted` has an id and nothing else, and a role where the file says that they are staff.
    """

    number: int
    sourced_id: str
    school: str | None
    given_name: str | None
    family_name: str | None
    email: str | None
    role: str | None
    file: str = ""
    deleted: bool = False
    modified_at: datetime | None = None


class Issue(NamedTuple):
    """The first fault of a rejected row; `row` is the line of `file` that it begins on.

    `file` is the archive's member, "" where the upload is one file. `sourced_id` is the student
    whose row it is, null where that cannot be told: who is refused is not therefore missing.
    `cells` are the row's in the order of COLUMNS, null where it cannot be sent again as CSV.
    """

    row: int
    column: str | None
    code: str
    got: str | None
    expected: str
    file: str = ""
    sourced_id: str | None = None
    cells: tuple[str, ...] | None = None


class Org(NamedTuple):
    """An organisation of the file; `identifier` is its number with the state, say."""

    sourced_id: str
    name: str
    type: str
    identifier: str | None


@dataclass(frozen=True, slots=True)
class Batch:
    """A few thousand rows; `bytes_read` counts the upload's bytes read up to here."""

    rows: list[Row]
    staff: list[StaffRow]
    issues: list[Issue]
    bytes_read: int


def gathered(batches: Iterator[Batch], size: int = 5_000) -> Iterator[Batch]:
    """The same as fewer, larger batches; the last one tells all bytes as read."""
    rows: list[Row] = []
    staff: list[StaffRow] = []
    issues: list[Issue] = []
    read = 0
    for batch in batches:
        rows += batch.rows
        staff += batch.staff
        issues += batch.issues
        read = batch.bytes_read
        if len(rows) + len(staff) + len(issues) >= size:
            yield Batch(rows, staff, issues, read)
            rows, staff, issues = [], [], []
    yield Batch(rows, staff, issues, read)


@dataclass(frozen=True, slots=True)
class Roster:
    """A recognised file whose rows are still to be read.

    `columns` are those of COLUMNS that the file has. `snapshot` is what the file says of itself;
    None leaves it to the query. `people_file` is the member that rows are numbered in.
    `details` (dialect, dropped columns, counts of what was passed over) is complete after the
    last batch. Iterating `batches` raises FileUnreadable where the rest cannot be trusted.
    """

    format: str
    columns: frozenset[str]
    batches: Iterator[Batch]
    details: dict[str, Any] = field(default_factory=dict)
    snapshot: Literal["full", "delta"] | None = None
    orgs: Mapping[str, Org] = field(default_factory=dict)
    people_file: str = ""
