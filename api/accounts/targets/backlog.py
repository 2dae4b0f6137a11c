"""What schools' accounts still need at required targets, and until when: for schools' tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from api import clock
from api.accounts.progress_rules import Queue
from api.accounts.targets.models import Target, TargetState
from api.accounts.targets.rules import Backlog, Breaker, TargetKind, remaining, spoken
from api.clock import local_day
from api.db.uow import ReadSession

# An account counts once every required target of its network has it, or its people were handed it.
_MET: LiteralString = """
SELECT school_id, count(*) FROM (
  SELECT a.id, a.school_id FROM accounts a
  JOIN target_accounts r ON r.account_id = a.id AND r.target_id = ANY(%(targets)s)
    AND r.observed IN ('active', 'handed_off')
  JOIN targets t ON t.id = r.target_id AND t.network_id = a.network_id
  WHERE a.school_id = ANY(%(schools)s) AND a.status = 'active'
  GROUP BY a.id, a.school_id, a.network_id
  HAVING count(*) = (SELECT count(*) FROM targets n WHERE n.network_id = a.network_id
    AND n.id = ANY(%(targets)s))) AS met
GROUP BY school_id
"""
_LACKING: LiteralString = """
SELECT a.school_id, r.target_id, count(*) FILTER (WHERE r.dead_at IS NULL),
  count(*) FILTER (WHERE r.dead_at IS NOT NULL)
FROM accounts a JOIN target_accounts r ON r.account_id = a.id AND r.target_id = ANY(%(targets)s)
WHERE a.school_id = ANY(%(schools)s) AND a.status = 'active'
  AND r.observed NOT IN ('active', 'handed_off')
GROUP BY a.school_id, r.target_id
"""
_WAITING: LiteralString = """
SELECT target_id, count(*) FROM target_accounts
WHERE target_id = ANY(%(targets)s) AND next_try_at IS NOT NULL GROUP BY target_id
"""
_WHY_NOT = {
    "paused": "it is paused",
    "dry": "it is in a dry run",
    "refused": "it refuses our credentials",
    "file": "no file was handed over",
}


class Required(NamedTuple):
    """A target that a network's accounts must be at."""

    target: Target
    state: TargetState


async def required_targets(session: ReadSession, network_ids: Iterable[UUID]) -> list[Required]:
    rows = await session.execute(
        select(Target, TargetState)
        .join(TargetState, col(TargetState.target_id) == col(Target.id))
        .where(col(Target.network_id).in_(set(network_ids)), col(Target.required).is_(True))
        .order_by(col(Target.slug))
        .execution_options(populate_existing=True)
    )
    return [Required(*row) for row in rows]


async def met_at(
    session: ReadSession, required: Iterable[Required], school_ids: Iterable[UUID]
) -> dict[UUID, int]:
    """How many active accounts of each school all required targets of its network have."""
    return {row[0]: row[1] for row in await _rows(session, _MET, required, school_ids)}


async def queues_of(
    session: ReadSession, required: list[Required], timezones: Mapping[UUID, str]
) -> dict[UUID, list[Queue]]:
    """What each school still needs where; days are the school's, by its IANA timezone name."""
    totals = dict(await _rows(session, _WAITING, required, ()))
    by_id = {one.target.id: one for one in required}
    now, found = clock.now(), dict[UUID, list[Queue]]()
    lacking = await _rows(session, _LACKING, required, timezones)
    for school_id, target_id, waiting, dead in sorted(lacking, key=lambda row: row[1]):
        one = by_id[target_id]
        ends_at, why = _outlook(one, totals.get(target_id, waiting), now)
        ends_on = None if ends_at is None else local_day(timezones[school_id], ends_at)
        queue = Queue(one.target.slug, waiting, dead, ends_on, why)
        found.setdefault(school_id, []).append(queue)
    return found


def _outlook(one: Required, waiting: int, now: datetime) -> tuple[datetime | None, str]:
    """When a target's whole queue ends, and a word on it."""
    target, state = one
    standing = {
        "file": target.kind == TargetKind.csv,
        "paused": target.paused,
        "dry": target.dry_run,
        "refused": state.breaker == Breaker.refused,
    }
    for why, is_so in standing.items():
        if is_so:
            return None, _WHY_NOT[why]
    left = remaining(Backlog(waiting, target.rate_per_minute))
    begins = max(now, state.open_until or now, state.paced_until or now)
    return begins + left, f"about {spoken(left)}"


async def _rows(
    session: ReadSession,
    statement: LiteralString,
    required: Iterable[Required],
    school_ids: Iterable[UUID],
) -> list[tuple[Any, ...]]:
    raw = await (await session.connection()).get_raw_connection()
    driver: Any = raw.driver_connection
    values = {"targets": [one.target.id for one in required], "schools": list(school_ids)}
    rows: list[tuple[Any, ...]] = await (await driver.execute(statement, values)).fetchall()
    return rows
