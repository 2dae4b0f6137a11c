"""Files as offices save them, and files that are none."""

from __future__ import annotations

import csv
import io
import time
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import TooLarge
from api.schools.csv_table import decode
from api.schools.errors import FileUnreadable
from api.schools.import_csv import COLUMNS, MOST_ROWS, Row, parse

PLAIN = "name,network,sourced_id\nÉcole “Zoë”,CPS,00012\nLane Tech,CPS,7\n"
ROWS = [
    Row(2, name="École “Zoë”", network="CPS", sourced_id="00012"),
    Row(3, name="Lane Tech", network="CPS", sourced_id="7"),
]


@pytest.mark.parametrize(
    "encoding",
    [
        "utf-8",
        "utf-8-sig",
        "utf-16",
        "utf-16-le",
        "utf-16-be",
        "utf-32",
        "cp1252",
    ],
)
def test_any_encoding_an_office_saves_in(encoding: str) -> None:
    file = parse(PLAIN.encode(encoding))
    assert (file.rows, file.issues) == (ROWS, [])


def test_latin_1_where_windows_knows_no_such_letter() -> None:
    assert decode(b"\xe9\x81") == "é\x81"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_utf_8_is_always_read_as_such(text: str) -> None:
    assert decode(b"\xef\xbb\xbf" + text.encode()) == text


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_any_delimiter_and_line_ending(delimiter: str, ending: str) -> None:
    text = PLAIN.replace(",", delimiter).replace("\n", ending)
    assert parse(text.encode()).rows == ROWS


@pytest.mark.parametrize(
    "text",
    [
        PLAIN.replace("\n", ",,\n"),
        PLAIN + ",,\n\n   \n",
        "\n\n" + PLAIN,
        PLAIN.rstrip("\n"),
        PLAIN.replace("name,network", '"Name", NETWORK '),
        PLAIN.replace("Lane Tech,CPS", " Lane Tech ,\xa0CPS "),
        "sep=,\n" + PLAIN,
    ],
)
def test_what_spreadsheets_leave_around_a_table_is_overlooked(text: str) -> None:
    rows = parse(text.encode()).rows
    assert [(row.name, row.network, row.sourced_id) for row in rows] == [
        (row.name, row.network, row.sourced_id) for row in ROWS
    ]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "file-empty"),
        ("\ufeff", "file-empty"),
        ("\n\n,,\n", "file-empty"),
        ('""\n', "file-empty"),
        ("\x00" * 1000, "file-empty"),
        ("name,network,pupils\nA,B,1\n", "column-unknown"),
        ("name,network,name\n", "column-twice"),
        ("name\nA\n", "column-missing"),
        ("Lane Tech,CPS\n", "header-missing"),
        ("PK\x03\x04\x14\x00\x06\x00", "header-missing"),
        ('name,network\n"A,CPS\nB,CPS\n', "quotes-broken"),
        ('name,network\n"A"B,CPS\n', "quotes-broken"),
        ('name,network\n"' + "A\n" * 100_000, "quotes-broken"),
        ('"name,network\nA,B\n', "header-missing"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused_whole(content: str, code: str) -> None:
    with pytest.raises(FileUnreadable) as refused:
        parse(content.encode())
    codes = {error["code"] for error in refused.value.extra["errors"]}
    # An open quote in the first line may show in either way; both name it.
    assert codes <= {code, "quotes-broken"}
    assert refused.value.detail


def test_a_refusal_names_the_column_or_the_line() -> None:
    with pytest.raises(FileUnreadable, match="'pupils'"):
        parse(b"name,network,pupils\n")
    with pytest.raises(FileUnreadable, match="line 3"):
        parse(b'name,network\nA,B\n"C,B\n')
    with pytest.raises(FileUnreadable, match="utf-16"):
        parse(b"\xff\xfen\x00a\x00m")


def test_what_may_be_anybodys_name_is_not_repeated() -> None:
    with pytest.raises(FileUnreadable) as refused:
        parse(b"Maria,Lopez,7\n")
    assert "Maria" not in str(refused.value.extra) + refused.value.detail


def test_a_header_alone_is_an_empty_table() -> None:
    file = parse(b"name,network\n")
    assert (file.rows, file.issues, file.rejected) == ([], [], 0)
    assert file.columns == {"name", "network"}


@pytest.mark.parametrize(
    ("column", "cell", "value"),
    [
        ("code", " kipp-1 ", "KIPP-1"),
        ("enrollment", "0320", 320),
        ("enrollment", "320.0", 320),
        ("teacher_count", "0", 0),
        ("model", "One-to-One", "one_to_one"),
        ("model", "Lab Rotation", "lab_rotation"),
        ("first_bell", "2027-08-23", date(2027, 8, 23)),
        ("timezone", "America/Denver", "America/Denver"),
        ("wave", "2", "2"),
        ("enrollment", "", None),
        ("first_bell", "  ", None),
    ],
)
def test_a_cell_is_read(column: str, cell: str, value: object) -> None:
    (row,) = parse(f"name,network,{column}\nA,CPS,{cell}\n".encode()).rows
    assert getattr(row, column) == value


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("code", "-X"),
        ("code", "A_B"),
        ("enrollment", "-1"),
        ("enrollment", "12.5"),
        ("enrollment", "1e3"),
        ("enrollment", "٣"),
        ("enrollment", "1000001"),
        ("teacher_count", "9" * 5000),
        ("model", "lottery"),
        ("first_bell", "8/23/2027"),
        ("first_bell", "20270823"),
        ("first_bell", "2027-W34-1"),
        ("first_bell", "2027-13-01"),
        ("first_bell", "2027-02-29"),
        ("timezone", "Chicago"),
        ("sourced_id", "x" * 101),
        ("wave", "a\x07b"),
        ("name", "\x00"),
    ],
)
def test_a_wrong_cell_costs_its_row_and_is_shown(column: str, cell: str) -> None:
    values = {"name": "A", "network": "CPS"} | {column: cell}
    header, row = ",".join(values), ",".join(values.values())
    file = parse(f"{header}\n{row}\nB,CPS,\n".encode())
    assert file.rejected == 1
    (issue,) = [issue for issue in file.issues if issue.row == 2]
    assert issue.column == column
    assert issue.got
    assert len(issue.got) <= 80
    assert "\x00" not in issue.got


def test_every_problem_of_a_row_is_named_at_once() -> None:
    file = parse(b"code,name,network,enrollment\n--,,CPS,x\n")
    assert [issue.column for issue in file.issues] == ["code", "name", "enrollment"]
    assert file.rejected == 1


def test_rows_are_counted_in_lines_of_the_file() -> None:
    file = parse(b'\nname,network\n\n"A\nB",CPS\n\nC,CPS\nD\n')
    assert [row.row for row in file.rows] == [7]
    assert [issue.row for issue in file.issues] == [4, 8]


def test_more_rows_than_anybody_has_are_refused() -> None:
    with pytest.raises(TooLarge):
        parse(b"name,network\n" + b"A,B\n" * (MOST_ROWS + 1))


CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(
    lambda cell: cell.strip(" \ufeff\"'") and cell.strip() == cell
)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=20), st.sampled_from(",;\t|"))
def test_whatever_was_written_is_read_back(rows: list[tuple[str, str]], delimiter: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([("network", "name"), *rows])
    file = parse(text.getvalue().encode())
    assert file.issues == []
    assert [(row.network, row.name) for row in file.rows] == rows


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    for content in (raw, b"name,network\n" + raw):
        try:
            file = parse(content)
        except FileUnreadable:
            continue
        lines = {row.row for row in file.rows}
        assert len(lines) == len(file.rows)
        assert not lines & {issue.row for issue in file.issues}


@pytest.mark.parametrize("nothing", [b"\n", b"\x00", b" ", b",", b'"', b'""', b"\r", b"a", b",,\n"])
def test_megabytes_of_nothing_are_read_in_seconds(nothing: bytes) -> None:
    began = time.monotonic()
    for content in (nothing * 2_000_000, b"name,network\n" + nothing * 2_000_000):
        try:
            file = parse(content)
        except FileUnreadable:
            continue
        assert file.rows == []
    assert time.monotonic() - began < 20


def test_the_columns_are_those_of_the_contract() -> None:
    assert ",".join(COLUMNS) == (
        "code,sourced_id,name,network,timezone,enrollment,teacher_count,model,first_bell,wave"
    )
