"""Microsoft School Data Sync: v1 (a file for each kind of person), v2 and v2.1 (with roles)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from api.accounts.reading.archive import Archive
from api.accounts.reading.join import Joined, Roles
from api.accounts.reading.oneroster import told
from api.accounts.reading.people import Orgs, People
from api.accounts.reading.rows import COLUMNS, Batch, Roster, gathered
from api.accounts.reading.sheet import Sheet
from api.accounts.reading.split import read_split

USERS = {
    "sourcedid": "sourced_id",
    "username": "username",
    "givenname": "given_name",
    "familyname": "family_name",
    "email": "email",
}
ROLES = {
    "usersourcedid": "user",
    "orgsourcedid": "org",
    "role": "role",
    "grade": "grade",
    "isprimary": "primary",
    "rolestartdate": "begins",
    "roleenddate": "ends",
}
ORGS = {"sourcedid": "id", "name": "name", "type": "type", "parentsourcedid": "parent"}
_PEOPLE_1 = {
    "sis id": "sourced_id",
    "school sis id": "school",
    "first name": "given_name",
    "last name": "family_name",
    "username": "username",
    "status": "deleted",
}
STUDENTS_1 = _PEOPLE_1 | {"grade": "grade"}
SCHOOLS_1 = {"sis id": "id", "name": "name", "school nces_id": "number"}


def read_sds_1(archive: Archive) -> Roster:
    """Raises: FileUnreadable naming the file of the archive."""
    return read_split(
        archive,
        "sds-1",
        schools=("school.csv", SCHOOLS_1),
        students=("student.csv", STUDENTS_1),
        staff=[("teacher.csv", _PEOPLE_1, "teacher")],
    )


def read_sds_2_1(archive: Archive, today: date | None) -> Roster:
    """Raises: FileUnreadable naming the file of the archive."""
    orgs = Orgs()
    orgs.read(Sheet(archive, "orgs.csv", ORGS, ("id", "name", "type")))
    users = Sheet(archive, "users.csv", USERS, ("sourced_id",))
    sheet = Sheet(archive, "roles.csv", ROLES, ("user", "org", "role"))
    people = People(users.file, users.labels | sheet.labels, orgs)
    joined = Joined(archive, users, Roles(sheet, orgs, today), people, delta=False)
    details: dict[str, Any] = {
        "dropped": {users.file: users.dropped, sheet.file: sheet.dropped},
        "files_left_out": archive.left_out(("orgs.csv", "users.csv", "roles.csv")),
    }
    columns = users.columns | {"school"} | sheet.columns & {"grade"}
    batches: Iterator[Batch] = joined.batches(lambda columns: columns)
    return Roster(
        format="sds-2.1",
        columns=frozenset(name for name in COLUMNS if name in columns),
        batches=gathered(told(batches, people, details)),
        details=details,
        orgs=orgs,
        people_file=users.file,
    )
