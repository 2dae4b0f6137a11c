"""Schools x checks: where each school stands with each, a page of schools at a time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, select
from sqlmodel import col

from api import clock
from api.auth.caller import Caller
from api.db.paging import Page, PageRequest
from api.db.uow import ReadSession
from api.infrastructure.catalogue import Asked
from api.infrastructure.check_tasks import check_tasks
from api.infrastructure.queries import Place, Subject
from api.infrastructure.result_schemas import (
    ExemptionOut,
    MatrixRowOut,
    RetestOut,
    SchoolCheckOut,
    StandingOut,
)
from api.infrastructure.rules import Severity, Verdict
from api.infrastructure.standings import Standings, read_standings
from api.infrastructure.verdicts import Standing
from api.schools.models import School
from api.schools.queries import SchoolFilter, is_among, list_schools
from api.tasks.models import Waiver
from api.tasks.rules import WaiverState


@dataclass(frozen=True, slots=True)
class MatrixFilter:
    """`verdicts` keeps cells, and schools that have one; null: all."""

    schools: SchoolFilter
    check: str | None = None
    verdicts: frozenset[Verdict] | None = None


@dataclass(frozen=True, slots=True)
class _Waiting:
    """The tasks that wait, and which of them are waived today."""

    tasks: dict[Place, UUID]
    waived: frozenset[UUID]


async def read_matrix(
    session: ReadSession, caller: Caller, which: MatrixFilter, page: PageRequest
) -> Page[MatrixRowOut]:
    """A page of schools, archived ones left out. With `verdicts` it may hold fewer than there is
    room for, also none, and still have a next page.
    """
    found = await list_schools(session, caller, which.schools, page)
    schools: Sequence[School] = found.items
    slugs = {which.check} if which.check is not None else None
    standings = await read_standings(session, [school.id for school in schools], slugs)
    waiting = await _waiting(session, standings, slugs)
    rows = []
    for school in schools:
        subject = standings.subjects[school.id]
        cells = _cells(standings, waiting, subject, which)
        if cells or which.verdicts is None:
            rows.append(
                MatrixRowOut(
                    school=subject.code,
                    school_id=subject.id,
                    name=subject.name,
                    network_id=subject.network_id,
                    checks=cells,
                )
            )
    return Page(rows, found.next_cursor)


def _cells(
    standings: Standings, waiting: _Waiting, subject: Subject, which: MatrixFilter
) -> list[StandingOut]:
    cells = []
    for asked in standings.asked_of(subject.id):
        if which.check is not None and asked.slug != which.check:
            continue
        standing = standings.of(subject.id, asked)
        if which.verdicts is None or standing.verdict in which.verdicts:
            cells.append(_cell(asked, standing, waiting, subject.id))
    return cells


async def _waiting(
    session: ReadSession, standings: Standings, slugs: Collection[str] | None
) -> _Waiting:
    if slugs is None:
        slugs = {slug for one in standings.catalogues.values() for slug in one.by_slug}
    tasks = {
        (task.school_id, task.slug): task.id
        for task in await check_tasks(session, standings.subjects, slugs)
    }
    rows = await session.execute(
        select(col(Waiver.task_id), col(Waiver.expires_on)).where(
            is_among(col(Waiver.task_id), tasks.values(), Uuid()),
            col(Waiver.state) == WaiverState.APPROVED,
        )
    )
    school_of = {task_id: school_id for (school_id, _), task_id in tasks.items()}
    waived = set()
    for task_id, expires_on in rows:
        timezone = standings.subjects[school_of[task_id]].timezone
        if expires_on is None or expires_on >= clock.local_day(timezone, standings.now):
            waived.add(task_id)
    return _Waiting(tasks, frozenset(waived))


def _cell(asked: Asked, standing: Standing, waiting: _Waiting, school_id: UUID) -> StandingOut:
    return StandingOut(**_shown(asked, standing, waiting, school_id))


def _shown(asked: Asked, standing: Standing, waiting: _Waiting, school_id: UUID) -> dict[str, Any]:
    task_id = waiting.tasks.get((school_id, asked.slug))
    return {
        "check": asked.slug,
        "severity": Severity(asked.definition.severity),
        "verdict": standing.verdict,
        "outcome": standing.outcome,
        "value": standing.value,
        "unit": asked.definition.unit,
        "needed": standing.needed,
        "measured_at": standing.measured_at,
        "valid_until": standing.valid_until,
        "retest_on": standing.retest_on,
        "task_id": task_id,
        "waived": task_id in waiting.waived,
    }


async def school_checks(
    session: ReadSession, school: School, slug: str | None = None
) -> list[SchoolCheckOut]:
    """Where one school stands with everything that is asked of it, by slug, with the reasons."""
    slugs = {slug} if slug is not None else None
    standings = await read_standings(session, [school.id], slugs)
    waiting = await _waiting(session, standings, slugs)
    return [
        _detailed(asked, standings, waiting, school.id)
        for asked in standings.asked_of(school.id)
        if slug is None or asked.slug == slug
    ]


def _detailed(
    asked: Asked, standings: Standings, waiting: _Waiting, school_id: UUID
) -> SchoolCheckOut:
    place, standing = (school_id, asked.slug), standings.of(school_id, asked)
    exempt, retest = standings.exempt.get(place), standings.retests.get(place)
    return SchoolCheckOut.model_validate(
        _shown(asked, standing, waiting, school_id)
        | {
            "check_id": asked.id,
            "title": asked.title,
            "version": asked.version,
            "comparator": asked.definition.comparator,
            "why": standing.why,
            "result_id": standing.result_id,
            "exemption": ExemptionOut.model_validate(exempt) if exempt else None,
            "retest": RetestOut.model_validate(retest) if retest else None,
        }
    )
