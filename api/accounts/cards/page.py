"""Login cards as one page to print: cut along the lines, hand out, throw the page away.

A page of its own, with its style in it: it is saved and printed where no server is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from itertools import groupby

from api.accounts.account_schemas import grade_name
from api.accounts.cards.service import Card

_STYLE = """
@page { margin: 12mm; }
body { font: 11pt system-ui, sans-serif; margin: 0; color: #000; background: #fff; }
h1 { font-size: 13pt; margin: 0 0 4mm; }
section { break-after: page; }
section:last-child { break-after: auto; }
ul { display: grid; grid-template-columns: 1fr 1fr; list-style: none; margin: 0; padding: 0; }
li { border: 1px dashed #777; padding: 5mm; break-inside: avoid; }
dl { display: grid; grid-template-columns: auto 1fr; gap: 1mm 3mm; margin: 2mm 0 0; }
dd { margin: 0; overflow-wrap: anywhere; }
b { font-size: 12pt; }
code { font: 14pt ui-monospace, monospace; }
"""


def cards_page(school: str, cards: Sequence[Card], at: datetime) -> str:
    """An HTML document with a sheet for each grade; `at` says when it was made."""
    sheets = [
        _sheet(school, grade, list(some)) for grade, some in groupby(cards, lambda one: one.grade)
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Login cards, {escape(school)}, {at:%Y-%m-%d}</title><style>{_STYLE}</style>"
        f"</head><body><main>{''.join(sheets)}</main></body></html>\n"
    )


def _sheet(school: str, grade: int | None, cards: Sequence[Card]) -> str:
    title = "No grade" if grade is None else f"Grade {grade_name(grade)}"
    items = "".join(_card(school, one) for one in cards)
    return f"<section><h1>{escape(school)}, {title}</h1><ul>{items}</ul></section>"


def _card(school: str, one: Card) -> str:
    name = escape(f"{one.given_name} {one.family_name}")
    # Some systems ask for one of them, some for the other.
    signs_in = {"Username": one.username, "Email": one.email, "Password": one.password}
    lines = "".join(
        f"<dt>{label}</dt><dd><code>{escape(text)}</code></dd>"
        for label, text in signs_in.items()
        if text is not None
    )
    return f"<li><b>{name}</b><br>{escape(school)}<dl>{lines}</dl></li>"
