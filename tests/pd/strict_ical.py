"""A judge of calendar text: RFC 5545's lines and counts, written from the grammar alone.

It shares no code with what renders feeds, and refuses what forgiving parsers let pass.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_LINE = re.compile(
    r'(?P<name>[A-Z0-9-]+)(?P<params>(?:;[A-Z0-9-]+=(?:"[^"\x00-\x1f]*"|[^\x00-\x1f",;:]*))*)'
    r":(?P<value>.*)",
    re.DOTALL,
)
_UTC = re.compile(r"\d{8}T\d{6}Z")
_DURATION = re.compile(r"P(?:\d+W|(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+S)?)?)")
_ESCAPED = re.compile(r"\\(?:\\|;|,|n|N)")
# RFC 5545, 3.6 and 3.6.1; RFC 7986, 5.1 and 5.7.
_CALENDAR_ONCE = {"VERSION", "PRODID"}
_CALENDAR_AT_MOST_ONCE = {"CALSCALE", "METHOD", "REFRESH-INTERVAL", "UID", "LAST-MODIFIED", "URL"}
_EVENT_ONCE = {"UID", "DTSTAMP", "DTSTART"}
_EVENT_AT_MOST_ONCE = {
    *("CLASS", "CREATED", "DESCRIPTION", "DTEND", "GEO", "LAST-MODIFIED", "LOCATION", "ORGANIZER"),
    *("PRIORITY", "SEQUENCE", "STATUS", "SUMMARY", "TRANSP", "URL", "RECURRENCE-ID", "DURATION"),
}
_TEXTS = {"SUMMARY", "LOCATION", "DESCRIPTION", "NAME", "X-WR-CALNAME", "UID", "PRODID"}
_MOMENTS = {"DTSTART", "DTEND", "DTSTAMP", "LAST-MODIFIED"}


@dataclass
class Component:
    """Its properties by name, each a list of (parameters, value), as they stand in the text."""

    kind: str
    properties: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    parts: list[Component] = field(default_factory=list)

    def value(self, name: str) -> str:
        ((_, value),) = self.properties[name]
        return value

    def text(self, name: str) -> str:
        """A text value without its escapes."""
        return _ESCAPED.sub(
            lambda m: {"n": "\n", "N": "\n"}.get(m[0][1], m[0][1]), self.value(name)
        )


def read(body: bytes) -> Component:
    """The calendar of a feed. Raises: AssertionError saying which rule a line breaks."""
    assert body.endswith(b"\r\n"), "the last line ends with CRLF"
    lines = body[:-2].split(b"\r\n")
    for line in lines:
        assert b"\r" not in line, f"a bare CR: {line!r}"
        assert b"\n" not in line, f"a bare LF: {line!r}"
        assert len(line) <= 75, f"{len(line)} octets: {line!r}"
        assert line.strip(), "an empty line"
        line.decode("utf-8")  # Folded between characters, not within one.
    root = Component("")
    open_parts = [root]
    for whole in _unfolded(lines):
        found = _LINE.fullmatch(whole)
        assert found, f"no content line: {whole!r}"
        name, value = found["name"], found["value"]
        assert not re.search("[\\x00-\\x08\\x0a-\\x1f\\x7f]", value), f"a control: {whole!r}"
        if name == "BEGIN":
            part = Component(value)
            open_parts[-1].parts.append(part)
            open_parts.append(part)
        elif name == "END":
            assert open_parts.pop().kind == value, f"{whole!r} ends another component"
        else:
            open_parts[-1].properties.setdefault(name, []).append((found["params"], value))
    assert open_parts == [root], "a component is left open"
    (calendar,) = root.parts
    _check_calendar(calendar)
    return calendar


def _unfolded(lines: list[bytes]) -> list[str]:
    whole: list[str] = []
    for line in lines:
        text = line.decode()
        if text[0] in " \t":
            whole[-1] += text[1:]
        else:
            whole.append(text)
    return whole


def _check_calendar(calendar: Component) -> None:
    assert calendar.kind == "VCALENDAR"
    _count(calendar, _CALENDAR_ONCE, _CALENDAR_AT_MOST_ONCE)
    _check_texts(calendar)
    assert calendar.value("VERSION") == "2.0"
    assert calendar.value("METHOD") == "PUBLISH"
    ((parameters, interval),) = calendar.properties["REFRESH-INTERVAL"]
    assert parameters == ";VALUE=DURATION", "RFC 7986, 5.7 wants the VALUE parameter"
    assert _DURATION.fullmatch(interval)
    uids = set()
    for event in calendar.parts:
        assert event.kind == "VEVENT", f"a {event.kind}: times are in UTC and need none"
        _check_event(event)
        uids.add(event.value("UID"))
    assert len(uids) == len(calendar.parts), "an event without a UID of its own"


def _check_event(event: Component) -> None:
    _count(event, _EVENT_ONCE, _EVENT_AT_MOST_ONCE)
    assert not {"ATTENDEE", "RRULE", "RDATE"} & event.properties.keys()
    for name in _MOMENTS & event.properties.keys():
        assert _UTC.fullmatch(event.value(name)), f"{name} is not in UTC: {event.value(name)}"
    _check_texts(event)
    assert event.value("DTSTART") < event.value("DTEND")
    assert event.value("STATUS") in {"TENTATIVE", "CONFIRMED", "CANCELLED"}
    assert re.fullmatch(r"0|[1-9]\d*", event.value("SEQUENCE"))


def _check_texts(component: Component) -> None:
    for name in _TEXTS & component.properties.keys():
        bare = _ESCAPED.sub("", component.value(name))
        assert not set(bare) & set("\\;,"), f"{name} is not escaped: {component.value(name)}"


def _count(component: Component, once: set[str], at_most_once: set[str]) -> None:
    for name in once:
        assert len(component.properties.get(name, [])) == 1, f"{component.kind} needs one {name}"
    for name in at_most_once:
        assert len(component.properties.get(name, [])) <= 1, f"{component.kind} has two {name}"
