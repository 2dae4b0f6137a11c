"""How far a school's login cards are, in numbers only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

from sqlalchemy import and_, func, select
from sqlalchemy.orm import InstrumentedAttribute
from sqlmodel import col

from api import clock
from api.accounts.cards.models import InitialPassword
from api.accounts.cards.schemas import CardCountsOut
from api.accounts.models import Account
from api.accounts.rules import AccountStatus
from api.auth.caller import Caller, visible
from api.db.paging import Page, PageRequest, page_of
from api.db.uow import ReadSession
from api.schools.models import School


async def list_card_counts(
    session: ReadSession, caller: Caller, network_id: UUID | None, page: PageRequest
) -> Page[CardCountsOut]:
    """Schools that are not archived, by code."""
    statement = select(School).where(
        visible(caller, col(School.network_id), col(School.id)), col(School.archived_at).is_(None)
    )
    if network_id is not None:
        statement = statement.where(col(School.network_id) == network_id)
    asked = PageRequest(page.limit, page.cursor, page.sort or "code")
    found: Page[School] = await page_of(
        session, statement, asked, {"code": _column(School.code)}, _column(School.id)
    )
    counts = await _counts(session, [school.id for school in found.items])
    none = (0, 0, 0, 0, 0, 0)
    items = [
        CardCountsOut(
            school=school.code,
            **dict(zip(_COUNTED, counts.get(school.id, none), strict=True)),
        )
        for school in found.items
    ]
    return Page(items, found.next_cursor)


_COUNTED = ("students", "waiting", "delivered", "handed_out", "expired", "without")


async def _counts(session: ReadSession, school_ids: Sequence[UUID]) -> dict[UUID, tuple[int, ...]]:
    sealed, told = col(InitialPassword.sealed), col(InitialPassword.delivered_at)
    handed_out = col(InitialPassword.handed_out_at).is_not(None)
    waits = and_(sealed.is_not(None), col(InitialPassword.expires_at) > clock.now())
    known = col(InitialPassword.account_id).is_not(None)
    statement = (
        select(
            col(Account.school_id),
            func.count(),
            func.count().filter(waits),
            func.count().filter(waits, told.is_not(None)),
            func.count().filter(handed_out),
            func.count().filter(known, ~handed_out, ~waits),
            func.count().filter(~known),
        )
        .outerjoin(InitialPassword, col(InitialPassword.account_id) == col(Account.id))
        .where(col(Account.school_id).in_(school_ids), col(Account.status) == AccountStatus.active)
        .group_by(col(Account.school_id))
    )
    return {row[0]: tuple(row[1:]) for row in (await session.execute(statement)).all()}


def _column(attribute: object) -> InstrumentedAttribute[Any]:
    """A table's attribute as the column that it is, which SQLModel's types do not say."""
    return cast("InstrumentedAttribute[Any]", attribute)
