"""A calendar feed as text (RFC 5545, RFC 7986): the same sessions are the same bytes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from icalendar import Calendar, Event, vDuration, vText

# A calendar remembers what it was told once: after so long a cancellation has reached it, and what
# is over is wanted for the year's records only.
_CANCELLED_FOR = timedelta(weeks=6)
_PAST_FOR = timedelta(days=365)
# A part of every stored body's key: raised when the text of unchanged sessions changes.
FORMAT = 1
_PRODUCT = "-//FirstBell//Professional development//EN"
# Globally unique by the id alone; a host would change with the installation, and a UID never does.
_UID_DOMAIN = "firstbell"
# A seat that moves is wanted soon; calendars that obey ask again after this long.
_REFRESH = timedelta(hours=1)
# RFC 5545, 3.3.11: a text holds no control characters but the tabulator and line ends.
_CONTROLS = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\u2028\\u2029]")


@dataclass(frozen=True, slots=True)
class Entry:
    """One session as a calendar shows it; all moments are aware and in UTC.

    `revised_at` is when time, place or state last changed and `sequence` how often: neither is
    the moment of the poll, or every poll would look like a change.
    """

    session_id: UUID
    title: str
    starts_at: datetime
    ends_at: datetime
    revised_at: datetime
    sequence: int
    cancelled: bool
    location: str
    description: str


def leaves_at(entry: Entry) -> datetime:
    """When a session is so old that a feed shows it no more."""
    if entry.cancelled:
        return entry.revised_at + _CANCELLED_FOR
    return entry.ends_at + _PAST_FOR


def oldest_kept(now: datetime) -> dict[str, datetime]:
    """What `leaves_at` says, for a query: cancelled since when, ended since when."""
    return {"cancelled_since": now - _CANCELLED_FOR, "ended_since": now - _PAST_FOR}


def uid_of(session_id: UUID) -> str:
    """The UID of a session for ever, in every feed that shows it."""
    return f"pd-session-{session_id}@{_UID_DOMAIN}"


def render(name: str, entries: Iterable[Entry], site: str | None = None) -> bytes:
    """The feed: UTC times, one event a session in the order given, nobody who attends.

    `site` is the address under which people reach the pages; without it no event has a link.
    """
    # The library knows NAME as no text and would escape nothing in it.
    title = vText(_plain(name))
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", _PRODUCT)
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("name", title)
    calendar.add("x-wr-calname", title)
    # RFC 7986, 5.7: the VALUE parameter is required, which the library's own argument leaves out.
    calendar.add("refresh-interval", vDuration(_REFRESH), parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", vDuration(_REFRESH))
    for entry in entries:
        calendar.add_component(_event(entry, site))
    text: bytes = calendar.to_ical(sorted=False)
    return text


def _event(entry: Entry, site: str | None) -> Event:
    event = Event()
    event.add("uid", uid_of(entry.session_id))
    event.add("dtstamp", _second(entry.revised_at))
    event.add("last-modified", _second(entry.revised_at))
    event.add("sequence", entry.sequence)
    event.add("status", "CANCELLED" if entry.cancelled else "CONFIRMED")
    event.add("dtstart", _second(entry.starts_at))
    event.add("dtend", _second(entry.ends_at))
    event.add("summary", _plain(entry.title))
    event.add("location", _plain(entry.location))
    if entry.description:
        event.add("description", _plain(entry.description))
    if site is not None:
        event.add("url", f"{site.rstrip('/')}/pd/sessions/{entry.session_id}")
    return event


def _second(moment: datetime) -> datetime:
    """RFC 5545 knows no fractions of a second."""
    return moment.astimezone(UTC).replace(microsecond=0)


def _plain(text: str) -> str:
    return _CONTROLS.sub("", text)
