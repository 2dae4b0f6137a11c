"""Reading accounts, always as a caller may see them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import InstrumentedAttribute
from sqlmodel import col

from api.accounts.account_errors import AccountNotFound
from api.accounts.models import Account, AccountSource
from api.accounts.rules import AccountStatus
from api.auth.caller import Caller, visible
from api.db.paging import Page, PageRequest, page_of
from api.db.uow import ReadSession


@dataclass(frozen=True, slots=True)
class AccountFilter:
    """`q` is looked for in names, usernames and emails by those who may see them, and in sourced
    ids by all.
    """

    network_id: UUID | None = None
    school_id: UUID | None = None
    source: str | None = None
    status: AccountStatus | None = None
    q: str | None = None


def _seen_by(caller: Caller) -> Select[Account]:
    return select(Account).where(visible(caller, col(Account.network_id), col(Account.school_id)))


async def find_account(session: ReadSession, caller: Caller, account_id: UUID) -> Account:
    """Raises: AccountNotFound."""
    statement = _seen_by(caller).where(col(Account.id) == account_id)
    found = (await session.scalars(statement)).one_or_none()
    if found is None:
        raise AccountNotFound(f"There is no account {account_id}, or you may not see it.")
    return found


async def list_accounts(
    session: ReadSession, caller: Caller, which: AccountFilter, page: PageRequest
) -> Page[Account]:
    """Sorted by id, which is by when they were made, by sourced id or, where names are seen, by
    family name.
    """
    statement = _seen_by(caller)
    if which.network_id:
        statement = statement.where(col(Account.network_id) == which.network_id)
    if which.school_id:
        statement = statement.where(col(Account.school_id) == which.school_id)
    if which.source:
        sources = select(col(AccountSource.id)).where(col(AccountSource.slug) == which.source)
        statement = statement.where(col(Account.source_id).in_(sources))
    if which.status:
        statement = statement.where(col(Account.status) == which.status)
    if which.q:
        # To be told whose name begins with an A is to be told names.
        columns = [Account.sourced_id]
        if caller.sees_names:
            columns += [Account.given_name, Account.family_name]
            columns += cast("list[str]", [Account.username, Account.email])
        statement = statement.where(
            or_(*(col(column).icontains(which.q, autoescape=True) for column in columns))
        )
    sorts = ["id", "sourced_id", *(["family_name"] if caller.sees_names else [])]
    attributes = {name: _column(getattr(Account, name)) for name in sorts}
    return await page_of(session, statement, page, attributes, _column(Account.id))


def _column(attribute: object) -> InstrumentedAttribute[Any]:
    """A table's attribute as the column that it is, which SQLModel's types do not say."""
    return cast("InstrumentedAttribute[Any]", attribute)


async def slugs_of_sources(session: ReadSession, ids: Iterable[UUID]) -> dict[UUID, str]:
    wanted = set(ids)
    if not wanted:
        return {}
    rows = await session.execute(
        select(col(AccountSource.id), col(AccountSource.slug)).where(
            col(AccountSource.id).in_(wanted)
        )
    )
    return {row.id: row.slug for row in rows}
