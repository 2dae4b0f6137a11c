"""Rows as CSV for people's spreadsheets, in which no cell becomes a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

# What spreadsheets take for the beginning of a formula (OWASP, CSV injection), also full-width.
_FORMULAS = tuple("=+-@\t\r\n\N{FULLWIDTH EQUALS SIGN}")


def csv_bytes(lines: Iterable[Iterable[object]], *, first: bool = False) -> bytes:
    """RFC 4180 in UTF-8; the `first` piece of a file begins with the mark that Excel wants.

    Nothing is an empty cell; a text that would be a formula gets an apostrophe before it.
    """
    out = io.StringIO()
    csv.writer(out).writerows([_cell(value) for value in line] for line in lines)
    return out.getvalue().encode("utf-8-sig" if first else "utf-8")


def _cell(value: object) -> object:
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULAS):
        return f"'{value}"
    return "" if value is None else value
