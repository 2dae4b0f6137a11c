"""Archives that are broken, hostile, or none."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.accounts.reading.archive import MOST_MEMBERS
from api.schools.errors import FileUnreadable
from tests.accounts.reading.taken import take

STUDENTS = "SIS ID,School SIS ID,First Name,Last Name\r\n1,10,Ana,Li\r\n"


def packed(files: dict[str, bytes | str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return raw.getvalue()


def refusal(raw: bytes) -> str:
    with pytest.raises(FileUnreadable) as refused:
        take(raw)
    assert refused.value.detail
    (error,) = refused.value.extra["errors"]
    return str(error["code"])


def test_a_folder_and_what_a_mac_adds_do_no_harm() -> None:
    taken = take(
        packed(
            {
                "export/": "",
                "export/Student.csv": STUDENTS,
                "export/.DS_Store": "x",
                "__MACOSX/export/._Student.csv": "x",
            }
        )
    )
    assert taken.values("sourced_id") == ["1"]


@pytest.mark.parametrize(
    "name",
    ["../Student.csv", "a/../../Student.csv", "/Student.csv", "..\\Student.csv", "C:Student.csv"],
)
def test_a_name_that_points_elsewhere_is_refused(name: str) -> None:
    assert refusal(packed({"Student.csv": STUDENTS, name: STUDENTS})) == "zip-unsafe"


def test_a_link_is_refused() -> None:
    link = zipfile.ZipInfo("Student.csv")
    link.external_attr = 0o120777 << 16
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert refusal(raw.getvalue()) == "zip-unsafe"


@pytest.mark.parametrize("name", ["more.zip", "Students.csv.GZ", "deep/more.7z"])
def test_an_archive_in_the_archive_is_refused(name: str) -> None:
    assert refusal(packed({"Student.csv": STUDENTS, name: "x"})) == "zip-nested"


@pytest.mark.parametrize("name", ["student.CSV", "copy/Student.csv"])
def test_two_files_of_one_name_are_refused(name: str) -> None:
    assert refusal(packed({"Student.csv": STUDENTS, name: STUDENTS})) == "zip-duplicate"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice_is_refused() -> None:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr("Student.csv", STUDENTS)
        archive.writestr("Student.csv", STUDENTS.replace("Ana", "Eve"))
    assert refusal(raw.getvalue()) == "zip-duplicate"


def test_a_bomb_is_refused_before_it_bursts() -> None:
    assert refusal(packed({"Student.csv": b"\x00" * 100_000_000})) == "zip-bomb"


def test_a_bomb_that_lies_about_its_size_bursts_into_nothing_more() -> None:
    raw = bytearray(packed({"Student.csv": STUDENTS.encode() + b"\n" * 5_000_000}))
    lie = struct.pack("<I", len(STUDENTS))
    # The size in the list of files, 24 bytes after its mark: the one that is believed.
    place = raw.index(b"PK\x01\x02") + 24
    raw[place : place + 4] = lie
    assert refusal(bytes(raw)) == "zip-broken"


def test_too_many_files_are_refused() -> None:
    files: dict[str, bytes | str] = {f"{number}.csv": "x" for number in range(MOST_MEMBERS + 1)}
    assert refusal(packed(files)) == "zip-too-large"


def test_a_list_of_a_hundred_thousand_files_is_not_even_read() -> None:
    files: dict[str, bytes | str] = {f"{number:0100}": "" for number in range(10_000)}
    assert refusal(packed(files, zipfile.ZIP_STORED)) == "zip-broken"


def test_an_encrypted_archive_is_refused() -> None:
    raw = bytearray(packed({"Student.csv": STUDENTS}))
    place = raw.index(b"PK\x01\x02") + 8
    raw[place] |= 1
    assert refusal(bytes(raw)) == "zip-encrypted"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_rare_way_of_packing_is_refused(method: int) -> None:
    assert refusal(packed({"Student.csv": STUDENTS}, method)) == "zip-method"


def test_a_file_packed_as_it_is_is_read() -> None:
    assert len(take(packed({"Student.csv": STUDENTS}, zipfile.ZIP_STORED)).rows) == 1


@pytest.mark.parametrize("cut", [30, 100, -30, -1])
def test_an_archive_cut_off_is_refused(cut: int) -> None:
    assert refusal(packed({"Student.csv": STUDENTS})[:cut]) == "zip-broken"


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"readme.txt": "x"},
        {"sections.csv": "School_id\n", "students.csv": "x"},
        {"[Content_Types].xml": "x", "xl/workbook.xml": "x"},
        {"accounts.csv": "sourced_id,school\n1,A\n"},
    ],
)
def test_an_archive_that_is_no_roster_is_told_what_one_is(files: dict[str, bytes | str]) -> None:
    assert refusal(packed(files)) == "format-unknown"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "file-empty"),
        ("Maria,Lopez\n", "header-missing"),
        ("SIS ID,First Name\n", "column-missing"),
        ("SIS ID,School SIS ID,sis id\n", "column-twice"),
        (STUDENTS + '2,10,"A"b,c\r\n', "quotes-broken"),
    ],
)
def test_a_members_fault_names_its_file(content: str, code: str) -> None:
    with pytest.raises(FileUnreadable, match=r"^Student\.csv: ") as refused:
        take(packed({"Student.csv": content}))
    (error,) = refused.value.extra["errors"]
    assert error["code"] == code
    assert error["detail"].startswith("Student.csv: ")
    assert "Maria" not in error["detail"]


def test_columns_without_a_name_must_be_empty_in_an_archive_too() -> None:
    content = STUDENTS.replace("Last Name", "Last Name,").replace("Li", "Li,") + "2,10,B,C,x\r\n"
    taken = take(packed({"Student.csv": content}))
    assert taken.values("sourced_id") == ["1"]
    assert taken.found == [(3, None, "row-ragged")]
    assert (taken.issues[0].file, taken.issues[0].cells) == ("Student.csv", None)


def test_a_name_that_may_be_anybodys_is_not_repeated() -> None:
    taken = take(packed({"Student.csv": STUDENTS, "Maria Lopez.pdf": "x", "section.csv": "x"}))
    assert taken.roster.details["files_left_out"] == ["section.csv"]


@given(st.data())
def test_damage_anywhere_is_refused_or_harmless(data: st.DataObject) -> None:
    raw = bytearray(packed({"Student.csv": STUDENTS, "Teacher.csv": STUDENTS}))
    for _ in range(data.draw(st.integers(1, 5))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        taken = take(bytes(raw))
    except FileUnreadable:
        return
    assert len(taken.rows) + len(taken.issues) <= 1
