"""A member of an archive as columns under our names, whatever its system calls them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from api.accounts.reading.archive import Archive
from api.accounts.reading.rows import Issue
from api.accounts.reading.table import Even, Table
from api.errors import field_error
from api.schools.csv_table import folded, shown
from api.schools.errors import FileUnreadable, unreadable

_MOST_NAMED = 100


class Columns(NamedTuple):
    """Rows as cells under our names; `issues` are those that do not fit the header."""

    numbers: Sequence[int]
    cells: Mapping[str, Sequence[Any]]
    issues: list[Issue]


class Sheet:
    """`wanted` maps a column's name, in lower case, to ours; the others are dropped.

    Raises: FileUnreadable naming the file, here and while it is iterated.
    """

    def __init__(
        self, archive: Archive, name: str, wanted: Mapping[str, str], required: Sequence[str]
    ) -> None:
        self.file = archive.name_of(name)
        self._archive = archive
        self._name = name
        self._wanted = wanted
        self._required = required
        table = self._open()
        named = [folded(cell) for cell in table.header]
        self.columns = frozenset(wanted[name] for name in named if name in wanted)
        # As the file writes them, since that is where the faults are looked for.
        self.labels = {
            wanted[name]: shown(cell.strip())
            for name, cell in zip(named, table.header, strict=True)
            if name in wanted
        }
        self.dropped = [
            shown(cell.strip())
            for name, cell in zip(named, table.header, strict=True)
            if name and name not in wanted
        ][:_MOST_NAMED]

    def _open(self) -> Table:
        try:
            table = Table(self._archive.text(self._name), self._wanted)
            self._check([folded(cell) for cell in table.header])
        except FileUnreadable as error:
            raise in_file(error, self.file) from error
        return table

    def _check(self, named: Sequence[str]) -> None:
        known = [self._wanted[name] for name in named if name in self._wanted]
        if not known:
            raise unreadable("header-missing", "The first line names none of the columns.")
        missing = [column for column in self._required if column not in known]
        if missing:
            calls = {ours: theirs for theirs, ours in self._wanted.items()}
            raise unreadable(
                "column-missing",
                *(
                    f"The column {calls[name]!r} is missing from the first line."
                    for name in missing
                ),
            )
        twice = sorted({name for name in known if known.count(name) > 1})
        if twice:
            raise unreadable(
                "column-twice", *(f"There are two columns for {name!r}." for name in twice)
            )

    def __iter__(self) -> Iterator[Columns]:
        table = self._open()
        names = [folded(cell) for cell in table.header]
        while not names[-1]:
            names.pop()
        even = Even(names, self.file)
        places = [(self._wanted[name], i) for i, name in enumerate(names) if name in self._wanted]
        try:
            for records in table:
                issues: list[Issue] = []
                numbers, rows = even(records, issues)
                columns = list(zip(*rows, strict=True)) or [()] * len(names)
                yield Columns(numbers, {ours: columns[i] for ours, i in places}, issues)
        except FileUnreadable as error:
            raise in_file(error, self.file) from error


def in_file(error: FileUnreadable, file: str) -> FileUnreadable:
    """The same, saying in which file of the archive."""
    errors = [
        field_error(one["pointer"], one["code"], f"{file}: {one['detail']}")
        for one in error.extra["errors"]
    ]
    return FileUnreadable(f"{file}: {error.detail}", errors=errors, file=file)
