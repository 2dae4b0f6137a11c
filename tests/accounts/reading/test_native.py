"""The native CSV, as offices save it and as strangers send it."""

from __future__ import annotations

import csv
import io
import tracemalloc
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.accounts.reading import COLUMNS, read_roster
from api.accounts.reading.text import PIECE
from api.schools.errors import FileUnreadable
from tests.accounts.reading.taken import drip, take

HEADER = "sourced_id,school,given_name,family_name,grade,username,email\n"
PLAIN = HEADER + "007,KIPP-ONE,Zoë,D'Arcy,K,,\n8,400180,Ana,Li,12,ali,ali@example.org\n"
ROWS = [
    (2, "007", "KIPP-ONE", "Zoë", "D'Arcy", 0, None, None, False, None),
    (3, "8", "400180", "Ana", "Li", 12, "ali", "ali@example.org", False, None),
]
NAMES = "sourced_id,school,given_name,family_name\n"


def refusal(raw: bytes | str) -> set[str]:
    """The codes with which a file is refused, at once or while its rows are read."""
    with pytest.raises(FileUnreadable) as refused:
        take(raw)
    assert refused.value.detail
    return {error["code"] for error in refused.value.extra["errors"]}


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]


@pytest.mark.parametrize("encoding", [*ENCODINGS, "latin-1"])
@pytest.mark.parametrize("size", [1, 7, PIECE])
def test_any_encoding_an_office_saves_in_however_it_arrives(encoding: str, size: int) -> None:
    taken = drip(PLAIN.encode(encoding), size)
    assert (taken.rows, taken.issues) == (ROWS, [])


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_any_delimiter_and_line_ending(delimiter: str, ending: str) -> None:
    text = PLAIN.replace(",", delimiter).replace("\n", ending)
    taken = drip(text.encode(), 11)
    assert taken.rows == ROWS
    assert taken.roster.details["delimiter"] == delimiter


def test_line_endings_may_be_mixed() -> None:
    assert take("\r\n".join(PLAIN.splitlines()[:2]) + "\n" + PLAIN.splitlines()[2]).rows == ROWS


@pytest.mark.parametrize(
    "text",
    [
        PLAIN.replace("\n", ",,\n"),
        PLAIN + ",,,,,,\n\n   \n,\n",
        PLAIN.rstrip("\n"),
        PLAIN.replace("sourced_id,school", '" Sourced_ID",SCHOOL '),
        PLAIN.replace("Ana,Li", " Ana ,\xa0Li "),
    ],
)
def test_what_spreadsheets_leave_around_a_table_is_overlooked(text: str) -> None:
    taken = take(text)
    assert (taken.rows, taken.issues) == (ROWS, [])


def test_rows_are_numbered_by_the_line_they_begin_on() -> None:
    taken = take(f'sep=,\n\n{NAMES}1,A,"x\ny",z\n\n2,A,a,b\n3,A\n')
    assert [row[:2] for row in taken.rows] == [(7, "2")]
    assert sorted(taken.found) == [(4, "given_name", "control-character"), (8, None, "row-ragged")]


def test_columns_come_in_any_order_and_absent_ones_are_not_said() -> None:
    taken = take("grade,school,sourced_id\n3,A,1\n")
    assert taken.rows == [(2, "1", "A", None, None, 3, None, None, False, None)]
    assert taken.roster.columns == {"grade", "school", "sourced_id"}
    assert (taken.roster.format, taken.roster.snapshot) == ("csv", None)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "file-empty"),
        ("\ufeff\n\n,,\n", "file-empty"),
        ("sep=;\n", "file-empty"),
        ('"sourced_id,school\n1,A\n', "quotes-broken"),
        ("\x00" * 3_000_000, "file-empty"),
        ("\n" * 3_000_000, "file-empty"),
        ("sourced_id,school,shoe_size\n1,A,7\n", "column-unknown"),
        ("sourced_id,school,school\n", "column-twice"),
        ("sourced_id,grade\n1,2\n", "column-missing"),
        ("Maria,Lopez,7\n", "header-missing"),
        (NAMES + '1,A,"B,C\n2,A,B,C\n', "quotes-broken"),
        (NAMES + "1,A,B,C\n" * 20_000 + '1,A,"B"b,C\n', "quotes-broken"),
        (NAMES + "1,A," + "x" * 2_000_000, "line-too-long"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused_whole(content: str, code: str) -> None:
    assert refusal(content) == {code}


@pytest.mark.parametrize("packed", [b"\x1f\x8b\x08\x00rest", b"\xd0\xcf\x11\xe0rest", b"Rar!rest"])
def test_other_archives_and_spreadsheets_are_named_as_what_they_are(packed: bytes) -> None:
    assert refusal(packed) == {"format-unknown"}


def test_a_refusal_names_the_line_but_nobody() -> None:
    with pytest.raises(FileUnreadable, match="line 10002") as refused:
        take(NAMES + "1,A,Maria,Lopez\n" * 10_000 + '2,A,"Maria"x,Lopez\n')
    with pytest.raises(FileUnreadable) as unnamed:
        take("Maria,Lopez,7\n")
    for error in (refused.value, unnamed.value):
        assert "Maria" not in str(error.extra) + error.detail


def test_a_header_alone_is_a_roster_of_nobody() -> None:
    taken = take(HEADER)
    assert (taken.rows, taken.issues) == ([], [])
    assert taken.roster.columns == set(COLUMNS)


GRADES: dict[str, int] = {"PK": -1, "pk": -1, "K": 0, "KG": 0, "kg": 0}
GRADES |= {str(grade): grade for grade in range(1, 13)}
GRADES |= {f"{grade:02}": grade for grade in range(1, 13)}


@pytest.mark.parametrize(("cell", "grade"), GRADES.items())
def test_a_grade_is_read(cell: str, grade: int) -> None:
    assert take(f"sourced_id,school,grade\n1,A, {cell} \n").values("grade") == [grade]


@pytest.mark.parametrize(
    ("column", "cell", "code"),
    [
        ("grade", "13", "grade-unknown"),
        ("grade", "0", "grade-unknown"),
        ("grade", "٣", "grade-unknown"),
        ("grade", "1st", "grade-unknown"),
        ("sourced_id", "", "required"),
        ("sourced_id", "x" * 256, "too-long"),
        ("sourced_id", "a\x07b", "control-character"),
        ("school", " ", "required"),
        ("given_name", "", "required"),
        ("family_name", "x" * 101, "too-long"),
        ("family_name", "a\x00b", "control-character"),
        ("username", "two words", "username-malformed"),
        ("username", "x" * 65, "username-malformed"),
        ("email", "nobody", "email-malformed"),
        ("email", "a@b@c", "email-malformed"),
        ("email", "a b@example.org", "email-malformed"),
    ],
)
def test_a_wrong_cell_costs_its_row_and_is_shown(column: str, cell: str, code: str) -> None:
    cells = {"sourced_id": "1", "school": "A", "given_name": "B", "family_name": "C"}
    header, row = ",".join(cells | {column: ""}), ",".join((cells | {column: cell}).values())
    taken = take(f"{header}\n{row}\n2,A,B,C{',' * (column not in cells)}\n")
    assert taken.values("sourced_id") == ["2"]
    (issue,) = taken.issues
    assert (issue.row, issue.column, issue.code, issue.file) == (2, column, code, "")
    assert issue.expected
    assert issue.got is not None
    assert len(issue.got) <= 80
    assert "\x00" not in issue.got


def test_only_a_rows_first_fault_is_told() -> None:
    assert take(f"{HEADER},,,,x,y z,w\n1,,,B,x,,\n").found == [
        (2, "sourced_id", "required"),
        (3, "school", "required"),
    ]


def test_255_characters_are_an_id_and_leading_zeros_stay() -> None:
    taken = take(f"sourced_id,school\n{'x' * 255},A\n0012,A\n")
    assert taken.values("sourced_id") == ["x" * 255, "0012"]


@pytest.mark.parametrize(
    "name", ["O'Brien", "Smith-Jones", "de la Cruz", '"Vance, Jr."', "李", "Łucja", "Ng", "İpek"]
)
def test_names_are_as_people_have_them(name: str) -> None:
    taken = take(f"{NAMES}1,A,{name},{name}\n")
    assert taken.values("given_name") == taken.values("family_name") == [name.strip('"')]


def test_composed_and_decomposed_letters_are_the_same_name() -> None:
    both = [unicodedata.normalize(form, "Zoë Łücã") for form in ("NFC", "NFD")]
    taken = take("".join([NAMES, *(f"é{n},A,{name},x\n" for n, name in enumerate(both))]))
    assert taken.values("given_name") == [both[0], both[0]]
    assert taken.values("sourced_id") == ["é0", "é1"]


def test_the_quote_that_guards_a_spreadsheet_is_taken_off_again() -> None:
    taken = take(f"{NAMES}'-5,A,'=Ana,'Tis\n")
    assert taken.rows[0][1:5] == ("-5", "A", "=Ana", "'Tis")


def test_a_file_of_rejected_rows_may_be_sent_again_as_it_is() -> None:
    taken = take(
        "error_row,sourced_id,school,given_name,family_name,error_column,error_code,error_expected\n"
        "17,1,A,B,C,grade,grade-unknown,PK\n"
    )
    assert [row[:5] for row in taken.rows] == [(2, "1", "A", "B", "C")]
    assert taken.roster.columns == {"sourced_id", "school", "given_name", "family_name"}


LATE = "".join(f"{number},A,Bel,Dale\n" for number in range(40_000))


def test_windows_letters_are_read_wherever_the_first_stands() -> None:
    taken = take(NAMES.encode() + LATE.encode() + "x,A,José,Niño\ny,A,Zoë,“Q”\n".encode("cp1252"))
    assert taken.values("given_name")[-2:] == ["José", "Zoë"]
    assert taken.values("family_name")[-1] == "“Q”"
    assert taken.roster.details["encoding"] == "cp1252"


def test_a_broken_letter_in_utf_8_costs_only_its_row() -> None:
    taken = take(NAMES.encode() + "1,A,Zoë,Ö\n".encode() + b"2,A,Jos\xe9,N\n3,A,Ana,L\n")
    assert taken.values("sourced_id") == ["1", "3"]
    assert taken.found == [(3, "given_name", "encoding-broken")]


def test_two_encodings_in_one_file_are_not_guessed_at() -> None:
    late = "1,A,Zoë,Ö\n".encode("cp1252") + LATE.encode() + "1,A,Zoë,Ö\n".encode()
    assert refusal(NAMES.encode() + late) == {"encoding-mixed"}


NOTHING = [b"\n", b"\x00", b" ", b",", b'"', b'""', b"\r", b"a", b",,,\n", b"{", b"[", b"\xff"]


@pytest.mark.parametrize("nothing", NOTHING)
def test_megabytes_of_nothing_give_nobody(nothing: bytes) -> None:
    for content in (nothing * 3_000_000, NAMES.encode() + nothing * 1_000_000):
        try:
            assert take(content).rows == []
        except FileUnreadable:
            continue


class Endless:
    """A source of so many equal rows, none of which is ever all there at once."""

    def __init__(self, header: bytes, row: bytes, rows: int, at_once: int = 1_000) -> None:
        self._pieces = self._made(header, row * at_once, rows // at_once)
        self._rest = b""

    def _made(self, header: bytes, some: bytes, times: int) -> Iterator[bytes]:
        yield header
        for _ in range(times):
            yield some

    def read(self, size: int, /) -> bytes:
        piece = self._rest or next(self._pieces, b"")
        self._rest = piece[size:]
        return piece[:size]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("row", "count"),
    [
        (b"1,A,Bel,\n", 300_000),
        (b"1,A\n", 50_000),
        (b"\xff,A,B,C\n", 50_000),
        (b",,,\n", 50_000),
        (b"1,A,B,C\n", 50_000),
    ],
)
def test_however_many_rows_are_never_in_memory_at_once(row: bytes, count: int) -> None:
    roster = read_roster(Endless(NAMES.encode() + "1,A,é,C\n".encode(), row, count))
    told = 0
    for batch in roster.batches:
        held = len(batch.rows) + len(batch.issues)
        assert held < 10_000
        told += held
    assert told == (1 if row == b",,,\n" else count + 1)


@pytest.mark.parametrize(
    "row",
    [
        b"," * 200_000 + b"\n",
        b"1,A,B," + b"x" * 100_000 + b"\n",
        b"1,A,B," + b" " * 100_000 + b"C\n",
    ],
)
@pytest.mark.parametrize("header", [NAMES.encode(), b'{"sourced_id":"1","school":"A"}\n'])
def test_rows_as_long_as_books_are_not_kept_either(header: bytes, row: bytes) -> None:
    tracemalloc.start()
    try:
        for batch in read_roster(Endless(header, row, 300, at_once=1)).batches:
            assert len(batch.rows) + len(batch.issues) <= 301
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 100_000_000


CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(
    lambda cell: cell.strip(" \ufeff\"'") and cell.strip() == cell
)


@given(
    st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=20),
    st.sampled_from(",;\t|"),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    st.integers(1, 50),
)
def test_whatever_was_written_is_read_back(
    rows: list[tuple[str, str, str]], delimiter: str, encoding: str, size: int
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([("school", "sourced_id", "given_name"), *rows])
    taken = drip(text.getvalue().encode(encoding), size)

    def read(cell: str) -> str:
        guarded = cell[:1] == "'" and cell[1:2] in "=+-@\N{FULLWIDTH EQUALS SIGN}"
        return unicodedata.normalize("NFC", cell[1:] if guarded and cell[1:2] else cell)

    assert taken.issues == []
    assert [(row[2], row[1], row[3]) for row in taken.rows] == [
        tuple(map(read, row)) for row in rows
    ]


@given(st.binary(max_size=400), st.integers(1, 400))
def test_any_bytes_are_read_or_refused_and_the_same_however_they_arrive(
    raw: bytes, size: int
) -> None:
    for content in (raw, HEADER.encode() + raw):
        whole = outcome(content, len(content) + 1)
        assert outcome(content, size) == whole


def outcome(content: bytes, size: int) -> Any:
    """What a file comes to: its refusal, or its rows and issues, each row in one of them."""
    try:
        taken = drip(content, size)
    except FileUnreadable as error:
        return error.extra["errors"]
    lines = {row[0] for row in taken.rows}
    assert len(lines) == len(taken.rows)
    assert not lines & {issue.row for issue in taken.issues}
    return taken.rows, taken.issues
