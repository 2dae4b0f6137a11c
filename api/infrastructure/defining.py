"""Defining checks: shipped, added, changed. Each change judges all results anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, func, select, text
from sqlmodel import col

from api import clock
from api.auth.caller import Caller
from api.db.uow import WriteSession
from api.errors import Forbidden
from api.infrastructure.catalogue import version_of
from api.infrastructure.check_schemas import CheckIn, CheckPatch
from api.infrastructure.errors import CatalogueFull, CheckTaken, invalid
from api.infrastructure.models import Check, CheckVersion
from api.infrastructure.progress import project
from api.infrastructure.shipped_checks import shipped_checks
from api.infrastructure.units import amount, impossible
from api.schools.models import School
from api.schools.queries import find_network, is_among
from api.schools.service import flush, locked

# A page shows them side by side, and every school is held against each.
MOST_CHECKS = 200
_SHIPPING = text("SELECT pg_advisory_xact_lock(hashtextextended('firstbell.checks', 0))")
# Who ships; what a person has changed since is theirs.
SHIPPER = "job:start"
_DEFINED = (
    *("unit", "comparator", "threshold", "freshness_days", "severity"),
    *("method", "source", "applies", "requires"),
)


async def add_check(session: WriteSession, caller: Caller, given: CheckIn) -> Check:
    """A network's check, or one of everybody.

    Raises: Forbidden; NetworkNotFound; CheckTaken; CatalogueFull; Invalid for a threshold that
    nothing can be measured to be.
    """
    network_id = None
    if given.network is None:
        caller.require_everywhere()
    else:
        network_id = (await find_network(session, caller, given.network)).id
        caller.require_network(network_id)
    _require_possible(given.unit, given.threshold.model_dump())
    await _require_room(session, network_id)
    check = _new_check(given, network_id)
    session.add(check)
    taken = CheckTaken(f"There is a check {given.slug} here already; PATCH that one.")
    await flush(session, {"uq_checks_network_id_slug": taken})
    session.add(_first_version(check, given, caller.actor))
    await session.flush()
    await _judge_anew(session, [check])
    return check


def _require_possible(unit: str, threshold: dict[str, Any]) -> None:
    """Raises: Invalid for a constant that nothing measured can ever be."""
    if threshold["kind"] != "constant":
        return
    value = Decimal(str(threshold["value"]))
    if mend := impossible(value, unit):
        detail = f"{amount(value, unit)} can never be measured. {mend}"
        raise invalid("/threshold/value", "value-impossible", detail)


async def _require_room(session: WriteSession, network_id: UUID | None) -> None:
    statement = select(func.count()).where(
        col(Check.network_id).is_not_distinct_from(network_id), col(Check.archived_at).is_(None)
    )
    if (await session.execute(statement)).scalar_one() >= MOST_CHECKS:
        raise CatalogueFull(f"There are {MOST_CHECKS} checks already; archive some first.")


def _new_check(given: CheckIn, network_id: UUID | None) -> Check:
    now = clock.now()
    return Check(
        network_id=network_id, slug=given.slug, title=given.title, created_at=now, updated_at=now
    )


def _first_version(check: Check, given: CheckIn, actor: str) -> CheckVersion:
    return _version(check, _columns(given.model_dump(mode="json", exclude_none=True)), actor)


def _columns(given: dict[str, Any]) -> dict[str, Any]:
    return {"freshness_days": None} | {name: given[name] for name in _DEFINED if name in given}


def _version(check: Check, defined: dict[str, Any], actor: str) -> CheckVersion:
    return CheckVersion(
        check_id=check.id, version=check.version, created_at=clock.now(), actor=actor, **defined
    )


async def change_check(
    session: WriteSession, caller: Caller, check: Check, patch: CheckPatch
) -> Check:
    """Give a check its next version; nothing happens when the patch says what is there.

    Raises: Forbidden; PreconditionFailed when it changed since it was read.
    """
    if check.network_id is not None:
        caller.require_network(check.network_id)
    elif caller.network_id is not None or caller.school_ids is not None:
        raise Forbidden(
            f"{check.slug} is everybody's. POST a check with its slug for your network, which"
            " takes its place there."
        )
    check = await locked(session, check, check.id)
    before = await version_of(session, check)
    defined = {name: getattr(before, name) for name in _DEFINED}
    wanted = defined | _patched(patch)
    if wanted != defined:
        _require_possible(wanted["unit"], wanted["threshold"])
    title = patch.title or check.title
    archived = check.archived_at is not None if patch.archived is None else patch.archived
    if (wanted, title, archived) == (defined, check.title, check.archived_at is not None):
        return check
    now = clock.now()
    check.title, check.version, check.updated_at = title, check.version + 1, now
    check.archived_at = (check.archived_at or now) if archived else None
    session.add(_version(check, wanted, caller.actor))
    await session.flush()
    await _judge_anew(session, [check])
    return check


def _patched(patch: CheckPatch) -> dict[str, Any]:
    """What the patch says of the definition; of its fields only the freshness can be none."""
    given = patch.model_dump(mode="json", exclude_none=True)
    if "freshness_days" in patch.model_fields_set:
        given["freshness_days"] = patch.freshness_days
    return {name: given[name] for name in _DEFINED if name in given}


async def ship(session: WriteSession) -> None:
    """Put the shipped checks into the shared catalogue, and newer definitions of those that
    nobody has changed; safe from several processes at once.
    """
    await session.execute(_SHIPPING)
    slugs = [given.slug for given in shipped_checks()]
    rows = await session.execute(
        select(Check, CheckVersion)
        .join(CheckVersion, col(CheckVersion.check_id) == col(Check.id))
        .where(
            col(Check.network_id).is_(None),
            col(Check.slug).in_(slugs),
            col(CheckVersion.version) == col(Check.version),
        )
    )
    there = {check.slug: (check, version) for check, version in rows}
    changed = await _ship_new(session, [one for one in shipped_checks() if one.slug not in there])
    for given in shipped_checks():
        if given.slug not in there:
            continue
        check, version = there[given.slug]
        wanted = _columns(given.model_dump(mode="json", exclude_none=True))
        have = {name: getattr(version, name) for name in _DEFINED}
        if version.actor == SHIPPER and wanted != have:
            check = await locked(session, check, check.id)
            check.version, check.updated_at = check.version + 1, clock.now()
            session.add(_version(check, wanted, SHIPPER))
            changed.append(check)
    await session.flush()
    await _judge_anew(session, changed)


async def _ship_new(session: WriteSession, new: Sequence[CheckIn]) -> list[Check]:
    checks = [_new_check(given, None) for given in new]
    session.add_all(checks)
    # Before their versions, which refer to them.
    await session.flush()
    session.add_all(
        _first_version(check, given, SHIPPER) for check, given in zip(checks, new, strict=True)
    )
    return checks


async def _judge_anew(session: WriteSession, checks: Sequence[Check]) -> None:
    """Every school that one of the checks may concern."""
    if not checks:
        return
    statement = select(col(School.id)).where(col(School.archived_at).is_(None))
    networks = {check.network_id for check in checks}
    if None not in networks:
        statement = statement.where(is_among(col(School.network_id), networks, Uuid()))
    slugs: Iterable[str] = {check.slug for check in checks}
    await project(session, await session.scalars(statement), slugs=set(slugs), keep_word=True)
