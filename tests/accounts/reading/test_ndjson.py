"""NDJSON: an object for each line."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.schools.errors import FileUnreadable
from tests.accounts.reading.taken import drip, take

PLAIN = (
    '{"sourced_id":"007","school":"KIPP-ONE","given_name":"Zoë","family_name":"Li","grade":"KG"}\n'
    '{"sourced_id":8,"school":400180,"given_name":"Ana","family_name":"Li","grade":12,"email":null}\n'
)
ROWS = [
    (1, "007", "KIPP-ONE", "Zoë", "Li", 0, None, None, False, None),
    (2, "8", "400180", "Ana", "Li", 12, None, None, False, None),
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("size", [1, 100_000])
def test_an_object_is_a_student(encoding: str, size: int) -> None:
    taken = drip(PLAIN.encode(encoding), size)
    assert (taken.roster.format, taken.rows, taken.issues) == ("ndjson", ROWS, [])


def test_what_an_object_does_not_say_is_left_alone() -> None:
    taken = take(
        '\n{"sourced_id":"1","school":"A","grade":3}\r\n\r\n{"sourced_id":"2","school":"B"}'
    )
    assert [row[:6] for row in taken.rows] == [
        (2, "1", "A", None, None, 3),
        (4, "2", "B", None, None, None),
    ]


@pytest.mark.parametrize(
    ("line", "column", "code"),
    [
        ("nonsense", None, "json-broken"),
        ("[1]", None, "json-broken"),
        ('"text"', None, "json-broken"),
        ('{"sourced_id":"\\ud800","school":"A"}', None, "json-broken"),
        ('{"sourced_id":"1"}', "school", "required"),
        ('{"sourced_id":null,"school":"A"}', "sourced_id", "required"),
        ('{"sourced_id":"","school":"A"}', "sourced_id", "required"),
        ('{"sourced_id":"1","school":"A","given_name":""}', "given_name", "required"),
        ('{"sourced_id":"1","school":"A","grade":true}', "grade", "not-text"),
        ('{"sourced_id":"1","school":"A","grade":1.5}', "grade", "not-text"),
        ('{"sourced_id":"1","school":"A","email":{"work":"x"}}', "email", "not-text"),
        ('{"sourced_id":"1","school":"A","birth_date":"x"}', None, "column-unknown"),
        ('{"sourced_id":"1","school":"A","family_name":"a\\u0000b"}', "family_name",
         "control-character"),
    ],
)  # fmt: skip
def test_a_wrong_line_costs_only_itself(line: str, column: str | None, code: str) -> None:
    taken = take(f"{PLAIN}{line}\n")
    assert (taken.rows, taken.found) == (ROWS, [(3, column, code)])


def test_a_wrong_line_still_says_whose_it_is_where_that_can_be_read() -> None:
    said = [
        '{"sourced_id":" 5 ","school":"A","grade":true}',
        '{"sourced_id":7,"school":"A","x":1}',
        '{"sourced_id":"a\\u0000","school":"A","x":1}',
        '{"sourced_id":"","school":"A","x":1}',
        "{",
    ]
    taken = take(PLAIN + "\n".join(said))
    assert [issue.sourced_id for issue in taken.issues] == ["5", "7", None, None, None]
    assert [(issue.cells or ())[:2] for issue in taken.issues[:2]] == [(" 5 ", "A"), ("7", "A")]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ('[{"sourced_id":"1","school":"A"}]', "json-broken"),
        ("{\n", "json-broken"),
        ('{"sourced_id":"1","school":"A","ssn":"1"}\n', "column-unknown"),
        ('{"sourced_id":"1"}\n', "column-missing"),
        ("{" * 2_000_000, "line-too-long"),
    ],
)
def test_a_file_that_begins_wrong_is_refused(content: str, code: str) -> None:
    with pytest.raises(FileUnreadable) as refused:
        take(content)
    assert {error["code"] for error in refused.value.extra["errors"]} == {code}


def test_the_senders_word_decides_only_what_the_content_leaves_open() -> None:
    assert take(PLAIN, hint="text/csv").roster.format == "ndjson"
    with pytest.raises(FileUnreadable, match="JSON objects"):
        take("\n", hint="application/x-ndjson")


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(
    lambda text: text.strip() == text and text.strip("'")
)


@given(st.lists(st.fixed_dictionaries({"sourced_id": TEXTS, "school": TEXTS}), min_size=1))
def test_every_object_comes_back(objects: list[dict[str, str]]) -> None:
    taken = take(b"\n".join(map(orjson.dumps, objects)))
    assert len(taken.rows) == len(objects)
    assert taken.values("number") == list(range(1, len(objects) + 1))
