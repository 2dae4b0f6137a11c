"""Importing schools: everything is checked first, then written in a few statements."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Text, Uuid, or_, select, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from api import clock
from api.auth.caller import Caller, visible
from api.db.columns import new_id
from api.db.uow import ReadSession, WriteSession
from api.errors import Conflict, Forbidden
from api.facts import (
    EnrollmentChanged,
    EnrollmentsChanged,
    RolloutsProposed,
    RolloutsWished,
    RolloutWished,
    SchoolAdded,
    SchoolsAdded,
)
from api.schools.import_answer import aborted, import_out
from api.schools.import_csv import File, Row, parse
from api.schools.import_plan import (
    Creation,
    Known,
    KnownNetwork,
    KnownSchool,
    Match,
    Plan,
    plan,
    with_codes,
)
from api.schools.models import Network, School
from api.schools.queries import is_among
from api.schools.rules import as_id, normal_code
from api.schools.schemas import ImportOut, RowCounts
from api.schools.service import hold_codes

# column: its array's type
_COLUMN_TYPES = {
    "name": "text",
    "timezone": "text",
    "sourced_id": "text",
    "enrollment": "int",
    "teacher_count": "int",
}
# In the order of KnownSchool's fields.
_KNOWN_COLUMNS: tuple[Any, ...] = (
    School.id,
    School.network_id,
    School.code,
    School.sourced_id,
    School.name,
    School.timezone,
    School.enrollment,
    School.teacher_count,
    col(School.archived_at).is_not(None),
)
_INSERT = text(
    "INSERT INTO schools (id, network_id, code, sourced_id, name, timezone, enrollment,"
    " teacher_count, staff_confirmed, version, created_at, updated_at)"
    " SELECT given.*, false, 1, :now, :now FROM unnest(CAST(:ids AS uuid[]),"
    " CAST(:networks AS uuid[]), CAST(:codes AS text[]), CAST(:sourced_ids AS text[]),"
    " CAST(:names AS text[]), CAST(:timezones AS text[]), CAST(:enrollments AS int[]),"
    " CAST(:teacher_counts AS int[])) given"
)
_INSERT_STATES = text(
    "INSERT INTO school_state (school_id, revision) SELECT unnest(CAST(:ids AS uuid[])), 0"
)


async def import_schools(
    session: WriteSession,
    caller: Caller,
    raw: bytes,
    mode: Literal["apply", "dry_run"] = "apply",
    on_error: Literal["skip", "abort"] = "skip",
) -> ImportOut:
    """Make and change schools from a CSV file; a dry run answers the same and writes nothing.

    Raises: FileUnreadable; TooLarge; ImportAborted; Forbidden for a caller limited to schools;
    Conflict when somebody else wrote the same schools meanwhile.
    """
    if caller.school_ids is not None:
        raise Forbidden("An import concerns whole networks, and you are limited to schools.")
    # Off the event loop: a file of 20 MB takes seconds to read.
    file = await asyncio.to_thread(parse, raw)
    if mode == "apply":
        # Held from before we look until commit: a second import sees what the first one made.
        await hold_codes(session)
    known = await _known(session, caller, file.rows)
    planned = await asyncio.to_thread(plan, file.rows, file.columns, known)
    wishes = [_wish(match) for match in planned.matches if match.has_wish]
    proposal = RolloutsProposed(tuple(wishes))
    if wishes:
        await session.publish(proposal)
    answer = _answer(mode, file, planned, proposal.differing)
    if on_error == "abort" and answer.rows.rejected:
        raise aborted(answer)
    if mode == "apply":
        try:
            await _write(session, planned, wishes, proposal.differing)
        except IntegrityError as error:
            raise Conflict("Somebody changed these schools meanwhile; send it again.") from error
    return answer


def _wish(match: Match) -> RolloutWished:
    row = match.row
    return RolloutWished(match.school.id, row.model, row.first_bell, row.wave)


async def _known(session: ReadSession, caller: Caller, rows: Sequence[Row]) -> Known:
    names = {row.network for row in rows}
    codes = {normal_code(name) for name in names}
    ids = {network_id for name in names if (network_id := as_id(name))}
    visible_networks = await session.scalars(
        select(Network).where(
            or_(is_among(col(Network.code), codes, Text()), is_among(col(Network.id), ids, Uuid())),
            visible(caller, col(Network.id)),
        )
    )
    networks: dict[str, KnownNetwork] = {}
    for found in visible_networks:
        network = KnownNetwork(found.id, found.code, found.timezone)
        networks[found.code] = networks[normal_code(str(found.id))] = network
    # Columns and not entities: 20,000 of those would take longer than all the rest.
    schools = await session.execute(
        select(*_KNOWN_COLUMNS).where(
            or_(
                col(School.network_id).in_({network.id for network in networks.values()}),
                is_among(col(School.code), {row.code for row in rows if row.code}, Text()),
            )
        )
    )
    return Known(networks, (KnownSchool(*school) for school in schools))


def _answer(
    mode: Literal["apply", "dry_run"], file: File, planned: Plan, differing: set[UUID]
) -> ImportOut:
    updated = sum(bool(m.changes) or m.school.id in differing for m in planned.matches)
    counts = RowCounts(
        total=len(file.rows) + file.rejected,
        created=len(planned.creations),
        updated=updated,
        unchanged=len(planned.matches) - updated,
        rejected=file.rejected + planned.rejected,
    )
    return import_out(mode, counts, [*file.issues, *planned.issues])


async def _write(
    session: WriteSession, planned: Plan, wishes: list[RolloutWished], differing: set[UUID]
) -> None:
    changed = [match for match in planned.matches if match.changes]
    # Listeners write these schools' tasks and rollouts, so all are taken now, in one order.
    await session.touch_schools({*(match.school.id for match in changed), *differing})
    await _update(session, changed)
    added = await _insert(session, planned.creations)
    if added:
        await session.publish(SchoolsAdded(tuple(added)))
    recounted = [m for m in changed if m.changes.keys() & {"enrollment", "teacher_count"}]
    if recounted:
        await session.publish(EnrollmentsChanged(tuple(map(_recount, recounted))))
    wished = tuple(wish for wish in wishes if wish.school_id in differing)
    if wished:
        await session.publish(RolloutsWished(wished))


def _recount(match: Match) -> EnrollmentChanged:
    now = {
        "enrollment": match.school.enrollment,
        "teacher_count": match.school.teacher_count,
    } | match.changes
    return EnrollmentChanged(match.school.id, now["enrollment"], now["teacher_count"])


async def _update(session: WriteSession, changed: list[Match]) -> None:
    """One statement for each set of columns, so that no other column is written back stale."""
    groups: defaultdict[tuple[str, ...], list[Match]] = defaultdict(list)
    for match in changed:
        groups[tuple(name for name in _COLUMN_TYPES if name in match.changes)].append(match)
    for columns, matches in sorted(groups.items()):
        settings = ", ".join(f"{name} = given.{name}" for name in columns)
        arrays = ", ".join(f"CAST(:{name} AS {_COLUMN_TYPES[name]}[])" for name in columns)
        statement = (
            f"UPDATE schools SET {settings}, version = schools.version + 1, updated_at = :now"  # noqa: S608 (column names from the table above)
            f" FROM unnest(CAST(:ids AS uuid[]), {arrays}) given(id, {', '.join(columns)})"
            " WHERE schools.id = given.id"
        )
        values: dict[str, Any] = {name: [m.changes[name] for m in matches] for name in columns}
        ids = [match.school.id for match in matches]
        await session.execute(text(statement), values | {"ids": ids, "now": clock.now()})


async def _insert(session: WriteSession, creations: list[Creation]) -> list[SchoolAdded]:
    if not creations:
        return []
    taken: Sequence[str] = []
    if any(creation.code is None for creation in creations):
        taken = (await session.scalars(select(col(School.code)))).all()
    coded = with_codes(creations, taken)
    ids = [new_id() for _ in coded]
    values = {
        "now": clock.now(),
        "ids": ids,
        "networks": [creation.network.id for creation, _ in coded],
        "codes": [code for _, code in coded],
        "sourced_ids": [creation.row.sourced_id for creation, _ in coded],
        "names": [creation.row.name for creation, _ in coded],
        "timezones": [c.row.timezone or c.network.timezone for c, _ in coded],
        "enrollments": [creation.row.enrollment for creation, _ in coded],
        "teacher_counts": [creation.row.teacher_count for creation, _ in coded],
    }
    await session.execute(_INSERT, values)
    await session.execute(_INSERT_STATES, {"ids": ids})
    await session.touch_schools(ids)
    return [
        SchoolAdded(school_id, c.network.id, c.row.model, c.row.first_bell, c.row.wave)
        for school_id, (c, _) in zip(ids, coded, strict=True)
    ]
