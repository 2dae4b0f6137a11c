"""What may be seen of a body: the fields a scheme's allow-list names, shortened. Pure.

Carriers send recipients' names, addresses and remarks ("left with ..."), so what is not known
to be harmless is left out, instead of what is known to be harmful.
"""

from __future__ import annotations

from typing import Any

from api.webhooks.events import Document, Kept
from api.webhooks.translators.reading import LONGEST_TEXT

_MOST_ITEMS = 20


def redact(document: Document, kept: Kept) -> Document:
    """The named fields only; texts and lists are cut short. Fit to be stored as JSON."""
    return {name: _value(document[name], kept[name]) for name in kept if name in document}


def _value(value: Any, inside: bool | Kept) -> Any:
    if isinstance(value, list):
        # A list of lists is in nobody's format.
        return [_item(one, inside) for one in value[:_MOST_ITEMS] if not isinstance(one, list)]
    return _item(value, inside)


def _item(value: Any, inside: bool | Kept) -> Any:
    if isinstance(value, dict):
        return redact(value, inside) if isinstance(inside, dict) else {}
    if isinstance(value, str):
        return value[:LONGEST_TEXT].replace("\x00", "")
    if isinstance(value, int) and abs(value) >= 2**53:
        # The database and a page would each show another number.
        return str(value)[:LONGEST_TEXT]
    return value
