"""Rollouts: open one, move its first bell, close it; for one school or for a whole network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import Uuid, select
from sqlmodel import col

from api import clock
from api.auth.caller import Caller, visible
from api.db.columns import new_id
from api.db.uow import ReadSession, WriteSession
from api.facts import RolloutsChanged
from api.schools.errors import schools_unknown
from api.schools.models import Network, School
from api.schools.queries import find_schools, is_among
from api.schools.service import require_open
from api.tasks.errors import RolloutClosed, RolloutExists
from api.tasks.gate import frozen_rollouts
from api.tasks.models import Rollout
from api.tasks.plan import replan, schedule, write_schedule
from api.tasks.rules import RolloutState
from api.tasks.schemas import FirstBellIn, ManyOut, RefusedOut, RolloutIn, RolloutPatchIn


def new_rollout(
    school: School, *, model: str | None, first_bell: date | None, wave: str | None
) -> Rollout:
    now = clock.now()
    return Rollout(
        id=new_id(),
        school_id=school.id,
        network_id=school.network_id,
        model=model,
        first_bell=first_bell,
        wave=wave,
        created_at=now,
        updated_at=now,
    )


async def open_rollout(session: WriteSession, school: School, given: RolloutIn) -> Rollout:
    """Open the school's next rollout, empty. Raises: RolloutExists, SchoolArchived."""
    require_open(school)
    await session.touch_schools([school.id])
    now_open = await current_rollouts(session, [school.id])
    if now_open:
        raise RolloutExists(
            f"{school.code} prepares a first bell already; PATCH its rollout to closed first.",
            rollout_id=str(now_open[school.id].id),
        )
    rollout = new_rollout(school, model=given.model, first_bell=given.first_bell, wave=given.wave)
    session.add(rollout)
    await session.flush()
    await session.publish(RolloutsChanged((school.id,)))
    return rollout


async def current_rollouts(session: ReadSession, school_ids: Iterable[UUID]) -> dict[UUID, Rollout]:
    """The rollouts that are not closed, by school."""
    statement = (
        select(Rollout)
        .where(
            is_among(col(Rollout.school_id), set(school_ids), Uuid()),
            col(Rollout.state) != RolloutState.CLOSED,
        )
        .execution_options(populate_existing=True)
    )
    rows = (await session.execute(statement)).scalars()
    return {row.school_id: row for row in rows}


async def ensure_rollout(session: WriteSession, school: School) -> Rollout:
    """The current rollout, or an empty new one: what the first hand-made task goes into."""
    require_open(school)
    await session.touch_schools([school.id])
    found = await current_rollouts(session, [school.id])
    if school.id in found:
        return found[school.id]
    rollout = new_rollout(school, model=None, first_bell=None, wave=None)
    session.add(rollout)
    await session.flush()
    await session.publish(RolloutsChanged((school.id,)))
    return rollout


async def edit_rollout(
    session: WriteSession, school: School, rollout: Rollout, given: RolloutPatchIn
) -> Rollout:
    """Change first bell, model or wave, or close it. Planned dates follow first bell.

    The caller holds the school. Raises: RolloutClosed, SchoolArchived, NoWorkingDay.
    """
    require_open(school)
    if rollout.state == RolloutState.CLOSED:
        raise RolloutClosed("This rollout is closed and kept as it ended.")
    changes = given.changes()
    moved = "first_bell" in changes and changes["first_bell"] != rollout.first_bell
    another = any(getattr(rollout, n) != changes[n] for n in ("model", "state") if n in changes)
    for name, value in changes.items():
        setattr(rollout, name, value)
    if moved:
        unopen(rollout)
    stamp(rollout)
    await session.flush()
    if moved:
        await replan(session, [rollout], [school])
    if another:
        await session.publish(RolloutsChanged((school.id,)))
    return rollout


def unopen(rollout: Rollout) -> None:
    """Another first bell opens anew: what was recorded of the old one is not of this one."""
    if rollout.state == RolloutState.OPENED:
        rollout.state = RolloutState.ACTIVE
        rollout.opened_on = rollout.opened_ready = None


def stamp(rollout: Rollout) -> None:
    rollout.version += 1
    rollout.updated_at = clock.now()


async def schools_meant(
    session: ReadSession,
    caller: Caller,
    network: Network,
    wave: str | None,
    schools: Sequence[str] | None,
) -> list[School]:
    """Schools of a network: all that are not archived, those whose rollout is of a wave, or
    those named.

    Raises: SchoolsUnknown naming the ones that are not there.
    """
    if schools is not None:
        here = await find_schools(session, caller, schools)
        foreign = [school.code for school in here if school.network_id != network.id]
        if foreign:
            raise schools_unknown(foreign)
    else:
        statement = select(School).where(
            col(School.network_id) == network.id,
            col(School.archived_at).is_(None),
            visible(caller, col(School.network_id), col(School.id)),
        )
        here = list((await session.execute(statement.order_by(col(School.id)))).scalars())
    if wave is None:
        return here
    rollouts = await current_rollouts(session, [school.id for school in here])
    return [s for s in here if s.id in rollouts and rollouts[s.id].wave == wave]


async def shift_first_bell(
    session: WriteSession, schools: Sequence[School], given: FirstBellIn
) -> ManyOut:
    """Move the first bell of many schools in one transaction; planned dates follow.

    A school that is archived, or whose calendar has no room for the plan, is refused and the
    others go on.
    """
    if not given.dry_run:
        await session.touch_schools(school.id for school in schools)
    rollouts = await current_rollouts(session, [school.id for school in schools])
    moving = {
        rollouts[school.id].id: (school, rollouts[school.id])
        for school in schools
        if school.id in rollouts and rollouts[school.id].first_bell != given.first_bell
    }
    frozen = await frozen_rollouts(session, moving)
    wanted = [rollout for rollout_id, (_, rollout) in moving.items() if rollout_id not in frozen]
    made = await schedule(session, wanted, schools, given.first_bell)
    refused = frozen | made.refused
    result = ManyOut(
        matched=len(rollouts),
        changed=len(moving) - len(refused),
        refused=[
            RefusedOut(school=moving[rollout_id][0].code, code=error.code, detail=error.detail)
            for rollout_id, error in refused.items()
        ],
        dry_run=given.dry_run,
    )
    if given.dry_run:
        return result
    for rollout_id, (_, rollout) in moving.items():
        if rollout_id not in refused:
            rollout.first_bell = given.first_bell
            unopen(rollout)
            stamp(rollout)
    await session.flush()
    result.tasks_changed = await write_schedule(session, made.dates)
    return result
