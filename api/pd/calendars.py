"""Calendar links: made, listed, revoked. Their text is in `calendar_feeds`."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Select, case, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute
from sqlmodel import col

from api import clock
from api.auth.caller import Caller, visible
from api.auth.rules import Right, digest
from api.db.paging import Page, PageRequest, page_of
from api.db.uow import ReadSession, WriteSession
from api.pd.calendar_errors import CalendarNotYours, calendar_not_found, trainer_unknown
from api.pd.calendar_schemas import CalendarIn
from api.pd.models import CalendarLink, Session
from api.pd.rules import CalendarKind
from api.schools.models import Staff
from api.schools.queries import find_network, find_school, find_staff


@dataclass(frozen=True, slots=True)
class _Subject:
    """Whose sessions a link shows; `label` is its name where none was given."""

    network_id: UUID
    subject_id: UUID | None
    trainer_key: str | None
    label: str


async def make_link(
    session: WriteSession, caller: Caller, given: CalendarIn
) -> tuple[CalendarLink, str]:
    """A new link and its token, of which only the digest is kept.

    Raises: SchoolNotFound; NetworkNotFound; StaffNotFound; TrainerUnknown; Forbidden for whom
    the subject is too wide.
    """
    subject = await _subject_of(session, caller, given)
    # 256 random bits: there is nothing to guess, so a fast digest is enough.
    token = secrets.token_urlsafe(32)
    link = CalendarLink(
        network_id=subject.network_id,
        digest=digest(token),
        kind=given.kind,
        subject_id=subject.subject_id,
        trainer_key=subject.trainer_key,
        label=given.label or subject.label,
        created_by=caller.actor,
        created_at=clock.now(),
    )
    session.add(link)
    await session.flush()
    return link, token


async def _subject_of(session: ReadSession, caller: Caller, given: CalendarIn) -> _Subject:
    if given.school is not None:
        school = await find_school(session, caller, given.school)
        return _Subject(school.network_id, school.id, None, f"PD: {school.name}")
    if given.staff is not None:
        caller.require(Right.staff_read)
        person = await find_staff(session, caller, given.staff)
        label = "PD that I lead" if given.kind is CalendarKind.trainer else "My PD"
        return _Subject(person.network_id, person.id, None, label)
    network = await find_network(session, caller, given.network or "")
    caller.require_network(network.id)
    if given.trainer is None:
        return _Subject(network.id, network.id, None, f"PD: {network.name}")
    key = await _key_of_outsider(session, network.id, given.trainer)
    return _Subject(network.id, None, key, "PD that I lead")


async def _key_of_outsider(session: ReadSession, network_id: UUID, trainer: str) -> str:
    """By what the sessions of a trainer from outside are found. Raises: TrainerUnknown."""
    named = trainer.casefold()
    statement = (
        select(col(Session.trainer_key))
        .where(
            col(Session.network_id) == network_id,
            col(Session.trainer_staff_id).is_(None),
            or_(
                func.lower(col(Session.trainer_email)) == named,
                func.lower(col(Session.trainer_name)) == named,
            ),
        )
        .order_by(col(Session.starts_at).desc())
        .limit(1)
    )
    key = await session.scalar(statement)
    if key is None:
        raise trainer_unknown(trainer)
    return key


def _school_of_link() -> ColumnElement[Any]:
    """The school whose people may see it; null for what is a whole network's."""
    is_school = col(CalendarLink.kind) == CalendarKind.school
    own = case((is_school, col(CalendarLink.subject_id)))
    return func.coalesce(own, col(Staff.school_id))


def _seen_by(caller: Caller) -> Select[CalendarLink]:
    of_person = col(CalendarLink.kind).in_((CalendarKind.person, CalendarKind.trainer))
    return (
        select(CalendarLink)
        .outerjoin(Staff, (col(Staff.id) == col(CalendarLink.subject_id)) & of_person)
        .where(
            col(CalendarLink.revoked_at).is_(None),
            visible(caller, col(CalendarLink.network_id), _school_of_link()),
        )
    )


async def list_links(
    session: ReadSession, caller: Caller, kind: CalendarKind | None, page: PageRequest
) -> Page[CalendarLink]:
    """Links that still show something, sorted by when they were made or last read."""
    statement = _seen_by(caller)
    if kind is not None:
        statement = statement.where(col(CalendarLink.kind) == kind)
    sorts = {
        "created_at": _column(CalendarLink.created_at),
        "last_read_at": _column(CalendarLink.last_read_at),
    }
    return await page_of(session, statement, page, sorts, _column(CalendarLink.id))


async def revoke_link(session: WriteSession, caller: Caller, link_id: UUID) -> None:
    """End a link at once. Its maker may, and whoever may change PD where it belongs.

    Raises: CalendarNotFound; CalendarNotYours.
    """
    statement = _seen_by(caller).where(col(CalendarLink.id) == link_id)
    link = (await session.scalars(statement)).one_or_none()
    if link is None:
        raise calendar_not_found()
    if link.created_by != caller.actor and not caller.may(Right.pd_write):
        raise CalendarNotYours("Ask whoever made it, or somebody who plans PD.")
    link.revoked_at = clock.now()
    # Nobody reads it again.
    link.body = link.body_etag = link.body_revision = link.body_until = None
    await session.flush()


def _column(attribute: object) -> InstrumentedAttribute[Any]:
    """A table's attribute as the column that it is, which SQLModel's types do not say."""
    return cast("InstrumentedAttribute[Any]", attribute)
