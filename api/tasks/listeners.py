"""What the spine does when the schools room says something happened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import Uuid, select
from sqlmodel import col

from api.db.uow import WriteSession
from api.facts import (
    RolloutsChanged,
    RolloutsProposed,
    RolloutsWished,
    RolloutWished,
    SchoolAdded,
    SchoolsAdded,
)
from api.schools.models import School
from api.schools.queries import is_among
from api.tasks.models import Rollout
from api.tasks.plan import replan
from api.tasks.rollouts import current_rollouts, new_rollout, stamp, unopen


async def on_school_added(session: WriteSession, fact: SchoolAdded) -> None:
    """A school that came with a model, a first bell or a wave gets its first rollout, empty."""
    await _open_first(session, [fact])


async def on_schools_added(session: WriteSession, fact: SchoolsAdded) -> None:
    await _open_first(session, fact.schools)


async def _open_first(session: WriteSession, added: Sequence[SchoolAdded]) -> None:
    meant = {one.school_id: one for one in added if one.model or one.first_bell or one.wave}
    await session.touch_schools(meant)
    for school in await _schools(session, meant):
        one = meant[school.id]
        session.add(new_rollout(school, model=one.model, first_bell=one.first_bell, wave=one.wave))
    await session.flush()
    if meant:
        await session.publish(RolloutsChanged(tuple(meant)))


async def _schools(session: WriteSession, ids: Iterable[UUID]) -> Sequence[School]:
    statement = select(School).where(is_among(col(School.id), set(ids), Uuid()))
    return (await session.execute(statement)).scalars().all()


def _differs(wish: RolloutWished, rollout: Rollout | None) -> bool:
    return any(
        wanted is not None and (rollout is None or getattr(rollout, name) != wanted)
        for name, wanted in _said(wish).items()
    )


def _said(wish: RolloutWished) -> dict[str, object]:
    return {"model": wish.model, "first_bell": wish.first_bell, "wave": wish.wave}


async def on_rollouts_proposed(session: WriteSession, fact: RolloutsProposed) -> None:
    """Say which wishes would change something; nothing is written."""
    rollouts = await current_rollouts(session, [wish.school_id for wish in fact.wishes])
    fact.differing.update(
        wish.school_id for wish in fact.wishes if _differs(wish, rollouts.get(wish.school_id))
    )


async def on_rollouts_wished(session: WriteSession, fact: RolloutsWished) -> None:
    """Carry out what an import says of rollouts; planned dates follow first bell."""
    wishes = {wish.school_id: wish for wish in fact.wishes}
    await session.touch_schools(wishes)
    rollouts = await current_rollouts(session, wishes)
    schools = await _schools(session, wishes)
    moved, changed = [], []
    for school in schools:
        wish, rollout = wishes[school.id], rollouts.get(school.id)
        if rollout is None or (wish.model is not None and wish.model != rollout.model):
            changed.append(school.id)
        if rollout is None:
            session.add(
                new_rollout(school, model=wish.model, first_bell=wish.first_bell, wave=wish.wave)
            )
            continue
        bell = rollout.first_bell
        for name, wanted in _said(wish).items():
            if wanted is not None:
                setattr(rollout, name, wanted)
        stamp(rollout)
        if rollout.first_bell != bell:
            unopen(rollout)
            moved.append(rollout)
    await session.flush()
    await replan(session, moved, schools)
    if changed:
        await session.publish(RolloutsChanged(tuple(changed)))
