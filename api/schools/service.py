"""Making and changing networks, sites and schools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import SQLModel, col

from api import clock
from api.auth.caller import Caller
from api.db.uow import ReadSession, WriteSession
from api.errors import Conflict, PreconditionFailed
from api.facts import EnrollmentChanged, ReceivingChanged, SchoolAdded, StaffChanged
from api.schools.calendars import check_blackout, check_place, check_weekend
from api.schools.errors import CodeTaken, SchoolArchived, SourcedIdTaken
from api.schools.models import (
    Network,
    NetworkCalendar,
    NetworkState,
    School,
    SchoolState,
    Site,
)
from api.schools.rules import CODE_LENGTH, CodeMaker, code_from_name
from api.schools.schemas import (
    NetworkIn,
    NetworkPatch,
    SchoolIn,
    SchoolPatch,
    SiteIn,
    SitePatch,
)

Row = TypeVar("Row", bound=SQLModel)

_CALENDAR_FIELDS = frozenset({"weekend", "observe_holidays", "blackout_days"})
_FEEDS_CALENDAR = _CALENDAR_FIELDS | {"country", "region"}
# What the answer shows or computes from; archiving takes a school off the board.
_FEEDS_READINESS = frozenset({"name", "timezone", "blackout_days", "archived"})
# Made codes look at all codes there are: one at a time, so that two do not find the same.
_CODES_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('firstbell.codes', 0))")


def require_open(school: School) -> None:
    """Before any plan of a school is written. Raises: SchoolArchived (409)."""
    if school.archived_at is not None:
        raise SchoolArchived(
            f"{school.code} is archived, so its plan cannot change; bring the school back first."
        )


async def hold_codes(session: WriteSession) -> None:
    """Until commit nobody else makes codes from names. Taken before any other lock."""
    await session.execute(_CODES_LOCK)


async def locked(session: WriteSession, row: Row, row_id: UUID) -> Row:
    """The row, locked and as it is now.

    Raises: PreconditionFailed when it is no longer the version that `row` was read at.
    """
    table: Any = type(row)
    read_at = cast("Any", row).version
    statement = (
        select(table)
        .where(table.id == row_id)
        # NO KEY: the rows of other tables that point here may still be inserted.
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    fresh = (await session.scalars(statement)).one_or_none()
    if fresh is None or fresh.version != read_at:
        raise PreconditionFailed("Somebody changed it just now; read it again.")
    return cast("Row", fresh)


async def flush(session: WriteSession, taken: Mapping[str, Conflict]) -> None:
    """Write, and say in our words which unique constraint refused."""
    try:
        await session.flush()
    except IntegrityError as error:
        diagnostics = getattr(error.orig, "diag", None)
        refusal = taken.get(getattr(diagnostics, "constraint_name", None) or "")
        if refusal is None:
            raise
        raise refusal from error


def changed_fields(row: SQLModel, given: Mapping[str, Any]) -> dict[str, Any]:
    """Those given fields that differ from what the row has."""
    return {name: value for name, value in given.items() if getattr(row, name) != value}


def write_changes(row: Any, changes: Mapping[str, Any]) -> None:
    """Set them, and count a version."""
    for name, value in changes.items():
        setattr(row, name, value)
    row.version += 1
    row.updated_at = clock.now()


async def add_network(
    session: WriteSession, caller: Caller, given: NetworkIn
) -> tuple[Network, NetworkCalendar]:
    """Raises: Forbidden for a caller limited to a network; CodeTaken; Invalid."""
    caller.require_everywhere()
    country, region = check_place(given.country, given.region)
    now = clock.now()
    network = Network(
        code=given.code,
        name=given.name,
        timezone=given.timezone,
        country=country,
        region=region,
        approval_threshold_cents=given.approval_threshold_cents,
        four_eyes=given.four_eyes,
        receiving=given.receiving,
        username_template=given.username_template,
        created_at=now,
        updated_at=now,
    )
    calendar = NetworkCalendar(
        network_id=network.id,
        weekend=check_weekend(given.weekend),
        observe_holidays=given.observe_holidays,
        blackout_days=check_blackout(given.blackout_days),
    )
    session.add(network)
    await flush(session, {"uq_networks_code": _taken("network", given.code)})
    session.add(NetworkState(network_id=network.id))
    await session.flush()
    await session.touch_networks([network.id])
    session.add(calendar)
    await session.flush()
    return network, calendar


def _taken(what: str, code: str) -> CodeTaken:
    return CodeTaken(f"Another {what} has the code {code}; choose a different one.")


def _sourced_id_taken(sourced_id: str | None) -> SourcedIdTaken:
    return SourcedIdTaken(f"Another row of this network has the sourced id {sourced_id}.")


async def change_network(
    session: WriteSession, network: Network, patch: NetworkPatch
) -> tuple[Network, NetworkCalendar]:
    """Change settings and calendar; every school of the network answers anew where it matters.

    Raises: PreconditionFailed when it changed since `network` was read; Invalid.
    """
    given = patch.changes()
    if "weekend" in given:
        given["weekend"] = check_weekend(given["weekend"])
    if "blackout_days" in given:
        given["blackout_days"] = check_blackout(given["blackout_days"])
    if given.keys() & {"country", "region"}:
        place = (given.get("country", network.country), given.get("region", network.region))
        given["country"], given["region"] = check_place(*place)
    if given.keys() & _FEEDS_CALENDAR:
        await session.touch_networks([network.id])
    network = await locked(session, network, network.id)
    calendar = await _calendar(session, network.id)
    of_calendar = {name: given.pop(name) for name in _CALENDAR_FIELDS & given.keys()}
    calendar_changes = changed_fields(calendar, of_calendar)
    changes = changed_fields(network, given)
    for name, value in calendar_changes.items():
        setattr(calendar, name, value)
    if changes or calendar_changes:
        write_changes(network, changes)
    await session.flush()
    if "receiving" in changes:
        await session.publish(ReceivingChanged(network.id))
    return network, calendar


async def _calendar(session: ReadSession, network_id: UUID) -> NetworkCalendar:
    statement = select(NetworkCalendar).where(col(NetworkCalendar.network_id) == network_id)
    return (await session.scalars(statement)).one()


async def _free_code(session: WriteSession, name: str, fallback: str, codes: Any) -> str:
    """A code made from a name, unlike those that `codes` selects."""
    await hold_codes(session)
    # Only what begins alike can be in the way; a long code is cut to make room for its suffix.
    beginning = code_from_name(name, fallback)[: CODE_LENGTH - 10]
    column = codes.selected_columns[0]
    taken = await session.scalars(codes.where(column.startswith(beginning, autoescape=True)))
    return CodeMaker(taken.all()).make(name, fallback)


async def add_site(session: WriteSession, network: Network, given: SiteIn) -> Site:
    """Raises: CodeTaken."""
    code = given.code
    if code is None:
        codes = select(col(Site.code)).where(col(Site.network_id) == network.id)
        code = await _free_code(session, given.name, "SITE", codes)
    now = clock.now()
    site = Site(
        network_id=network.id,
        code=code,
        name=given.name,
        kind=given.kind,
        created_at=now,
        updated_at=now,
    )
    session.add(site)
    await flush(session, {"uq_sites_network_id_code": _taken("site of this network", code)})
    return site


async def change_site(session: WriteSession, site: Site, patch: SitePatch) -> Site:
    """Raises: PreconditionFailed."""
    site = await locked(session, site, site.id)
    changes = changed_fields(site, patch.changes())
    if changes:
        write_changes(site, changes)
        await session.flush()
    return site


async def add_school(
    session: WriteSession, caller: Caller, network: Network, given: SchoolIn
) -> School:
    """A school with its revision row; `SchoolAdded` opens its rollout.

    Raises: Forbidden for a caller limited to schools; CodeTaken; SourcedIdTaken.
    """
    caller.require_network(network.id)
    code = given.code or await _free_code(session, given.name, "SCHOOL", select(col(School.code)))
    now = clock.now()
    school = School(
        network_id=network.id,
        code=code,
        sourced_id=given.sourced_id,
        name=given.name,
        timezone=given.timezone or network.timezone,
        enrollment=given.enrollment,
        teacher_count=given.teacher_count,
        blackout_days=check_blackout(given.blackout_days),
        created_at=now,
        updated_at=now,
    )
    session.add(school)
    await flush(
        session,
        {
            "uq_schools_code": _taken("school", code),
            "uq_schools_network_id_sourced_id": _sourced_id_taken(given.sourced_id),
        },
    )
    session.add(SchoolState(school_id=school.id))
    await session.flush()
    await session.touch_schools([school.id])
    await session.publish(
        SchoolAdded(school.id, network.id, given.model, given.first_bell, given.wave)
    )
    return school


async def change_school(session: WriteSession, school: School, patch: SchoolPatch) -> School:
    """Change what people edit; `archived` true or false puts it away or brings it back.

    Raises: PreconditionFailed when it changed since `school` was read; SourcedIdTaken; Invalid.
    """
    given = patch.changes()
    if "blackout_days" in given:
        given["blackout_days"] = check_blackout(given["blackout_days"])
    # Until staff are confirmed, teachers who are not on the list count.
    recounted = bool(given.keys() & {"enrollment", "teacher_count", "staff_confirmed"})
    # The gate comes before the row, as for every writer, or two of them could deadlock.
    if recounted or given.keys() & _FEEDS_READINESS:
        await session.touch_schools([school.id])
    school = await locked(session, school, school.id)
    archived = given.pop("archived", None)
    changes = changed_fields(school, given)
    if archived is not None and archived != (school.archived_at is not None):
        changes["archived_at"] = clock.now() if archived else None
    if not changes:
        return school
    write_changes(school, changes)
    await flush(
        session,
        {"uq_schools_network_id_sourced_id": _sourced_id_taken(changes.get("sourced_id"))},
    )
    if changes.keys() & {"enrollment", "teacher_count"}:
        await session.publish(EnrollmentChanged(school.id, school.enrollment, school.teacher_count))
    if "staff_confirmed" in changes:
        await session.publish(StaffChanged(school.id))
    return school
