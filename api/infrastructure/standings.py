"""Where schools stand with checks: everything recorded of them, judged; a few statements each."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from api import clock
from api.db.uow import ReadSession
from api.infrastructure.catalogue import Asked, Catalogue, read_catalogues
from api.infrastructure.models import CheckExemption, CheckRetest
from api.infrastructure.queries import (
    Place,
    Subject,
    exemptions,
    newest_results,
    open_retests,
    read_subjects,
    slugs_by_id,
)
from api.infrastructure.verdicts import Known, Measurement, Standing, judge


@dataclass(frozen=True, slots=True)
class Standings:
    """What is known of some schools. Verdicts are made as they are asked for."""

    subjects: dict[UUID, Subject]
    catalogues: dict[UUID, Catalogue]
    newest: dict[Place, Measurement]
    exempt: dict[Place, CheckExemption]
    retests: dict[Place, CheckRetest]
    now: datetime

    def asked(self, school_id: UUID, slug: str) -> Asked | None:
        """The check as it holds at the school; None when there is none of that slug."""
        return self.catalogues[self.subjects[school_id].network_id].by_slug.get(slug)

    def asked_of(self, school_id: UUID) -> Iterable[Asked]:
        """Every check that holds at the school, by slug."""
        by_slug = self.catalogues[self.subjects[school_id].network_id].by_slug
        return [by_slug[slug] for slug in sorted(by_slug)]

    def of(self, school_id: UUID, asked: Asked) -> Standing:
        place = school_id, asked.slug
        exempt, retest = self.exempt.get(place), self.retests.get(place)
        known = Known(
            self.newest.get(place),
            exempt.reason if exempt else None,
            retest.scheduled_on if retest else None,
        )
        return judge(asked.definition, self.subjects[school_id].counted, known, self.now)


async def read_standings(
    session: ReadSession, school_ids: Iterable[UUID], slugs: Collection[str] | None = None
) -> Standings:
    """For these schools and, of those that hold there, these checks (by default all)."""
    subjects = await read_subjects(session, school_ids)
    catalogues = await read_catalogues(session, {one.network_id for one in subjects.values()})
    ids = list(subjects)
    slug_of = slugs_by_id(catalogues.values())
    return Standings(
        subjects,
        catalogues,
        await newest_results(session, ids, catalogues.values(), slugs),
        await exemptions(session, ids, slug_of),
        await open_retests(session, ids, slug_of),
        clock.now(),
    )
