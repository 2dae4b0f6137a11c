"""Results as they come in over HTTP: read, recorded one by one or thousands at once, shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal
from uuid import UUID

from sqlalchemy import Text, Uuid, or_, select
from sqlmodel import col

from api import clock
from api.auth.caller import Caller, visible
from api.auth.queries import names_of_actors
from api.db.uow import ReadSession, WriteSession
from api.errors import Invalid, field_error
from api.infrastructure.catalogue import read_catalogue
from api.infrastructure.errors import CheckNotFound, ResultsRefused
from api.infrastructure.measurement_rules import parse_measurement
from api.infrastructure.models import CheckResult, CheckVersion
from api.infrastructure.queries import Subject
from api.infrastructure.result_schemas import (
    BulkAnswerOut,
    BulkResultIn,
    BulkResultsOut,
    MeasurementIn,
    ResultIn,
    ResultOut,
)
from api.infrastructure.rules import NewResult, Outcome
from api.infrastructure.service import Held, hold, record_results
from api.infrastructure.verdicts import compares, is_undecided
from api.infrastructure.weighing import Fault, weigh
from api.schools.errors import SchoolArchived, SchoolNotFound
from api.schools.models import School
from api.schools.queries import is_among
from api.schools.rules import as_id, is_code, normal_code
from api.schools.service import require_open

OnError = Literal["abort", "skip"]


async def record(
    session: WriteSession, school: School, id_or_slug: str, given: ResultIn
) -> CheckResult:
    """Keep one result.

    Raises: CheckNotFound; SchoolArchived; Invalid for a measurement that cannot be, failed, is
    to come or in a unit the check cannot be computed from.
    """
    require_open(school)
    catalogue = await read_catalogue(session, school.network_id)
    asked = catalogue.find(id_or_slug)
    (result,) = await record_results(session, [_new(school.id, asked.id, given)], where="")
    return result


def _new(school_id: UUID, check_id: UUID, given: MeasurementIn) -> NewResult:
    """Raises: Invalid where a program's output holds no measurement."""
    now = clock.now()
    if given.value is not None:
        return NewResult(
            school_id,
            check_id,
            given.value,
            given.unit,
            given.measured_at or now,
            given.method,
            given.evidence,
        )
    read = parse_measurement({"iperf3": given.iperf3, "ndt7": given.ndt7})
    return NewResult(
        school_id,
        check_id,
        read.value,
        read.unit,
        given.measured_at or read.measured_at or now,
        given.method or read.method,
        {**read.evidence, **given.evidence},
    )


async def record_many(
    session: WriteSession, caller: Caller, rows: Sequence[BulkResultIn], on_error: OnError
) -> BulkResultsOut:
    """Keep all rows, or with `skip` those that can be kept.

    Raises: ResultsRefused with the pointer of each fault.
    """
    schools = await _schools(session, caller, rows)
    held = await hold(session, list(set(schools.values())))
    reading = _Reading(schools, held)
    answers = [reading.row(row) for row in rows]
    faults = {n: answer for n, answer in enumerate(answers) if isinstance(answer, Fault)}
    if faults and on_error == "abort":
        errors = [
            field_error(f"/results/{n}{one.pointer}", one.code, one.detail)
            for n, one in faults.items()
        ]
        raise ResultsRefused(
            f"{len(faults)} of {len(rows)} results cannot be kept, so none was. Mend them, or send"
            " on_error=skip to keep the others.",
            errors=errors[:100],
            refused=len(faults),
        )
    new = [answer for answer in answers if isinstance(answer, NewResult)]
    kept = iter(await record_results(session, new))
    items = [
        BulkAnswerOut(index=n, code=faults[n].code, detail=faults[n].detail)
        if n in faults
        else BulkAnswerOut(index=n, result_id=next(kept).id)
        for n in range(len(rows))
    ]
    return BulkResultsOut(recorded=len(new), refused=len(faults), items=items)


class _Reading:
    """Rows as results, or their faults."""

    def __init__(self, schools: Mapping[str, UUID], held: Held) -> None:
        self._schools, self._held = schools, held
        self._now = clock.now()

    def row(self, row: BulkResultIn) -> NewResult | Fault:
        school_id = self._schools.get(_key(row.school))
        if school_id is None:
            detail = f"There is no school {row.school[:40]!r}, or you may not see it."
            return Fault("/school", SchoolNotFound.code, detail)
        subject = self._held.subjects[school_id]
        try:
            return self._read(subject, row)
        except Invalid as error:
            first = error.extra["errors"][0]
            return Fault(first["pointer"], first["code"], first["detail"])
        except SchoolArchived as error:
            return Fault("/school", error.code, error.detail)
        except CheckNotFound as error:
            return Fault("/check", error.code, error.detail)

    def _read(self, subject: Subject, row: BulkResultIn) -> NewResult | Fault:
        asked = self._held.catalogues[subject.network_id].find(row.check)
        new = _new(subject.id, asked.id, row)
        self._held.asked(new)
        weighed = weigh(new, asked.definition, self._now)
        return weighed if isinstance(weighed, Fault) else new


def _key(given: str) -> str:
    named = as_id(given.strip())
    return str(named) if named else normal_code(given)


async def _schools(
    session: ReadSession, caller: Caller, rows: Iterable[BulkResultIn]
) -> dict[str, UUID]:
    """The ids of the schools that rows name, by `_key`; those the caller may not see are not there.

    Ids and codes only: a thousand rows of schools cost more than what is done with them.
    """
    keys = {_key(row.school) for row in rows}
    ids = [key for key in keys if as_id(key)]
    codes = [key for key in keys if is_code(key)]
    found = await session.execute(
        select(col(School.id), col(School.code)).where(
            visible(caller, col(School.network_id), col(School.id)),
            or_(is_among(col(School.id), ids, Uuid()), is_among(col(School.code), codes, Text())),
        )
    )
    return {key: row[0] for row in found for key in (str(row[0]), row[1])}


async def results_out(
    session: ReadSession, school: School, slug: str, results: Sequence[CheckResult]
) -> list[ResultOut]:
    """Results of one school and check as they are shown."""
    names = await names_of_actors(session, {one.actor for one in results})
    versions = await session.scalars(
        select(CheckVersion).where(
            is_among(col(CheckVersion.check_id), {one.check_id for one in results}, Uuid())
        )
    )
    asked = {(one.check_id, one.version): one for one in versions}
    return [
        ResultOut(
            id=one.id,
            school=school.code,
            check=slug,
            check_version=one.check_version,
            value=one.value,
            unit=one.unit,
            needed=one.needed,
            outcome=_outcome(one, asked[one.check_id, one.check_version]),
            measured_at=one.measured_at,
            recorded_at=one.recorded_at,
            method=one.method,
            evidence=one.evidence,
            by=names.get(one.actor, one.actor),
            probe_report_id=one.probe_report_id,
        )
        for one in results
    ]


def _outcome(result: CheckResult, asked: CheckVersion) -> Outcome:
    if result.needed is None:
        return Outcome.INCONCLUSIVE
    complete = all(result.evidence.get(name) for name in asked.requires)
    enough = compares(result.value, asked.comparator, result.needed)
    if not enough and is_undecided(result.evidence.get("lower_bound") is True, asked.comparator):
        return Outcome.INCONCLUSIVE
    return Outcome.PASSED if complete and enough else Outcome.FAILED
