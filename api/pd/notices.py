"""What people have to be told: rows that pages show, and a channel can send."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select
from sqlmodel import col

from api import clock
from api.db.columns import new_id
from api.db.uow import WriteSession
from api.pd.models import Notice, Registration, Session
from api.pd.rules import NoticeKind, RegistrationStatus

_CONCERNED = (
    RegistrationStatus.registered,
    RegistrationStatus.offered,
    RegistrationStatus.waitlisted,
    RegistrationStatus.trains,
)


async def tell(
    session: WriteSession,
    held: Session,
    kind: NoticeKind,
    staff_ids: Iterable[UUID | None],
    details: Mapping[str, Any],
) -> None:
    """Write down that these people have to be told; null stands for a trainer from outside."""
    now = clock.now()
    rows = [
        {
            "id": new_id(),
            "network_id": held.network_id,
            "session_id": held.id,
            "staff_id": staff_id,
            "kind": kind.value,
            "details": dict(details),
            "created_at": now,
            "sent_at": None,
        }
        for staff_id in staff_ids
    ]
    if rows:
        await session.execute(insert(Notice), rows)


async def everybody_in(session: WriteSession, held: Session) -> list[UUID | None]:
    """Who comes, waits or trains, in the order in which they came."""
    found = await session.scalars(
        select(col(Registration.staff_id))
        .where(col(Registration.session_id) == held.id, col(Registration.status).in_(_CONCERNED))
        .order_by(col(Registration.entry))
    )
    people: list[UUID | None] = list(found)
    if held.trainer_name is not None:
        people.append(None)
    return people
