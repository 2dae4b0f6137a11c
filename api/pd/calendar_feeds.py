"""What a calendar link shows: one select while nothing changed, built once where something did.

A body is kept with the revision it was built at: that of the network's sessions, which triggers
move, and of the registrations that decide which of them it shows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import Any, LiteralString, NamedTuple
from uuid import UUID
from weakref import WeakValueDictionary

from psycopg import AsyncConnection

from api import clock
from api.auth.rules import Throttle, address_key, digest
from api.auth.throttle import count_attempt
from api.db.pool import Database
from api.db.uow import WriteSession, transact
from api.pd.calendar_errors import CalendarGuessed, calendar_not_found
from api.pd.calendar_text import FORMAT, Entry, leaves_at, oldest_kept, render
from api.pd.rules import CalendarKind

_ACTOR = "job:calendars"
# Calendars behind a school's one address ask for hundreds of links, but for none that is not.
PER_GUESSER = Throttle(free=20, longest_seconds=900)
# The latest so many sessions; a calendar with more is one that no program opens.
LARGEST_FEED = 10_000
_READ_EVERY = timedelta(hours=1)
# Put together from pieces of our own; a value is never part of the text.
_PRESENT: LiteralString = "('registered', 'attended', 'no_show')"
# A sum of hashes says who is where whatever their order; a count would miss an exchange.
_PEOPLE_TEMPLATE: LiteralString = """CASE l.kind
  WHEN 'person' THEN (SELECT coalesce(sum(hashtextextended(r.session_id::text, 0)), 0)
    FROM pd_registrations r WHERE r.staff_id = l.subject_id AND r.status IN {present})
  WHEN 'school' THEN (SELECT coalesce(
      sum(hashtextextended(r.session_id::text || r.staff_id::text, 0)), 0)
    FROM staff p JOIN pd_registrations r ON r.staff_id = p.id
    WHERE p.school_id = l.subject_id AND r.status IN {present}) END"""
_PEOPLE = _PEOPLE_TEMPLATE.format(present=_PRESENT)
# What is asked again and again: people are only looked at where they count.
_SEEK: LiteralString = """
SELECT l.id, l.kind, l.body_etag, l.body_revision, l.body_until, l.last_read_at,
  coalesce(c.revision, 0)
FROM calendar_links l LEFT JOIN pd_calendar_state c ON c.network_id = l.network_id
WHERE l.revoked_at IS NULL AND l."""
_BY_TOKEN = _SEEK + "digest = %s"
_BY_ID = _SEEK + "id = %s"
_WHO_TEMPLATE: LiteralString = "SELECT {people} FROM calendar_links l WHERE l.id = %s"
_WHO = _WHO_TEMPLATE.format(people=_PEOPLE)
_OF_PEOPLE = frozenset({CalendarKind.person, CalendarKind.school})
_LOCK: LiteralString = (
    "SELECT pg_advisory_xact_lock(hashtextextended('firstbell.calendar ' || %(link)s::text, 0))"
)
# Revision and sessions in one statement, so in one snapshot: a body never claims a later one.
_SESSIONS_TEMPLATE: LiteralString = """
SELECT l.label, coalesce(c.revision, 0), {people}, e.* FROM calendar_links l
LEFT JOIN pd_calendar_state c ON c.network_id = l.network_id
LEFT JOIN LATERAL (
  SELECT s.id, k.title, s.starts_at, s.ends_at, s.revised_at, s.sequence,
    s.status = 'cancelled' AS cancelled, s.reason, s.room, s.online,
    coalesce(h.name, i.name) AS place,
    coalesce(t.given_name || ' ' || t.family_name, s.trainer_name) AS trainer
  FROM pd_sessions s JOIN pd_courses k ON k.id = s.course_id
  LEFT JOIN schools h ON h.id = s.school_id LEFT JOIN sites i ON i.id = s.site_id
  LEFT JOIN staff t ON t.id = s.trainer_staff_id
  WHERE s.network_id = l.network_id
    AND CASE WHEN s.status = 'cancelled' THEN s.revised_at > %(cancelled_since)s
      ELSE s.ends_at > %(ended_since)s END
    AND CASE l.kind WHEN 'network' THEN true
      WHEN 'school' THEN s.school_id = l.subject_id OR EXISTS (SELECT FROM pd_registrations r
        JOIN staff p ON p.id = r.staff_id WHERE r.session_id = s.id
        AND p.school_id = l.subject_id AND r.status IN {present})
      WHEN 'person' THEN s.trainer_staff_id = l.subject_id OR EXISTS (SELECT
        FROM pd_registrations r WHERE r.session_id = s.id AND r.staff_id = l.subject_id
        AND r.status IN {present})
      ELSE CASE WHEN l.trainer_key IS NULL THEN s.trainer_staff_id = l.subject_id
        ELSE s.trainer_key = l.trainer_key END END
  ORDER BY s.starts_at DESC, s.id DESC LIMIT %(most)s) e ON true
WHERE l.id = %(link)s
ORDER BY e.starts_at, e.id"""
_SESSIONS = _SESSIONS_TEMPLATE.format(people=_PEOPLE, present=_PRESENT)
_KEEP: LiteralString = """
UPDATE calendar_links SET body = %(body)s, body_etag = %(etag)s, body_revision = %(revision)s,
  body_until = %(until)s WHERE id = %(link)s"""
_BODY: LiteralString = "SELECT body_etag, body FROM calendar_links WHERE id = %(link)s"
_READ: LiteralString = "UPDATE calendar_links SET last_read_at = %(now)s WHERE id = %(link)s"
# Of one process one builds while the others wait without a connection.
_building: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()


class Feed(NamedTuple):
    """A link and the entity tag of what it shows now."""

    link_id: UUID
    etag: str


class _Link(NamedTuple):
    link_id: UUID
    kind: str
    etag: str | None
    revision: str | None
    until: datetime | None
    last_read_at: datetime | None
    of_network: int


async def find_feed(database: Database, token: str, site: str | None, address: str) -> Feed:
    """What the token shows, built if it is not kept. `site`: the address of the pages, for links.

    Raises: CalendarNotFound, after the same work whether the token never was or was revoked;
    CalendarGuessed for an address that asked for too many of those.
    """
    now = clock.now()
    async with database.raw() as connection:
        link = await _seek(connection, _BY_TOKEN, digest(token))
        etag = link and await _kept(connection, link, site, now)
    if link is None:
        await _count_guess(database, address)
        raise calendar_not_found()
    await _write_down(database, link, now)
    if etag is not None:
        return Feed(link.link_id, etag)
    lock = _building.setdefault(link.link_id, asyncio.Lock())
    async with lock:
        return Feed(link.link_id, await _build(database, link.link_id, site))


async def body_of(database: Database, feed: Feed) -> tuple[str, bytes]:
    """The text of a feed with its own entity tag, which may be newer than the feed's.

    Raises: CalendarNotFound when it was revoked meanwhile.
    """
    async with database.raw() as connection:
        found = await connection.execute(_BODY, {"link": feed.link_id}, binary=True)
        row = await found.fetchone()
    if row is None or row[1] is None:
        raise calendar_not_found()
    return row[0], row[1]


async def _seek(
    connection: AsyncConnection[Any], statement: LiteralString, by: bytes | UUID
) -> _Link | None:
    row = await (await connection.execute(statement, (by,), binary=True)).fetchone()
    return _Link(*row) if row else None


async def _kept(
    connection: AsyncConnection[Any], link: _Link, site: str | None, now: datetime
) -> str | None:
    """The entity tag of the kept body, if it still holds."""
    if link.etag is None or link.until is None or link.until <= now:
        return None
    people = None
    if link.kind in _OF_PEOPLE:
        row = await (await connection.execute(_WHO, (link.link_id,), binary=True)).fetchone()
        people = row and row[0]
    return link.etag if link.revision == _revision(site, link.of_network, people) else None


def _revision(site: str | None, of_network: int, people: Decimal | None) -> str:
    """All that a body depends on but its sessions' age, as a text to compare."""
    told = f"{FORMAT}:{site or ''}:{of_network}"
    return told if people is None else f"{told}:{people}"


async def _count_guess(database: Database, address: str) -> None:
    """Raises: CalendarGuessed."""

    async def count(session: WriteSession) -> None:
        key = f"calendar {address_key(address)}"
        await count_attempt(session, key, PER_GUESSER, clock.now(), CalendarGuessed)

    await transact(database, _ACTOR, count)


async def _write_down(database: Database, link: _Link, now: datetime) -> None:
    if link.last_read_at is None or link.last_read_at <= now - _READ_EVERY:
        async with database.raw() as connection:
            await connection.execute(_READ, {"link": link.link_id, "now": now})


async def _build(database: Database, link_id: UUID, site: str | None) -> str:
    """The entity tag of the body, after making it unless somebody did meanwhile.

    Raises: CalendarNotFound.
    """

    async def work(session: WriteSession) -> str:
        connection = await session.psycopg()
        now = clock.now()
        await connection.execute(_LOCK, {"link": link_id})
        link = await _seek(connection, _BY_ID, link_id)
        if link is None:
            raise calendar_not_found()
        etag = await _kept(connection, link, site, now)
        if etag is not None:
            return etag
        asked = {"link": link_id, "most": LARGEST_FEED, **oldest_kept(now)}
        rows = await (await connection.execute(_SESSIONS, asked)).fetchall()
        label, of_network, people = rows[0][:3]
        revision = _revision(site, of_network, people)
        entries = [_entry(*row[3:]) for row in rows if row[3] is not None]
        # Half a second for thousands of sessions, in which others are served.
        body = await asyncio.to_thread(render, label, entries, site)
        etag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
        kept = {"body": body, "etag": etag, "revision": revision, "until": _until(entries, now)}
        await connection.execute(_KEEP, {"link": link_id, **kept})
        return etag

    return await transact(database, _ACTOR, work)


def _until(entries: Sequence[Entry], now: datetime) -> datetime:
    """When the first session leaves the feed by its age; far away when none is in it."""
    return min(map(leaves_at, entries), default=now + timedelta(days=3650))


def _entry(
    session_id: UUID,
    title: str,
    starts_at: datetime,
    ends_at: datetime,
    revised_at: datetime,
    sequence: int,
    cancelled: bool,
    reason: str | None,
    room: str | None,
    online: bool,
    place: str | None,
    trainer: str | None,
) -> Entry:
    told: list[Any] = [f"Trainer: {trainer}" if trainer else None]
    told.append(f"Cancelled: {reason}" if cancelled and reason else None)
    return Entry(
        session_id=session_id,
        title=title,
        starts_at=starts_at,
        ends_at=ends_at,
        revised_at=revised_at,
        sequence=sequence,
        cancelled=cancelled,
        location="Online" if online else ", ".join(part for part in (room, place) if part),
        description="\n".join(line for line in told if line),
    )
