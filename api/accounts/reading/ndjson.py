"""NDJSON: an object for each line, its members named like the native CSV's columns."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

import orjson

from api.accounts.reading.cells import Judge, key_of
from api.accounts.reading.rows import (
    COLUMNS,
    LONGEST_CELL,
    REQUIRED,
    Batch,
    Issue,
    Roster,
    gathered,
)
from api.accounts.reading.table import AT_ONCE
from api.accounts.reading.text import PIECE, Text
from api.schools.csv_table import shown
from api.schools.errors import unreadable

_OBJECT = 'an object such as {"sourced_id": "…", "school": "…"} in one line'
_NO_CELLS = ("",) * len(COLUMNS)
_KNOWN = frozenset(COLUMNS)


def read_ndjson(text: Text, blocks: Iterable[str]) -> Roster:
    """Raises: FileUnreadable where the first line is no object or has a member nobody knows."""
    lines = chain.from_iterable(io.StringIO(block) for block in blocks)
    skipped, first = _first(lines)
    return Roster(
        format="ndjson",
        columns=_KNOWN,
        batches=gathered(_batches(text, chain([first], lines), skipped + 1)),
        details={"encoding": text.encoding},
    )


def _first(lines: Iterator[str]) -> tuple[int, str]:
    """How many blank lines come before the first, and the first."""
    for skipped, line in enumerate(lines):
        if not line.strip("\ufeff \t\r\n"):
            continue
        found = _object(line)
        if found is None:
            raise unreadable(
                "json-broken", f"Line {skipped + 1} is not {_OBJECT}; an array is not read."
            )
        unknown = sorted(found.keys() - _KNOWN)
        if unknown:
            raise unreadable("column-unknown", *map(_unknown, unknown[:20]))
        missing = [name for name in REQUIRED if name not in found]
        if missing:
            raise unreadable(
                "column-missing", *(f"The first line has no member {name!r}." for name in missing)
            )
        return skipped, line
    raise unreadable("file-empty", "The file is empty; its lines are JSON objects.")


def _unknown(name: str) -> str:
    return f"There is no member {shown(name)!r}; they are {', '.join(COLUMNS)}."


def _object(line: str) -> dict[str, Any] | None:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _batches(text: Text, lines: Iterator[str], begins: int) -> Iterator[Batch]:
    judge = Judge()
    while chunk := _some(lines):
        issues: list[Issue] = []
        numbers: list[int] = []
        objects: list[dict[str, Any]] = []
        for number, line in enumerate(chunk, begins):
            found = _object(line)
            if found is None:
                if line.strip():
                    broken = Issue(number, None, "json-broken", None, _OBJECT, cells=_NO_CELLS)
                    issues.append(broken)
                continue
            fault = _fault(found)
            if fault is None:
                numbers.append(number)
                objects.append(found)
            else:
                issues.append(Issue(number, *fault, "", *_kept(found)))
        begins += len(chunk)
        cells = {name: _column(objects, name) for name in COLUMNS}
        kept, wrong = judge.rows(numbers, cells)
        yield Batch(kept, [], issues + wrong, text.bytes_read)


def _some(lines: Iterator[str]) -> list[str]:
    """As many lines as are looked at together, fewer of long ones."""
    chunk: list[str] = []
    size = 0
    for line in islice(lines, AT_ONCE):
        chunk.append(line)
        size += len(line)
        if size > PIECE:
            break
    return chunk


def _column(objects: Sequence[dict[str, Any]], name: str) -> list[str | None]:
    return [found.get(name) for found in objects]


def _fault(found: dict[str, Any]) -> tuple[str | None, str, str | None, str] | None:
    """Column, code, got and expected of a first fault; whole numbers are made text."""
    for name in REQUIRED:
        if found.get(name) is None:
            return name, "required", None, "this member, not null"
    for name, value in found.items():
        if name not in _KNOWN:
            return None, "column-unknown", shown(name), f"only {', '.join(COLUMNS)}"
        if type(value) is int:
            found[name] = str(value)
        elif not (value is None or type(value) is str):
            return name, "not-text", type(value).__name__, "text or a whole number"
    return None


def _kept(found: dict[str, Any]) -> tuple[str | None, tuple[str, ...]]:
    """Whose row it is, and its cells, of an object that has a fault."""
    cells = tuple(
        str(value)[:LONGEST_CELL] if type(value := found.get(name)) in (str, int) else ""
        for name in COLUMNS
    )
    return key_of(cells[0]), cells
