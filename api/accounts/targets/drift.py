"""Drift: what a target gives out is compared with what is desired, and what differs is put right.

Nobody is taken for missing unless the target gave out as many accounts as it says it has. Rows
that wait are left alone, since they are about to be written anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, LiteralString
from uuid import UUID

from api import clock
from api.accounts.targets.adapter import Adapter, Remote
from api.accounts.targets.desire import DIGEST
from api.accounts.targets.leases import Leased, leased
from api.accounts.targets.models import Target
from api.accounts.targets.rules import Desired, Observed
from api.db.pool import Database
from api.db.uow import WriteSession, transact

_ROWS: LiteralString = f"""
SELECT r.account_id, r.desired, CASE WHEN a.id IS NOT NULL THEN {DIGEST} END, r.observed,
  r.remote_id, r.remote_name, r.etag, r.attempts, r.doubtful, a.username, a.given_name,
  a.family_name, a.email, a.sourced_id
FROM target_accounts r LEFT JOIN accounts a ON a.id = r.account_id
WHERE r.target_id = %(target)s AND r.remote_id = ANY(%(remote_ids)s)
"""  # noqa: S608 (put together from constants of this file)
_FOUND: LiteralString = """
UPDATE target_accounts r SET read_at = %(now)s, etag = n.etag,
  drifted = CASE WHEN m.differs THEN string_to_array(n.fields, ',') END,
  observed = CASE WHEN m.differs THEN n.observed ELSE r.observed END,
  observed_at = CASE WHEN m.differs THEN %(now)s ELSE r.observed_at END,
  observed_digest = CASE WHEN NOT m.differs THEN r.observed_digest END,
  next_try_at = CASE WHEN m.differs THEN %(now)s END
FROM unnest(%(ids)s::uuid[], %(etag)s::text[], %(fields)s::text[], %(observed)s::text[])
  AS n(account_id, etag, fields, observed)
CROSS JOIN LATERAL (SELECT n.fields <> '' AS differs) m
WHERE r.target_id = %(target)s AND r.account_id = n.account_id
  AND r.next_try_at IS NULL AND r.dead_at IS NULL
"""
_READ: LiteralString = """
UPDATE target_accounts SET read_at = %(now)s
WHERE target_id = %(target)s AND remote_id = ANY(%(remote_ids)s) AND read_at < %(now)s
"""
_CLASHES: LiteralString = """
SELECT count(*) FROM accounts a JOIN target_accounts r
  ON r.target_id = %(target)s AND r.account_id = a.id
WHERE a.network_id = %(network)s AND lower(a.username) = ANY(%(names)s) AND r.remote_id IS NULL
"""
_MISSING: LiteralString = """
UPDATE target_accounts SET drifted = '{missing}', observed = 'none', observed_at = %(now)s,
  observed_digest = NULL, remote_id = NULL, etag = NULL, doubtful = true, next_try_at = %(now)s
WHERE target_id = %(target)s AND remote_id IS NOT NULL AND next_try_at IS NULL
  AND dead_at IS NULL AND coalesce(read_at, '-infinity') < %(began)s
  AND coalesce(observed_at, '-infinity') < %(began)s
"""
_TOLD: LiteralString = """
UPDATE target_states SET drift_asked_at = NULL, drift_read_at = %(now)s, settled_at = %(now)s,
  drift_found = %(found)s, strangers = %(strangers)s, clashes = %(clashes)s
WHERE target_id = %(target)s
"""


_GIVEN_UP: LiteralString = """
UPDATE target_states SET drift_asked_at = NULL, last_error = %(error)s
WHERE target_id = %(target)s
"""


async def give_up_reading(session: WriteSession, target_id: UUID, error: str) -> None:
    """Until it is asked for again: what was found so far stands, and nobody is missing."""
    connection = await session.psycopg()
    await connection.execute(_GIVEN_UP, {"target": target_id, "error": error})


async def look_for_drift(database: Database, target: Target, adapter: Adapter) -> None:
    """Read everybody back and queue what differs. Raises: TargetFails, and then nobody is missing.

    A target in a dry run is only read: what differs is counted and shown.
    """
    began, counts = clock.now(), {"found": 0, "strangers": 0, "clashes": 0}
    async for page in adapter.read_back():
        work = partial(_compare, target, adapter, page, began)
        for name, count in (await transact(database, "job:targets", work)).items():
            counts[name] += count
    await transact(database, "job:targets", partial(_conclude, target, began, counts))


async def _compare(
    target: Target, adapter: Adapter, page: Sequence[Remote], began: datetime, session: WriteSession
) -> dict[str, int]:
    connection = await session.psycopg()
    values: dict[str, Any] = {
        "target": target.id,
        "network": target.network_id,
        "remote_ids": [remote.remote_id for remote in page],
        "names": [remote.name.lower() for remote in page],
        "now": max(clock.now(), began),
    }
    rows = await (await connection.execute(_ROWS, values)).fetchall()
    ours = {row.order.remote_id: row for row in map(leased, rows)}
    lines = [
        _line(ours[remote.remote_id], remote, adapter)
        for remote in page
        if remote.remote_id in ours
    ]
    if lines:
        columns = {name: [line[name] for line in lines] for name in lines[0]}
        await connection.execute(_FOUND, values | columns)
        await connection.execute(_READ, values)
    clashes = await (await connection.execute(_CLASHES, values)).fetchone()
    return {
        "found": sum(line["fields"] != "" for line in lines),
        "strangers": len(page) - len(lines),
        "clashes": clashes[0] if clashes else 0,
    }


def _line(row: Leased, remote: Remote, adapter: Adapter) -> dict[str, Any]:
    gone = row.order.desired is Desired.deleted or row.order.person is None
    fields = ["deleted"] if gone else adapter.differing(row.order, remote)
    active = remote.fields.get("active") is not False
    return {
        "ids": row.order.account_id,
        "etag": remote.etag,
        "fields": ",".join(fields),
        "observed": Observed.active if active else Observed.suspended,
    }


async def _conclude(
    target: Target, began: datetime, counts: dict[str, int], session: WriteSession
) -> None:
    connection = await session.psycopg()
    values = {"target": target.id, "began": began, "now": clock.now()}
    missing = (await connection.execute(_MISSING, values)).rowcount
    told = counts | {"found": counts["found"] + missing}
    await connection.execute(_TOLD, values | told)
