"""Holding a session while its seats move: one short lock, and one word for a lost race.

Locks are taken in this order: sessions by id, then networks and schools as the gate has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

import sqlalchemy.exc
from psycopg import errors as pg
from sqlalchemy import select
from sqlmodel import col

from api.auth.caller import Caller, visible
from api.db.uow import Overtaken, WriteSession
from api.pd.errors import SessionStarted, session_closed, session_not_found
from api.pd.models import Session
from api.pd.rules import SessionStatus


async def hold_session(session: WriteSession, caller: Caller, session_id: UUID) -> Session:
    """The session as it is now, held until the commit: who comes next is told after us.

    Raises: SessionNotFound.
    """
    statement = (
        select(Session)
        .where(col(Session.id) == session_id, visible(caller, col(Session.network_id)))
        # NO KEY: the registrations that refer to it may still be written.
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    held = (await session.scalars(statement)).one_or_none()
    if held is None:
        raise session_not_found(session_id)
    return held


def require_open(held: Session) -> None:
    """Raises: SessionClosed."""
    if held.status != SessionStatus.open:
        raise session_closed(held.status)


def require_to_come(held: Session, now: datetime) -> None:
    """Raises: SessionClosed; SessionStarted."""
    require_open(held)
    if held.starts_at <= now:
        raise SessionStarted("The session has started; record who came as its attendance.")


@contextmanager
def nowhere_twice() -> Iterator[None]:
    """Around a write that the database may refuse because somebody else was faster: what is in
    the way is there now, so the whole is begun anew and says what it is.
    """
    try:
        yield
    except sqlalchemy.exc.IntegrityError as error:
        if isinstance(error.orig, pg.ExclusionViolation):
            raise Overtaken("Others were booking the same time; send it again.") from error
        raise
