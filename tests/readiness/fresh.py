"""An answer computed from the tables by another way: no store, and a loader of its own."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from api import clock
from api.db.pool import Database
from api.db.uow import ReadSession, reading
from api.readiness.document import document
from api.readiness.rules import Answer, RolloutFacts, evaluate, summary
from api.schools.models import Network, School
from api.schools.queries import school_calendar
from api.tasks import queries
from api.tasks.days import Calendar
from api.tasks.models import Dependency, Task, Waiver
from api.tasks.rules import TaskStatus, WaiverState


async def fresh_answer(database: Database, school_id: UUID) -> tuple[Answer, dict[str, Any]]:
    """The answer about a school as of now, and its row of the board."""
    async with reading(database) as session:
        school = await session.get_one(School, school_id)
        network = await session.get_one(Network, school.network_id)
        rollout = await queries.current_rollout(session, school_id)
        tasks, edges = await _graph(session, school, rollout.id if rollout else None)
        waivers = await session.scalars(
            select(Waiver).where(col(Waiver.state) == WaiverState.APPROVED)
        )
        now = clock.now()
        today = clock.local_day(school.timezone, now)
        days = await school_calendar(session, school, today)
        facts = RolloutFacts(
            school_id=str(school.id),
            school_code=school.code,
            school_name=school.name,
            timezone=school.timezone,
            rollout_id=str(rollout.id) if rollout else None,
            model=rollout.model if rollout else None,
            first_bell=rollout.first_bell if rollout else None,
            state=rollout.state if rollout else None,
            opened_ready=rollout.opened_ready if rollout else None,
            tasks=tuple(queries.facts_of(task, school.timezone) for task in tasks),
            dependencies=tuple(queries.dependency_facts(edge) for edge in edges),
            waivers=tuple(
                queries.waiver_facts(one)
                for one in waivers
                if one.task_id in {task.id for task in tasks}
            ),
            calendar=Calendar(days.weekend, days.days_off),
        )
        answer = evaluate(facts, now)
        row = summary(answer) | {
            "network": network.code,
            "wave": rollout.wave if rollout else None,
        }
        return answer, row


async def _graph(
    session: ReadSession, school: School, rollout_id: UUID | None
) -> tuple[list[Task], list[Dependency]]:
    """The rollout's tasks and every network task before one of them, with all edges."""
    everything = await session.scalars(
        select(Task)
        .where(col(Task.network_id) == school.network_id, col(Task.status) != TaskStatus.CANCELLED)
        .order_by(col(Task.id))
    )
    by_id = {task.id: task for task in everything}
    edges = list(await session.scalars(select(Dependency)))
    meant = [] if rollout_id is None else [t for t in by_id.values() if t.rollout_id == rollout_id]
    reached = {task.id for task in meant}
    while True:
        more = {
            edge.predecessor_id
            for edge in edges
            if edge.successor_id in reached and edge.predecessor_id in by_id
        } - reached
        if not more:
            break
        reached |= more
    tasks = meant + [by_id[one] for one in reached if by_id[one].rollout_id is None]
    inner = [e for e in edges if e.predecessor_id in reached and e.successor_id in reached]
    return tasks, inner


def body_of(answer: Answer) -> dict[str, Any]:
    """The document apart from when it was said and of which version."""
    return comparable(document(answer, ""))


def comparable(body: dict[str, Any]) -> dict[str, Any]:
    """A document in one order: lists that have none by themselves are sorted."""
    said = {key: value for key, value in body.items() if key not in ("as_of", "version")}
    said["waivers"] = sorted(said["waivers"], key=lambda waiver: str(waiver["id"]))
    for stream in said["workstreams"]:
        stream["evidence"] = sorted(stream["evidence"], key=lambda one: str(one["task_id"]))
    return said
