"""The doors for workstreams: tasks that their records ask for, made and taken out by the thousand.

A workstream says which tasks it wants and gets their ids; what it knows of them goes through
`evidence.record_progress`. Facts are not refused, so neither are these tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Uuid, and_, select, text
from sqlmodel import col

from api import clock
from api.db.columns import new_id
from api.db.uow import WriteSession
from api.facts import RolloutsChanged
from api.schools.models import School
from api.schools.queries import is_among
from api.tasks.edges import take_out_many
from api.tasks.models import Rollout, Task
from api.tasks.rollouts import new_rollout
from api.tasks.rules import RolloutState, TaskKind, TaskStatus


@dataclass(frozen=True, slots=True)
class Wanted:
    """A task of a school's current rollout, by key; before its gates of kind `before_kind`."""

    school_id: UUID
    key: str
    title: str
    kind: TaskKind
    unit: str | None = None
    workstream: str = "devices"
    before_kind: TaskKind | None = None


class _Place(NamedTuple):
    network_id: UUID
    rollout_id: UUID


class _Found(NamedTuple):
    id: UUID
    retired: bool


async def ensure_tasks(
    session: WriteSession, wanted: Sequence[Wanted]
) -> dict[tuple[UUID, str], UUID]:
    """Ids of the wanted tasks by (school, key), in the schools' current rollouts.

    Missing ones are made, in an empty rollout where a school has none; those that `retire_tasks`
    took out come back. What a person made, edited, cancelled or disconnected stays as it is.
    Archived schools are left out. A few statements, however many schools.
    """
    if not wanted:
        return {}
    school_ids = {one.school_id for one in wanted}
    await session.touch_schools(school_ids)
    places = await _places(session, school_ids)
    begun = await _begin(session, school_ids - places.keys())
    places |= begun
    asked = [one for one in wanted if one.school_id in places]
    found = await _find(session, asked, places)
    made = await _make(session, [w for w in asked if _name(w) not in found], places)
    revived = await _revive(session, found)
    ids = {name: one.id for name, one in found.items()} | made
    await _put_before_gates(session, asked, ids, revived | set(made.values()))
    if begun:
        await session.publish(RolloutsChanged(tuple(begun)))
    return ids


def _name(wanted: Wanted) -> tuple[UUID, str]:
    return wanted.school_id, wanted.key


async def _places(session: WriteSession, school_ids: Iterable[UUID]) -> dict[UUID, _Place]:
    """The current rollouts of those schools that are not archived."""
    rows = await session.execute(
        select(col(School.id), col(School.network_id), col(Rollout.id))
        .join(
            Rollout,
            and_(
                col(Rollout.school_id) == col(School.id),
                col(Rollout.state) != RolloutState.CLOSED,
            ),
        )
        .where(is_among(col(School.id), school_ids, Uuid()), col(School.archived_at).is_(None))
    )
    return {row[0]: _Place(row[1], row[2]) for row in rows}


async def _begin(session: WriteSession, school_ids: Iterable[UUID]) -> dict[UUID, _Place]:
    """Empty rollouts for schools that have none."""
    ids = set(school_ids)
    if not ids:
        return {}
    schools = await session.scalars(
        select(School).where(
            is_among(col(School.id), ids, Uuid()), col(School.archived_at).is_(None)
        )
    )
    rollouts = [new_rollout(one, model=None, first_bell=None, wave=None) for one in schools]
    session.add_all(rollouts)
    await session.flush()
    return {one.school_id: _Place(one.network_id, one.id) for one in rollouts}


# A door leaves its reason as the cause, too; a person who cancels a task gives a reason only.
_FIND = text("""
SELECT w.school_id, w.key, t.id, t.status = 'cancelled' AND t.cause IS NOT DISTINCT FROM t.reason
FROM unnest(CAST(:schools AS uuid[]), CAST(:rollouts AS uuid[]), CAST(:keys AS text[]))
  AS w(school_id, rollout_id, key)
JOIN tasks t ON t.rollout_id = w.rollout_id AND t.key = w.key
""")


async def _find(
    session: WriteSession, asked: Sequence[Wanted], places: Mapping[UUID, _Place]
) -> dict[tuple[UUID, str], _Found]:
    rows = await session.execute(
        _FIND,
        {
            "schools": [one.school_id for one in asked],
            "rollouts": [places[one.school_id].rollout_id for one in asked],
            "keys": [one.key for one in asked],
        },
    )
    return {(row[0], row[1]): _Found(row[2], row[3]) for row in rows}


# Whoever answers for the gate answers for what it waits for, until somebody says otherwise.
_MAKE = text("""
INSERT INTO tasks (id, network_id, school_id, rollout_id, key, title, workstream, kind, unit,
  owner_email, owner_role, gate, after_first_bell, duration_days, status, progress_done, version,
  created_at, updated_at)
SELECT n.id, n.network_id, n.school_id, n.rollout_id, n.key, n.title, n.workstream, n.kind, n.unit,
  owner.owner_email, owner.owner_role, false, false, 1, 'pending', 0, 1, :now, :now
FROM unnest(CAST(:ids AS uuid[]), CAST(:networks AS uuid[]), CAST(:schools AS uuid[]),
  CAST(:rollouts AS uuid[]), CAST(:keys AS text[]), CAST(:titles AS text[]),
  CAST(:workstreams AS text[]), CAST(:kinds AS text[]), CAST(:units AS text[]),
  CAST(:before AS text[]))
  AS n(id, network_id, school_id, rollout_id, key, title, workstream, kind, unit, before_kind)
LEFT JOIN LATERAL (SELECT g.owner_email, g.owner_role FROM tasks g
  WHERE g.rollout_id = n.rollout_id AND g.gate AND g.kind = n.before_kind
    AND g.status <> 'cancelled'
  ORDER BY g.owner_email IS NULL, g.key LIMIT 1) owner ON true
""")


async def _make(
    session: WriteSession, missing: Sequence[Wanted], places: Mapping[UUID, _Place]
) -> dict[tuple[UUID, str], UUID]:
    new = {_name(one): one for one in missing}
    if not new:
        return {}
    ids = {name: new_id() for name in new}
    await session.execute(
        _MAKE,
        {
            "now": clock.now(),
            "ids": list(ids.values()),
            "networks": [places[one.school_id].network_id for one in new.values()],
            "schools": [one.school_id for one in new.values()],
            "rollouts": [places[one.school_id].rollout_id for one in new.values()],
            "keys": [one.key for one in new.values()],
            "titles": [one.title for one in new.values()],
            "workstreams": [one.workstream for one in new.values()],
            "kinds": [one.kind.value for one in new.values()],
            "units": [one.unit for one in new.values()],
            "before": [one.before_kind and one.before_kind.value for one in new.values()],
        },
    )
    return ids


_REVIVE = text(
    "UPDATE tasks SET status = 'pending', reason = NULL, cause = NULL, started_at = NULL,"
    " progress_done = 0, progress_total = NULL, updated_at = :now WHERE id = ANY(:ids)"
)


async def _revive(session: WriteSession, found: Mapping[tuple[UUID, str], _Found]) -> set[UUID]:
    ids = {one.id for one in found.values() if one.retired}
    if ids:
        await session.execute(_REVIVE, {"ids": list(ids), "now": clock.now()})
    return ids


# A gate without evidence is new here, so that tasks which were here first are put before it as
# well; one that had evidence was before them already, and is left as people connected it. Without
# a predecessor of its own no new edge of a task can close a circle.
_PUT_BEFORE = text("""
INSERT INTO dependencies
  (predecessor_id, successor_id, network_id, school_id, rollout_id, lag_days)
SELECT n.id, g.id, g.network_id, g.school_id, g.rollout_id, 0
FROM unnest(CAST(:ids AS uuid[]), CAST(:kinds AS text[]), CAST(:fresh AS bool[]))
  AS n(id, kind, fresh)
JOIN tasks t ON t.id = n.id AND t.status <> 'cancelled'
JOIN tasks g ON g.rollout_id = t.rollout_id AND g.gate AND g.kind = n.kind
  AND g.status <> 'cancelled' AND g.id <> t.id
WHERE (n.fresh OR g.progress_total IS NULL)
  AND NOT EXISTS (SELECT 1 FROM dependencies d WHERE d.successor_id = n.id)
ON CONFLICT DO NOTHING
""")


async def _put_before_gates(
    session: WriteSession,
    asked: Iterable[Wanted],
    ids: Mapping[tuple[UUID, str], UUID],
    fresh: set[UUID],
) -> None:
    kinds = {ids[_name(one)]: one.before_kind.value for one in asked if one.before_kind}
    if kinds:
        await session.execute(
            _PUT_BEFORE,
            {
                "ids": list(kinds),
                "kinds": list(kinds.values()),
                "fresh": [task_id in fresh for task_id in kinds],
            },
        )


_RETIRE = text(
    "UPDATE tasks SET status = 'cancelled', reason = :reason, cause = :reason, done_at = NULL,"
    " updated_at = :now WHERE id = ANY(:ids)"
)


async def retire_tasks(session: WriteSession, task_ids: Iterable[UUID], reason: str) -> None:
    """Cancel schools' tasks whose records are gone; what they connected stays in order.

    `ensure_tasks` brings them back. Those of a closed rollout stay as they ended.
    Raises: GraphTooLarge.
    """
    rows = await session.execute(
        select(col(Task.id), col(Task.school_id))
        .join(Rollout, col(Rollout.id) == col(Task.rollout_id))
        .where(
            is_among(col(Task.id), set(task_ids), Uuid()),
            col(Task.status) != TaskStatus.CANCELLED,
            col(Rollout.state) != RolloutState.CLOSED,
        )
    )
    found = {row[0]: row[1] for row in rows}
    if not found:
        return
    await session.touch_schools({school for school in found.values() if school is not None})
    await take_out_many(session, list(found))
    values = {"ids": list(found), "reason": reason, "now": clock.now()}
    await session.execute(_RETIRE, values)
