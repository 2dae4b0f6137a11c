"""What is at the same time already: people, a trainer from outside, a room.

The database refuses all of it by itself; this says what is in the way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, and_, false, or_, select
from sqlmodel import col

from api.db.uow import ReadSession
from api.pd.models import Course, Registration, Session
from api.pd.rules import PRESENT, SessionStatus
from api.schools.queries import is_among


class Stay(NamedTuple):
    """Somebody's being at a session. `place_id` is null online."""

    staff_id: UUID
    session_id: UUID
    course: str
    place_id: UUID | None
    starts_at: datetime
    ends_at: datetime
    starts_local: datetime

    def overlaps(self, starts_at: datetime, ends_at: datetime) -> bool:
        return self.starts_at < ends_at and starts_at < self.ends_at


async def stays_of(
    session: ReadSession,
    staff_ids: Iterable[UUID],
    since: datetime,
    until: datetime,
    *,
    besides: UUID | None = None,
) -> dict[UUID, list[Stay]]:
    """Where these people are between two moments, `besides` one session, by person."""
    rows = await session.execute(
        select(
            col(Registration.staff_id),
            col(Session.id),
            col(Course.code),
            col(Session.school_id),
            col(Session.site_id),
            col(Session.starts_at),
            col(Session.ends_at),
            col(Session.starts_local),
        )
        .join(Session, col(Session.id) == col(Registration.session_id))
        .join(Course, col(Course.id) == col(Session.course_id))
        .where(
            is_among(col(Registration.staff_id), set(staff_ids), Uuid()),
            col(Registration.status).in_(sorted(PRESENT)),
            col(Registration.called_off).is_(False),
            col(Registration.starts_at) < until,
            col(Registration.ends_at) > since,
            col(Registration.session_id) != besides if besides is not None else ~false(),
        )
        .order_by(col(Session.starts_at), col(Session.id))
    )
    found: dict[UUID, list[Stay]] = defaultdict(list)
    for staff_id, session_id, course, school_id, site_id, *times in rows:
        stay = Stay(staff_id, session_id, course, school_id or site_id, *times)
        found[staff_id].append(stay)
    return found


def collisions_of(
    stays: Iterable[Stay], starts_at: datetime, ends_at: datetime
) -> list[dict[str, Any]]:
    """Those of the stays that are at the same time, as `double_booked` takes them."""
    return [
        _collision("person", stay.session_id, stay.course, *stay[4:]) | {"staff": stay.staff_id}
        for stay in stays
        if stay.overlaps(starts_at, ends_at)
    ]


async def collisions_with(session: ReadSession, planned: Session) -> list[dict[str, Any]]:
    """What a session as it is planned collides with by its room or its trainer from outside.

    A trainer on the staff is somewhere as a person; see `stays_of`.
    """
    same = _same(planned)
    rows = await session.execute(
        select(Session, col(Course.code))
        .join(Course, col(Course.id) == col(Session.course_id))
        .where(
            or_(*same.values()),
            col(Session.id) != planned.id,
            col(Session.status) != SessionStatus.cancelled,
            col(Session.starts_at) < planned.ends_at,
            col(Session.ends_at) > planned.starts_at,
        )
        .order_by(col(Session.starts_at), col(Session.id))
    )
    found = []
    for other, code in rows:
        what = "room" if _in_one_room(planned, other) else "trainer"
        times = (other.starts_at, other.ends_at, other.starts_local)
        found.append(_collision(what, other.id, code, *times))
    return found


def _same(planned: Session) -> dict[str, ColumnElement[bool]]:
    same: dict[str, ColumnElement[bool]] = {"nothing": false()}
    if planned.room_key is not None:
        same["room"] = and_(
            col(Session.room_key) == planned.room_key,
            col(Session.school_id).is_not_distinct_from(planned.school_id),
            col(Session.site_id).is_not_distinct_from(planned.site_id),
        )
    if planned.trainer_key is not None and planned.trainer_staff_id is None:
        same["trainer"] = and_(
            col(Session.trainer_key) == planned.trainer_key,
            col(Session.network_id) == planned.network_id,
        )
    return same


def _in_one_room(one: Session, other: Session) -> bool:
    if one.room_key is None:
        return False
    rooms = [(each.room_key, each.school_id, each.site_id) for each in (one, other)]
    return rooms[0] == rooms[1]


def _collision(
    what: str,
    session_id: UUID,
    course: str,
    starts_at: datetime,
    ends_at: datetime,
    starts_local: datetime,
) -> dict[str, Any]:
    return {
        "what": what,
        "session": session_id,
        "course": course,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "when": f"{starts_local:%d %B %Y %H:%M}",
    }


def around(starts_at: datetime, ends_at: datetime, minutes: int) -> tuple[datetime, datetime]:
    """The time of a session with so many minutes before and after it."""
    return starts_at - timedelta(minutes=minutes), ends_at + timedelta(minutes=minutes)
