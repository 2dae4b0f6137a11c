"""What time alone changes: offers that run out, and seats of people who have left."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from api import clock
from api.db.pool import Database
from api.db.uow import WriteSession, reading, transact
from api.pd.models import Session
from api.pd.network_rules import read_settings
from api.pd.progress import project
from api.pd.waitlist import (
    expire_offers,
    fill_seats,
    free_leavers,
    schools_of,
    sessions_to_look_at,
)

_ACTOR = "job:pd_offers"


async def pass_on_offers(database: Database) -> None:
    """End what ran out and free what nobody needs, session by session; the next have their turn."""
    async with reading(database) as session:
        due = await sessions_to_look_at(session, clock.now())
    for session_id in due:
        await transact(database, _ACTOR, partial(_pass_on, session_id))


async def _pass_on(session_id: UUID, session: WriteSession) -> None:
    statement = select(Session).where(col(Session.id) == session_id).with_for_update(key_share=True)
    held = (await session.scalars(statement)).one()
    await expire_offers(session, held)
    freed = await free_leavers(session, held)
    seated = await fill_seats(session, held, await read_settings(session, held.network_id))
    await project(session, await schools_of(session, [*freed, *seated]))
