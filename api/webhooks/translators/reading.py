"""Reading a vendor's JSON: strictly as to form, with a sentence for what is missing. Pure.

Python's own parser takes NaN, keeps the last of two equal keys and ends in a RecursionError on a
deep body, so that two readers of one body could see two different events.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import orjson

from api.webhooks.events import Document, Untranslatable

# Longer than any number or code we have seen, and short enough for an index.
LONGEST_TEXT = 200
_EARLIEST, _LATEST = date(2000, 1, 1), date(2100, 12, 31)


def parse(body: bytes) -> Document:
    """The body's JSON object.

    Raises: Untranslatable for what is no JSON (RFC 8259), is nested a thousand levels deep, or
    has a key twice in one object.
    """
    try:
        # Refuses NaN, infinities, lone surrogates, what is not UTF-8, and 1,024 levels.
        orjson.loads(body)
        document = _DECODER.decode(body.decode())
    except (ValueError, RecursionError) as error:
        raise Untranslatable("The body is not valid JSON, or is nested too deep.") from error
    if not isinstance(document, dict):
        raise Untranslatable("The body is not a JSON object.")
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Untranslatable("The body has the same key twice in one object.")
    return found


# Made once: making it took as long as a short body.
_DECODER = json.JSONDecoder(object_pairs_hook=_once)


class Part(NamedTuple):
    """A JSON object of the body and where it lies, so that errors can name a field."""

    fields: Document
    path: str = ""

    def _named(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def missing(self, name: str, what: str) -> Untranslatable:
        return Untranslatable(f"`{self._named(name)}` must be {what}.")

    def text(self, name: str) -> str:
        """Raises: Untranslatable when there is none."""
        found = self.any_text(name)
        if found is None:
            raise self.missing(name, f"text of 1 to {LONGEST_TEXT} characters")
        return found

    def any_text(self, name: str) -> str | None:
        """The text, trimmed; a number as it is written; None for anything else."""
        value = self.fields.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            return None
        value = value.strip()
        return value if 0 < len(value) <= LONGEST_TEXT and "\x00" not in value else None

    def part(self, name: str) -> Part:
        """The object of that name, an empty one where there is none."""
        value = self.fields.get(name)
        return Part(value if isinstance(value, dict) else {}, self._named(name))

    def parts(self, name: str) -> list[Part]:
        """The objects of the list of that name; what is no object is passed over."""
        values = self.fields.get(name)
        if not isinstance(values, list):
            return []
        return [
            Part(value, f"{self._named(name)}[{index}]")
            for index, value in enumerate(values)
            if isinstance(value, dict)
        ]

    def moment(self, name: str) -> datetime:
        """Raises: Untranslatable when there is none, or it does not say its offset from UTC."""
        found = self.any_moment(name)
        if found is None:
            raise self.missing(name, "a moment with its offset, such as 2027-08-03T14:05:00Z")
        return found

    def any_moment(self, name: str) -> datetime | None:
        """A moment in UTC (ISO 8601); None where there is none.

        A local time without an offset is no moment: nobody can say which it was.
        """
        try:
            found = datetime.fromisoformat(self.any_text(name) or "")
            return found.astimezone(UTC) if found.tzinfo is not None else None
        except (ValueError, OverflowError):
            return None

    def any_day(self, name: str) -> date | None:
        """The day a date or a date-time is written with, between 2000 and 2100; else None.

        An expected day is the day at the place it goes to: what follows it is left alone, since
        midnight moved to another zone would be another day.
        """
        try:
            found = date.fromisoformat((self.any_text(name) or "")[:10])
        except ValueError:
            return None
        return found if _EARLIEST <= found <= _LATEST else None


def latest(parts: list[Part], name: str) -> datetime | None:
    """The last of the moments that the parts have under that name."""
    return max((found for part in parts if (found := part.any_moment(name))), default=None)
