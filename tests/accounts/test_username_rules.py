"""Made usernames: always valid for Google and Microsoft, the same for the same student."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.accounts.transliteration import latin
from api.accounts.username_rules import (
    LONGEST,
    Namer,
    graduation_year,
    is_made_username,
    numbered,
    render,
    username_fault,
)
from api.schools.username_template import (
    DEFAULT_TEMPLATE,
    Template,
    TemplateRefused,
    parse_template,
)

TODAY = date(2026, 11, 25)
DEFAULT = parse_template(DEFAULT_TEMPLATE)
DOTLESS = "\N{LATIN SMALL LETTER DOTLESS I}"
# Apart from our own pattern: what each of the two says itself.
GOOGLE = re.compile(r"(?!\.)(?!.*\.\.)(?!.*\.$)[a-z0-9._'-]{1,64}")
MICROSOFT = re.compile(r"(?!.*\.$)[A-Za-z0-9'._!#^~-]{1,63}")
TEMPLATES = (
    DEFAULT_TEMPLATE,
    "{given}.{family}",
    "{given}.{grade}.{family}",
    "{family}_{given:1}{sourced_id:4}",
    "{given:1}",
    "stu-{sourced_id}",
    "{grad_year}{family:20}{given:20}",
    "{given}{family}{grad_year}x",
)

templates = st.sampled_from(TEMPLATES).map(parse_template)
names = st.text(max_size=40) | st.sampled_from(("Łukasz", "O'Brien-Smith", "李", "Иван", "علي", ""))
grades = st.none() | st.integers(-1, 12)
numbers = st.text(min_size=1, max_size=40)


def username(first: str | None, last: str | None, number: str = "A-17", grade: int = 9) -> str:
    return render(DEFAULT, first, last, grade, graduation_year(grade, TODAY), number)


@pytest.mark.parametrize(
    ("first", "last", "made"),
    [
        ("Ada", "Okafor", "aokafor30"),
        ("Łukasz", "Żółć", "lzolc30"),
        ("Søren", "Ørsted", "sorsted30"),
        ("Jürgen", "Strauß", "jstrauss30"),
        ("Æsa", "Þórðardóttir", "athordardottir30"),
        ("Đặng", "Nguyễn", "dnguyen30"),
        (f"Iş{DOTLESS}l", f"Y{DOTLESS}ld{DOTLESS}z", "iyildiz30"),
        ("İpek", "Çağlar", "icaglar30"),
        ("Zoë", "Œuvrard", "zoeuvrard30"),
        ("Ka\N{MODIFIER LETTER TURNED COMMA}iulani", "Kealoha", "kkealoha30"),
        ("D\N{RIGHT SINGLE QUOTATION MARK}Angelo", "O'Brien-Smith", "dobriensmith30"),
        ("Mª José", "de la Cruz", "mdelacruz30"),
        ("Anne-Sophie", "Featherstonehaugh-Cholmondeley", "afeatherstonehaugh30"),
    ],
)
def test_names_are_written_in_our_letters(first: str, last: str, made: str) -> None:
    assert username(first, last) == made


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("小龍", "李"),
        ("Иван", "Петров"),
        ("علي", "حسن"),
        ("Γιώργος", "Smith"),
        ("Anne 安妮", "Smith"),
        ("Madonna", None),
        (None, "Smith"),
        ("-", "..."),
        ("🙂", "Smith"),
    ],
)
def test_a_name_nobody_here_could_spell_gives_the_students_number(
    first: str | None, last: str | None
) -> None:
    assert username(first, last) == "sa17"


def test_a_number_without_letters_or_digits_still_gives_a_name() -> None:
    made = username("李", "小龍", number="学生")
    assert is_made_username(made)
    assert made == username("李", "小龍", number="学生") != username("李", "小龍", number="生学")


def test_a_long_number_keeps_its_end() -> None:
    made = username("李", "小龍", number="2c9f0b7e-1a44-4d11-9d3a-00a1b2c3d4e5")
    assert made == "sd119d3a00a1b2c3d4e5"


@given(templates, names | st.none(), names | st.none(), grades, numbers)
@example(parse_template("{given}.{grade}.{family}"), "Ada", "Okafor", None, "1")
@example(parse_template("{given:1}{family}"), "Ab", "buse", 1, "1")
@example(parse_template("{given:1}"), "Ab", "buse", 1, "dmin")
def test_a_made_username_is_valid_for_google_and_microsoft(
    template: Template, first: str | None, last: str | None, grade: int | None, number: str
) -> None:
    year = graduation_year(grade, TODAY)
    made = render(template, first, last, grade, year, number)
    assert is_made_username(made)
    assert GOOGLE.fullmatch(made)
    assert MICROSOFT.fullmatch(made)
    assert len(made) <= 20, "Active Directory's sAMAccountName"
    assert made not in {"abuse", "postmaster"}
    assert username_fault(made) is None
    for copy in (2, 17, 10_000, 9_999_999):
        assert is_made_username(numbered(made, copy))


@given(templates, names, names, grades, numbers)
def test_the_way_accents_are_typed_makes_no_difference(
    template: Template, first: str, last: str, grade: int | None, number: str
) -> None:
    def made(form: Literal["NFC", "NFD"]) -> str:
        typed = [unicodedata.normalize(form, text) for text in (first, last, number)]
        return render(template, typed[0], typed[1], grade, None, typed[2])

    assert made("NFC") == made("NFD")


@given(templates, st.lists(st.tuples(names, names, grades, numbers), max_size=5))
def test_a_whole_roster_is_named_as_each_of_its_students(
    template: Template, students: list[tuple[str, str, int | None, str]]
) -> None:
    namer = Namer(template, TODAY)
    for first, last, grade, number in [*students, *reversed(students)]:
        alone = render(template, first, last, grade, graduation_year(grade, TODAY), number)
        assert namer.name(first, last, grade, number) == alone
    if students:
        alone_each = [namer.name(*student) for student in students]
        assert namer.names(*zip(*students, strict=True)) == alone_each


@given(st.text(max_size=40))
def test_latin_is_letters_and_digits_of_ours(text: str) -> None:
    made = latin(text)
    assert made is None or re.fullmatch("[a-z0-9]*", made)
    assert latin(made or "") == (made or "")


def test_the_year_stays_whole_when_a_long_name_is_cut() -> None:
    made = username("Anne", "Featherstonehaugh-Cholmondeley")
    assert (len(made), made[-2:]) == (LONGEST, "30")
    template = parse_template("{given}.{family}")
    made = render(template, "Maximiliana", "Featherstonehaugh", 9, 2030, "1")
    assert made == "maximilia.feathersto"


@pytest.mark.parametrize(
    ("grade", "today", "year"),
    [
        (12, date(2026, 11, 25), 2027),
        (12, date(2027, 6, 30), 2027),
        (12, date(2027, 7, 1), 2028),
        (9, date(2026, 11, 25), 2030),
        (0, date(2026, 11, 25), 2039),
        (-1, date(2026, 11, 25), 2040),
        (None, date(2026, 11, 25), None),
    ],
)
def test_a_grade_tells_the_year_of_graduation(
    grade: int | None, today: date, year: int | None
) -> None:
    assert graduation_year(grade, today) == year


@pytest.mark.parametrize(
    ("base", "number", "made"),
    [
        ("jose.nandu", 2, "jose.nandu2"),
        ("jsmith27", 2, "jsmith27-2"),
        ("jconstantinopoulos27", 10, "jconstantinopoulo-10"),
        ("abcdefghijklmnopqr.s", 12, "abcdefghijklmnopqr12"),
    ],
)
def test_namesakes_are_numbered(base: str, number: int, made: str) -> None:
    assert numbered(base, number) == made


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("Ada.Okafor", True),
        ("o'brien_s", True),
        ("a", True),
        ("x" * 63, True),
        ("x" * 64, False),
        ("", False),
        (".ada", False),
        ("ada.", False),
        ("a..da", False),
        ("ada okafor", False),
        ("zoë", False),
        ("ada@school.org", False),
        ("Postmaster", False),
    ],
)
def test_what_somebody_chose_may_be_wider_but_mail_must_take_it(name: str, good: bool) -> None:
    fault = username_fault(name)
    assert (fault is None) is good
    assert fault is None or (name[:3] or "?") not in fault.split()


@pytest.mark.parametrize(
    ("text", "at", "why"),
    [
        ("", 1, "needs"),
        ("{grad_year}", 1, "needs {given}"),
        ("{given", 1, "never closed"),
        ("{given}}", 8, "never opened"),
        ("{given}{famliy}", 9, "placeholders are {given}"),
        ("{given}{family:}", 16, "from 1 to 20"),
        ("{given}{family:0}", 16, "from 1 to 20"),
        ("{given}{family:21}", 16, "from 1 to 20"),
        ("{given}{family:x}", 16, "from 1 to 20"),
        ("{given} {family}", 8, "only a-z"),
        ("{given}X{family}", 8, "only a-z"),
        ("{given}{{family}}", 8, "never closed"),
        (".{given}", 1, "begins with"),
        ("{given}-", 8, "ends with"),
        ("{given}x..y{family}", 9, "two full stops"),
        ("{given}abcdefghijk", 1, "the same for everybody"),
    ],
)
def test_a_template_says_what_is_wrong_and_where(text: str, at: int, why: str) -> None:
    with pytest.raises(TemplateRefused, match=re.escape(why)) as refused:
        parse_template(text)
    assert refused.value.at == at
    assert str(refused.value).startswith(f"At character {at}: ")


@given(st.text(alphabet="{}:ab1._- given", max_size=30))
def test_any_text_is_a_template_or_refused(text: str) -> None:
    at = None
    try:
        template = parse_template(text)
    except TemplateRefused as refused:
        at = refused.at
    if at is None:
        assert is_made_username(render(template, "Ada", "Okafor", 9, 2030, "17"))
    else:
        assert 1 <= at <= max(1, len(text))
