"""Which tasks wait for which check.

A task from a playbook waits for the check that the playbook names, in the version that last wrote
the task; one that a person made has the key `check:SLUG`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Text, Uuid, and_, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from api.db.uow import ReadSession
from api.schools.models import School
from api.schools.queries import is_among
from api.tasks.library import read_source
from api.tasks.models import PlaybookVersion, Rollout, Task
from api.tasks.rules import RolloutState, TaskKind, TaskStatus

PREFIX = "check:"
# (whose playbook, its name, its version, a task's key) -> the slug of the check
_Named = dict[tuple[UUID | None, str | None, int | None, str], str]


class CheckTask(NamedTuple):
    """A task of a current rollout that a check moves, and what is known of it."""

    id: UUID
    school_id: UUID
    slug: str
    progress_done: int
    expected_on: date | None
    cause: str | None


async def check_tasks(
    session: ReadSession, school_ids: Iterable[UUID], slugs: Collection[str]
) -> list[CheckTask]:
    """The tasks of these schools that wait for one of these checks."""
    ids = list(school_ids)
    if not ids or not slugs:
        return []
    named = await _named_by_playbooks(session, ids, set(slugs))
    keys = {key[3] for key in named} | {f"{PREFIX}{slug}" for slug in slugs}
    rows = await session.execute(
        select(
            col(Task.id),
            col(Rollout.school_id),
            col(Task.key),
            col(Task.playbook_version),
            col(PlaybookVersion.network_id),
            col(PlaybookVersion.name),
            col(Task.progress_done),
            col(Task.expected_on),
            col(Task.cause),
        )
        .join(Rollout, col(Rollout.id) == col(Task.rollout_id))
        .join(School, col(School.id) == col(Rollout.school_id))
        .outerjoin(PlaybookVersion, col(PlaybookVersion.id) == col(Rollout.playbook_id))
        .where(
            is_among(col(Rollout.school_id), ids, Uuid()),
            col(Rollout.state) != RolloutState.CLOSED,
            col(School.archived_at).is_(None),
            is_among(col(Task.key), keys, Text()),
            col(Task.kind) == TaskKind.CHECK,
            col(Task.status) != TaskStatus.CANCELLED,
        )
    )
    found = []
    for task_id, school_id, key, version, network_id, name, done, expected_on, cause in rows:
        slug = named.get((network_id, name, version, key)) or key.removeprefix(PREFIX)
        if slug in slugs:
            found.append(CheckTask(task_id, school_id, slug, done, expected_on, cause))
    return found


async def _named_by_playbooks(
    session: ReadSession, school_ids: list[UUID], slugs: Collection[str]
) -> _Named:
    """What the playbooks that these schools follow say, in every version there is of them."""
    followed = aliased(PlaybookVersion)
    rows = await session.scalars(
        select(PlaybookVersion)
        .join(
            followed,
            and_(
                col(followed.name) == col(PlaybookVersion.name),
                col(followed.network_id).is_not_distinct_from(col(PlaybookVersion.network_id)),
            ),
        )
        .where(
            col(followed.id).in_(
                select(col(Rollout.playbook_id)).where(
                    is_among(col(Rollout.school_id), school_ids, Uuid()),
                    col(Rollout.state) != RolloutState.CLOSED,
                )
            )
        )
        .distinct()
    )
    named: _Named = {}
    for row in rows:
        for task in (await read_source(row.source)).tasks:
            if task.check in slugs:
                assert task.check is not None
                named[row.network_id, row.name, row.version, task.key] = task.check
    return named
