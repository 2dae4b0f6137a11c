"""The gate of every graph: whose lock to take before writing it, and who may not be written."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import Uuid, or_, select
from sqlmodel import col

from api.db.uow import ReadSession, WriteSession
from api.errors import FirstBellError
from api.schools.errors import SchoolArchived
from api.schools.models import NetworkState, School
from api.schools.queries import is_among
from api.tasks.errors import RolloutClosed
from api.tasks.models import Rollout
from api.tasks.queries import Owner
from api.tasks.rules import RolloutState

# Far above any plan a person can read, and what the forecast stays quick for.
LARGEST_GRAPH = 5_000
MOST_EDGES = 50_000


async def lock(session: WriteSession, owner: Owner) -> None:
    """Hold the graph until the commit. Raises: RolloutClosed, SchoolArchived."""
    if owner.school_id is None:
        await session.touch_networks([owner.network_id])
        return
    await session.touch_schools([owner.school_id])
    assert owner.rollout_id is not None
    frozen = await frozen_rollouts(session, [owner.rollout_id])
    if frozen:
        raise frozen[owner.rollout_id]


async def hold_network(session: WriteSession, network_id: UUID) -> None:
    """Keep the network's tasks as they are while a school's is put behind one of them.

    Taken before any school, as every lock of a network is. It makes no answer stale: nothing of
    the network changes.
    """
    statement = select(col(NetworkState.network_id)).where(
        col(NetworkState.network_id) == network_id
    )
    await session.execute(statement.with_for_update(read=True))


async def frozen_rollouts(
    session: ReadSession, rollout_ids: Iterable[UUID]
) -> dict[UUID, FirstBellError]:
    """Those of the rollouts whose plan cannot change, and why not."""
    rows = await session.execute(
        select(col(Rollout.id), col(Rollout.state), col(School.code))
        .join(School, col(School.id) == col(Rollout.school_id))
        .where(
            is_among(col(Rollout.id), set(rollout_ids), Uuid()),
            or_(col(Rollout.state) == RolloutState.CLOSED, col(School.archived_at).is_not(None)),
        )
    )
    return {rollout_id: _why(state, code) for rollout_id, state, code in rows}


def _why(state: str, code: str) -> FirstBellError:
    if state == RolloutState.CLOSED:
        return RolloutClosed(
            f"This rollout of {code} is closed and kept as it ended; open a new one."
        )
    return SchoolArchived(f"{code} is archived, so its plan cannot change; bring it back first.")
