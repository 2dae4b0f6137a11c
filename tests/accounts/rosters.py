"""Rosters of invented people, in every format we read, as large as a city and always the same.

Names are put together from parts, so that no list of real children is needed; the rarer ones
have what breaks programs: apostrophes, hyphens, spaces, suffixes, accents, other scripts.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from importlib import resources
from itertools import islice, product
from random import Random
from typing import NamedTuple

_PARTS = {
    "first": "Ad Bel Cor Dal El Fen Gil Hal Is Jor Kal Lin Mar Nor Or Pel Quin Ros Sel Tam",
    "middle": "a e i o u an el in or is",
    "last": "ra la na va mon ric den sha to line",
    "place": "berg dale croft field gard holm kamp land mere ny quist ridge stad tor wick",
}
_FIRST, _MIDDLE, _LAST, _PLACE = (parts.split() for parts in _PARTS.values())
GIVEN = tuple(map("".join, product(_FIRST, _MIDDLE, _LAST)))
FAMILY = tuple(map("".join, product(_FIRST, _MIDDLE, _LAST[:5], _PLACE)))
# One in a hundred is one of these.
_RARE_GIVEN = ["D'Andra", "Mary-Jo", "Ana Lucía", "Zoë", "Łucja", "Søren", "小龍", "İpek", "Żaneta"]
_RARE_FAMILY = ["O'Brenn", "Smith-Vale", "de la Vega", "Vance, Jr.", "Straßer", "李", "Nuñez"]


class School(NamedTuple):
    code: str
    sourced_id: str
    name: str
    network: str
    students: int
    teachers: int

    @property
    def grades(self) -> list[str]:
        if "high" in self.name.casefold():
            return ["9", "10", "11", "12"]
        return ["K", *map(str, range(1, 9))]


class Student(NamedTuple):
    sourced_id: str
    school: School
    given_name: str
    family_name: str
    grade: str
    username: str = ""
    email: str = ""


class Teacher(NamedTuple):
    sourced_id: str
    school: School
    given_name: str
    family_name: str
    email: str


def chicago(network: str | None = None) -> list[School]:
    """The demo's 660 schools, or those of one network (`KIPP`, `CPS`)."""
    text = resources.files("api.demo").joinpath("chicago.csv").read_text(encoding="utf-8")
    schools = [
        School(
            row["code"],
            row["sourced_id"],
            row["name"],
            row["network"],
            int(row["enrollment"] or 0),
            int(row["teacher_count"] or 0),
        )
        for row in csv.DictReader(text.splitlines())
    ]
    return [school for school in schools if network in (None, school.network)]


def invented(count: int, students: int) -> list[School]:
    """Schools of a city that is not there, the students spread evenly."""
    each, more = divmod(students, count)
    return [
        School(f"S{n}", f"{500_000 + n}", f"School {n}", "BENCH", each + (n <= more), each // 16)
        for n in range(1, count + 1)
    ]


def students(schools: Iterable[School], seed: int = 1, *, named: bool = False) -> Iterator[Student]:
    """As many as each school has; `named`: with usernames and addresses of their own."""
    rng = Random(seed)  # noqa: S311 -- the same people each time, no secret
    number = 10_000_000
    for school in schools:
        grades = school.grades
        for place in range(school.students):
            number += 1
            given, family = _name(rng)
            one = Student(str(number), school, given, family, grades[place % len(grades)])
            if named:
                name = f"u{number}"
                one = one._replace(username=name, email=f"{name}@students.example.org")
            yield one


def teachers(schools: Iterable[School], seed: int = 2) -> Iterator[Teacher]:
    rng = Random(seed)  # noqa: S311 -- the same people each time, no secret
    number = 90_000_000
    for school in schools:
        for _ in range(school.teachers):
            number += 1
            given, family = _name(rng)
            yield Teacher(str(number), school, given, family, f"t{number}@staff.example.org")


def renamed(people: Iterable[Student], every: int = 100) -> Iterator[Student]:
    """The same roster with another family name for each so many of them."""
    for place, one in enumerate(people):
        yield one if place % every else one._replace(family_name="Anderling")


def first(people: Iterable[Student], count: int) -> list[Student]:
    return list(islice(people, count))


def _name(rng: Random) -> tuple[str, str]:
    given = GIVEN[int(rng.random() * len(GIVEN))]
    family = FAMILY[int(rng.random() * len(FAMILY))]
    chance = rng.random()
    if chance < 0.01:
        given = _RARE_GIVEN[int(chance * 100 * len(_RARE_GIVEN))]
    elif chance < 0.02:
        family = _RARE_FAMILY[int((chance - 0.01) * 100 * len(_RARE_FAMILY))]
    return given, family
