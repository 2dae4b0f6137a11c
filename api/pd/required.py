"""Which courses schools need: those of their playbooks' tasks, which exist from then on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Uuid, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from api import clock
from api.db.columns import new_id
from api.db.uow import ReadSession, WriteSession
from api.pd.models import Course
from api.schools.models import School
from api.schools.queries import is_among
from api.tasks.library import read_source
from api.tasks.models import PlaybookVersion, Rollout, Task
from api.tasks.playbooks import PlaybookCourse
from api.tasks.rules import RolloutState, TaskKind, TaskStatus


class PdTask(NamedTuple):
    """A task of a current rollout that training moves, and what is known of it."""

    id: UUID
    school_id: UUID
    playbook_id: UUID | None
    key: str
    progress_done: int
    expected_on: date | None

    @property
    def by_hand(self) -> bool:
        """Whether somebody's word is in it; without registrations we write no such thing."""
        return self.progress_done > 0 or self.expected_on is not None


class Required(NamedTuple):
    """A course that the playbook asks a task's school for; `network_id` is the playbook's."""

    network_id: UUID | None
    course: PlaybookCourse


async def pd_tasks(session: ReadSession, school_ids: Iterable[UUID]) -> list[PdTask]:
    """The tasks of kind `pd` of these schools, those of closed rollouts and archived schools not
    among them.
    """
    rows = await session.execute(
        select(
            col(Task.id),
            col(Rollout.school_id),
            col(Rollout.playbook_id),
            col(Task.key),
            col(Task.progress_done),
            col(Task.expected_on),
        )
        .join(Rollout, col(Rollout.id) == col(Task.rollout_id))
        .join(School, col(School.id) == col(Rollout.school_id))
        .where(
            is_among(col(Rollout.school_id), set(school_ids), Uuid()),
            col(Rollout.state) != RolloutState.CLOSED,
            col(School.archived_at).is_(None),
            col(Task.kind) == TaskKind.PD,
            col(Task.status) != TaskStatus.CANCELLED,
        )
    )
    return [PdTask(*row) for row in rows]


async def required_by(session: ReadSession, tasks: Sequence[PdTask]) -> Mapping[UUID, Required]:
    """The course of each task by the task's id; a task that no playbook knows has none."""
    ids = {task.playbook_id for task in tasks if task.playbook_id is not None}
    rows = await session.execute(
        select(
            col(PlaybookVersion.id), col(PlaybookVersion.network_id), col(PlaybookVersion.source)
        ).where(is_among(col(PlaybookVersion.id), ids, Uuid()))
    )
    named: dict[tuple[UUID, str], Required] = {}
    for playbook_id, network_id, source in rows:
        playbook = await read_source(source)
        courses = {course.code: course for course in playbook.courses}
        for planned in playbook.tasks:
            if planned.course is not None:
                required = Required(network_id, courses[planned.course])
                named[playbook_id, planned.key] = required
    return {
        task.id: named[task.playbook_id, task.key]
        for task in tasks
        if task.playbook_id is not None and (task.playbook_id, task.key) in named
    }


async def ensure_courses(session: WriteSession, required: Iterable[Required]) -> None:
    """Put the courses of playbooks into their network's or the shared catalogue.

    One that is there stays as people have made it.
    """
    wanted = {(one.network_id, one.course.code): one.course for one in required}
    if not wanted:
        return
    codes = {code for _, code in wanted}
    rows = await session.execute(
        select(col(Course.network_id), col(Course.code)).where(col(Course.code).in_(codes))
    )
    there = {(row[0], row[1]) for row in rows}
    now = clock.now()
    new = [
        {
            "id": new_id(),
            "network_id": network_id,
            "code": code,
            "title": course.title,
            "hours": course.hours,
            "required_share": course.required_share,
            "roles": list(course.roles),
            "version": 1,
            "created_at": now,
            "updated_at": now,
        }
        for (network_id, code), course in wanted.items()
        if (network_id, code) not in there
    ]
    if new:
        # Others may apply the same playbook at this moment.
        await session.execute(insert(Course).values(new).on_conflict_do_nothing())
