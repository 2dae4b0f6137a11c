"""The files that systems write of a roster: native CSV and NDJSON, OneRoster, SDS, Clever."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

import orjson

from tests.accounts.rosters import School, Student, Teacher

COLUMNS = ("sourced_id", "school", "given_name", "family_name", "grade", "username", "email")
# Stands in every cell that nobody may keep; tests look for it where it must not be.
NOT_KEPT = "NOT-KEPT"
MOMENT = "2027-06-01T04:00:00.000Z"
_AT_ONCE = 2_000

Line = Sequence[Any]
Cells = dict[str, Any]
People = Callable[[], Iterable[Student]]
Staff = Callable[[], Iterable[Teacher]]

_STATE = "sourcedId,status,dateLastModified"
_USERS = (
    "username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds"
    ",grades,password"
)
USERS_1_1 = f"{_STATE},enabledUser,orgSourcedIds,role,{_USERS}"
USERS_1_2 = (
    f"{_STATE},enabledUser,{_USERS},userMasterIdentifier,preferredGivenName,preferredMiddleName"
    ",preferredFamilyName,primaryOrgSourcedId,pronouns"
)
ROLES_1_2 = (
    f"{_STATE},userSourcedId,roleType,role,beginDate,endDate,orgSourcedId,userProfileSourcedId"
)
ORGS = f"{_STATE},name,type,identifier,parentSourcedId"
USERS_SDS = (
    "sourcedId,username,givenName,familyName,password,activeDirectoryMatchId,email,phone,sms"
)
ROLES_SDS = (
    "userSourcedId,orgSourcedId,role,sessionSourcedId,grade,isPrimary,roleStartDate,roleEndDate"
)
STUDENTS_SDS_1 = (
    "SIS ID,School SIS ID,First Name,Last Name,Username,Password,State ID,Secondary Email"
    ",Student Number,Middle Name,Grade,Status,Birthdate,Graduation Year"
)
TEACHERS_SDS_1 = "SIS ID,School SIS ID,First Name,Last Name,Username,Password,Status,Title"
STUDENTS_CLEVER = (
    "School_id,Student_id,Student_number,State_id,Last_name,Middle_name,First_name,Grade,Gender"
    ",Graduation_year,DOB,Race,Hispanic_Latino,Home_language,Ell_status,Frl_status,IEP_status"
    ",Student_street,Student_city,Student_zip,Student_email,Contact_email,Username,Password"
)
TEACHERS_CLEVER = "School_id,Teacher_id,Teacher_number,Teacher_email,First_name,Last_name,Title"
_PRIVATE = re.compile(
    "(middle|sms|phone|password|pronouns|birth|gender|dob|race|hispanic|home_|ell|frl|iep|contact"
    "|student_(street|city|zip)).*",
    re.IGNORECASE,
)


def lines(rows: Iterable[Line], delimiter: str = ",") -> Iterator[bytes]:
    """CSV in pieces, as it may be streamed to the API."""
    rows = iter(rows)
    while some := list(islice(rows, _AT_ONCE)):
        text = io.StringIO()
        csv.writer(text, delimiter=delimiter, lineterminator="\r\n").writerows(some)
        yield text.getvalue().encode()


def table(header: str, rows: Iterable[Cells]) -> Iterator[Line]:
    """Rows under a header; what a row does not say is empty, or NOT_KEPT where it is private."""
    names = header.split(",")
    rest = [NOT_KEPT if _PRIVATE.match(name) else "" for name in names]
    yield names
    for row in rows:
        yield [row.get(name, empty) for name, empty in zip(names, rest, strict=True)]


def native_csv(people: Iterable[Student], columns: Sequence[str] = COLUMNS) -> Iterator[bytes]:
    def row(one: Student) -> Line:
        if columns == COLUMNS:
            return (one.sourced_id, one.school.code, *one[2:])
        cells = one._asdict() | {"school": one.school.code}
        return [cells[column] for column in columns]

    return lines(chain([columns], map(row, people)))


def ndjson(people: Iterable[Student]) -> Iterator[bytes]:
    for one in people:
        said = one._asdict() | {"school": one.school.code}
        yield orjson.dumps({name: value for name, value in said.items() if value != ""}) + b"\n"


def zipped(files: Mapping[str, Iterable[Line] | str | bytes]) -> bytes:
    """An archive: a member is text as it is, or rows to be written as CSV."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in files.items():
            with archive.open(name, "w", force_zip64=True) as member:
                for piece in _pieces(content):
                    member.write(piece)
    return packed.getvalue()


def _pieces(content: Iterable[Line] | str | bytes) -> Iterable[bytes]:
    if isinstance(content, str):
        return [content.encode()]
    return [content] if isinstance(content, bytes) else lines(content)


def manifest(version: str, states: Mapping[str, str]) -> Iterator[Line]:
    stated = {"manifest.version": "1.0", "oneroster.version": version}
    stated |= {f"file.{name}": state for name, state in states.items()}
    return chain([("propertyName", "value")], stated.items())


def orgs(schools: Iterable[School]) -> Iterator[Line]:
    """One district, and in it the schools; their `identifier` is the code."""
    district = {"sourcedId": "district", "name": "The District", "type": "district"}
    return table(
        ORGS,
        chain(
            [district],
            (
                {
                    "sourcedId": one.sourced_id,
                    "name": one.name,
                    "type": "school",
                    "identifier": one.code,
                    "parentSourcedId": "district",
                }
                for one in schools
            ),
        ),
    )


def _user(one: Student | Teacher, delta: bool) -> Cells:
    cells: Cells = {
        "sourcedId": one.sourced_id,
        "enabledUser": "true",
        "orgSourcedIds": one.school.sourced_id,
        "primaryOrgSourcedId": one.school.sourced_id,
        "givenName": one.given_name,
        "familyName": one.family_name,
        "email": one.email,
    }
    if delta:
        cells |= {"status": "active", "dateLastModified": MOMENT}
    if isinstance(one, Student):
        grade = "KG" if one.grade == "K" else one.grade.zfill(2)
        return cells | {"role": "student", "username": one.username, "grades": grade}
    return cells | {"role": "teacher"}


def _everybody(people: People, staff: Staff) -> Iterator[Student | Teacher]:
    yield from people()
    yield from staff()


def _role(one: Student | Teacher, delta: bool) -> Cells:
    cells: Cells = {
        "sourcedId": f"r{one.sourced_id}",
        "userSourcedId": one.sourced_id,
        "roleType": "primary",
        "role": "student" if isinstance(one, Student) else "teacher",
        "orgSourcedId": one.school.sourced_id,
    }
    return cells | {"status": "active", "dateLastModified": MOMENT} if delta else cells


def oneroster_1_1(
    people: People, staff: Staff, schools: Iterable[School], *, delta: bool = False
) -> bytes:
    state = "delta" if delta else "bulk"
    return zipped(
        {
            "manifest.csv": manifest("1.1", {"orgs": "bulk", "users": state, "classes": "absent"}),
            "orgs.csv": orgs(schools),
            "users.csv": table(USERS_1_1, (_user(one, delta) for one in _everybody(people, staff))),
        }
    )


def oneroster_1_2(
    people: People, staff: Staff, schools: Iterable[School], *, delta: bool = False
) -> bytes:
    state = "delta" if delta else "bulk"
    states = {"orgs": "bulk", "users": state, "roles": state, "demographics": "bulk"}
    users = (_user(one, delta) for one in _everybody(people, staff))
    roles = (_role(one, delta) for one in _everybody(people, staff))
    return zipped(
        {
            "manifest.csv": manifest("1.2", states),
            "orgs.csv": orgs(schools),
            "users.csv": table(USERS_1_2, users),
            "roles.csv": table(ROLES_1_2, roles),
            "demographics.csv": f"sourcedId,birthDate,sex\r\n1,{NOT_KEPT},{NOT_KEPT}\r\n",
        }
    )


def sds_1(people: People, staff: Staff, schools: Iterable[School]) -> bytes:
    def person(one: Student | Teacher) -> Cells:
        cells: Cells = {
            "SIS ID": one.sourced_id,
            "School SIS ID": one.school.sourced_id,
            "First Name": one.given_name,
            "Last Name": one.family_name,
            "Status": "Active",
        }
        if isinstance(one, Student):
            cells |= {"Username": one.username, "Grade": one.grade}
        return cells

    names = ({"SIS ID": one.sourced_id, "Name": one.name} for one in schools)
    return zipped(
        {
            "School.csv": table("SIS ID,Name,School Number", names),
            "Student.csv": table(STUDENTS_SDS_1, map(person, people())),
            "Teacher.csv": table(TEACHERS_SDS_1, map(person, staff())),
            "Section.csv": "SIS ID,School SIS ID,Section Name\r\n",
        }
    )


def sds_2_1(people: People, staff: Staff, schools: Iterable[School]) -> bytes:
    def role(one: Student | Teacher) -> Cells:
        cells = _role(one, delta=False) | {"isPrimary": "TRUE", "roleStartDate": "2027-08-23"}
        return cells | {"grade": one.grade} if isinstance(one, Student) else cells

    users = (_user(one, delta=False) for one in _everybody(people, staff))
    return zipped(
        {
            "orgs.csv": orgs(schools),
            "users.csv": table(USERS_SDS, users),
            "roles.csv": table(ROLES_SDS, map(role, _everybody(people, staff))),
            "classes.csv": "sourcedId,orgSourcedId,title\r\n",
        }
    )


def clever(people: People, staff: Staff, schools: Iterable[School]) -> bytes:
    def person(one: Student | Teacher) -> Cells:
        kind = "Student" if isinstance(one, Student) else "Teacher"
        cells: Cells = {
            "School_id": one.school.sourced_id,
            f"{kind}_id": one.sourced_id,
            f"{kind}_email": one.email,
            "First_name": one.given_name,
            "Last_name": one.family_name,
        }
        if isinstance(one, Student):
            cells |= {"Username": one.username, "Grade": one.grade.replace("K", "Kindergarten")}
        return cells

    names = ({"School_id": one.sourced_id, "School_name": one.name} for one in schools)
    return zipped(
        {
            "schools.csv": table("School_id,School_name,School_number,State_id", names),
            "students.csv": table(STUDENTS_CLEVER, map(person, people())),
            "teachers.csv": table(TEACHERS_CLEVER, map(person, staff())),
            "sections.csv": "School_id,Section_id,Teacher_id\r\n",
            "enrollments.csv": "School_id,Section_id,Student_id\r\n",
        }
    )
