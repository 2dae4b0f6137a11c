"""Keeping what was measured: weighed, stored once for ever, and told to the tasks that wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy import text

from api import clock
from api.db.columns import new_id
from api.db.uow import WriteSession
from api.errors import Invalid, field_error
from api.infrastructure.catalogue import Asked, Catalogue, read_catalogues
from api.infrastructure.errors import check_not_found
from api.infrastructure.models import CheckResult
from api.infrastructure.progress import project
from api.infrastructure.queries import Subject, read_subjects
from api.infrastructure.rules import NewResult
from api.infrastructure.verdicts import wanted
from api.infrastructure.weighing import Fault, Weighed, weigh
from api.schools.errors import SchoolArchived

_COPY = (
    b"COPY check_results (id, school_id, check_id, check_version, value, unit, needed, measured_at,"
    b" recorded_at, method, evidence, actor, probe_report_id) FROM STDIN"
)
BY_HAND = "by hand"
# A re-test is done by what was measured after it was agreed on.
_RETESTED = text("""
UPDATE check_retests t SET done_at = :now
FROM unnest(CAST(:schools AS uuid[]), CAST(:checks AS uuid[]), CAST(:measured AS timestamptz[]))
  AS n(school_id, check_id, measured_at)
WHERE t.school_id = n.school_id AND t.check_id = n.check_id AND n.measured_at >= t.created_at
  AND t.done_at IS NULL AND t.cancelled_at IS NULL
""")


class Held(NamedTuple):
    """Some schools whose gate this transaction holds, and what is asked of them."""

    subjects: Mapping[UUID, Subject]
    catalogues: Mapping[UUID, Catalogue]

    def asked(self, given: NewResult) -> Asked:
        """The check that a measurement counts for. Raises: CheckNotFound; SchoolArchived."""
        subject = self.subjects[given.school_id]
        if subject.archived_at is not None:
            raise SchoolArchived(f"{subject.code} is archived; bring the school back first.")
        catalogue = self.catalogues[subject.network_id]
        found = catalogue.by_slug.get(catalogue.slug_of.get(given.check_id, ""))
        if found is None:
            raise check_not_found(given.check_id)
        return found


async def hold(session: WriteSession, school_ids: Sequence[UUID]) -> Held:
    """Take the schools' gate, then read: who changes a check or a school comes before or after."""
    await session.touch_schools(school_ids)
    subjects = await read_subjects(session, sorted(set(school_ids)))
    networks = {subject.network_id for subject in subjects.values()}
    return Held(subjects, await read_catalogues(session, networks))


async def record_results(
    session: WriteSession, results: Sequence[NewResult], where: str = "/results/{}"
) -> list[CheckResult]:
    """Keep all of them, in their order, and tell the tasks that wait for these checks.

    `where` is the pointer of a result by its place. Raises: Invalid with the fault of each that
    cannot be kept (then none is); CheckNotFound; SchoolArchived.
    """
    if not results:
        return []
    held = await hold(session, [given.school_id for given in results])
    now = clock.now()
    asked = [held.asked(given) for given in results]
    weighed = [
        weigh(given, check.definition, now) for given, check in zip(results, asked, strict=True)
    ]
    errors = [
        field_error(where.format(number) + fault.pointer, fault.code, fault.detail)
        for number, fault in enumerate(weighed)
        if isinstance(fault, Fault)
    ]
    if errors:
        raise Invalid(errors[0]["detail"], errors=errors)
    kept = [
        _result(session, given, check, held.subjects[given.school_id], one, now)
        for given, check, one in zip(results, asked, weighed, strict=True)
        if isinstance(one, Weighed)
    ]
    await _write(session, kept, held)
    await project(session, {one.school_id for one in kept}, slugs={check.slug for check in asked})
    return kept


def _result(
    session: WriteSession,
    given: NewResult,
    check: Asked,
    subject: Subject,
    weighed: Weighed,
    now: datetime,
) -> CheckResult:
    return CheckResult(
        id=new_id(),
        school_id=given.school_id,
        check_id=check.id,
        check_version=check.version,
        value=weighed.value,
        unit=check.definition.unit,
        needed=_needed(check, subject),
        measured_at=weighed.measured_at,
        recorded_at=now,
        method=given.method or BY_HAND,
        evidence=dict(given.evidence),
        actor=session.actor,
        probe_report_id=given.probe_report_id,
    )


def _needed(check: Asked, subject: Subject) -> Decimal | None:
    return wanted(check.definition, subject.counted).value


async def _write(session: WriteSession, kept: Sequence[CheckResult], held: Held) -> None:
    # What was flushed before, such as the report they are from, is there for the copy to see.
    await session.flush()
    connection = await session.psycopg()
    async with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for one in kept:
            await copy.write_row(
                (
                    *(one.id, one.school_id, one.check_id, one.check_version, one.value),
                    *(one.unit, one.needed, one.measured_at, one.recorded_at, one.method),
                    *(Jsonb(one.evidence), one.actor, one.probe_report_id),
                )
            )
    pairs = [
        (one.school_id, check_id, one.measured_at)
        for one in kept
        for check_id in _same(held.catalogues[held.subjects[one.school_id].network_id], one)
    ]
    await session.execute(
        _RETESTED,
        {
            "now": clock.now(),
            "schools": [pair[0] for pair in pairs],
            "checks": [pair[1] for pair in pairs],
            "measured": [pair[2] for pair in pairs],
        },
    )


def _same(catalogue: Catalogue, result: CheckResult) -> list[UUID]:
    """The check itself, and those it has replaced: a re-test may have been agreed on before."""
    return catalogue.ids([catalogue.slug_of[result.check_id]])
