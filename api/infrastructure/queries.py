"""Reading what was recorded of schools and checks, for one school or for a thousand."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Uuid, and_, select, text
from sqlmodel import col

from api.db.paging import Page, PageRequest, page_of
from api.db.uow import ReadSession
from api.infrastructure.catalogue import Catalogue
from api.infrastructure.models import CheckExemption, CheckResult, CheckRetest, Premises
from api.infrastructure.thresholds import School as Counted
from api.infrastructure.verdicts import Measurement
from api.schools.models import School
from api.schools.queries import is_among
from api.tasks.models import Rollout
from api.tasks.rules import RolloutState

# By school and by slug, whichever check of that slug it was said of.
Place = tuple[UUID, str]


class Subject(NamedTuple):
    """A school as checks see it. `rollout_id` is null where it prepares no first bell."""

    id: UUID
    network_id: UUID
    code: str
    name: str
    timezone: str
    archived_at: datetime | None
    rollout_id: UUID | None
    counted: Counted


async def read_subjects(session: ReadSession, school_ids: Iterable[UUID]) -> dict[UUID, Subject]:
    """Schools with what thresholds count of them; in one select."""
    rows = await session.execute(
        select(
            col(School.id),
            col(School.network_id),
            col(School.code),
            col(School.name),
            col(School.timezone),
            col(School.archived_at),
            col(Rollout.id),
            col(School.enrollment),
            col(School.teacher_count),
            col(Premises.other_users),
            col(Premises.rooms),
            col(Rollout.model),
        )
        .outerjoin(Premises, col(Premises.school_id) == col(School.id))
        .outerjoin(
            Rollout,
            and_(
                col(Rollout.school_id) == col(School.id), col(Rollout.state) != RolloutState.CLOSED
            ),
        )
        .where(is_among(col(School.id), school_ids, Uuid()))
    )
    return {row[0]: Subject(*row[:7], Counted(row[2], *row[7:])) for row in rows}


# One probe of the index for each school and check. Which evidence is there is only looked at
# where a check asks for some.
_NEWEST = text("""
SELECT s.id, c.id, r.id, r.value, r.unit, r.measured_at,
  coalesce(r.evidence -> 'lower_bound' = 'true', false), CASE WHEN c.id = ANY(:asking) THEN ARRAY(
    SELECT e.key FROM jsonb_each(r.evidence) e WHERE e.value NOT IN ('null', '""', '[]', '{}')) END
FROM unnest(CAST(:schools AS uuid[])) s(id) CROSS JOIN unnest(CAST(:checks AS uuid[])) c(id)
CROSS JOIN LATERAL (
  SELECT * FROM check_results WHERE school_id = s.id AND check_id = c.id
  ORDER BY measured_at DESC, id DESC LIMIT 1) r
""")


async def newest_results(
    session: ReadSession,
    school_ids: Sequence[UUID],
    catalogues: Iterable[Catalogue],
    slugs: Collection[str] | None = None,
) -> dict[Place, Measurement]:
    """The result that holds for each school and check that has any."""
    slug_of: dict[UUID, str] = {}
    asking: list[UUID] = []
    for catalogue in catalogues:
        for check_id in catalogue.ids(slugs):
            slug = slug_of[check_id] = catalogue.slug_of[check_id]
            if catalogue.by_slug[slug].definition.requires:
                asking.append(check_id)
    wanted = {"schools": list(school_ids), "checks": list(slug_of), "asking": asking}
    newest: dict[Place, Measurement] = {}
    for row in await session.execute(_NEWEST, wanted):
        place = row[0], slug_of[row[1]]
        measured = (row[2], row[3], row[4], row[5], row[6])
        found = Measurement(*measured, frozenset(row[7] or ()))
        other = newest.get(place)
        # Of a check and the one that replaced it, both may have been measured.
        if other is None or (other.measured_at, other.id) < (found.measured_at, found.id):
            newest[place] = found
    return newest


def slugs_by_id(catalogues: Iterable[Catalogue]) -> dict[UUID, str]:
    return {check_id: slug for one in catalogues for check_id, slug in one.slug_of.items()}


async def exemptions(
    session: ReadSession, school_ids: Iterable[UUID], slug_of: Mapping[UUID, str]
) -> dict[Place, CheckExemption]:
    """Those that hold."""
    rows = await session.scalars(
        select(CheckExemption).where(
            is_among(col(CheckExemption.school_id), school_ids, Uuid()),
            col(CheckExemption.ended_at).is_(None),
        )
    )
    return {(row.school_id, slug_of[row.check_id]): row for row in rows if row.check_id in slug_of}


async def open_retests(
    session: ReadSession, school_ids: Iterable[UUID], slug_of: Mapping[UUID, str]
) -> dict[Place, CheckRetest]:
    """Those to come."""
    rows = await session.scalars(
        select(CheckRetest).where(
            is_among(col(CheckRetest.school_id), school_ids, Uuid()),
            col(CheckRetest.done_at).is_(None),
            col(CheckRetest.cancelled_at).is_(None),
        )
    )
    return {(row.school_id, slug_of[row.check_id]): row for row in rows if row.check_id in slug_of}


_SORTS: dict[str, Any] = {
    name: getattr(CheckResult, name) for name in ("measured_at", "recorded_at", "id")
}


async def list_results(
    session: ReadSession, school_id: UUID, check_ids: Iterable[UUID], page: PageRequest
) -> Page[CheckResult]:
    """What was measured of a check at a school, the newest first."""
    statement = select(CheckResult).where(
        col(CheckResult.school_id) == school_id,
        is_among(col(CheckResult.check_id), check_ids, Uuid()),
    )
    page = page if page.sort else replace(page, sort="-measured_at")
    return await page_of(session, statement, page, _SORTS, _SORTS["id"])
