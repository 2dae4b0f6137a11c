"""School Data Sync and Clever, and that all formats tell the same of the same roster."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from tests.accounts import roster_files, rosters
from tests.accounts.reading.taken import Taken, take
from tests.accounts.roster_files import (
    NOT_KEPT,
    ROLES_SDS,
    STUDENTS_CLEVER,
    STUDENTS_SDS_1,
    USERS_SDS,
    table,
    zipped,
)

# A college, its department, a school and the ministry above it: what v2.1 was made for.
ORGS = (
    "sourcedId,name,type,parentSourcedId\r\n1,Harbour College,college,\r\n"
    "2,Physics,department,1\r\n3,Hill School,school,4\r\n4,The Ministry,ministryOfEducation,\r\n"
)
USERS = [
    {"sourcedId": key, "givenName": f"G{key}", "familyName": f"F{key}", "username": f"u{key}"}
    for key in ("11", "12", "13", "14", "15", "16")
]
ROLES = [
    {"userSourcedId": "11", "orgSourcedId": "3", "role": "student", "grade": "10"},
    {"userSourcedId": "13", "orgSourcedId": "2", "role": "professor", "grade": "ps1"},
    {"userSourcedId": "14", "orgSourcedId": "4", "role": "teacher", "isPrimary": "TRUE"},
    {"userSourcedId": "14", "orgSourcedId": "3", "role": "teacher", "isPrimary": "FALSE"},
    {"userSourcedId": "15", "orgSourcedId": "1", "role": "student", "grade": "ps1"},
    {"userSourcedId": "16", "orgSourcedId": "3", "role": "officeStaff"},
]  # fmt: skip


def sds(orgs: str = ORGS, **files: str) -> Taken:
    return take(
        zipped(
            {
                "orgs.csv": orgs,
                "users.csv": table(USERS_SDS, USERS),
                "roles.csv": table(ROLES_SDS, ROLES),
                "enrollments.csv": "classSourcedId,userSourcedId,role\r\n",
                **files,
            }
        ),
        today=date(2026, 9, 1),
    )


def test_sds_2_1_says_in_its_roles_who_somebody_is() -> None:
    taken = sds()
    assert (taken.roster.format, taken.roster.snapshot) == ("sds-2.1", None)
    assert taken.rows == [
        (2, "11", "3", "G11", "F11", 10, "u11", None, False, None),
        (6, "15", "1", "G15", "F15", None, "u15", None, False, None),
    ]
    assert [(one.sourced_id, one.school, one.role) for one in taken.staff] == [
        ("13", "1", "teacher"),
        ("14", "3", "teacher"),
    ]
    assert taken.issues == []
    assert taken.roster.details == {
        "dropped": {
            "users.csv": ["password", "activeDirectoryMatchId", "phone", "sms"],
            "roles.csv": ["sessionSourcedId"],
        },
        "files_left_out": ["enrollments.csv"],
        "people_left_out": {"without a role": 1, "officestaff": 1},
        "grades_left_out": ["PS1"],
    }


def test_a_sign_in_name_may_be_an_address() -> None:
    users = table(USERS_SDS, [USERS[0] | {"username": "ana.li@students.example.org"}])
    files = {"orgs.csv": ORGS, "users.csv": users, "roles.csv": table(ROLES_SDS, ROLES[:1])}
    assert take(zipped(files)).values("username") == ["ana.li@students.example.org"]


def test_sds_1_keeps_students_and_teachers_apart() -> None:
    person = {"SIS ID": "1", "School SIS ID": "s", "First Name": "Ana", "Last Name": "Li"}
    students = [
        person | {"Grade": "KG"},
        person | {"SIS ID": "2", "Status": "Inactive"},
        person | {"SIS ID": "3", "Grade": "99"},
    ]
    teachers = "SIS ID,School SIS ID,First Name,Last Name\r\n1,s,Bo,Ng\r\n2,s,,Ng\r\n"
    files = {
        "School.csv": "SIS ID,Name\r\ns,Hill\r\n",
        "Student.csv": table(STUDENTS_SDS_1, students),
        "Teacher.csv": teachers,
    }
    taken = take(zipped(files))
    assert taken.roster.format == "sds-1"
    assert [(row[1], row[5], row[8]) for row in taken.rows] == [("1", 0, False), ("2", None, True)]
    assert [(one.sourced_id, one.role, one.file) for one in taken.staff] == [
        ("1", "teacher", "Teacher.csv")
    ]
    assert [(one.file, one.row, one.column) for one in taken.issues] == [
        ("Student.csv", 4, "Grade"),
        ("Teacher.csv", 3, "First Name"),
    ]


def test_sds_1_with_its_least_columns_says_no_names() -> None:
    least = "SIS ID,School SIS ID,Username\r\n1,s,ali\r\n"
    taken = take(zipped({"Student.csv": least, "Teacher.csv": least}))
    assert taken.roster.columns == {"sourced_id", "school", "username"}
    assert taken.rows[0][3:5] == (None, None)
    assert [(one.file, one.code) for one in taken.issues] == [("Teacher.csv", "required")]


def test_clever_has_staff_whose_role_stands_in_their_row() -> None:
    student = {"School_id": "s", "Student_id": "1", "First_name": "Ana", "Last_name": "Li"}
    staff = "School_id,Staff_id,First_name,Last_name,Role\r\ns,8,Bo,Ng,Principal\r\ns,9,Cy,Ng,\r\n"
    grades = ["Kindergarten", "PreKindergarten", "TransitionalKindergarten", "12", "Ungraded"]
    students = [student | {"Grade": grade} for grade in grades]
    files = {
        "schools.csv": "School_id,School_name,State_id\r\ns,Hill,170001\r\n",
        "students.csv": table(STUDENTS_CLEVER, students),
        "staff.csv": staff,
    }
    taken = take(zipped(files))
    assert taken.roster.format == "clever"
    assert taken.values("grade") == [0, -1, -1, 12, None]
    assert [(one.sourced_id, one.role) for one in taken.staff] == [("8", "leader")]
    assert taken.roster.orgs["s"].identifier == "170001"
    assert "Race" in taken.roster.details["dropped"]["students.csv"]


SCHOOLS = [*rosters.chicago("KIPP"), *rosters.chicago("CPS")[:3]]
ARCHIVES: list[Callable[..., bytes]] = [
    roster_files.oneroster_1_1,
    roster_files.oneroster_1_2,
    roster_files.sds_1,
    roster_files.sds_2_1,
    roster_files.clever,
]


@pytest.mark.parametrize("archive", ARCHIVES)
def test_every_format_tells_the_same_of_a_roster_and_nothing_more(
    archive: Callable[..., bytes],
) -> None:
    schools = {school.code: school.sourced_id for school in SCHOOLS}
    native = take(b"".join(roster_files.native_csv(rosters.students(SCHOOLS))))
    packed = archive(lambda: rosters.students(SCHOOLS), lambda: rosters.teachers(SCHOOLS), SCHOOLS)
    taken = take(packed)
    assert [row[1:] for row in taken.rows] == [
        (row[1], schools[str(row[2])], *row[3:]) for row in native.rows
    ]
    assert len(native.rows) == sum(school.students for school in SCHOOLS)
    assert [one.sourced_id for one in taken.staff] == [
        one.sourced_id for one in rosters.teachers(SCHOOLS)
    ]
    assert native.issues == taken.issues == []
    assert NOT_KEPT not in repr(taken)
    assert taken.batches[-1].bytes_read == len(packed)
    read = [batch.bytes_read for batch in taken.batches]
    assert read == sorted(read)


@pytest.mark.parametrize("archive", ARCHIVES)
def test_usernames_that_a_file_gives_are_taken(archive: Callable[..., bytes]) -> None:
    few = rosters.first(rosters.students(SCHOOLS, named=True), 50)
    taken = take(archive(lambda: few, list, SCHOOLS))
    assert taken.values("username") == [one.username for one in few]


def test_ndjson_tells_the_same_as_csv() -> None:
    few = rosters.first(rosters.students(SCHOOLS), 2_000)
    lines = take(b"".join(roster_files.ndjson(few))).rows
    assert [row[1:] for row in lines] == [
        row[1:] for row in take(b"".join(roster_files.native_csv(few))).rows
    ]


def test_the_city_has_as_many_students_as_its_schools_and_none_twice() -> None:
    schools = rosters.chicago()
    keys = {one.sourced_id for one in rosters.students(schools)}
    assert len(schools) == 660
    assert len(keys) == sum(school.students for school in schools) == 358_875
