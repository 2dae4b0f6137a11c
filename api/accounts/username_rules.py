"""Usernames that Google and Microsoft both take, made by a network's template. Pure.

The pattern is the intersection of Google's rules for usernames (support.google.com/a 9193374),
Microsoft's for user principal names and Active Directory's 20 characters.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from datetime import date
from typing import Any

from api.accounts.transliteration import latin
from api.schools.username_template import Part, Source, Template, parse_template

__all__ = [
    "LONGEST",
    "Namer",
    "Template",
    "graduation_year",
    "is_made_username",
    "numbered",
    "parse_template",
    "render",
    "username_fault",
]

LONGEST = 20
_MADE = re.compile(r"[a-z0-9](?:[a-z0-9_-]|\.(?!\.)){0,18}[a-z0-9]")
_PUNCTUATION = "._-"
# What a system chose already may be longer and have capitals and apostrophes.
_GIVEN = re.compile(r"(?!\.)(?:[A-Za-z0-9_'-]|\.(?!\.|\Z)){1,63}")
# Google gives out neither of the first two, and mail to the others (RFC 2142) is for no child.
RESERVED = frozenset(
    {"abuse", "postmaster", "admin", "administrator", "hostmaster", "webmaster", "root"}
    | {"security", "support", "info", "noc", "noreply", "sales", "marketing"}
)
_NAMES = frozenset({Source.given, Source.family})
_GRADES = frozenset({Source.grade, Source.grad_year})
# Which argument of `Namer.name` a part reads; text reads the one with the fewest values.
_ARGUMENT = {
    Source.given: 0,
    Source.family: 1,
    Source.grade: 2,
    Source.grad_year: 2,
    None: 2,
    Source.sourced_id: 3,
}
_MOST_REMEMBERED = 100_000
_LAST_GRADE = 12
_EARLY = {-1: "pk", 0: "k"}
# Most school years of the northern hemisphere end in June.
_FIRST_MONTH = 7


def graduation_year(grade: int | None, today: date) -> int | None:
    """The year in which a student of this grade (PK is -1, K is 0) leaves grade 12; the grade is
    that of the school year, from July to June, in which `today` lies.
    """
    if grade is None:
        return None
    ends = today.year + (today.month >= _FIRST_MONTH)
    return ends + _LAST_GRADE - grade


def is_made_username(name: str) -> bool:
    """Whether a made username may look like this."""
    return _MADE.fullmatch(name) is not None and name not in RESERVED


def username_fault(name: str) -> str | None:
    """Why a username that somebody chose is refused, as a sentence; null when it is good."""
    if _GIVEN.fullmatch(name) is None:
        return (
            "A username has 1 to 63 of the characters a-z, A-Z, 0-9, hyphen, underscore, apostrophe"
            " and full stop; no full stop stands first, last or beside another."
        )
    if name.lower() in RESERVED:
        return "This username is reserved for the mail system; choose another."
    return None


def render(
    template: Template,
    given: str | None,
    family: str | None,
    grade: int | None,
    graduation_year: int | None,
    sourced_id: str,
) -> str:
    """The username a template makes, before anybody else's is looked at: always valid.

    Unlimited names are cut where it would be longer than 20. A name without a single letter, or
    in another script, makes it `s` and the student's number.
    """
    values = (given, family, grade, graduation_year, sourced_id)
    pieces = [_piece(part, *values) for part in template.parts]
    if not all(pieces[index] for index, part in enumerate(template.parts) if part.source in _NAMES):
        return _by_number(sourced_id)
    name = "".join(pieces)
    if len(name) > LONGEST:
        name = _shortened(template, pieces)
    # Where a grade is unknown, what stood around it meets.
    name = re.sub(r"\.{2,}", ".", name).strip(_PUNCTUATION)
    return name if is_made_username(name) else _by_number(sourced_id)


def _piece(
    part: Part,
    given: str | None,
    family: str | None,
    grade: int | None,
    graduation_year: int | None,
    sourced_id: str,
) -> str:
    """What stands for a part; empty for what is unknown or cannot be written."""
    source = part.source
    if source is None:
        return part.text
    if source in _NAMES:
        return (latin((given if source is Source.given else family) or "") or "")[: part.width]
    if source is Source.grade:
        number = "" if grade is None else _EARLY.get(grade, str(grade))
    elif source is Source.grad_year:
        number = "" if graduation_year is None else str(graduation_year)
    else:
        number = latin(sourced_id) or ""
    return number if part.width is None else number[-part.width :]


class _Pieces(dict[Any, str]):
    """What a part becomes for each value of its source, remembered."""

    def __init__(self, part: Part, today: date) -> None:
        super().__init__()
        self._part, self._today = part, today

    def __missing__(self, value: Any) -> str:
        if len(self) >= _MOST_REMEMBERED:
            self.clear()
        year = graduation_year(value, self._today) if self._part.source in _GRADES else None
        # Each part reads one of them; the others may have any value.
        piece = self[value] = _piece(self._part, value, value, value, year, value)
        return piece


class Namer:
    """`render` for a whole roster of one day, several times as fast."""

    def __init__(self, template: Template, today: date) -> None:
        self._template, self._today = template, today
        self._steps = [(_Pieces(part, today), _ARGUMENT[part.source]) for part in template.parts]

    def name(self, given: str | None, family: str | None, grade: int | None, number: str) -> str:
        """What `render` makes of a student; `number` is the sourced id."""
        values = (given, family, grade, number)
        pieces = [known[values[argument]] for known, argument in self._steps]
        name = "".join(pieces)
        if all(pieces) and 2 <= len(name) <= LONGEST and name not in RESERVED:
            return name
        year = graduation_year(grade, self._today)
        return render(self._template, given, family, grade, year, number)

    def names(self, *columns: Sequence[Any]) -> list[str]:
        """`name` of many students, by column in the order of its arguments."""
        pieces = [
            list(map(known.__getitem__, columns[argument])) for known, argument in self._steps
        ]
        names = list(map("".join, zip(*pieces, strict=True)))
        doubtful = {index for column in pieces if "" in column for index in _empty(column)}
        doubtful |= {
            index
            for index, name in enumerate(names)
            if not 2 <= len(name) <= LONGEST or name in RESERVED
        }
        for index in doubtful:
            names[index] = self.name(*(column[index] for column in columns))
        return names


def _empty(column: Sequence[str]) -> list[int]:
    return [index for index, piece in enumerate(column) if not piece]


def _shortened(template: Template, pieces: Sequence[str]) -> str:
    """Cut to the length, the longest name without a width first, so that a year stays whole."""
    cut = list(pieces)
    flexible = [
        index for index, part in enumerate(template.parts) if part.source and not part.width
    ]
    over = sum(map(len, cut)) - LONGEST
    while over > 0 and any(len(cut[index]) > 1 for index in flexible):
        longest = max(flexible, key=lambda index: len(cut[index]))
        cut[longest] = cut[longest][:-1]
        over -= 1
    return "".join(cut)[:LONGEST]


def _by_number(sourced_id: str) -> str:
    """`s` and the student's number, or what stands for one that has no letter or digit of ours."""
    name = f"s{(latin(sourced_id) or '')[1 - LONGEST :]}"
    if is_made_username(name):
        return name
    plain = unicodedata.normalize("NFC", sourced_id).encode()
    return f"s{hashlib.sha256(plain).hexdigest()[:10]}"


def numbered(base: str, number: int) -> str:
    """What the next ones of a name get: `jose.nandu2`, `jsmith27-2`; still valid.

    A hyphen keeps the number apart from a digit before it.
    """
    suffix = f"-{number}" if base[-1].isdigit() else str(number)
    return base[: LONGEST - len(suffix)].rstrip(_PUNCTUATION) + suffix
