"""YAML text into plain data that remembers its lines. Written for text from strangers.

A small part of YAML is enough for a playbook: mappings, lists, text, whole and decimal numbers,
true, false and null. Anchors, aliases and tags are refused outright, so nothing can expand or
construct. Plain words follow JSON's idea of types, not YAML 1.1's: `no` and `on` are text, `1:30`
and `2027-08-23` are text, `0x10` is text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from typing import NoReturn, TypeAlias

import yaml

from api.tasks.playbook_errors import PlaybookInvalid, PlaybookProblem

MAX_BYTES = 1_000_000
MAX_DEPTH = 8
MAX_NODES = 50_000
MAX_SUGGESTIONS = 50
MAX_QUOTED = 80
MAX_POINTER = 300

Scalar: TypeAlias = "str | int | Decimal | bool | None"
# Lists become tuples: strict models take them as they are, and nobody can change them later.
Data: TypeAlias = "Scalar | tuple[Data, ...] | dict[str, Data]"

_UNPRINTABLE = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,8})")
_DECIMAL = re.compile(r"[-+]?[0-9]{1,9}\.[0-9]{1,9}")
_WORDS: dict[str, Scalar] = {"": None, "~": None, "null": None, "true": True, "false": False}
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Place:
    """A position in the text, 1-based."""

    line: int
    column: int


@dataclass(slots=True)
class Tree:
    """The data of one document, where each part stands, and what was wrong on the way.

    `places` has the value of each JSON pointer, `keys` the key that introduces it. `unread` are
    pointers whose value was refused; nothing further should be said about them.
    """

    data: Data = None
    places: dict[str, Place] = field(default_factory=dict)
    keys: dict[str, Place] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    problems: list[PlaybookProblem] = field(default_factory=list)
    suggested: int = 0

    def place(self, pointer: str) -> Place:
        """Where the pointer's value stands, or the nearest part around it that exists."""
        while pointer and pointer not in self.places:
            pointer = pointer.rpartition("/")[0]
        return self.places.get(pointer, Place(1, 1))

    def is_unread(self, pointer: str) -> bool:
        """True when the pointer is, or lies inside, something that was refused."""
        parts = pointer.split("/") if self.unread else []
        return any("/".join(parts[: n + 1]) in self.unread for n in range(len(parts)))

    def note(self, pointer: str, code: str, detail: str, place: Place | None = None) -> None:
        """Add a problem, by default at the pointer's own place."""
        at = place or self.place(pointer)
        pointer = pointer.partition("/\0")[0]
        while len(pointer) > MAX_POINTER:
            pointer = pointer.rpartition("/")[0]
        self.problems.append(PlaybookProblem(pointer, code, detail, at.line, at.column))

    def suggest(self, name: str, known: Collection[str]) -> str:
        """The end of a sentence, `; did you mean ...?`, or nothing.

        Comparing is slow, so a hostile text gets only the first few.
        """
        if self.suggested >= MAX_SUGGESTIONS or len(name) > 80:
            return ""
        self.suggested += 1
        close = get_close_matches(name, known, n=1)
        return f"; did you mean `{clip(close[0])}`?" if close else ""


def join(pointer: str, key: str | int) -> str:
    """The JSON pointer (RFC 6901) of a member of `pointer`."""
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"


def clip(text: str) -> str:
    """A stranger's text, short and plain enough to quote in a sentence."""
    shown = text if len(text) <= MAX_QUOTED else f"{text[: MAX_QUOTED - 3]}..."
    return "".join(c if c.isprintable() else "?" for c in shown)


def read_tree(source: str | bytes) -> Tree:
    """Read one YAML document. Raises `PlaybookInvalid` when the text cannot be read at all.

    Mistakes that leave the rest readable (tags, anchors, duplicate keys) are in `Tree.problems`.
    """
    text = _decoded(source)
    reader = _Reader(text)
    try:
        reader.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        _refuse("syntax", _syntax_detail(text, error, at), at)
    except (yaml.YAMLError, ValueError, OverflowError):
        # PyYAML lets a bare ValueError out of escapes such as "\UFFFFFFFF" and odd directives.
        _refuse("syntax", "this is not YAML", reader.here)
    return reader.tree


def _refuse(code: str, detail: str, at: Place) -> NoReturn:
    raise PlaybookInvalid([PlaybookProblem("", code, detail, at.line, at.column)])


def _decoded(source: str | bytes) -> str:
    if len(source) > MAX_BYTES:
        _refuse("too-large", f"a playbook has at most {MAX_BYTES:,} bytes", Place(1, 1))
    if isinstance(source, bytes):
        try:
            text = source.decode("utf-8")
        except UnicodeDecodeError as error:
            before = source[: error.start].decode("utf-8")
            _refuse("encoding", "the text is not UTF-8", _end_of(before))
    else:
        text = source
        if len(text) * 4 > MAX_BYTES and len(text.encode("utf-8", "replace")) > MAX_BYTES:
            _refuse("too-large", f"a playbook has at most {MAX_BYTES:,} bytes", Place(1, 1))
    text = text.removeprefix("\ufeff")
    if bad := _UNPRINTABLE.search(text):
        at = _end_of(text[: bad.start()])
        _refuse("bad-character", f"character U+{ord(bad.group()):04X} is not allowed", at)
    return text


def _end_of(text: str) -> Place:
    lines = _BREAK.split(text)
    return Place(len(lines), len(lines[-1]) + 1)


def _syntax_detail(text: str, error: yaml.MarkedYAMLError, at: Place) -> str:
    lines = _BREAK.split(text)
    line = lines[at.line - 1] if at.line <= len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())] or line[at.column - 1 : at.column] == "\t":
        return "a tab; YAML is indented with spaces"
    return clip(error.problem or "this is not YAML")


class _Reader:
    """Walks PyYAML's events; its own recursion is bounded by `MAX_DEPTH`."""

    def __init__(self, text: str) -> None:
        self.tree = Tree()
        self.here = Place(1, 1)
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.SafeLoader)
        self._nodes = 0

    def document(self) -> None:
        self._next()
        if isinstance(self._next(), yaml.StreamEndEvent):
            _refuse("empty", "the playbook is empty", Place(1, 1))
        self.tree.data = self._value(self._next(), "", 0)
        self._next()
        if not isinstance(self._next(), yaml.StreamEndEvent):
            _refuse("many-documents", "a second document starts; one per playbook", self.here)

    def _next(self) -> yaml.Event:
        event = next(self._events)
        if event.start_mark is not None:
            self.here = Place(event.start_mark.line + 1, event.start_mark.column + 1)
        return event

    def _value(self, event: yaml.Event, pointer: str, depth: int) -> Data:
        at = self.here
        self.tree.places.setdefault(pointer, at)
        self._nodes += 1
        if self._nodes > MAX_NODES:
            _refuse("too-large", f"a playbook has at most {MAX_NODES:,} values", at)
        if depth > MAX_DEPTH:
            _refuse("too-deep", f"nested more than {MAX_DEPTH} levels deep", at)
        self._refuse_magic(event, pointer, at)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(pointer, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Data] = []
            while not isinstance(item := self._next(), yaml.SequenceEndEvent):
                items.append(self._value(item, join(pointer, len(items)), depth + 1))
            return tuple(items)
        return self._scalar(event, pointer, at) if isinstance(event, yaml.ScalarEvent) else None

    def _refuse_magic(self, event: yaml.Event, pointer: str, at: Place) -> None:
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if isinstance(event, yaml.AliasEvent):
            self.tree.unread.add(pointer)
            self.tree.note(pointer, "alias", f"alias *{clip(str(anchor))} is not allowed", at)
        elif anchor is not None:
            self.tree.note(pointer, "anchor", f"anchor &{clip(str(anchor))} is not allowed", at)
        if tag is not None:
            self.tree.unread.add(pointer)
            self.tree.note(pointer, "tag", f"tag {clip(str(tag))} is not allowed", at)

    def _mapping(self, pointer: str, depth: int) -> dict[str, Data]:
        found: dict[str, Data] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            at = self.here
            key = self._key(event, pointer, depth)
            if key is None or key in found:
                if key is not None:
                    first = self.tree.keys[join(pointer, key)].line
                    detail = f"key `{clip(key)}` is repeated; it is also on line {first}"
                    self.tree.note(join(pointer, key), "duplicate-key", detail, at)
                # Read past the value; what it holds must not shadow the first one's places.
                self._value(self._next(), join(pointer, f"\0{self._nodes}"), depth + 1)
                continue
            member = join(pointer, key)
            self.tree.keys[member] = at
            found[key] = self._value(self._next(), member, depth + 1)
        return found

    def _key(self, event: yaml.Event, pointer: str, depth: int) -> str | None:
        at = self.here
        own = join(pointer, f"\0{self._nodes}")
        key = self._value(event, own, depth + 1)
        if isinstance(key, str) and (key or own not in self.tree.unread):
            return key
        if own not in self.tree.unread:
            self.tree.note(pointer, "key-not-text", "a key must be text", at)
        return None

    def _scalar(self, event: yaml.ScalarEvent, pointer: str, at: Place) -> Scalar:
        text = str(event.value)
        if event.style is None:
            if text in _WORDS:
                return _WORDS[text]
            if _INTEGER.fullmatch(text):
                return int(text)
            if _DECIMAL.fullmatch(text):
                return Decimal(text)
        if bad := _UNPRINTABLE.search(text):
            self.tree.unread.add(pointer)
            detail = f"character U+{ord(bad.group()):04X} is not allowed"
            self.tree.note(pointer, "bad-character", detail, at)
            return ""
        return text
