"""Each format, judged by readers that are not ours; and that they refuse what is wrong."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from api.accounts.exports.form import ExportFormat
from tests.accounts.conftest import csv_of, student
from tests.accounts.exports.conftest import Exports
from tests.accounts.exports.judging import described, judged, read_by_gam

ONE_FILE = frozenset({"google", "microsoft", "gam"})
CREATE = ("create", "user", "~Email", "firstname", "~First", "lastname", "~Last")
Files = Mapping[str, bytes]


async def exported(exports: Exports, form: str, **query: str) -> dict[str, bytes]:
    if form in ONE_FILE:
        return {f"{form}.csv": await exports.csv(form, **query)}
    return await exports.files(form, **query)


@pytest.mark.parametrize("form", ExportFormat)
async def test_each_format_is_as_its_maker_publishes_it(
    exports: Exports, form: str, tmp_path: Path
) -> None:
    files = await exported(exports, form)
    assert judged(form, files, tmp_path) == []
    assert sum(data.count(b"\n") for data in files.values()) > len(files) + 5


@pytest.mark.parametrize("form", ["google", "gam", "sds", "clever", "oneroster"])
async def test_passwords_are_such_as_the_maker_takes(
    exports: Exports, form: str, tmp_path: Path
) -> None:
    for school in "ABC":
        await exports.caller.post(f"/schools/{school}/initial-passwords", {})
    plain = await exported(exports, form)
    files = await exported(exports, form, passwords="true")
    assert judged(form, files, tmp_path) == []
    assert files != plain


@pytest.mark.parametrize("form", ExportFormat)
async def test_what_does_not_fit_a_format_never_gets_into_its_file(
    exports: Exports, form: str, tmp_path: Path
) -> None:
    caller = exports.caller
    await caller.school("HALL", name="The School of " + "Letters and " * 14)
    await caller.school("SPACED", sourced_id="north west/1")
    await caller.school("N", name="Called as its network")
    odd = [
        student(10, "HALL", username="ten", email="ten@students.example.org"),
        student(11, "HALL", username="eleven", email="Ten@students.example.org"),
        student(12, "HALL", username="a..b", email="a..b@students.example.org"),
        student(13, "HALL", username=".c", email=".c@students.example.org"),
        student(14, "HALL", username="d", email="d@students.example.org"),
        student(15, "SPACED", username="e", email="e@students.example.org"),
        student(16, "N", username="", email="f@students.example.org"),
        student(17, "N", username="g", email="g+1@students.example.org"),
        student(18, "N", username="h", email=""),
        student(19, "N", username="i", email="i@students.example.org"),
        student(20, "N", username="k", email="k@students.example.org"),
    ]
    odd[4]["given_name"] = "D" * 65
    odd[5]["sourced_id"] = "id with spaces"
    odd[9] |= {"given_name": "<b>I</b>", "sourced_id": "i_19"}
    odd[10]["family_name"] = 'Back\\slash "Q" de la Cruz; Jr'
    await exports.rosters.run(csv_of(odd))
    answer = await exports.answer(form, on_unfit="skip")
    assert answer.headers["firstbell-students"] == KEPT[form]
    assert judged(form, await exported(exports, form, on_unfit="skip"), tmp_path) == []


# Of the six before and these eleven.
KEPT = {
    "google": "9",
    "microsoft": "12",
    "sds": "17",
    "clever": "17",
    "apple": "15",
    "oneroster": "16",
    "gam": "9",
}


@pytest.mark.parametrize("shared", ["home@Example.org", "T30@example.org"])
async def test_two_students_of_one_address_are_not_sent_as_one_user(
    exports: Exports, shared: str
) -> None:
    """Also where it is one's own by the username, and only the other's by mistake."""
    twins = [student(n, username=f"t{n}", email=shared) for n in (30, 31)]
    twins[1]["email"] = shared.swapcase()
    await exports.rosters.run(csv_of(twins))
    for form in ("google", "microsoft", "gam"):
        problem = await exports.refused(form, 409)
        assert (problem["code"], problem["unfit"]) == ("export-unfit", {"address-shared": 2})
        assert [one["sourced_id"] for one in problem["examples"]] == ["s00030", "s00031"]
        data = await exports.csv(form, on_unfit="skip")
        assert data.count(b"\n") == 7
        assert b"example.org" in data
        assert b"home@" not in data.lower()
    await exports.csv("google", school="B")


async def test_two_schools_that_nothing_tells_apart_are_refused(exports: Exports) -> None:
    await exports.caller.school("EAST")
    await exports.caller.school("WEST", sourced_id="EAST")
    for form in ("sds", "clever", "apple", "oneroster"):
        problem = await exports.refused(form, 409)
        assert (problem["code"], problem["examples"]) == ("school-ids-shared", ["EAST"])
    await exports.csv("google")
    await exports.files("apple", school="WEST")


async def test_gam_reads_what_it_is_to_run(exports: Exports, tmp_path: Path) -> None:
    data = await exports.csv("gam")
    accounts = await exports.rosters.accounts()
    assert read_by_gam(data, tmp_path, *CREATE) == [
        f"gam create user {one['email']} firstname {_shown(one['given_name'])}"
        f" lastname {_shown(one['family_name'])}"
        for one in sorted(accounts.values(), key=lambda one: str(one["id"]))
    ]


def _shown(argument: str) -> str:
    """As GAM shows an argument."""
    return f'"{argument}"' if any(sign in argument for sign in " ,'") else argument


async def test_gam_refuses_a_file_without_a_column_that_it_is_told_of(
    exports: Exports, tmp_path: Path
) -> None:
    data = await exports.csv("gam")
    with pytest.raises(subprocess.CalledProcessError) as refused:
        read_by_gam(data.replace(b"First", b"Given"), tmp_path, *CREATE)
    assert 'Header "First" not found' in refused.value.stderr


def _line(files: Files, name: str, number: int = 1) -> bytes:
    return files[name].splitlines(keepends=True)[number]


def _other(name: str, old: bytes, new: bytes) -> Callable[[Files], Files]:
    def damage(files: Files) -> Files:
        assert old in files[name]
        return {**files, name: files[name].replace(old, new, 1)}

    return damage


def _twice(name: str) -> Callable[[Files], Files]:
    return lambda files: {**files, name: files[name] + _line(files, name)}


def _with(name: str, data: bytes) -> Callable[[Files], Files]:
    return lambda files: {**files, name: data}


def _less(name: str) -> Callable[[Files], Files]:
    return lambda files: {key: data for key, data in files.items() if key != name}


def _many(name: str, times: int) -> Callable[[Files], Files]:
    """More rows than a file may have, each of them with an address of its own."""

    def damage(files: Files) -> Files:
        line = _line(files, name).replace(b"u0@", b"x%d@")
        return {**files, name: files[name] + b"".join(line % n for n in range(times))}

    return damage


def _lines_end(end: bytes) -> Callable[[Files], Files]:
    def damage(files: Files) -> Files:
        return {
            name: data.replace(b"\r\n", b"\n").replace(b"\n", end) for name, data in files.items()
        }

    return damage


LONG = "Zoë".encode(), b"Z" * 65
DAMAGES: list[tuple[str, str, Callable[[Files], Files]]] = [
    ("google", "missing-label", _other("google.csv", b",Org Unit Path [Required]", b"")),
    ("google", "incorrect-label", _other("google.csv", b"First Name [", b"First name [")),
    ("google", "constraint-error", _other("google.csv", *LONG)),
    ("google", "constraint-error", _other("google.csv", b"****", b"short")),
    ("google", "constraint-error", _other("google.csv", b",/,", b",Students,")),
    ("google", "constraint-error", _other("google.csv", b"Active", b"active")),
    ("google", "unique-error", _twice("google.csv")),
    ("google", "table-dimensions", _many("google.csv", 150_000)),
    ("google", "byte-order-mark", _other("google.csv", b"First", b"\xef\xbb\xbfFirst")),
    ("google", "encoding-error", _other("google.csv", "ë".encode(), b"\xeb")),
    ("microsoft", "missing-label", _other("microsoft.csv", b",Fax", b"")),
    ("microsoft", "constraint-error", _other("microsoft.csv", *LONG)),
    ("microsoft", "constraint-error", _other("microsoft.csv", b"u0@", b"u 0@")),
    ("microsoft", "unique-error", _twice("microsoft.csv")),
    ("microsoft", "table-dimensions", _many("microsoft.csv", 244)),
    ("sds", "missing-label", _other("users.csv", b"givenName,", b"")),
    ("sds", "extra-label", _other("orgs.csv", b"parentSourcedId", b"parentSourcedID")),
    ("sds", "unique-error", _twice("users.csv")),
    ("sds", "primary-key", _twice("roles.csv")),
    ("sds", "foreign-key", _other("roles.csv", b"s00000,", b"s99999,")),
    ("sds", "foreign-key", _other("roles.csv", b",org-A,", b",org-X,")),
    ("sds", "foreign-key", _other("orgs.csv", b"school,N", b"school,M")),
    ("sds", "constraint-error", _other("roles.csv", b",PK,", b",K5,")),
    ("sds", "constraint-error", _other("users.csv", "Zoë".encode(), b'"Zo\r\ne"')),
    ("sds", "missing-file", _less("roles.csv")),
    ("sds", "line-end", _lines_end(b"\n")),
    ("clever", "missing-label", _other("students.csv", b"Last_name", b"Last_Name")),
    ("clever", "foreign-key", _other("students.csv", b"\norg-A,", b"\norg-X,")),
    ("clever", "unique-error", _twice("students.csv")),
    ("clever", "unique-error", _twice("schools.csv")),
    ("clever", "constraint-error", _other("students.csv", b"PreKindergarten", b"PK")),
    ("clever", "missing-file", _less("enrollments.csv")),
    ("clever", "foreign-key", _other("enrollments.csv", b"id\r\n", b"id\r\norg-A,1,s00000\r\n")),
    ("apple", "missing-label", _other("students.csv", b",password_policy", b"")),
    ("apple", "foreign-key", _other("students.csv", b",org-A\n", b",org-X\n")),
    ("apple", "unique-error", _twice("students.csv")),
    ("apple", "constraint-error", _other("students.csv", b"s00000,", b"s_00000,")),
    ("apple", "constraint-error", _other("students.csv", b",4,", b",5,")),
    ("apple", "line-end", _lines_end(b"\r\n")),
    ("apple", "line-pattern", _other("students.csv", rb'"Ana \"Lu\""', b'"Ana ""Lu"""')),
    ("apple", "line-pattern", _other("locations.csv", b'"School A"', b"School A")),
    ("apple", "line-pattern", _other("students.csv", "Zoë".encode(), '"Zoë"'.encode())),
    ("apple", "missing-file", _less("staff.csv")),
    ("apple", "unknown-file", _with("__MACOSX/students.csv", b"")),
    ("oneroster", "missing-label", _other("users.csv", b",pronouns", b"")),
    ("oneroster", "incorrect-label", _other("orgs.csv", b"name,type", b"type,name")),
    ("oneroster", "foreign-key", _other("manifest.csv", b"file.users,bulk", b"file.users,absent")),
    ("oneroster", "foreign-key", _other("manifest.csv", b"file.results,absent\r\n", b"")),
    ("oneroster", "row-constraint", _other("manifest.csv", b"results,absent", b"results,bulk")),
    ("oneroster", "row-constraint", _other("manifest.csv", b"version,1.2", b"version,1.1")),
    ("oneroster", "foreign-key", _other("roles.csv", b"s00000,primary", b"s99999,primary")),
    ("oneroster", "foreign-key", _other("users.csv", b",org-A,", b",org-X,")),
    ("oneroster", "constraint-error", _other("users.csv", b"\ns00000,,", b"\ns00000,active,")),
    ("oneroster", "constraint-error", _other("users.csv", b",PK,", b",K,")),
    ("oneroster", "constraint-error", _other("users.csv", b"true", b"TRUE")),
    ("oneroster", "constraint-error", _other("roles.csv", b"student", b"pupil")),
    ("oneroster", "unique-error", _twice("users.csv")),
    ("gam", "incorrect-label", _other("gam.csv", b"GradYear", b"Year")),
    ("gam", "constraint-error", _other("gam.csv", *LONG)),
    ("gam", "constraint-error", _other("gam.csv", b"u0@students.example.org", b"u0")),
    ("gam", "unique-error", _twice("gam.csv")),
]


@pytest.mark.parametrize("form", ExportFormat)
async def test_the_judges_refuse_a_file_with_something_wrong(
    exports: Exports, form: str, tmp_path: Path
) -> None:
    files = await exported(exports, form)
    kinds = set()
    for place, (of, kind, damage) in enumerate(DAMAGES):
        if of == form:
            said = judged(form, damage(files), tmp_path)
            assert any(f": {kind}: " in one for one in said), (place, kind, said)
            kinds.add(kind)
    assert len(kinds) >= 3
    # What is wrong was the damage, not the folder in which the damaged ones were.
    assert judged(form, files, tmp_path) == []


def test_every_format_is_described_with_where_its_maker_says_so() -> None:
    for form in ExportFormat:
        told = described(form)
        assert told["name"] == form
        assert all(source["path"].startswith("https://") for source in told["sources"])
