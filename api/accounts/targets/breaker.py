"""A target that fails time and again is left alone: longer each time, or until somebody acts."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select, update
from sqlmodel import col

from api import clock
from api.accounts.targets.models import TargetState
from api.accounts.targets.rules import Breaker, pause_seconds
from api.db.uow import WriteSession


class Fault(NamedTuple):
    """Why a target is left alone: a stable code, and whether our credentials are refused."""

    code: str
    refused: bool = False


async def note_fault(session: WriteSession, target_id: UUID, fault: Fault) -> None:
    """Open the breaker: for a pause that doubles each time, or until credentials are changed."""
    state = await _locked(session, target_id)
    if state is None:
        return
    state.last_error = fault.code
    state.failures = 0
    if fault.refused:
        state.breaker, state.open_until = Breaker.refused, None
    else:
        state.trips = min(state.trips + 1, 100)
        state.breaker = Breaker.open
        state.open_until = clock.now() + timedelta(seconds=pause_seconds(state.trips))
    await session.flush()


async def note_health(session: WriteSession, target_id: UUID, failures: int) -> None:
    """It works; `failures` so many in a row at last."""
    now = clock.now()
    values = {"failures": failures, "trips": 0, "breaker": Breaker.closed, "open_until": None}
    if not failures:
        values["last_error"] = None
    await session.execute(
        update(TargetState)
        .where(col(TargetState.target_id) == target_id)
        .values(settled_at=now, **values)
    )


async def close(session: WriteSession, target_id: UUID) -> None:
    """Try it again at once: somebody has changed something, or wants to know."""
    state = await _locked(session, target_id)
    if state is None:
        return
    state.breaker, state.open_until, state.trips, state.failures = Breaker.closed, None, 0, 0
    await session.flush()


async def _locked(session: WriteSession, target_id: UUID) -> TargetState | None:
    """Null where somebody removed the target meanwhile."""
    statement = (
        select(TargetState)
        .where(col(TargetState.target_id) == target_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).one_or_none()
