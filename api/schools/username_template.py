"""The template a network makes its students' usernames from, such as `{given:1}{family}`. Pure.

Which names come out of it is the accounts room's business; here it is only read and refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

DEFAULT_TEMPLATE = "{given:1}{family}{grad_year:2}"
# Of the 20 characters of a username, so many may be the same for everybody.
_MOST_FIXED = 10
_WIDEST = 20
_PART = re.compile(r"\{(?P<source>[^{}:]*)(?::(?P<width>[^{}]*))?\}|(?P<text>[a-z0-9._-]+)")


class Source(StrEnum):
    """What a placeholder stands for. A width keeps a name's beginning, and a number's end."""

    given = "given"
    family = "family"
    grade = "grade"
    grad_year = "grad_year"
    sourced_id = "sourced_id"


# Without one of these all students of a class would be namesakes.
_TELLS_APART = frozenset({Source.given, Source.family, Source.sourced_id})


@dataclass(frozen=True, slots=True)
class Part:
    """A placeholder (`width` null: all of it), or `text` that is the same for everybody."""

    source: Source | None
    width: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    parts: tuple[Part, ...]


class TemplateRefused(ValueError):
    """Its text is a sentence; `at` is the first wrong character, counted from 1."""

    def __init__(self, at: int, why: str) -> None:
        super().__init__(f"At character {at}: {why}")
        self.at = at


def parse_template(text: str) -> Template:
    """The parts of a template. Raises: TemplateRefused at its first wrong character."""
    parts: list[Part] = []
    position = 0
    while position < len(text):
        found = _PART.match(text, position)
        if found is None:
            raise TemplateRefused(position + 1, _why_unreadable(text[position:]))
        parts.append(_part(found))
        position = found.end()
    _check_whole(text, parts)
    return Template(tuple(parts))


def _why_unreadable(rest: str) -> str:
    if rest[0] == "{":
        return "this { is never closed."
    if rest[0] == "}":
        return "this } was never opened."
    return "between placeholders only a-z, 0-9, full stop, hyphen and underscore may stand."


def _part(found: re.Match[str]) -> Part:
    if found["text"] is not None:
        if ".." in found["text"]:
            at = found.start() + found["text"].index("..") + 1
            raise TemplateRefused(at, "two full stops may not follow each other.")
        return Part(None, text=found["text"])
    try:
        source = Source(found["source"])
    except ValueError:
        known = ", ".join(f"{{{source}}}" for source in Source)
        raise TemplateRefused(found.start() + 2, f"the placeholders are {known}.") from None
    if found["width"] is None:
        return Part(source)
    width = found["width"]
    if not (width.isascii() and width.isdigit() and 1 <= int(width[:4]) <= _WIDEST):
        raise TemplateRefused(found.start("width") + 1, f"a width is a number from 1 to {_WIDEST}.")
    return Part(source, int(width[:4]))


def _check_whole(text: str, parts: list[Part]) -> None:
    if not any(part.source in _TELLS_APART for part in parts):
        raise TemplateRefused(1, "it needs {given}, {family} or {sourced_id}.")
    if text[0] in "._-":
        raise TemplateRefused(1, "a username begins with a letter or a digit.")
    if text[-1] in "._-":
        raise TemplateRefused(len(text), "a username ends with a letter or a digit.")
    if sum(len(part.text) for part in parts) > _MOST_FIXED:
        raise TemplateRefused(1, f"at most {_MOST_FIXED} characters may be the same for everybody.")
