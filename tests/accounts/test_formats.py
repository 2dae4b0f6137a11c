"""Every format through the public API, with the traps of real exports."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.accounts import roster_files
from tests.accounts.conftest import Body, Rosters, rows
from tests.accounts.roster_files import (
    NOT_KEPT,
    ROLES_1_2,
    ROLES_SDS,
    USERS_1_1,
    USERS_1_2,
    USERS_SDS,
    Cells,
    manifest,
    table,
    zipped,
)
from tests.accounts.rosters import School, Student, students, teachers

# The network's schools as their systems know them: by sourced id, or (C) by an identifier.
SCHOOLS = [
    School("A", "org-A", "North", "N", 12, 2),
    School("B", "org-B", "South High", "N", 9, 1),
    School("C", "guid-c", "West", "N", 3, 1),
]
IDENTIFIED: list[Callable[..., bytes]] = [roster_files.oneroster_1_1, roster_files.oneroster_1_2]
OTHERS: list[Callable[..., bytes]] = [
    roster_files.sds_1,
    roster_files.sds_2_1,
    roster_files.clever,
]
EVERYWHERE = ("accounts", "staff", "account_imports", "account_import_issues", "account_changes")


def expected(people: list[Student]) -> dict[str, tuple[str, str, str, int]]:
    return {
        one.sourced_id: (
            one.school.code,
            one.given_name,
            one.family_name,
            0 if one.grade == "K" else int(one.grade),
        )
        for one in people
    }


async def made(rosters: Rosters) -> dict[str, tuple[str, str, str, int]]:
    return {
        key: (one["school"], one["given_name"], one["family_name"], one["grade"])
        for key, one in (await rosters.accounts()).items()
    }


@pytest.mark.parametrize("archive", IDENTIFIED)
async def test_an_archive_becomes_accounts_and_staff_and_nothing_more(
    rosters: Rosters, archive: Callable[..., bytes]
) -> None:
    people = list(students(SCHOOLS))
    body = archive(lambda: people, lambda: teachers(SCHOOLS), SCHOOLS)
    ended = await rosters.run(body)
    assert ended["rows"]["created"] == len(people) == 24
    assert await made(rosters) == expected(people)
    staff = await rows(
        rosters.database,
        "SELECT t.sourced_id, s.code, t.role FROM staff t JOIN schools s ON s.id = t.school_id",
    )
    assert sorted(staff) == [
        (one.sourced_id, one.school.code, "teacher") for one in teachers(SCHOOLS)
    ]
    for name in EVERYWHERE:
        assert (
            await rows(
                rosters.database,
                f"SELECT * FROM {name} t WHERE position('{NOT_KEPT}' IN t::text) > 0",
            )
            == []
        )
    again = await rosters.run(body)
    assert again["rows"]["unchanged"] == 24


@pytest.mark.parametrize("archive", OTHERS)
async def test_a_school_that_has_one_id_only_must_be_known_by_it(
    rosters: Rosters, archive: Callable[..., bytes]
) -> None:
    people = list(students(SCHOOLS))
    ended = await rosters.run(archive(lambda: people, lambda: teachers(SCHOOLS[:2]), SCHOOLS))
    assert await made(rosters) == expected(people[:21])
    assert ended["rows"]["rejected"] == 3
    assert {one["code"] for one in await rosters.issues(ended["id"])} == {"school-unknown"}
    staff = await rows(rosters.database, "SELECT sourced_id FROM staff")
    assert len(staff) == 3


@pytest.mark.parametrize("lines", [roster_files.native_csv, roster_files.ndjson])
async def test_our_own_formats(rosters: Rosters, lines: Callable[..., list[bytes]]) -> None:
    people = list(students(SCHOOLS, named=True))
    ended = await rosters.run(b"".join(lines(people)))
    assert ended["rows"]["created"] == 24
    assert await made(rosters) == expected(people)
    usernames = {key: one["username"] for key, one in (await rosters.accounts()).items()}
    assert usernames == {one.sourced_id: one.username for one in people}


def person(key: str, **cells: str) -> Cells:
    return {
        "sourcedId": key, "enabledUser": "true", "orgSourcedIds": "org-A", "role": "student",
        "givenName": f"Given{key}", "familyName": f"Family{key}", "grades": "09",
    } | cells  # fmt: skip


def archive_1_1(*users: Cells, state: str = "bulk") -> bytes:
    stated = manifest("1.1", {"users": state})
    return zipped({"manifest.csv": stated, "users.csv": table(USERS_1_1, users)})


async def test_a_bulk_archive_marks_who_is_absent_and_a_delta_nobody(rosters: Rosters) -> None:
    some = [person(str(n)) for n in range(30)]
    await rosters.run(archive_1_1(*some))
    ended = await rosters.run(archive_1_1(*some[:2], state="delta"))
    assert (ended["rows"]["unchanged"], ended["rows"]["missing"]) == (2, 0)
    ended = await rosters.run(archive_1_1(*some[:28]))
    assert ended["rows"]["missing"] == 2
    assert (await rosters.accounts())["29"]["status"] == "missing"


async def test_a_bulk_archive_that_ends_too_many_is_held_as_if_it_left_them_out(
    rosters: Rosters,
) -> None:
    """An export in which nobody is enabled any more: one wrong switch in a system's settings."""
    await rosters.run(archive_1_1(*(person(str(n)) for n in range(30))))
    some = [person(str(n), enabledUser="false" if n < 20 else "true") for n in range(30)]
    held = await rosters.run(archive_1_1(*some), "held")
    found = [(one["code"], one["count"], one["of"]) for one in held["held_reasons"]]
    assert found == [("too-many-missing", 20, 30), ("too-many-missing-at-school", 20, 30)]
    assert (await rosters.accounts())["0"]["status"] == "active"
    # A tenth may go, and those who are gone are not counted again.
    for gone in (3, 5):
        some = [person(str(n), enabledUser="false" if n < gone else "true") for n in range(30)]
        await rosters.run(archive_1_1(*some))
    assert (await rosters.accounts())["4"]["status"] == "suspended"


async def test_a_bulk_archive_of_nobody_takes_nobody_away(rosters: Rosters) -> None:
    await rosters.run(archive_1_1(person("1")))
    ended = await rosters.run(archive_1_1(), "failed", network="N")
    assert ended["problem"]["code"] == "empty-snapshot"
    assert (await rosters.accounts())["1"]["status"] == "active"


async def test_who_is_to_be_deleted_leaves_and_comes_back(rosters: Rosters) -> None:
    moment = {"status": "active", "dateLastModified": "2027-06-01T04:00:00.000Z"}
    await rosters.run(archive_1_1(person("1"), person("2")))
    gone = person("1", **moment | {"status": "tobedeleted"})
    await rosters.run(archive_1_1(gone, person("9", **gone | {"sourcedId": "9"}), state="delta"))
    accounts = await rosters.accounts()
    assert accounts.keys() == {"1", "2"}
    assert accounts["1"]["status"] != "active"
    ended = await rosters.run(archive_1_1(person("1", **moment), state="delta"))
    assert ended["rows"]["rejected"] == 0
    assert (await rosters.accounts())["1"]["status"] == "active"


async def test_staff_who_are_to_be_deleted_leave_and_are_not_made(rosters: Rosters) -> None:
    moment = {"dateLastModified": "2027-06-01T04:00:00.000Z"}

    async def sent(*users: Cells) -> dict[str, tuple[bool, str]]:
        await rosters.run(archive_1_1(*users, state="delta"))
        found = await rows(rosters.database, "SELECT sourced_id, active, given_name FROM staff")
        return {row[0]: (row[1], row[2]) for row in found}

    teacher = moment | {"role": "teacher", "status": "active"}
    gone = teacher | {"status": "tobedeleted"}
    assert await sent(person("t1", **teacher), person("t9", **gone)) == {"t1": (True, "Givent1")}
    assert await sent(person("t1", **gone, givenName="X")) == {"t1": (False, "Givent1")}
    assert await sent(person("t1", **gone)) == {"t1": (False, "Givent1")}
    assert await sent(person("t1", **teacher)) == {"t1": (True, "Givent1")}


async def test_a_delta_moves_a_student_by_a_role_alone(rosters: Rosters) -> None:
    await rosters.run(archive_1_1(person("1"), person("2")))
    role = {"userSourcedId": "1", "orgSourcedId": "org-B", "role": "student"}
    files = {
        "manifest.csv": manifest("1.2", {"users": "delta", "roles": "delta"}),
        "users.csv": table(USERS_1_2, [person("2", givenName="Renamed"), person("77")]),
        "roles.csv": table(ROLES_1_2, [role]),
    }
    ended = await rosters.run(zipped(files), network="N")
    # Of 77 it says no school and no role: a parent, say, and nothing that anybody could mend.
    assert await rosters.issues(ended["id"]) == []
    accounts = await rosters.accounts()
    assert accounts.keys() == {"1", "2"}
    assert (accounts["1"]["school"], accounts["1"]["given_name"]) == ("B", "Given1")
    assert (accounts["2"]["school"], accounts["2"]["given_name"]) == ("A", "Renamed")


async def test_each_trap_of_a_roster_is_explained(rosters: Rosters) -> None:
    users = [
        person("1"),
        person("1", givenName="Again"),
        person("x" * 256),
        person("4", orgSourcedIds="nowhere"),
        person("5", username="Same.Name"),
        person("6", username="same.name"),
        person("7", grades="9th"),
        person("8", role="guardian"),
    ]
    ended = await rosters.run(archive_1_1(*users))
    found: list[Body] = await rosters.issues(ended["id"])
    assert {(one["row"], one["column"], one["code"]) for one in found} == {
        (3, "sourced_id", "row-twice"),
        (4, "sourcedId", "too-long"),
        (5, "school", "school-unknown"),
        (7, "username", "username-twice"),
        (8, "grades", "grade-unknown"),
    }
    assert {one["file"] for one in found} == {"users.csv"}
    assert (await rosters.accounts()).keys() == {"1", "5"}


async def test_a_role_of_nobody_is_explained_by_its_own_file(rosters: Rosters) -> None:
    role = {"userSourcedId": "1", "orgSourcedId": "org-A", "role": "student", "grade": "3"}
    files = {
        "orgs.csv": roster_files.orgs(SCHOOLS),
        "users.csv": table(USERS_SDS, [person("1")]),
        "roles.csv": table(ROLES_SDS, [role, role | {"userSourcedId": "ghost"}]),
    }
    ended = await rosters.run(zipped(files))
    assert ended["format"] == "sds-2.1"
    (issue,) = await rosters.issues(ended["id"])
    assert (issue["file"], issue["row"], issue["code"]) == ("roles.csv", 3, "user-unknown")


@pytest.mark.parametrize("name", ["../users.csv", "more.zip"])
async def test_a_hostile_archive_fails_and_writes_nothing(rosters: Rosters, name: str) -> None:
    body = zipped({"users.csv": table(USERS_1_1, [person("1")]), name: "x"})
    ended = await rosters.run(body, "failed", network="N")
    assert ended["problem"]["code"] in ("zip-unsafe", "zip-nested")
    assert await rosters.accounts() == {}
