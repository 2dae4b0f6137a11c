"""Who was shown students' names: written in the transaction that reads them, never changed.

What a school must be able to tell of each disclosure (34 CFR 99.32): who, when, what for, which
fields, of which students, to whom and on what ground.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    FromClause,
    ScalarSelect,
    Select,
    Uuid,
    any_,
    exists,
    func,
    insert,
    literal,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.dml import ReturningInsert
from sqlmodel import col

from api import clock
from api.accounts.models import Account, Disclosure, DisclosureStudents
from api.auth.caller import Caller, visible
from api.db.columns import new_id
from api.db.paging import Page, PageRequest, page_of
from api.db.uow import ReadSession, WriteSession

NAMED = ("given_name", "family_name", "username", "email")
# Of one row of `disclosure_students`.
MOST_IN_A_ROW = 1_000
_IDS: ARRAY[UUID] = ARRAY(Uuid)
_SORTS = text("SELECT set_config('enable_sort', :may, true)")


class Purpose(StrEnum):
    """Why names were shown."""

    listed = "list"
    read = "read"
    changed = "change"
    imported = "import"
    exported = "export"
    synced = "sync"
    carded = "card"
    reported = "report"


async def disclose(
    session: WriteSession, caller: Caller, purpose: Purpose, accounts: Sequence[Account]
) -> None:
    """Record that the caller is shown these students; nothing for who does not see names.

    One entry for each network among them, and of the school where they are all of one.
    """
    if not caller.sees_names:
        return
    if not accounts:
        return
    for network_id in sorted({account.network_id for account in accounts}):
        own = [account for account in accounts if account.network_id == network_id]
        schools = {account.school_id for account in own}
        school_id = schools.pop() if len(schools) == 1 else None
        ids = {account.id for account in own}
        await disclose_some(session, caller.actor, purpose, ids, network_id, school_id)


async def disclose_some(
    session: WriteSession,
    actor: str,
    purpose: Purpose,
    ids: Collection[UUID],
    network_id: UUID | None,
    school_id: UUID | None = None,
    *,
    more: int = 0,
) -> None:
    """Record that `actor` is shown the names of these students, and of `more` who are no
    accounts, such as those of rejected rows.
    """
    one = _disclosure(clock.now(), actor, purpose, NAMED, network_id, school_id)
    await session.execute(insert(Disclosure), [{**one, "students": len(ids) + more}])
    if ids:
        await session.execute(insert(DisclosureStudents), list(_rows(one["id"], ids)))


def _disclosure(
    at: datetime,
    actor: str,
    purpose: Purpose,
    fields: Sequence[str],
    network_id: UUID | None,
    school_id: UUID | None,
) -> dict[str, Any]:
    return {
        "id": new_id(),
        "at": at,
        "actor": actor,
        "purpose": purpose.value,
        "fields": list(fields),
        "network_id": network_id,
        "school_id": school_id,
    }


def _rows(disclosure_id: UUID, ids: Iterable[UUID]) -> Iterator[dict[str, Any]]:
    """The rows that say who these students are."""
    ordered = sorted(ids)
    for start in range(0, len(ordered), MOST_IN_A_ROW):
        some = ordered[start : start + MOST_IN_A_ROW]
        yield {
            "disclosure_id": disclosure_id,
            "first": some[0],
            "last": some[-1],
            "students": some,
        }


async def disclose_set(
    session: WriteSession,
    actor: str,
    purpose: Purpose,
    accounts: Select[UUID],
    *,
    fields: Sequence[str],
    recipient: str | None,
    basis: str | None,
    network_id: UUID,
    school_id: UUID | None = None,
    walks: bool = False,
) -> int:
    """Record in one statement that `actor` hands these fields of these students to `recipient`.

    `accounts` selects their ids, however many they are; all of them are of the network, and of
    the school where one is given. Called in the transaction that reads what leaves, before
    anything does. Answers how many students they are; for nobody nothing is recorded.

    `walks`: look for them in the order of ids instead of sorting them, which takes half the time
    where they are a good part of all accounts, and reads all the others where they are not.
    """
    given = _disclosure(clock.now(), actor, purpose, fields, network_id, school_id)
    rows = _walked(accounts) if walks else _sorted(accounts)
    named = _named(rows, given["id"]).cte("named")
    written = _counted(named, {**given, "recipient": recipient, "basis": basis})
    if walks:
        # Of a table that nothing is known of yet the server would sort it all at each step.
        await session.execute(_SORTS.params(may="off"))
    counted: int | None = await session.scalar(written)
    if walks:
        await session.execute(_SORTS.params(may="on"))
    return counted or 0


def _counted(named: CTE, values: dict[str, Any]) -> ReturningInsert[tuple[int]]:
    """The disclosure itself; the foreign key to it is looked at when the statement ends."""
    columns = Disclosure.__table__.c  # type: ignore[attr-defined] # a table has one
    given = [literal(value, columns[name].type).label(name) for name, value in values.items()]
    students = func.sum(named.c.students).label("students")
    counted = select(*given, students).select_from(named).having(func.count() > 0)
    inserted = insert(Disclosure).from_select([*values, "students"], counted)
    return inserted.returning(col(Disclosure.students))


def _named(rows: FromClause, disclosure_id: UUID) -> ReturningInsert[tuple[int]]:
    """The rows that say who these are, as `_rows` makes them of a few."""
    ids = rows.c.ids
    some = select(literal(disclosure_id, Uuid()), ids[1], ids[func.cardinality(ids)], ids)
    inserted = insert(DisclosureStudents).from_select(
        ["disclosure_id", "first", "last", "students"], some.where(ids.is_not(None))
    )
    return inserted.returning(func.cardinality(col(DisclosureStudents.students)).label("students"))


def _sorted(accounts: Select[UUID]) -> FromClause:
    """Ids by the thousand, in order."""
    (student,) = accounts.subquery("told").c
    place = func.row_number().over(order_by=student)
    numbered = select(student.label("id"), ((place - 1) // MOST_IN_A_ROW).label("row")).subquery()
    ids = func.array_agg(aggregate_order_by(numbered.c.id, numbered.c.id), type_=_IDS)
    return select(ids.label("ids")).group_by(numbered.c.row).subquery()


def _walked(accounts: Select[UUID]) -> FromClause:
    """The same: the first thousand, then those after the last of them, and so on."""
    (student,) = accounts.selected_columns
    first = accounts.order_by(None).order_by(student).limit(MOST_IN_A_ROW)
    walk = select(_gathered(first).label("ids")).cte("walk", recursive=True)
    last = walk.c.ids[func.cardinality(walk.c.ids)]
    following = _gathered(first.where(student > last).correlate(walk))
    full = func.cardinality(walk.c.ids) == MOST_IN_A_ROW
    return walk.union_all(select(following).select_from(walk).where(full))


def _gathered(ordered: Select[UUID]) -> ScalarSelect[list[UUID]]:
    some = ordered.subquery("some")
    (student,) = some.c
    return select(func.array_agg(student, type_=_IDS)).select_from(some).scalar_subquery()


def tells_of(account_id: UUID) -> ColumnElement[bool]:
    """Whether a disclosure was of this student, be there an account any more or not."""
    rows = DisclosureStudents
    span = func.uuidrange(col(rows.first), col(rows.last), text("'[]'::text"))
    return exists().where(
        col(rows.disclosure_id) == col(Disclosure.id),
        span.op("@>")(literal(account_id, Uuid())),
        any_(col(rows.students)) == literal(account_id, Uuid()),
    )


async def list_disclosures(
    session: ReadSession,
    caller: Caller,
    network_id: UUID | None,
    page: PageRequest,
    account_id: UUID | None = None,
) -> Page[Disclosure]:
    """The newest first; a caller limited to schools sees those of one of their schools."""
    statement = select(Disclosure).where(
        visible(caller, col(Disclosure.network_id), col(Disclosure.school_id))
    )
    if network_id is not None:
        statement = statement.where(col(Disclosure.network_id) == network_id)
    if account_id is not None:
        statement = statement.where(tells_of(account_id))
    asked = PageRequest(page.limit, page.cursor, page.sort or "-at")
    return await page_of(
        session, statement, asked, {"at": _column(Disclosure.at)}, _column(Disclosure.id)
    )


def ids_of(found: Iterable[UUID | None]) -> set[UUID]:
    return {one for one in found if one is not None}


def _column(attribute: object) -> InstrumentedAttribute[Any]:
    """A table's attribute as the column that it is, which SQLModel's types do not say."""
    return cast("InstrumentedAttribute[Any]", attribute)
