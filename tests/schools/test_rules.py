"""Codes, names, weekends and timezones: the pure rules."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.schools.rules import (
    CODE_LENGTH,
    CodeMaker,
    RolloutModel,
    as_id,
    code_from_name,
    folded_name,
    is_code,
    is_timezone,
    normal_code,
    timezone_problem,
    weekend_problem,
)
from api.tasks.rules import BlendedModel

FORM = re.compile(r"[A-Z0-9][A-Z0-9-]{0,39}")
# Few letters and long words, so that codes collide and must be cut.
NAMES = st.one_of(st.text(max_size=80), st.text("AB -é北", max_size=60))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("KIPP Ascend Charter School", "KIPP-ASCEND"),
        ("Academy for Global Citizenship Charter School", "ACADEMY-FOR-GLOBAL-CITIZENSHIP"),
        ("O'Keeffe Elementary School", "OKEEFFE-ELEMENTARY"),
        ("Instituto Cervantes — Núm. 3", "INSTITUTO-CERVANTES-NUM-3"),
        ("Straße & Weg", "STRASSE-AND-WEG"),
        ("École Łódź", "ECOLE-LODZ"),
        ("School", "SCHOOL"),
        ("The Charter School", "THE"),
        ("北京学校", "SCHOOL"),
        ("!!!", "SCHOOL"),
        ("x" * 100, "X" * 40),
        (f"{'A' * 30} {'B' * 30}", "A" * 30),
    ],
)
def test_a_code_is_short_and_reads_like_the_name(name: str, code: str) -> None:
    assert code_from_name(name) == code


@given(NAMES)
def test_every_name_gives_a_code(name: str) -> None:
    code = code_from_name(name)
    assert FORM.fullmatch(code)
    assert is_code(code)
    assert is_code(normal_code(code.lower()))


@given(st.lists(NAMES, max_size=30), st.sets(st.sampled_from(["A", "A-2", "B", "SCHOOL"])))
def test_made_codes_are_distinct_valid_and_the_same_every_time(
    names: list[str], taken: set[str]
) -> None:
    maker = CodeMaker(taken)
    codes = [maker.make(name) for name in names]
    assert len(set(codes)) == len(codes)
    assert not set(codes) & taken
    assert all(FORM.fullmatch(code) for code in codes)
    again = CodeMaker(taken)
    assert [again.make(name) for name in names] == codes
    for name, code in zip(names, codes, strict=True):
        # A suffix is only there when the plain code was not to be had.
        assert code == code_from_name(name) or code_from_name(name) in {*taken, *codes}


def test_many_equal_names_are_counted_and_not_searched() -> None:
    maker = CodeMaker([])
    codes = [maker.make("Lincoln School") for _ in range(20_000)]
    assert codes[:2] == ["LINCOLN", "LINCOLN-2"]
    assert codes[-1] == "LINCOLN-20000"
    assert max(map(len, codes)) <= CODE_LENGTH


@given(st.uuids())
def test_an_id_is_never_a_code(row_id: UUID) -> None:
    for text in (str(row_id), str(row_id).upper()):
        assert as_id(text) == row_id
        assert not is_code(normal_code(text))
    # Without hyphens it is a code like any other.
    assert as_id(row_id.hex) is None
    assert is_code(normal_code(row_id.hex))


@given(st.text(max_size=60))
def test_only_the_canonical_form_is_an_id(text: str) -> None:
    if as_id(text) is not None:
        assert str(as_id(text)) == text.lower()


@given(st.text(max_size=30))
def test_names_compare_without_case_and_spacing(name: str) -> None:
    padded = f"  {name}\t"
    assert folded_name(padded) == folded_name(name)
    assert folded_name(folded_name(name)) == folded_name(name)
    assert folded_name("LANE  Tech") == folded_name(" lane tech")
    assert folded_name("Lane Tech") != folded_name("Lane-Tech")


@given(st.lists(st.integers(-2, 8), max_size=8))
def test_a_weekend_is_some_but_not_all_weekdays(days: list[int]) -> None:
    possible = set(days) <= set(range(7)) and len(set(days)) == len(days) and len(days) < 7
    assert (weekend_problem(days) is None) == possible


def test_timezones_are_iana_names_in_their_own_spelling() -> None:
    assert is_timezone("America/Chicago")
    assert timezone_problem("America/Chicago") is None
    for wrong in ("america/chicago", "", "../UTC", "/etc/passwd", "Mars/Base", "x" * 1000):
        assert not is_timezone(wrong)
        assert timezone_problem(wrong)
    assert "America/Chicago" in (timezone_problem("America/Chigaco") or "")


def test_models_are_those_of_the_spine() -> None:
    assert {model.value for model in RolloutModel} == {model.value for model in BlendedModel}
