"""Who was shown students' names: written in the transaction that reads them, never changed.

What a school must be able to tell of each disclosure (34 CFR 99.32): who, when, what for, which
fields, of how many students.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, cast
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute
from sqlmodel import col

from api import clock
from api.accounts.models import Account, Disclosure
from api.auth.caller import Caller, visible
from api.db.paging import Page, PageRequest, page_of
from api.db.uow import ReadSession, WriteSession

NAMED = ("given_name", "family_name", "username", "email")


class Purpose(StrEnum):
    """Why names were shown."""

    listed = "list"
    read = "read"
    changed = "change"
    imported = "import"


async def disclose(
    session: WriteSession, caller: Caller, purpose: Purpose, accounts: Sequence[Account]
) -> None:
    """Record that the caller is shown these students; nothing for who does not see names.

    One entry for each network among them, and of the school where they are all of one.
    """
    if not caller.sees_names:
        return
    for network_id in sorted({account.network_id for account in accounts}):
        own = [account for account in accounts if account.network_id == network_id]
        schools = {account.school_id for account in own}
        session.add(
            Disclosure(
                at=clock.now(),
                actor=caller.actor,
                purpose=purpose,
                network_id=network_id,
                school_id=schools.pop() if len(schools) == 1 else None,
                fields=list(NAMED),
                students=len(own),
            )
        )
    await session.flush()


async def list_disclosures(
    session: ReadSession, caller: Caller, network_id: UUID | None, page: PageRequest
) -> Page[Disclosure]:
    """The newest first; a caller limited to schools sees those of one of their schools."""
    statement = select(Disclosure).where(
        visible(caller, col(Disclosure.network_id), col(Disclosure.school_id))
    )
    if network_id is not None:
        statement = statement.where(col(Disclosure.network_id) == network_id)
    asked = PageRequest(page.limit, page.cursor, page.sort or "-at")
    return await page_of(
        session, statement, asked, {"at": _column(Disclosure.at)}, _column(Disclosure.id)
    )


def ids_of(found: Iterable[UUID | None]) -> set[UUID]:
    return {one for one in found if one is not None}


def _column(attribute: object) -> InstrumentedAttribute[Any]:
    """A table's attribute as the column that it is, which SQLModel's types do not say."""
    return cast("InstrumentedAttribute[Any]", attribute)
