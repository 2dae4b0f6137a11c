"""Which accounts an export is of, and whether its format can hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from typing import cast as typed
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    and_,
    case,
    collate,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    text,
)
from sqlalchemy.orm import Mapped
from sqlmodel import col

from api import clock
from api.accounts.cards.models import InitialPassword
from api.accounts.exports import cells
from api.accounts.exports.errors import ExportUnfit, SchoolIdsShared, SourcedIdsShared
from api.accounts.exports.form import Cell, Form, Of, Unfit
from api.accounts.models import Account, AccountSource
from api.accounts.rules import AccountStatus
from api.auth.caller import Caller, visible
from api.db.uow import ReadSession
from api.schools.models import Network, School

_EXAMPLES = 20
_LONGEST_PASSWORD = 40
_MOST_OF = 4
# What a spreadsheet takes for the beginning of a formula (OWASP), a full-width sign included.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\N{FULLWIDTH EQUALS SIGN}")


@dataclass(frozen=True, slots=True)
class Chosen:
    """The accounts of a network that an export is of, as its caller may see them."""

    caller: Caller
    network_id: UUID
    school_id: UUID | None
    source_id: UUID | None
    status: AccountStatus

    def accounts(self) -> list[ColumnElement[bool]]:
        """Conditions over accounts."""
        found = [
            col(Account.network_id) == self.network_id,
            col(Account.status) == self.status.value,
            visible(self.caller, col(Account.network_id), col(Account.school_id)),
        ]
        if self.school_id is not None:
            found.append(col(Account.school_id) == self.school_id)
        if self.source_id is not None:
            found.append(col(Account.source_id) == self.source_id)
        return found

    def schools(self) -> list[ColumnElement[bool]]:
        """Conditions over the schools that these accounts may be of."""
        found = [
            col(School.network_id) == self.network_id,
            visible(self.caller, col(School.network_id), col(School.id)),
        ]
        if self.school_id is not None:
            return [*found, col(School.id) == self.school_id]
        used = select(col(Account.id)).where(
            col(Account.school_id) == col(School.id), col(Account.status) == self.status.value
        )
        return [*found, or_(col(School.archived_at).is_(None), used.exists())]


def fit(form: Form) -> ColumnElement[bool] | None:
    """The condition of an account that the format can hold; null where it can hold any."""
    if not form.unfit:
        return None
    # A condition over a value that is not there is neither true nor false; then nothing is wrong.
    return and_(*(one.when.is_not(True) for one in form.unfit))


def _asked(chosen: Chosen, form: Form, *columns: Any) -> Select[Any]:
    """Columns of all accounts asked for, their schools beside them where the form judges those."""
    statement = select(*columns).select_from(Account).where(*chosen.accounts())
    if form.judges_schools:
        statement = statement.join(School, col(School.id) == col(Account.school_id))
    return statement


def ids_of(chosen: Chosen, form: Form) -> Select[UUID]:
    """The ids of the accounts that go into the export, for the record of who was told."""
    statement = _asked(chosen, form, col(Account.id))
    condition = fit(form)
    return statement if condition is None else statement.where(condition)


def rows_of(
    chosen: Chosen, form: Form, of: Of, columns: Sequence[Cell], *, secrets: bool, guarded: bool
) -> Select[Any]:
    """The rows of a file; `guarded` cells are safe in a spreadsheet.

    With `secrets` two columns follow the others: the account's id and its sealed password.
    """
    shown: list[Any] = [_shown(cell, guarded) for cell in columns]
    if of is Of.network:
        return select(*shown).where(col(Network.id) == chosen.network_id)
    if of is Of.school:
        statement = select(*shown).select_from(School)
        statement = statement.join(Network, col(Network.id) == col(School.network_id))
        if form.lists_schools is not None:
            statement = statement.where(form.lists_schools)
        return statement.where(*chosen.schools()).order_by(col(School.code))
    if secrets:
        shown += [col(Account.id), col(InitialPassword.sealed)]
    statement = select(*shown).select_from(Account)
    statement = statement.join(School, col(School.id) == col(Account.school_id))
    if secrets:
        statement = _beside_passwords(statement)
    condition = fit(form)
    if condition is not None:
        statement = statement.where(condition)
    return statement.where(*chosen.accounts()).order_by(col(Account.id))


def _beside_passwords(statement: Select[Any]) -> Select[Any]:
    waiting = and_(
        col(InitialPassword.account_id) == col(Account.id),
        col(InitialPassword.expires_at) > clock.now(),
    )
    return statement.outerjoin(InitialPassword, waiting)


def _shown(cell: Cell, guarded: bool) -> ColumnElement[Any] | Mapped[Any]:
    if cell is None:
        return null()
    # Both kinds of expression have one, which SQLAlchemy's types do not say.
    if not guarded or not isinstance(typed("ColumnElement[Any]", cell).type, String):
        return cell
    return case((func.left(cell, 1).in_(_FORMULAS), func.concat("'", cell)), else_=cell)


@dataclass(frozen=True, slots=True)
class Survey:
    """What there is to export: accounts asked for, and how many of them the format cannot hold."""

    asked: int
    unfit: int

    @property
    def students(self) -> int:
        return self.asked - self.unfit


async def survey(
    session: ReadSession, chosen: Chosen, form: Form, *, skips: bool
) -> tuple[Form, Survey]:
    """Count what is asked for; with the form, which also finds unfit who shares an address.

    Raises: ExportUnfit unless it `skips`; SourcedIdsShared; SchoolIdsShared.
    """
    found, others = await _counts(session, chosen, form)
    if others:
        shared = await _shared_addresses(session, chosen, form)
        if shared is not None:
            form = replace(form, unfit=[*form.unfit, shared])
            found, _ = await _counts(session, chosen, form)
    if found.unfit and not skips:
        raise await _unfit(session, chosen, form, found)
    if form.keyed:
        await _check_schools(session, chosen)
        if chosen.source_id is None:
            await _check_keys(session, chosen)
    return form, found


async def _counts(session: ReadSession, chosen: Chosen, form: Form) -> tuple[Survey, int]:
    """Also how many have an address that is not their username's."""
    condition = fit(form)
    bad = func.count().filter(not_(condition)) if condition is not None else literal(0)
    others = func.count().filter(_other(form.named)) if form.named is not None else literal(0)
    counts = (await session.execute(_asked(chosen, form, func.count(), bad, others))).one()
    return Survey(counts[0], counts[1]), counts[2]


def _other(address: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether the address that stands for one user there begins with anything but the username.

    No two have one username, so of those who share an address at least one has another before
    its @: others need not be looked at, and to group them all took as long as to send them.
    """
    own = cells.USERNAME + "@"
    return (func.left(address, func.length(own)) == own).is_not(True)


async def _shared_addresses(session: ReadSession, chosen: Chosen, form: Form) -> Unfit | None:
    """Who has another's address, in whatever letters; null where nobody has.

    The file would make of the last of them what it made of the first.
    """
    assert form.named is not None
    # Addresses that fit have no other letters, and comparing bytes takes half the time.
    key = func.lower(collate(form.named, "C"))
    others = select(key).where(*chosen.accounts(), _other(form.named))
    among = (*chosen.accounts(), key.in_(others.correlate(None)))
    shared = select(key).where(*among).group_by(key).having(func.count() > 1)
    if (await session.scalars(shared.where(key.is_not(None)).limit(1))).one_or_none() is None:
        return None
    what = "has the same address as another one"
    return Unfit("address-shared", what, key.in_(shared.correlate(None)))


async def _unfit(session: ReadSession, chosen: Chosen, form: Form, found: Survey) -> ExportUnfit:
    counts = [func.count().filter(one.when) for one in form.unfit]
    row = (await session.execute(_asked(chosen, form, *counts))).one()
    why = {one.code: count for one, count in zip(form.unfit, row, strict=True) if count}
    sentences = {one.code: one.sentence for one in form.unfit}
    reason = case(*((one.when, one.code) for one in form.unfit))
    statement = _asked(chosen, form, col(Account.sourced_id), reason)
    statement = statement.where(reason.is_not(None)).order_by(col(Account.id)).limit(_EXAMPLES)
    examples = [
        {"sourced_id": sourced_id, "code": code, "detail": f"The account {sentences[code]}."}
        for sourced_id, code in (await session.execute(statement)).all()
    ]
    return ExportUnfit(
        f"{found.unfit:,} of {found.asked:,} accounts cannot be in this file"
        f" ({', '.join(f'{code}: {count:,}' for code, count in why.items())}). Mend them, give the"
        " `domain` that completes usernames, or leave them out with `on_unfit=skip`.",
        unfit=why,
        examples=examples,
    )


async def is_most(session: ReadSession, students: int) -> bool:
    """Whether these are a good part of all accounts there are."""
    rows = await session.scalar(
        text("SELECT reltuples FROM pg_class WHERE oid = 'accounts'::regclass")
    )
    return students * _MOST_OF >= (rows or 0)


async def _shared(
    session: ReadSession, key: ColumnElement[str] | Mapped[str], among: list[ColumnElement[bool]]
) -> list[str]:
    """The first of the keys that more than one has."""
    found = select(key).where(*among).group_by(key).having(func.count() > 1)
    return list((await session.scalars(found.order_by(key).limit(_EXAMPLES))).all())


async def _check_keys(session: ReadSession, chosen: Chosen) -> None:
    """Raises: SourcedIdsShared."""
    sources = select(col(AccountSource.id)).where(
        col(AccountSource.network_id) == chosen.network_id
    )
    if len((await session.scalars(sources.limit(2))).all()) < 2:
        return
    examples = await _shared(session, cells.SOURCED_ID, chosen.accounts())
    if examples:
        raise SourcedIdsShared(
            "The format tells students apart by their sourced id, and accounts of two sources have"
            " the same one; export one `source` at a time.",
            examples=examples,
        )


async def _check_schools(session: ReadSession, chosen: Chosen) -> None:
    """Raises: SchoolIdsShared."""
    examples = await _shared(session, cells.SCHOOL_ID, chosen.schools())
    if examples:
        raise SchoolIdsShared(
            "The format tells schools apart by their sourced id, or code where they have none, and"
            " one school's is the other's; give those with none a sourced id of their own.",
            examples=examples,
        )


async def most_bytes_of(session: ReadSession, chosen: Chosen, columns: Sequence[Cell]) -> int:
    """An upper bound of the bytes of a file with these columns."""
    said = [cell for cell in columns if cell is not None]
    # A cell of nothing but quotes has each of them twice, and one around it on either side.
    size = 2 * func.octet_length(func.concat(*said)) + 3 * len(columns) + _LONGEST_PASSWORD
    statement = select(func.coalesce(func.sum(size), 0)).select_from(Account)
    statement = statement.join(School, col(School.id) == col(Account.school_id))
    statement = _beside_passwords(statement.where(*chosen.accounts()))
    return int((await session.scalars(statement)).one())
