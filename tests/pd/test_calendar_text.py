"""Feeds as text, read back by a parser that is not ours and held against RFC 5545 line by line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from api.pd.calendar_text import Entry, render
from tests.pd import strict_ical

_ID = UUID("01890000-0000-7000-8000-000000000042")
_REVISED = datetime(2026, 8, 1, 12, tzinfo=UTC)
_STARTS = datetime(2026, 8, 12, 14, tzinfo=UTC)


def entry(**given: object) -> Entry:
    sample = {
        "session_id": _ID,
        "title": "Chromebook basics; part 1, hands-on",
        "starts_at": _STARTS,
        "ends_at": _STARTS + timedelta(hours=2, minutes=30),
        "revised_at": _REVISED,
        "sequence": 3,
        "cancelled": False,
        "location": "Room 101, Lincoln MS",
        "description": "",
    }
    return Entry(**{**sample, **given})  # type: ignore[arg-type]  # fields of an entry


def test_a_cancelled_session_is_written_as_the_standard_writes_it() -> None:
    body = render("PD sessions", [entry(cancelled=True)], "https://ops.example.org/")
    # The order of properties is free (RFC 5545, 3.6); lines are 75 octets at most.
    assert body == (
        b"BEGIN:VCALENDAR\r\n"
        b"VERSION:2.0\r\n"
        b"PRODID:-//FirstBell//Professional development//EN\r\n"
        b"CALSCALE:GREGORIAN\r\n"
        b"METHOD:PUBLISH\r\n"
        b"NAME:PD sessions\r\n"
        b"X-WR-CALNAME:PD sessions\r\n"
        b"REFRESH-INTERVAL;VALUE=DURATION:PT1H\r\n"
        b"X-PUBLISHED-TTL:PT1H\r\n"
        b"BEGIN:VEVENT\r\n"
        b"UID:pd-session-01890000-0000-7000-8000-000000000042@firstbell\r\n"
        b"DTSTAMP:20260801T120000Z\r\n"
        b"LAST-MODIFIED:20260801T120000Z\r\n"
        b"SEQUENCE:3\r\n"
        b"STATUS:CANCELLED\r\n"
        b"DTSTART:20260812T140000Z\r\n"
        b"DTEND:20260812T163000Z\r\n"
        b"SUMMARY:Chromebook basics\\; part 1\\, hands-on\r\n"
        b"LOCATION:Room 101\\, Lincoln MS\r\n"
        b"URL:https://ops.example.org/pd/sessions/01890000-0000-7000-8000-0000000000\r\n"
        b" 42\r\n"
        b"END:VEVENT\r\n"
        b"END:VCALENDAR\r\n"
    )


def test_nobody_writes_lines_of_their_own_into_a_feed() -> None:
    title = "Basics\r\nEND:VEVENT\r\nBEGIN:VEVENT\nATTENDEE:mailto:a@b.c"
    calendar = strict_ical.read(render("x\r\nMETHOD:REQUEST", [entry(title=title)]))
    (event,) = calendar.parts
    assert event.text("SUMMARY").splitlines()[1] == "END:VEVENT"


_text = st.text(max_size=120)
_moment = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (bounds of a strategy that adds the zone)


@settings(max_examples=60, deadline=None)
@given(
    title=_text,
    location=_text,
    description=_text,
    starts_at=_moment,
    minutes=st.integers(1, 60 * 24 * 3),
    sequence=st.integers(0, 2**31 - 1),
    cancelled=st.booleans(),
)
def test_whatever_a_session_is_called_two_readers_understand_its_feed(
    title: str,
    location: str,
    description: str,
    starts_at: datetime,
    minutes: int,
    sequence: int,
    cancelled: bool,
) -> None:
    given_entry = entry(
        title=title,
        location=location,
        description=description,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=minutes),
        sequence=sequence,
        cancelled=cancelled,
    )
    body = render(title, [given_entry])
    assert body == render(title, [given_entry])
    (event,) = strict_ical.read(body).parts
    assert int(event.value("SEQUENCE")) == sequence
    assert event.value("STATUS") == ("CANCELLED" if cancelled else "CONFIRMED")
    (parsed,) = Calendar.from_ical(body).walk("VEVENT")
    assert parsed.decoded("dtstart") == starts_at.replace(microsecond=0)
    assert parsed.decoded("dtend") == given_entry.ends_at.replace(microsecond=0)
    assert str(parsed["summary"]) == event.text("SUMMARY")
