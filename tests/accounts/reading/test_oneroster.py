"""OneRoster 1.1 and 1.2, bulk and delta, with what real exports do wrong."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from api.accounts.reading import join
from api.schools.errors import FileUnreadable
from tests.accounts.reading.taken import Taken, take
from tests.accounts.roster_files import (
    ROLES_1_2,
    USERS_1_1,
    USERS_1_2,
    Cells,
    manifest,
    table,
    zipped,
)

ORGS = (
    "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\r\n"
    "d1,,,District,district,,\r\ns1,,,North,school,170001,d1\r\ns2,,,South,school,170002,d1\r\n"
    "m1,,,Maths,department,,s2\r\n"
)


def user(key: str, **cells: str) -> Cells:
    return {
        "sourcedId": key, "enabledUser": "true", "orgSourcedIds": "s1", "role": "student",
        "givenName": f"Given{key}", "familyName": f"Family{key}", "grades": "09",
    } | cells  # fmt: skip


def role(key: str, org: str = "s1", word: str = "student", **cells: str) -> Cells:
    return {"userSourcedId": key, "orgSourcedId": org, "role": word, "roleType": "primary"} | cells


def old(*users: Cells, state: str | None = None, orgs: str = ORGS) -> Taken:
    """A 1.1 archive; `state` is what its manifest says of the users, without one none."""
    files = {"orgs.csv": orgs, "users.csv": list(table(USERS_1_1, users))}
    if state:
        files["manifest.csv"] = list(manifest("1.1", {"users": state, "orgs": "bulk"}))
    return take(zipped(files))


def new(
    users: list[Cells], roles: list[Cells], state: str = "bulk", today: date | None = None
) -> Taken:
    """A 1.2 archive."""
    states = {"users": state, "roles": state, "orgs": "bulk"}
    files = {
        "manifest.csv": list(manifest("1.2", states)),
        "orgs.csv": ORGS,
        "users.csv": list(table(USERS_1_2, users)),
        "roles.csv": list(table(ROLES_1_2, roles)),
    }
    return take(zipped(files), today=today)


def schools(taken: Taken) -> dict[str, str | None]:
    return {row[1]: row[2] for row in taken.rows}


def test_a_user_of_1_1_is_a_student_with_their_school() -> None:
    taken = old(user("1", email="a@example.org", username="a.b"))
    assert taken.roster.format == "oneroster-1.1"
    assert taken.rows == [
        (2, "1", "s1", "Given1", "Family1", 9, "a.b", "a@example.org", False, None)
    ]
    assert taken.roster.orgs["s1"] == ("s1", "North", "school", "170001")
    assert taken.roster.people_file == "users.csv"
    assert taken.roster.snapshot is None


@pytest.mark.parametrize(("state", "snapshot"), [("bulk", "full"), ("delta", "delta")])
def test_the_manifest_says_whether_who_is_absent_has_left(state: str, snapshot: str) -> None:
    assert old(user("1"), state=state).roster.snapshot == snapshot
    assert new([user("1")], [role("1")], state).roster.snapshot == snapshot


def test_a_bulk_file_of_nobody_is_read_as_one() -> None:
    taken = old(state="bulk")
    assert (taken.rows, taken.issues, taken.roster.snapshot) == ([], [], "full")


def test_the_version_shows_without_a_manifest_too() -> None:
    users, roles = list(table(USERS_1_2, [user("1")])), list(table(ROLES_1_2, [role("1")]))
    taken = take(zipped({"users.csv": users, "roles.csv": roles, "orgs.csv": ORGS}))
    assert (taken.roster.format, schools(taken)) == ("oneroster-1.2", {"1": "s1"})


def test_a_version_that_does_not_exist_yet_is_refused() -> None:
    with pytest.raises(FileUnreadable, match=r"OneRoster 2\.0"):
        take(zipped({"manifest.csv": manifest("2.0", {"users": "bulk"}), "users.csv": "x"}))


@pytest.mark.parametrize("absent", ["users.csv", "roles.csv"])
def test_a_bulk_archive_without_its_people_is_refused(absent: str) -> None:
    files = {
        "manifest.csv": list(manifest("1.2", {"users": "bulk", "roles": "bulk"})),
        "users.csv": list(table(USERS_1_2, [user("1")])),
        "roles.csv": list(table(ROLES_1_2, [role("1")])),
    }
    del files[absent]
    with pytest.raises(FileUnreadable, match=absent):
        take(zipped(files))


def test_headers_in_any_case_with_spaces_a_mark_and_semicolons_are_known() -> None:
    users = "\ufeff SOURCEDID ;enableduser;OrgSourcedIds;role;givenname;FamilyName;grades\n"
    users += "1;TRUE;s1;Student;Ana;Li;KG\r\n\n2;true;s1;student;Bo;Li;PK\n"
    taken = take(zipped({"orgs.csv": ORGS, "users.csv": users}))
    assert taken.values("grade") == [0, -1]


def test_letters_of_windows_are_read_in_an_archive_too() -> None:
    header = "sourcedId,orgSourcedIds,role,givenName,familyName\n"
    users = (header + "1,s1,student,José,Núñez\n").encode("cp1252")
    taken = take(zipped({"users.csv": users}))
    assert taken.rows[0][3:5] == ("José", "Núñez")


def test_staff_become_staff_and_parents_nothing() -> None:
    taken = old(
        user("1"),
        user("2", role="teacher", email="t@example.org"),
        user("3", role="administrator"),
        user("4", role="guardian", givenName="", familyName=""),
        user("5", role="relative"),
        user("6", role="aide"),
        user("7", role="teacher", orgSourcedIds="d1"),
        user("8", role="Maria Lopez"),
    )
    assert taken.values("sourced_id") == ["1"]
    assert [(one.sourced_id, one.school, one.role, one.email) for one in taken.staff] == [
        ("2", "s1", "teacher", "t@example.org"),
        ("3", "s1", "leader", None),
    ]
    assert taken.issues == []
    assert taken.roster.details["people_left_out"] == {
        "guardian": 1, "relative": 1, "aide": 1, "other": 1,
        "staff of no school": 1,
    }  # fmt: skip


def test_a_fault_is_told_under_the_files_own_name_for_the_column() -> None:
    taken = old(
        user("x" * 256),
        user("2", givenName=""),
        user("3", grades="9th"),
        user("4", status="gone"),
        user("5", dateLastModified="yesterday"),
        user("6", role="teacher", familyName=""),
    )
    assert taken.found == [
        (2, "sourcedId", "too-long"),
        (3, "givenName", "required"),
        (4, "grades", "grade-unknown"),
        (5, "status", "status-unknown"),
        (6, "dateLastModified", "not-a-moment"),
        (7, "familyName", "required"),
    ]
    assert {issue.file for issue in taken.issues} == {"users.csv"}


@pytest.mark.parametrize(
    ("cell", "grade"),
    [
        ("09", 9),
        ("9,10", 9),
        ("KG", 0),
        ("TK", -1),
        ("UG", None),
        ("UG,12", 12),
        ("13", None),
        ("", None),
    ],
)
def test_a_list_of_grades_is_its_first_that_an_account_has(cell: str, grade: int | None) -> None:
    taken = old(user("1", grades=cell))
    assert taken.values("grade") == [grade]
    assert ("grades_left_out" in taken.roster.details) == (cell[:2] in ("UG", "13"))


def test_the_name_someone_goes_by_is_their_name() -> None:
    taken = new(
        [user("1", preferredGivenName="Max"), user("2"), user("3", preferredFamilyName="Ruiz")],
        [role("1"), role("2"), role("3")],
    )
    assert taken.values("given_name") == ["Max", "Given2", "Given3"]
    assert taken.values("family_name") == ["Family1", "Family2", "Ruiz"]


def test_who_is_to_be_deleted_or_not_enabled_is_marked() -> None:
    moment = "2027-06-01T04:00:00.000Z"
    taken = old(
        user("1", status="tobedeleted", dateLastModified=moment),
        user("2", status="active", dateLastModified=moment, enabledUser="FALSE"),
        user("3", status="Active", dateLastModified="2027-06-01", enabledUser="TRUE"),
        user("4", role="teacher", status="tobedeleted"),
        state="delta",
    )
    assert taken.values("deleted") == [True, True, False]
    assert taken.values("modified_at") == [
        datetime(2027, 6, 1, 4, tzinfo=UTC),
        datetime(2027, 6, 1, 4, tzinfo=UTC),
        datetime(2027, 6, 1, tzinfo=UTC),
    ]
    assert [one.deleted for one in taken.staff] == [True]


@pytest.mark.parametrize(
    ("orgs", "school"),
    [("s2,s1", "s2"), ("d1,s2", "s2"), ("m1", "s2"), ("nowhere", "nowhere"), ("d1", "d1")],
)
def test_a_student_of_several_organisations_is_counted_at_a_school(orgs: str, school: str) -> None:
    """One that is not in the file is left to be looked for among the schools there are."""
    assert schools(old(user("1", orgSourcedIds=orgs))) == {"1": school}


def test_a_student_with_two_schools_is_counted_at_the_primary_one() -> None:
    taken = new(
        [user("1"), user("2"), user("3"), user("4")],
        [
            role("1", "s1", roleType="secondary"), role("1", "s2", roleType="primary"),
            role("2", "s2", "aide"), role("2", "s1", "student", roleType="secondary"),
            role("3", "d1"), role("3", "s2", roleType="secondary"),
            role("4", "s1", "teacher"), role("4", "s2", "student", roleType="secondary"),
        ],
    )  # fmt: skip
    assert schools(taken) == {"1": "s2", "2": "s1", "3": "s2", "4": "s2"}
    assert taken.issues == []


def test_a_role_that_has_ended_counts_after_one_that_has_not() -> None:
    roles = [
        role("1", "s1", beginDate="2025-08-20", endDate="2026-06-12"),
        role("1", "s2", beginDate="2026-08-24", endDate="2027-06-11", roleType="secondary"),
        role("2", "s1", beginDate="2025-08-20", endDate="2026-06-12"),
        role("3", "s1", beginDate="2026-08-24"),
        role("3", "s2", beginDate="2025-08-20"),
    ]
    taken = new([user("1"), user("2"), user("3")], roles, today=date(2026, 9, 1))
    assert schools(taken) == {"1": "s2", "2": "s1", "3": "s2"}


def test_a_role_of_nobody_is_explained_and_a_user_without_one_counted() -> None:
    taken = new([user("1"), user("2")], [role("1"), role("ghost")])
    assert schools(taken) == {"1": "s1"}
    assert taken.found == [(3, "userSourcedId", "user-unknown")]
    assert taken.issues[0].file == "roles.csv"
    assert taken.roster.details["people_left_out"] == {"without a role": 1}


def test_a_user_who_is_there_twice_is_told_of_twice() -> None:
    taken = new([user("1"), user("1")], [role("1")])
    assert [row[:3] for row in taken.rows] == [(2, "1", "s1"), (3, "1", "s1")]


def test_a_delta_moves_students_by_their_roles_alone() -> None:
    taken = new([user("1")], [role("2", "s2"), role("3", "s2", "teacher")], "delta")
    assert taken.rows == [
        (2, "1", None, "Given1", "Family1", 9, None, None, False, None),
        (join.MOVED + 2, "2", "s2", None, None, None, None, None, False, None),
    ]
    assert taken.issues == []


def test_a_delta_in_which_nobody_changed_is_no_fault() -> None:
    files = {"manifest.csv": manifest("1.1", {"users": "absent", "orgs": "delta"})}
    taken = take(zipped(files))
    assert (taken.rows, taken.roster.snapshot) == ([], "delta")


def test_an_ended_role_takes_nobodys_account() -> None:
    taken = new([user("1")], [role("1", "s2", status="tobedeleted"), role("1", "s1")], "delta")
    assert schools(taken) == {"1": "s1"}


def test_a_file_of_roles_too_large_for_memory_is_read_in_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    users = [user(str(n)) for n in range(1, 400)] + [user("x" * 300)]
    roles = [role(str(n), f"s{n % 2 + 1}") for n in range(1, 405)]
    whole = new(users, roles)
    monkeypatch.setattr(join, "BYTES_PER_PASS", 2_000)
    parts = new(users, roles)
    assert len(parts.rows) == 399
    assert sorted(parts.rows) == sorted(whole.rows)
    assert sorted(parts.found) == sorted(whole.found)
    assert len(parts.issues) == 5
    assert parts.batches[-1].bytes_read == whole.batches[-1].bytes_read


def test_files_that_would_be_read_for_days_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pass over the roles reads all of both files: half as large takes a quarter."""
    users = [user(str(n)) for n in range(1, 400)]
    roles = [role(str(n)) for n in range(1, 400)]
    monkeypatch.setattr(join, "BYTES_PER_PASS", 2_000)
    monkeypatch.setattr(join, "MOST_READ", 200_000)
    with pytest.raises(FileUnreadable, match="larger than those of any country"):
        new(users, roles)
    assert len(new(users[:200], roles[:200]).rows) == 200
