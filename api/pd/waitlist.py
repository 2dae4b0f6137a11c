"""Who waits: in the order in which they came, a freed seat goes to the first of them.

By default it is offered, and kept for them until the offer runs out (after so many hours, at the
latest when the session starts); then they are out, and it goes to the next. A network may say
that freed seats are given at once: to the first who is nowhere else at that time.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select, update
from sqlalchemy.orm import aliased
from sqlmodel import col

from api import clock
from api.db.uow import ReadSession, WriteSession
from api.pd.checking import prepare_check
from api.pd.holding import nowhere_twice
from api.pd.models import Registration, Session
from api.pd.network_rules import Settings
from api.pd.notices import tell
from api.pd.rules import PRESENT, NoticeKind, RegistrationStatus, SessionStatus
from api.pd.soft_rules import blocked
from api.schools.models import Staff

_MAY_LEAVE = (
    RegistrationStatus.registered,
    RegistrationStatus.offered,
    RegistrationStatus.waitlisted,
)


async def fill_seats(session: WriteSession, held: Session, settings: Settings) -> list[UUID]:
    """Let those who wait have the free seats; the people who are registered by it.

    The session is held, and what freed the seats is flushed.
    """
    now = clock.now()
    await session.refresh(held, ["seats_taken"])
    free = held.capacity - held.seats_taken
    if free <= 0 or held.status != SessionStatus.open or held.starts_at <= now:
        return []
    at_once = settings.seat_at_once
    if at_once:
        following = await _able(session, held, free, settings)
    else:
        following = await _first(session, held, free)
    if not following:
        return []
    expires = None if at_once else _expiry(held, settings, now)
    status = RegistrationStatus.registered if at_once else RegistrationStatus.offered
    with nowhere_twice():
        await session.execute(
            update(Registration)
            .where(col(Registration.id).in_([one[0] for one in following]))
            .values(
                status=status,
                offer_expires_at=expires,
                version=col(Registration.version) + 1,
                updated_at=now,
            )
            .execution_options(synchronize_session=False)
        )
    people = [one[1] for one in following]
    kind = NoticeKind.seated if at_once else NoticeKind.offered
    details = {} if expires is None else {"expires_at": expires.isoformat()}
    await tell(session, held, kind, people, details)
    return people if at_once else []


def _expiry(held: Session, settings: Settings, now: datetime) -> datetime:
    return min(now + timedelta(hours=settings.offer_hours), held.starts_at)


def _waiting(held: Session) -> Select[UUID, Staff]:
    """(registration, person) of who waits and still works here, in the order in which they came."""
    return (
        select(col(Registration.id), Staff)
        .join(Staff, col(Staff.id) == col(Registration.staff_id))
        .where(
            col(Registration.session_id) == held.id,
            col(Registration.status) == RegistrationStatus.waitlisted,
            col(Staff.active).is_(True),
        )
        .order_by(col(Registration.entry))
    )


async def _first(session: ReadSession, held: Session, most: int) -> list[tuple[UUID, UUID]]:
    """The first who wait; whether they can come they say by accepting."""
    found = await session.execute(_waiting(held).limit(most))
    return [(row[0], row[1].id) for row in found]


async def _able(
    session: ReadSession, held: Session, most: int, settings: Settings
) -> list[tuple[UUID, UUID]]:
    """The same of the first who are free then and whom the rules let go, each counted as gone."""
    waiting = (await session.execute(_waiting(held).where(~_elsewhere(held)))).all()
    checked = await prepare_check(session, held, [row[1] for row in waiting], settings)
    able: list[tuple[UUID, UUID]] = []
    for registration_id, person in waiting:
        going = checked.going(person)
        if len(able) == most or blocked(checked.checker.ask(going)):
            continue
        checked.checker.send(going)
        able.append((registration_id, person.id))
    return able


def _elsewhere(held: Session) -> ColumnElement[bool]:
    other = aliased(Registration)
    return exists().where(
        and_(
            col(other.staff_id) == col(Registration.staff_id),
            col(other.session_id) != held.id,
            col(other.status).in_(sorted(PRESENT)),
            col(other.called_off).is_(False),
            col(other.starts_at) < held.ends_at,
            col(other.ends_at) > held.starts_at,
        )
    )


async def sessions_to_look_at(session: ReadSession, now: datetime) -> list[UUID]:
    """Open sessions with an offer that ran out, or to come with somebody who has left; and with a
    free seat while somebody waits, who was kept elsewhere or by a rule and may be so no more.
    """
    ran_out = and_(
        col(Registration.status) == RegistrationStatus.offered,
        col(Registration.offer_expires_at) <= now,
    )
    left = and_(
        col(Staff.active).is_(False),
        col(Registration.status).in_(_MAY_LEAVE),
        col(Registration.starts_at) > now,
    )
    waits_beside_a_seat = and_(
        col(Registration.status) == RegistrationStatus.waitlisted,
        col(Session.seats_taken) < col(Session.capacity),
        col(Registration.starts_at) > now,
    )
    found = await session.scalars(
        select(col(Registration.session_id))
        .join(Session, col(Session.id) == col(Registration.session_id))
        .join(Staff, col(Staff.id) == col(Registration.staff_id))
        .where(col(Session.status) == SessionStatus.open, or_(ran_out, left, waits_beside_a_seat))
        .distinct()
        .order_by(col(Registration.session_id))
    )
    return list(found)


async def free_leavers(session: WriteSession, held: Session) -> list[UUID]:
    """Take people who have left out of a held session that is to come; who they were."""
    now = clock.now()
    if held.starts_at <= now:
        return []
    left = select(col(Staff.id)).where(col(Staff.active).is_(False))
    found = await session.scalars(
        update(Registration)
        .where(
            col(Registration.session_id) == held.id,
            col(Registration.status).in_(_MAY_LEAVE),
            col(Registration.staff_id).in_(left),
        )
        .values(
            status=RegistrationStatus.cancelled,
            offer_expires_at=None,
            to_confirm=False,
            version=col(Registration.version) + 1,
            updated_at=now,
        )
        .returning(col(Registration.staff_id))
        .execution_options(synchronize_session=False)
    )
    return list(found)


async def expire_offers(session: WriteSession, held: Session) -> list[UUID]:
    """End the offers of a held session that ran out; the people whose offers they were."""
    now = clock.now()
    found = await session.scalars(
        update(Registration)
        .where(
            col(Registration.session_id) == held.id,
            col(Registration.status) == RegistrationStatus.offered,
            col(Registration.offer_expires_at) <= now,
        )
        .values(
            status=RegistrationStatus.cancelled,
            offer_expires_at=None,
            version=col(Registration.version) + 1,
            updated_at=now,
        )
        .returning(col(Registration.staff_id))
        .execution_options(synchronize_session=False)
    )
    people = list(found)
    await tell(session, held, NoticeKind.offer_expired, people, {})
    return people


async def shorten_offers(session: WriteSession, held: Session) -> None:
    """No offer outlasts the start of a session that was moved forward."""
    await session.execute(
        update(Registration)
        .where(
            col(Registration.session_id) == held.id,
            col(Registration.status) == RegistrationStatus.offered,
            col(Registration.offer_expires_at) > held.starts_at,
        )
        .values(offer_expires_at=held.starts_at)
        .execution_options(synchronize_session=False)
    )


async def positions_in(session: ReadSession, session_id: UUID) -> dict[UUID, int]:
    """The place of everybody who waits, from 1, in the order in which they came."""
    found = await session.scalars(
        select(col(Registration.staff_id))
        .where(
            col(Registration.session_id) == session_id,
            col(Registration.status) == RegistrationStatus.waitlisted,
        )
        .order_by(col(Registration.entry))
    )
    return {staff_id: number for number, staff_id in enumerate(found, start=1)}


async def schools_of(session: ReadSession, staff_ids: Iterable[UUID]) -> set[UUID]:
    ids = list(staff_ids)
    if not ids:
        return set()
    found = await session.scalars(
        select(col(Staff.school_id)).where(col(Staff.id).in_(ids)).distinct()
    )
    return set(found)
