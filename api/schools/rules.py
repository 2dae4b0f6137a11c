"""Words and pure rules of networks, schools, sites and staff."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache
from uuid import UUID
from zoneinfo import available_timezones

CODE_LENGTH = 40
CODE_PATTERN = re.compile(r"[A-Z0-9][A-Z0-9-]{0,39}")
# The canonical form only: `UUID()` would also read 32 hex digits, which may well be a code.
_ID_PATTERN = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# Said by every school, so a code is shorter and no less clear without them at its end.
_SAID_BY_ALL = {"SCHOOL", "CHARTER"}
# Letters that Unicode does not take apart into a base letter and a mark.
_LETTERS = str.maketrans(
    {"ß": "SS", "ẞ": "SS", "æ": "AE", "Æ": "AE", "œ": "OE", "Œ": "OE", "ø": "O", "Ø": "O"}
    | {"đ": "D", "Đ": "D", "ð": "D", "Ð": "D", "þ": "TH", "Þ": "TH", "ł": "L", "Ł": "L"}
    | {"\N{LATIN SMALL LETTER DOTLESS I}": "I", "&": " AND "}
)
# Straight, curly and as a letter of its own; a full stop likewise belongs to its word.
_APOSTROPHES = re.compile("['\\u2019\\u02bc.]")


class Receiving(StrEnum):
    """Whether a delivered shipment counts before somebody opened the boxes."""

    on_delivery = "on_delivery"
    on_count = "on_count"


class SiteKind(StrEnum):
    warehouse = "warehouse"
    office = "office"


class StaffRole(StrEnum):
    teacher = "teacher"
    trainer = "trainer"
    leader = "leader"
    tech = "tech"


class RolloutModel(StrEnum):
    """The blended models a school may open with; the spine's own enum has the same values."""

    station_rotation = "station_rotation"
    lab_rotation = "lab_rotation"
    flexible = "flexible"
    individual_rotation = "individual_rotation"
    one_to_one = "one_to_one"


def as_id(id_or_code: str) -> UUID | None:
    """The id, when the text is written like one (36 characters); None for a code."""
    return UUID(id_or_code) if _ID_PATTERN.fullmatch(id_or_code) else None


def normal_code(text: str) -> str:
    """A code as it is stored: without surrounding space, in capitals."""
    return text.strip().upper()


def is_code(text: str) -> bool:
    """Whether the text is a code as stored. What looks like an id is none: paths take either."""
    return bool(CODE_PATTERN.fullmatch(text)) and as_id(text) is None


def code_from_name(name: str, fallback: str = "SCHOOL") -> str:
    """A short code for people: `KIPP Ascend Charter School` becomes `KIPP-ASCEND`.

    Accents are dropped, whatever is no Latin letter or digit separates words, and whole words
    are kept up to 40 characters. A name without any Latin letter or digit gives `fallback`.
    """
    plain = unicodedata.normalize("NFKD", name.translate(_LETTERS))
    plain = "".join(c for c in plain if not unicodedata.combining(c)).upper()
    # An apostrophe belongs to its word: O'Keeffe is OKEEFFE.
    words = re.findall(r"[A-Z0-9]+", _APOSTROPHES.sub("", plain))
    while len(words) > 1 and words[-1] in _SAID_BY_ALL:
        words.pop()
    code = ""
    for word in words:
        longer = f"{code}-{word}" if code else word
        if len(longer) > CODE_LENGTH:
            break
        code = longer
    code = code or "".join(words)[:CODE_LENGTH]
    return code if is_code(code) else fallback


class CodeMaker:
    """Makes codes that nobody has, its own earlier ones included.

    The second `LINCOLN` is `LINCOLN-2`. It remembers where it got to, since counting up from 2
    again for each of 20,000 equal names would take 200 million steps.
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)
        self._next: dict[str, int] = {}

    def make(self, name: str, fallback: str = "SCHOOL") -> str:
        code = base = code_from_name(name, fallback)
        number = self._next.get(base, 2)
        while code in self._taken:
            suffix = f"-{number}"
            code = base[: CODE_LENGTH - len(suffix)].rstrip("-") + suffix
            number += 1
        self._next[base] = number
        self._taken.add(code)
        return code


def folded_name(name: str) -> str:
    """A name for comparison: neither case, nor spacing, nor the way accents are typed matters."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def weekend_problem(weekend: Iterable[int]) -> str | None:
    """Why these weekdays (Monday is 0) cannot be a weekend; None when they can."""
    days = list(weekend)
    if any(not 0 <= day <= 6 for day in days):
        return "Weekdays go from 0 (Monday) to 6 (Sunday)."
    if len(set(days)) != len(days):
        return "A weekday is named twice."
    if len(days) == 7:
        return "All seven days are named: that leaves no day to work."
    return None


@lru_cache(maxsize=1)
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def is_timezone(name: str) -> bool:
    """Whether it is an IANA name. Asks the list: some machines' file systems ignore case."""
    return name in _timezones()


def timezone_problem(name: str) -> str | None:
    """Why this is no timezone, with the one that may be meant; None when it is one."""
    if is_timezone(name):
        return None
    near = get_close_matches(name, _timezones(), n=1, cutoff=0.6)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"There is no timezone {name!r}; use an IANA name such as America/Chicago.{hint}"
