"""The rejected rows as a file that is corrected and sent again."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from tests.accounts import roster_files
from tests.accounts.conftest import Body, Rosters, csv_of, rows, student
from tests.accounts.roster_files import USERS_1_1, table, zipped

ERRORS = ["error_row", "error_column", "error_code", "error_expected"]


async def rejected(rosters: Rosters, ended: Body) -> str:
    answer = await rosters.caller.client.get(f"/v1/account-imports/{ended['id']}/issues?format=csv")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/csv")
    return answer.content.decode("utf-8-sig")


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def wrong() -> list[dict[str, Any]]:
    some = [student(n, username="") for n in range(6)]
    some[1]["school"] = "NOWHERE"
    some[2] |= {"grade": "15", "given_name": "=Chi", "username": "@x"}
    some[3]["sourced_id"] = some[0]["sourced_id"]
    some[4]["given_name"] = ""
    return some


async def test_the_refused_rows_come_back_with_the_reason(rosters: Rosters) -> None:
    ended = await rosters.run(csv_of(wrong()))
    text = await rejected(rosters, ended)
    lines = read(text)
    assert list(lines[0]) == [*student(0), "username", *ERRORS]
    assert [(one["error_row"], one["error_column"], one["error_code"]) for one in lines] == [
        ("3", "school", "school-unknown"),
        ("4", "grade", "grade-unknown"),
        ("5", "sourced_id", "row-twice"),
        ("6", "given_name", "required"),
    ]
    assert all(one["error_expected"] for one in lines)
    assert lines[1]["grade"] == "15"
    assert (lines[1]["given_name"], lines[1]["username"]) == ("'=Chi", "'@x")
    assert lines[2]["grade"] == "4"


async def test_corrected_they_may_be_sent_as_they_are(rosters: Rosters) -> None:
    ended = await rosters.run(csv_of(wrong()))
    text = await rejected(rosters, ended)
    corrected = text.replace("NOWHERE", "B").replace(",15,", ",PK,").replace("'@x", "chi.x")
    again = await rosters.run(corrected.encode("utf-8-sig"))
    assert (again["rows"]["created"], again["rows"]["rejected"]) == (2, 1)
    accounts = await rosters.accounts()
    assert (accounts["s00001"]["school"], accounts["s00002"]["grade"]) == ("B", -1)
    assert accounts["s00002"]["given_name"] == "=Chi"
    assert len(read(await rejected(rosters, again))) == 1


async def test_ragged_rows_and_broken_lines_come_back_too(rosters: Rosters) -> None:
    ended = await rosters.run(b"sourced_id,school,grade\n1,A\n2,A,3,x\n")
    lines = read(await rejected(rosters, ended))
    assert [(one["sourced_id"], one["grade"], one["error_code"]) for one in lines] == [
        ("1", "", "row-ragged"),
        ("2", "3", "row-ragged"),
    ]
    said = '{"sourced_id":"1","school":"A"}\n{"sourced_id":2,"school":"A","x":1}\n{\n'
    ended = await rosters.run(said.encode())
    lines = read(await rejected(rosters, ended))
    assert [(one["sourced_id"], one["error_code"]) for one in lines] == [
        ("1", "required"),
        ("2", "column-unknown"),
        ("", "json-broken"),
    ]


async def test_of_an_archive_only_students_come_back_as_our_own_csv(rosters: Rosters) -> None:
    person = {"orgSourcedIds": "org-A", "role": "student", "givenName": "Ana", "familyName": "Li"}
    users = [
        person | {"sourcedId": "1", "grades": "9th"},
        person | {"sourcedId": "2", "grades": "TK", "orgSourcedIds": "nowhere"},
        person | {"sourcedId": "3", "role": "teacher", "givenName": ""},
        person | {"sourcedId": "4", "status": "tobedeleted", "email": "none"},
        person | {"sourcedId": "5", "grades": "KG"},
    ]
    ended = await rosters.run(zipped({"users.csv": table(USERS_1_1, users)}))
    assert ended["rows"]["rejected"] == 4
    lines = read(await rejected(rosters, ended))
    assert [(one["sourced_id"], one["school"], one["grade"]) for one in lines] == [
        ("1", "org-A", "9th"),
        ("2", "nowhere", "PK"),
    ]


async def test_a_roster_without_faults_gives_a_header(rosters: Rosters) -> None:
    ended = await rosters.run(csv_of([student(1)]))
    text = await rejected(rosters, ended)
    assert text.strip().split(",") == [*student(1), *ERRORS]


async def test_a_file_that_was_refused_whole_rejected_no_rows(rosters: Rosters) -> None:
    ended = await rosters.run(b"Maria,Lopez\n", "failed", network="N")
    assert await rejected(rosters, ended) == ""


async def test_thousands_come_back_in_the_order_of_the_file(rosters: Rosters) -> None:
    some = [student(n, grade="x" if n % 3 else "5") for n in range(12_000)]
    ended = await rosters.run(csv_of(some))
    lines = read(await rejected(rosters, ended))
    numbers = [int(one["error_row"]) for one in lines]
    assert len(numbers) == ended["rows"]["rejected"] == 8_000
    assert numbers == sorted(numbers)
    assert {one["sourced_id"] for one in lines} == {f"s{n:05}" for n in range(12_000) if n % 3}


@pytest.mark.parametrize(
    ("numbers", "twice"),
    [
        ([*range(5_000, 10_000), *range(4_999), 5_000], "s05000"),
        ([*range(5_000), *range(4_999, 9_999)], "s04999"),
    ],
)
async def test_a_student_named_again_thousands_of_rows_later_is_found(
    rosters: Rosters, numbers: list[int], twice: str
) -> None:
    """Both halves rise, and are read in one piece each: only the step between them does not."""
    ended = await rosters.run(csv_of(student(n, username="") for n in numbers))
    assert (ended["rows"]["created"], ended["rows"]["rejected"]) == (9_999, 1)
    (line,) = read(await rejected(rosters, ended))
    assert (line["sourced_id"], line["error_code"]) == (twice, "row-twice")


async def test_they_go_when_the_upload_goes(rosters: Rosters) -> None:
    ended = await rosters.run(csv_of(wrong()))
    await rows(rosters.database, "DELETE FROM account_import_chunks RETURNING position")
    answer = await rosters.caller.client.get(f"/v1/account-imports/{ended['id']}/issues?format=csv")
    assert (answer.status_code, answer.json()["code"]) == (409, "upload-gone")


async def test_nothing_that_may_not_be_kept_comes_back(rosters: Rosters) -> None:
    users = [{"sourcedId": "1", "orgSourcedIds": "x", "role": "student", "grades": "9th"}]
    ended = await rosters.run(zipped({"users.csv": table(USERS_1_1, users)}), network="N")
    assert ended["rows"]["rejected"] == 1
    assert roster_files.NOT_KEPT not in await rejected(rosters, ended)
