"""Taking in what a probe measured: once, and as results of the checks it says anything of."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from api import clock
from api.db.paging import Page, PageRequest, page_of
from api.db.uow import ReadSession, WriteSession
from api.errors import Invalid, field_error
from api.infrastructure.models import Check, CheckResult, ProbeReport
from api.infrastructure.probe.codes import Speaker
from api.infrastructure.probe.errors import ReportChanged, ReportNotFound
from api.infrastructure.probe.judging import Finding, findings
from api.infrastructure.probe.listed import shipped_list
from api.infrastructure.probe.rules import OLDEST
from api.infrastructure.probe.schemas import ProbeReportIn, ProbeReportOut, ProbeResultOut
from api.infrastructure.rules import NewResult, settled_moment
from api.infrastructure.service import hold, record_results
from api.schools.rules import as_id, normal_code

METHOD = "probe"


async def take_in(
    session: WriteSession, speaker: Speaker, given: ProbeReportIn, body: bytes
) -> tuple[ProbeReportOut, bool]:
    """Keep a report and its results; of one that came before nothing is kept again (and False).

    Raises: Invalid (another school's, of a wrong clock, without a service of the list);
    ReportChanged; what `record_results` raises.
    """
    _check_school(speaker, given.school)
    held = await hold(session, [speaker.id])
    now, digest = clock.now(), sha256(body).digest()
    before = await session.get(ProbeReport, given.id)
    if before is not None:
        if (before.school_id, before.digest) != (speaker.id, digest):
            raise ReportChanged("A report is sent as it was written; run the probe again instead.")
        return await _answer(session, before, "duplicate"), False
    measured_at = _settled(given.measured_at, now)
    found = findings_of(given)
    if not found:
        raise _refused("/services", "services-unknown", "It names no service of the list.")
    report = await _keep(session, speaker.id, given, digest, measured_at)
    subject = held.subjects[speaker.id]
    by_slug = held.catalogues[subject.network_id].by_slug
    results = [
        NewResult(
            speaker.id,
            by_slug[one.slug].id,
            one.value,
            one.unit,
            measured_at,
            METHOD,
            one.evidence,
            report.id,
        )
        for one in found
        if one.slug in by_slug
    ]
    await record_results(session, results)
    return await _answer(session, report, "recorded"), True


_SORTS: dict[str, Any] = {
    name: getattr(ProbeReport, name) for name in ("measured_at", "received_at", "id")
}


async def list_reports(
    session: ReadSession, school_id: UUID, page: PageRequest
) -> Page[ProbeReport]:
    """A school's reports, the newest first."""
    statement = select(ProbeReport).where(col(ProbeReport.school_id) == school_id)
    page = page if page.sort else replace(page, sort="-measured_at")
    return await page_of(session, statement, page, _SORTS, _SORTS["id"])


async def find_report(session: ReadSession, school_id: UUID, report_id: UUID) -> ProbeReport:
    """Raises: ReportNotFound."""
    found = await session.get(ProbeReport, report_id)
    if found is None or found.school_id != school_id:
        raise ReportNotFound("There is no such report of this school.")
    return found


def findings_of(given: ProbeReportIn) -> list[Finding]:
    """What a report says of the checks, by the list that ships."""
    speeds = given.throughput
    return findings(
        [one.seen() for one in given.services],
        shipped_list(),
        speeds.download.speed() if speeds else None,
        speeds.upload.speed() if speeds else None,
    )


def _refused(pointer: str, code: str, detail: str) -> Invalid:
    return Invalid(detail, code=code, errors=[field_error(pointer, code, detail)])


def _check_school(speaker: Speaker, named: str) -> None:
    if as_id(named.strip()) != speaker.id and normal_code(named) != speaker.code:
        detail = (
            f"It was measured at {named[:40]!r}; post it there, signed with that school's code."
        )
        raise _refused("/school", "report-of-another-school", detail)


def _settled(measured_at: datetime, now: datetime) -> datetime:
    moment = settled_moment(measured_at, now)
    clocks = "Set the laptop's clock and run the probe again."
    if moment is None:
        detail = f"It was measured at {measured_at:%Y-%m-%d %H:%M}, which is to come. {clocks}"
        raise _refused("/measured_at", "measured-in-future", detail)
    if moment < now - OLDEST:
        detail = (
            f"It was measured on {measured_at:%Y-%m-%d}, too long ago to say anything. {clocks}"
        )
        raise _refused("/measured_at", "measured-too-long-ago", detail)
    return moment


async def _keep(
    session: WriteSession,
    school_id: UUID,
    given: ProbeReportIn,
    digest: bytes,
    measured_at: datetime,
) -> ProbeReport:
    report = ProbeReport(
        id=given.id,
        school_id=school_id,
        digest=digest,
        measured_at=measured_at,
        received_at=clock.now(),
        body=given.model_dump(mode="json", exclude_unset=True),
    )
    # Another school's report of this id may come at the same moment, under another gate.
    kept = await session.scalar(
        insert(ProbeReport)
        .values(report.model_dump())
        .on_conflict_do_nothing()
        .returning(col(ProbeReport.id))
    )
    if kept is None:
        raise ReportChanged("A report is sent as it was written; run the probe again instead.")
    return report


async def _answer(
    session: ReadSession, report: ProbeReport, outcome: Literal["recorded", "duplicate"]
) -> ProbeReportOut:
    rows = await session.execute(
        select(col(Check.slug), col(CheckResult.value), col(CheckResult.unit))
        .join(Check, col(Check.id) == col(CheckResult.check_id))
        .where(
            col(CheckResult.school_id) == report.school_id,
            col(CheckResult.probe_report_id) == report.id,
        )
        .order_by(col(Check.slug))
    )
    return ProbeReportOut(
        id=report.id,
        outcome=outcome,
        measured_at=report.measured_at,
        received_at=report.received_at,
        results=[ProbeResultOut(check=slug, value=value, unit=unit) for slug, value, unit in rows],
    )
