"""What people say of a check at a school: when it is measured again, and that it is not needed."""

from __future__ import annotations

from sqlalchemy.dialects.postgresql import insert

from api import clock
from api.db.uow import ReadSession, WriteSession
from api.infrastructure.catalogue import Asked, Catalogue, read_catalogue
from api.infrastructure.errors import ExemptAlready, ExemptionNotFound, NothingScheduled, invalid
from api.infrastructure.models import CheckExemption, CheckRetest, Premises
from api.infrastructure.progress import project
from api.infrastructure.queries import exemptions, open_retests
from api.infrastructure.result_schemas import ExemptionIn, PremisesIn, RetestIn
from api.schools.models import School
from api.schools.service import require_open


async def schedule(
    session: WriteSession, school: School, id_or_slug: str, given: RetestIn
) -> CheckRetest:
    """Agree on a day to measure again, in place of one agreed on before.

    Raises: CheckNotFound; SchoolArchived; Invalid for a day that is past at the school.
    """
    asked, catalogue = await _held(session, school, id_or_slug)
    today = clock.today(school.timezone)
    if given.scheduled_on < today:
        detail = f"{given.scheduled_on} is past; today is {today} at {school.code}."
        raise invalid("/scheduled_on", "past", detail)
    before = (await open_retests(session, [school.id], catalogue.slug_of)).get(
        (school.id, asked.slug)
    )
    if before is not None:
        before.cancelled_at = clock.now()
        await session.flush()
    retest = CheckRetest(
        school_id=school.id,
        check_id=asked.id,
        **given.model_dump(),
        created_at=clock.now(),
        actor=session.actor,
    )
    session.add(retest)
    await _told(session, school, asked)
    return retest


async def unschedule(session: WriteSession, school: School, id_or_slug: str) -> None:
    """Raises: CheckNotFound; SchoolArchived; NothingScheduled."""
    asked, catalogue = await _held(session, school, id_or_slug)
    found = (await open_retests(session, [school.id], catalogue.slug_of)).get(
        (school.id, asked.slug)
    )
    if found is None:
        raise NothingScheduled(f"No re-test of {asked.slug} is scheduled at {school.code}.")
    found.cancelled_at = clock.now()
    await _told(session, school, asked)


async def exempt(
    session: WriteSession, school: School, id_or_slug: str, given: ExemptionIn
) -> CheckExemption:
    """Say that a check does not concern a school. Raises: CheckNotFound; SchoolArchived;
    ExemptAlready.
    """
    asked, catalogue = await _held(session, school, id_or_slug)
    place = school.id, asked.slug
    if place in await exemptions(session, [school.id], catalogue.slug_of):
        raise ExemptAlready(f"{school.code} is exempt from {asked.slug}; end that first.")
    exemption = CheckExemption(
        school_id=school.id,
        check_id=asked.id,
        reason=given.reason,
        created_at=clock.now(),
        actor=session.actor,
    )
    session.add(exemption)
    await _told(session, school, asked)
    return exemption


async def end_exemption(session: WriteSession, school: School, id_or_slug: str) -> None:
    """Raises: CheckNotFound; SchoolArchived; ExemptionNotFound."""
    asked, catalogue = await _held(session, school, id_or_slug)
    found = (await exemptions(session, [school.id], catalogue.slug_of)).get((school.id, asked.slug))
    if found is None:
        raise ExemptionNotFound(f"{school.code} is not exempt from {asked.slug}.")
    found.ended_at, found.ended_by = clock.now(), session.actor
    await _told(session, school, asked)


async def _held(session: WriteSession, school: School, id_or_slug: str) -> tuple[Asked, Catalogue]:
    """The check, once nobody else can change what is known of the school."""
    require_open(school)
    await session.touch_schools([school.id])
    catalogue = await read_catalogue(session, school.network_id)
    return catalogue.find(id_or_slug), catalogue


async def _told(session: WriteSession, school: School, asked: Asked) -> None:
    await session.flush()
    await project(session, [school.id], slugs={asked.slug})


async def read_premises(session: ReadSession, school: School) -> Premises | None:
    found: Premises | None = await session.get(Premises, school.id)
    return found


async def set_premises(session: WriteSession, school: School, given: PremisesIn) -> Premises:
    """Say what the building has; what is left out is not known. Raises: SchoolArchived."""
    require_open(school)
    await session.touch_schools([school.id])
    values = {**given.model_dump(), "updated_at": clock.now(), "actor": session.actor}
    statement = insert(Premises).values(school_id=school.id, **values)
    await session.execute(
        statement.on_conflict_do_update(index_elements=["school_id"], set_=values)
    )
    await project(session, [school.id], keep_word=True)
    return await session.get_one(Premises, school.id, populate_existing=True)
