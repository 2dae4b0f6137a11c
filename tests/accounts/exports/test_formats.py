"""Each format, judged by independent readers and by our own import."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import duckdb
import pytest

from api import clock
from api.accounts.exports import google, microsoft
from api.accounts.exports.form import ExportFormat
from tests.accounts.exports.conftest import Exports
from tests.accounts.exports.conftest import lines_of as rfc4180_lines_of

# As their makers publish them, written out here once more: nothing is asked of the code.
HEADERS = {
    "google": (
        "First Name [Required],Last Name [Required],Email Address [Required],Password [Required],"
        "Password Hash Function [UPLOAD ONLY],Org Unit Path [Required],"
        "New Primary Email [UPLOAD ONLY],Recovery Email,Home Secondary Email,Work Secondary Email,"
        "Recovery Phone [MUST BE IN THE E.164 FORMAT],Work Phone,Home Phone,Mobile Phone,"
        "Work Address,Home Address,Employee ID,Employee Type,Employee Title,Manager Email,"
        "Department,Cost Center,Building ID,Floor Name,Floor Section,"
        "Change Password at Next Sign-In,New Status [UPLOAD ONLY],"
        "Advanced Protection Program enrollment"
    ),
    "microsoft": (
        "Username,First name,Last name,Display name,Job title,Department,Office number,"
        "Office phone,Mobile phone,Fax,Alternate email address,Address,City,State or province,"
        "ZIP or postal code,Country or region"
    ),
    "gam": "Email,First,Last,GradYear,Password",
    "sds/orgs.csv": "sourcedId,name,type,parentSourcedId",
    "sds/users.csv": (
        "sourcedId,username,givenName,familyName,password,activeDirectoryMatchId,email,phone,sms"
    ),
    "sds/roles.csv": (
        "userSourcedId,orgSourcedId,role,sessionSourcedId,grade,isPrimary,roleStartDate,roleEndDate"
    ),
    "clever/schools.csv": (
        "School_id,School_name,School_number,State_id,Low_grade,High_grade,Principal,"
        "Principal_email,School_address,School_city,School_state,School_zip,School_phone"
    ),
    "clever/students.csv": (
        "School_id,Student_id,Student_number,State_id,Last_name,Middle_name,First_name,Grade,"
        "Gender,Graduation_year,DOB,Race,Hispanic_Latino,Home_language,Ell_status,Frl_status,"
        "IEP_status,Student_street,Student_city,Student_state,Student_zip,Student_email,"
        "Contact_relationship,Contact_type,Contact_email,Contact_sis_id,Username,Password"
    ),
    "clever/teachers.csv": (
        "School_id,Teacher_id,Teacher_number,State_teacher_id,Teacher_email,First_name,"
        "Middle_name,Last_name,Title,Username,Password"
    ),
    "clever/sections.csv": (
        "School_id,Section_id,Teacher_id,Teacher_2_id,Teacher_3_id,Teacher_4_id,Name,"
        "Section_number,Grade,Course_name,Course_number,Course_description,Period,Subject,"
        "Term_name,Term_start,Term_end"
    ),
    "clever/enrollments.csv": "School_id,Section_id,Student_id",
    "apple/locations.csv": "location_id,location_name",
    "apple/students.csv": (
        "person_id,person_number,first_name,middle_name,last_name,grade_level,email_address,"
        "sis_username,password_policy,location_id"
    ),
    "apple/staff.csv": (
        "person_id,person_number,first_name,middle_name,last_name,email_address,sis_username,"
        "location_id"
    ),
    "apple/courses.csv": "course_id,course_number,course_name,location_id",
    "apple/classes.csv": (
        "class_id,class_number,course_id,instructor_id,instructor_id_2,instructor_id_3,location_id"
    ),
    "apple/rosters.csv": "roster_id,class_id,student_id",
    "oneroster/manifest.csv": "propertyName,value",
    "oneroster/orgs.csv": "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId",
    "oneroster/users.csv": (
        "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,"
        "middleName,identifier,email,sms,phone,agentSourcedIds,grades,password,"
        "userMasterIdentifier,preferredGivenName,preferredMiddleName,preferredFamilyName,"
        "primaryOrgSourcedId,pronouns"
    ),
    "oneroster/roles.csv": (
        "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,"
        "orgSourcedId,userProfileSourcedId"
    ),
}
FORMULAS = tuple("=+-@\t\r\n\N{FULLWIDTH EQUALS SIGN}")
GIVEN = {"s00000": "Zoë", "s00001": 'Ana "Lu"', "s00002": "=1+2", "s00003": "小龍"}


def apples(name: str) -> bool:
    """Whether it is written as Apple asks: other ends of lines, other quotes."""
    return name.startswith("apple/")


def lines_of(data: bytes, name: str = "") -> list[dict[str, str]]:
    if not apples(name):
        return rfc4180_lines_of(data)
    text = io.StringIO(data.decode(), newline="")
    return list(csv.DictReader(text, doublequote=False, escapechar="\\"))


async def all_files(exports: Exports, **query: str) -> dict[str, bytes]:
    """Every file of every format, by `format` or `format/file`."""
    found = {form: await exports.csv(form, **query) for form in ("google", "microsoft", "gam")}
    for form in ("sds", "clever", "apple", "oneroster"):
        files = await exports.files(form, **query)
        found |= {f"{form}/{name}": data for name, data in files.items()}
    return found


async def test_every_file_has_its_makers_header_and_is_read_by_a_strict_reader(
    exports: Exports, tmp_path: Path
) -> None:
    files = await all_files(exports)
    assert {name.partition("/")[0] for name in files} == set(ExportFormat)
    ends = {name: "\n" if apples(name) else "\r\n" for name in files}
    heads = {name: data.decode().partition(ends[name])[0] for name, data in files.items()}
    assert heads == HEADERS
    counts = {}
    for name, data in files.items():
        assert data.endswith(ends[name].encode())
        path = tmp_path / "file.csv"
        path.write_bytes(data)
        escape = "\\" if apples(name) else '"'
        # It stops at a ragged line, a stray quote, or bytes that are no UTF-8.
        read = duckdb.sql(
            f"SELECT * FROM read_csv('{path}', header = true, all_varchar = true,"
            f" strict_mode = true, auto_detect = false, delim = ',', quote = '\"',"
            f" escape = '{escape}',"
            f" columns = {dict.fromkeys(HEADERS[name].split(','), 'VARCHAR')})"
        )
        assert read is not None
        rows = read.fetchall()
        assert [
            tuple(cell or None for cell in one.values()) for one in lines_of(data, name)
        ] == rows
        counts[name] = len(rows)
    for name in ("google", "microsoft", "gam", "sds/users.csv", "sds/roles.csv"):
        assert counts[name] == 6
    for name in ("clever/students.csv", "apple/students.csv", "oneroster/users.csv"):
        assert counts[name] == 6
    assert (counts["sds/orgs.csv"], counts["oneroster/orgs.csv"]) == (4, 4)
    assert (counts["clever/schools.csv"], counts["apple/locations.csv"]) == (3, 3)


async def test_what_each_format_says_of_a_student(exports: Exports) -> None:
    files = {name: lines_of(data, name) for name, data in (await all_files(exports)).items()}

    def said(name: str, place: int) -> dict[str, str]:
        return {column: cell for column, cell in files[name][place].items() if cell}

    assert said("google", 1) == {
        "First Name [Required]": 'Ana "Lu"',
        "Last Name [Required]": "Vance, Jr.",
        "Email Address [Required]": "u1@students.example.org",
        "Password [Required]": "****",
        "Org Unit Path [Required]": "/",
        "Employee ID": "s00001",
        "New Status [UPLOAD ONLY]": "Active",
    }
    assert said("microsoft", 3) == {
        "Username": "u3@students.example.org",
        "First name": "小龍",
        "Last name": "李",
        "Display name": "小龍 李",
        "Job title": "Student",
        "Department": "School A",
    }
    ends = clock.now().year + (clock.now().month >= 7)
    assert [one["GradYear"] for one in files["gam"]] == [
        *(str(ends + left) for left in (13, 12, 11, 7, 0)),
        "",
    ]
    assert [one["grade"] for one in files["sds/roles.csv"]] == ["PK", "KG", "01", "05", "12", ""]
    assert [one["Grade"] for one in files["clever/students.csv"]] == [
        *("PreKindergarten", "Kindergarten", "1", "5", "12", ""),
    ]
    assert [one["password_policy"] for one in files["apple/students.csv"]] == [*"444688"]
    user = said("oneroster/users.csv", 0)
    assert user == {
        "sourcedId": "s00000",
        "enabledUser": "true",
        "username": "u0",
        "givenName": "Zoë",
        "familyName": "O'Brenn",
        "email": "u0@students.example.org",
        "grades": "PK",
        "primaryOrgSourcedId": "org-A",
    }
    manifest = {one["propertyName"]: one["value"] for one in files["oneroster/manifest.csv"]}
    assert manifest["oneroster.version"] == "1.2"
    sent = {name for name, value in manifest.items() if value == "bulk"}
    assert sent == {"file.orgs", "file.users", "file.roles"}
    assert sum(value == "absent" for value in manifest.values()) == 18


@pytest.mark.parametrize("audience", ["machine", "people"])
@pytest.mark.parametrize("form", ["sds", "clever", "oneroster"])
async def test_what_we_export_we_import_as_the_same(
    exports: Exports, form: str, audience: str
) -> None:
    before = await exports.rosters.accounts()
    answer = await exports.answer(form, audience=audience)
    ended = await exports.rosters.run(answer.content, snapshot="full", network="N")
    assert (ended["rows"]["unchanged"], ended["rows"]["total"]) == (6, 6), ended
    assert await exports.rosters.accounts() == before


async def test_people_are_given_no_formulas_and_machines_every_letter(exports: Exports) -> None:
    for name, data in (await all_files(exports)).items():
        assert not data.startswith(b"\xef\xbb\xbf")
        if "=1+2" in data.decode():
            assert "'=1+2" not in data.decode(), name
    guarded = 0
    for name, data in (await all_files(exports, audience="people")).items():
        assert data.startswith(b"\xef\xbb\xbf"), name
        for row in csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")):
            assert not any(cell.startswith(FORMULAS) for cell in row), name
            guarded += "'=1+2" in row
    assert guarded == 7


async def test_google_and_microsoft_get_files_no_larger_than_they_take(
    exports: Exports, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (google.MOST_ROWS, google.MOST_BYTES, microsoft.MOST_ROWS) == (150_000, 35_000_000, 249)
    monkeypatch.setattr(microsoft, "MOST_ROWS", 4)
    files = await exports.files("microsoft")
    assert [*files] == ["microsoft-001.csv", "microsoft-002.csv"]
    assert [len(lines_of(data)) for data in files.values()] == [4, 2]
    whole = await exports.csv("google")
    head = len(HEADERS["google"]) + 2
    monkeypatch.setattr(google, "MOST_BYTES", head + 200)
    files = await exports.files("google")
    assert len(files) > 1
    assert all(len(data) <= head + 200 for data in files.values())
    assert all(data.startswith(HEADERS["google"].encode()) for data in files.values())
    assert b"".join(data[head:] for data in files.values()) == whole[head:]
    assert [*GIVEN.values()] == [one["First Name [Required]"] for one in lines_of(whole)][:4]
