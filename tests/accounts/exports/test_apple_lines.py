"""Apple's quoting, of lines one by one and of many together."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.accounts.exports.apple_lines import COMMA, QUOTE, apple_lines

_CELLS = st.lists(st.text(" ,;\"\\'abé-", max_size=6), min_size=2, max_size=4)


def _line(*cells: str) -> bytes:
    return COMMA.join(cell.encode() for cell in cells) + b"\n"


def _written(*lines: bytes) -> str:
    return b"".join(apple_lines(lines)).decode()


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("Ana", "Ana"),
        ("O'Brien-Źak", "O'Brien-Źak"),
        ("Ana Maria", '"Ana Maria"'),
        ("Smith, Jr", '"Smith, Jr"'),
        ("a;b", '"a;b"'),
        ('Ana "Lu"', r'"Ana \"Lu\""'),
        ('"', r'"\""'),
        ("back\\slash", r'"back\\slash"'),
        ("", ""),
    ],
)
def test_only_what_apple_asks_for_is_quoted(cell: str, written: str) -> None:
    assert _written(_line("1", cell, "2")) == f"1,{written},2\n"
    assert _written(_line(cell, cell)) == f"{written},{written}\n"


def test_what_the_server_quotes_as_empty_is_nothing() -> None:
    assert _written(_line("1", (QUOTE * 2).decode(), "2")) == "1,,2\n"


@given(st.lists(_CELLS, max_size=100))
def test_a_reader_of_escaped_csv_reads_what_was_written(rows: list[list[str]]) -> None:
    text = _written(*(_line(*row) for row in rows))
    read = csv.reader(text.splitlines(), doublequote=False, escapechar="\\", strict=True)
    assert list(read) == rows
