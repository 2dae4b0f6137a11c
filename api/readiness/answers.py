"""Stored answers: one select when nothing changed, computed anew the moment something did.

An answer is kept with the revisions it was computed from, and is only ever served while they
are the current ones; so a change shows in the very next read, and no one has to invalidate
anything.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID
from weakref import WeakValueDictionary

import orjson
from psycopg import AsyncConnection

from api import clock
from api.auth.identify import Beside
from api.db.pool import Database
from api.readiness.document import document
from api.readiness.load import Loaded, load
from api.readiness.rules import Answer, RolloutFacts, evaluate, summary
from api.tasks.errors import DateOutOfRange

# Raised whenever the same facts would be answered differently: old answers are then recomputed.
ENGINE_VERSION = 1

# An answer of a later moment is not one of now: a clock that ran ahead is set right one day. The
# minute is for hosts whose clocks differ a little.
CLOCKS_DIFFER = timedelta(minutes=1)
_FIND: LiteralString = """
SELECT s.id, CASE WHEN a.etag = %s THEN ''::bytea ELSE a.document END, a.etag FROM schools s
JOIN school_state ss ON ss.school_id = s.id
JOIN network_state ns ON ns.network_id = s.network_id
LEFT JOIN readiness_answers a ON a.school_id = s.id AND a.school_revision = ss.revision
  AND a.network_revision = ns.revision AND a.engine_version = %s AND a.good_until > %s
  AND a.computed_at <= %s
WHERE """
_BY_ID = _FIND + "s.id = %s"
_SEEN = """ AND (caller.network_id IS NULL OR s.network_id = caller.network_id)
  AND (caller.school_ids IS NULL OR s.id = ANY(caller.school_ids))"""
_SEEN_BY_ID = _BY_ID + _SEEN
_SEEN_BY_CODE = _FIND + "s.code = %s" + _SEEN


@dataclass(frozen=True, slots=True)
class Stored:
    """A response body and its strong entity tag, quoted."""

    document: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class Sought:
    """A school the caller may see, and its kept answer while that is current."""

    school_id: UUID
    stored: Stored | None


def _bound(school: str | UUID, known: str | None) -> tuple[object, ...]:
    now = clock.now()
    return (known, ENGINE_VERSION, now, now + CLOCKS_DIFFER, school)


def seek(school: str | UUID, known: str | None) -> Beside:
    """A select, beside the caller's, of a school by id or code with what is kept.

    `known` is an entity tag whose document need not be fetched: it comes back empty.
    """
    statement = _SEEN_BY_ID if isinstance(school, UUID) else _SEEN_BY_CODE
    return Beside(statement, _bound(school, known))


def sought(row: Sequence[Any]) -> Sought | None:
    """What `seek` found; None when there is no such school to see."""
    school_id, document, etag = row
    if school_id is None:
        return None
    return Sought(school_id, None if document is None else Stored(document, etag))


async def stored_answer(database: Database, school_id: UUID) -> Stored | None:
    """The kept answer while it is current. None: compute it."""
    async with database.raw() as connection:
        found = await connection.execute(_BY_ID, _bound(school_id, None), binary=True)
        row = await found.fetchone()
    kept = sought(row) if row is not None else None
    return kept.stored if kept is not None else None


# Who computes a school's answer in this process: the others wait, and look at what was kept.
_turns: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()


async def compute_answer(database: Database, school_id: UUID) -> Stored:
    """Compute one school's answer from a snapshot, keep it, and give it back.

    Raises: NoWorkingDay, DateOutOfRange, DependencyCycle where no date can be computed.
    """
    turn = _turns.setdefault(school_id, asyncio.Lock())
    waits = turn.locked()
    async with turn:
        if waits:
            stored = await stored_answer(database, school_id)
            if stored is not None:
                return stored
        now = clock.now()
        async with database.raw() as connection:
            (loaded,) = await load(connection, [school_id], now)
            kept = rendered(loaded, now)
            await store(connection, [kept])
    return Stored(kept.document, kept.etag)


def judge(facts: RolloutFacts, now: datetime) -> Answer:
    """`evaluate`, with every reason why there is no answer as a problem for the reader.

    Raises: NoWorkingDay, DateOutOfRange, DependencyCycle.
    """
    try:
        return evaluate(facts, now)
    except OverflowError as error:
        raise DateOutOfRange("A date of this plan leaves the years 1 to 9999.") from error


@dataclass(frozen=True, slots=True)
class Kept:
    """One row of `readiness_answers`, and of the log where `fingerprint` is new."""

    loaded: Loaded
    answer: Answer
    summary: dict[str, Any]
    document: bytes
    etag: str
    fingerprint: str


def rendered(loaded: Loaded, now: datetime) -> Kept:
    """The whole document, with its summary. Raises as `judge` does."""
    answer = judge(loaded.facts, now)
    version = f"{loaded.school_revision}.{loaded.network_revision}.{ENGINE_VERSION}"
    body = document(answer, version)
    raw = orjson.dumps(body)
    # What was said, apart from when: the log grows only when it changes.
    said = {key: value for key, value in body.items() if key not in ("as_of", "version")}
    return Kept(
        loaded,
        answer,
        row_of(loaded, answer),
        raw,
        f'"{hashlib.blake2b(raw, digest_size=12).hexdigest()}"',
        hashlib.blake2b(orjson.dumps(said), digest_size=16).hexdigest(),
    )


def row_of(loaded: Loaded, answer: Answer) -> dict[str, Any]:
    """The board's row of a school."""
    row = summary(answer)
    row["network"] = loaded.network_code
    row["wave"] = loaded.wave
    return row


# The lock makes one of several processes that read a stale school write, and the others only
# answer. A newer answer is never replaced, nor is a current one that has its document: readers
# hold its entity tag.
_KEEP = b"""
INSERT INTO readiness_answers AS a (school_id, school_revision, network_revision,
  estimates_version, engine_version, good_until, computed_at, etag, document, summary, verdict,
  percent, ready_on, float_days, first_bell, wave)
SELECT %(school)s, %(school_revision)s::int8, %(network_revision)s::int8, 0, %(engine)s::int4,
  %(good_until)s::timestamptz, %(now)s::timestamptz, %(etag)s::text, %(document)s::bytea,
  %(summary)s::json, %(verdict)s::text, %(percent)s::int4, %(ready_on)s::date,
  %(float_days)s::int4, %(first_bell)s::date, %(wave)s::text
WHERE pg_try_advisory_xact_lock(%(lock)s::int8)
ON CONFLICT (school_id) DO UPDATE SET school_revision = excluded.school_revision,
  network_revision = excluded.network_revision, engine_version = excluded.engine_version,
  good_until = excluded.good_until, computed_at = excluded.computed_at, etag = excluded.etag,
  document = excluded.document, summary = excluded.summary, verdict = excluded.verdict,
  percent = excluded.percent, ready_on = excluded.ready_on, float_days = excluded.float_days,
  first_bell = excluded.first_bell, wave = excluded.wave
WHERE a.school_revision <= excluded.school_revision
  AND a.network_revision <= excluded.network_revision
  AND (a.document IS NULL OR (a.school_revision, a.network_revision, a.engine_version)
      <> (excluded.school_revision, excluded.network_revision, excluded.engine_version)
    OR a.good_until <= excluded.computed_at OR a.computed_at > %(soon)s::timestamptz)"""
# The log: when what was said changed, and once a day; by whoever's answer is the kept one.
_LOG = b"""
INSERT INTO readiness_log (school_id, said_at, said_on, verdict, percent, ready_on, fingerprint,
  document)
SELECT a.school_id, a.computed_at, %(said_on)s::date, a.verdict, a.percent, a.ready_on,
  %(fingerprint)s::text, a.document
FROM readiness_answers a
WHERE a.school_id = %(school)s AND a.xmin = pg_current_xact_id()::xid AND NOT EXISTS (
  SELECT 1 FROM (SELECT fingerprint, said_on FROM readiness_log WHERE school_id = %(school)s
    ORDER BY said_at DESC, id DESC LIMIT 1) last
  WHERE last.fingerprint = %(fingerprint)s AND last.said_on = %(said_on)s)"""


async def store(connection: AsyncConnection[Any], kept: Sequence[Kept]) -> None:
    """Keep answers with their documents, unless newer ones are kept already, and log them."""
    async with connection.pipeline(), connection.transaction():
        # All of it can be computed again: a reader need not wait for the disk.
        await connection.execute(b"SET LOCAL synchronous_commit = off")
        # In one order everywhere: two writers of many rows then cannot deadlock.
        for one in sorted(kept, key=lambda each: each.loaded.school_id):
            row = _row(one)
            await connection.execute(_KEEP, row, binary=True)
            await connection.execute(_LOG, row, binary=True)


def _row(one: Kept) -> dict[str, Any]:
    answer, loaded = one.answer, one.loaded
    return {
        "school": loaded.school_id,
        "school_revision": loaded.school_revision,
        "network_revision": loaded.network_revision,
        "engine": ENGINE_VERSION,
        "good_until": answer.good_until,
        "now": answer.at.now,
        "soon": answer.at.now + CLOCKS_DIFFER,
        "etag": one.etag,
        "document": one.document,
        "summary": orjson.dumps(one.summary).decode(),
        "verdict": answer.verdict.value,
        "percent": answer.percent,
        "ready_on": answer.ready_on,
        "float_days": answer.float_days,
        "first_bell": answer.facts.first_bell,
        "wave": loaded.wave,
        "fingerprint": one.fingerprint,
        "said_on": answer.at.today,
        # Any 63 bits of the id will do: a collision costs one answer that is not kept.
        "lock": int.from_bytes(loaded.school_id.bytes[-8:]) >> 1,
    }


_SAID = b"""
SELECT document FROM readiness_log WHERE school_id = %s AND said_at <= %s
ORDER BY said_at DESC, id DESC LIMIT 1"""


async def answer_as_of(database: Database, school_id: UUID, moment: datetime) -> bytes | None:
    """What FirstBell had last said by then; None when it had said nothing yet."""
    async with database.pool.connection() as connection:
        found = await connection.execute(_SAID, (school_id, moment), binary=True)
        row = await found.fetchone()
    return row[0] if row else None
