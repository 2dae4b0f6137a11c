"""Clever's CSV files: schools, students, teachers, staff; most columns are nothing we may keep."""

from __future__ import annotations

from api.accounts.reading.archive import Archive
from api.accounts.reading.rows import Roster
from api.accounts.reading.split import read_split

SCHOOLS = {"school_id": "id", "school_name": "name", "state_id": "number"}
_PERSON = {
    "school_id": "school",
    "first_name": "given_name",
    "last_name": "family_name",
    "username": "username",
}
STUDENTS = _PERSON | {
    "student_id": "sourced_id",
    "grade": "grade",
    "student_email": "email",
}
TEACHERS = _PERSON | {"teacher_id": "sourced_id", "teacher_email": "email"}
STAFF = _PERSON | {"staff_id": "sourced_id", "staff_email": "email", "role": "role"}


def read_clever(archive: Archive) -> Roster:
    """Raises: FileUnreadable naming the file of the archive."""
    return read_split(
        archive,
        "clever",
        schools=("schools.csv", SCHOOLS),
        students=("students.csv", STUDENTS),
        staff=[("teachers.csv", TEACHERS, "teacher"), ("staff.csv", STAFF, "staff")],
    )
