"""Stored answers: one select when nothing changed, computed anew the moment something did.

An answer is kept with the revisions it was computed from, and is only ever served while they
are the current ones; so a change shows in the very next read, and no one has to invalidate
anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from psycopg import AsyncConnection

from api import clock
from api.auth.caller import Caller
from api.db.pool import Database
from api.readiness.document import document
from api.readiness.load import Loaded, load
from api.readiness.rules import Answer, evaluate, summary

# Raised whenever the same facts would be answered differently: old answers are then recomputed.
ENGINE_VERSION = 1

_STORED = b"""
SELECT a.document, a.etag FROM schools s
JOIN school_state ss ON ss.school_id = s.id
JOIN network_state ns ON ns.network_id = s.network_id
JOIN readiness_answers a ON a.school_id = s.id AND a.school_revision = ss.revision
  AND a.network_revision = ns.revision AND a.engine_version = %s AND a.good_until > %s
WHERE """
_VISIBLE = (
    b" AND (%s::uuid IS NULL OR s.network_id = %s) AND (%s::uuid[] IS NULL OR s.id = ANY(%s))"
)
_BY_CODE = _STORED + b"s.code = %s" + _VISIBLE
_BY_ID = _STORED + b"s.id = %s" + _VISIBLE


@dataclass(frozen=True, slots=True)
class Stored:
    """A response body and its strong entity tag, quoted."""

    document: bytes
    etag: str


async def stored_answer(database: Database, caller: Caller, school: str | UUID) -> Stored | None:
    """The kept answer while it is current: one select. None: find out why, and compute."""
    statement = _BY_ID if isinstance(school, UUID) else _BY_CODE
    schools = list(caller.school_ids) if caller.school_ids is not None else None
    network = caller.network_id
    async with database.pool.connection() as connection:
        found = await connection.execute(
            statement,
            (ENGINE_VERSION, clock.now(), school, network, network, schools, schools),
            binary=True,
        )
        row = await found.fetchone()
    if row is None or row[0] is None:
        return None
    return Stored(row[0], row[1])


async def compute_answer(database: Database, school_id: UUID) -> Stored:
    """Compute one school's answer from a snapshot, keep it, and give it back."""
    now = clock.now()
    async with database.raw() as connection:
        (loaded,) = await load(connection, [school_id], now)
        kept = rendered(loaded, now)
        await store(connection, [kept])
    return Stored(kept.document, kept.etag)


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
    """The whole document, with its summary."""
    answer = evaluate(loaded.facts, now)
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


# One row of VALUES typed by the table; the lock makes one of several readers of a stale school
# write, and the others only answer. Whoever holds it gets it again, so both statements ask.
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
  AND a.network_revision <= excluded.network_revision"""
# The log: when what was said changed, and once a day.
_LOG = b"""
INSERT INTO readiness_log (school_id, said_at, said_on, verdict, percent, ready_on, fingerprint,
  document)
SELECT %(school)s, %(now)s::timestamptz, %(said_on)s::date, %(verdict)s::text,
  %(percent)s::int4, %(ready_on)s::date, %(fingerprint)s::text, %(document)s::bytea
WHERE pg_try_advisory_xact_lock(%(lock)s::int8) AND NOT EXISTS (
  SELECT 1 FROM (SELECT fingerprint, said_on FROM readiness_log WHERE school_id = %(school)s
    ORDER BY said_at DESC, id DESC LIMIT 1) last
  WHERE last.fingerprint = %(fingerprint)s AND last.said_on = %(said_on)s)"""


async def store(connection: AsyncConnection[Any], kept: Sequence[Kept]) -> None:
    """Keep answers with their documents, unless newer ones are kept already, and log them."""
    async with connection.pipeline(), connection.transaction():
        for one in kept:
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
        found = await connection.execute(_SAID, (school_id, moment.astimezone(UTC)), binary=True)
        row = await found.fetchone()
    return row[0] if row else None
