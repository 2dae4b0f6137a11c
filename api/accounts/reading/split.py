"""Archives that keep students and staff in files of their own, the school in each row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from api.accounts.reading.archive import Archive
from api.accounts.reading.cells import Known
from api.accounts.reading.oneroster import told
from api.accounts.reading.people import STUDENT, Orgs, People, role_word
from api.accounts.reading.rows import COLUMNS, Batch, Roster, gathered
from api.accounts.reading.sheet import Columns, Sheet

Named = tuple[str, Mapping[str, str]]


def read_split(
    archive: Archive,
    form: str,
    schools: Named,
    students: Named,
    staff: Sequence[tuple[str, Mapping[str, str], str]],
) -> Roster:
    """`staff` names each file, its columns and the role of whose row says none.

    Raises: FileUnreadable naming the file of the archive.
    """
    orgs = Orgs()
    read = [name for name in (schools[0],) if name in archive]
    for name in read:
        orgs.read(Sheet(archive, name, schools[1], ("id", "name")))
    required = ("sourced_id", "school")
    pupils = Sheet(archive, *students, required)
    sheets = [(pupils, STUDENT)] + [
        (Sheet(archive, name, wanted, required), role)
        for name, wanted, role in staff
        if name in archive
    ]
    read += [students[0], *(name for name, _, _ in staff)]
    details: dict[str, Any] = {
        "dropped": {sheet.file: sheet.dropped for sheet, _ in sheets},
        "files_left_out": archive.left_out(read),
    }
    archive.expect(sum(archive.bytes_of(sheet.file.casefold()) for sheet, _ in sheets))
    return Roster(
        format=form,
        columns=frozenset(name for name in COLUMNS if name in pupils.columns),
        batches=gathered(_batches(archive, sheets, orgs, details)),
        details=details,
        orgs=orgs,
        people_file=pupils.file,
    )


def _batches(
    archive: Archive, sheets: Sequence[tuple[Sheet, str]], orgs: Orgs, details: dict[str, Any]
) -> Iterator[Batch]:
    for sheet, role in sheets:
        people = People(sheet.file, sheet.labels, orgs)
        yield from told(_people(archive, sheet, role, people), people, details)


def _people(archive: Archive, sheet: Sheet, role: str, people: People) -> Iterator[Batch]:
    words = Known(role_word)
    for columns in sheet:
        said = columns.cells.get("role") or [role] * len(columns.numbers)
        cells = {**columns.cells, "role": [word or role for word in words.values_of(said)]}
        batch = people.batch(Columns(columns.numbers, cells, columns.issues), archive)
        if role != STUDENT:
            # Lines of a file without students say of no student that they are there.
            batch = replace(batch, issues=[one._replace(sourced_id=None) for one in batch.issues])
        yield batch
