"""What receipts, transfers and returns share: one is taken back by another of its kind, which
`reverses` it, and never edited or deleted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, and_, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from api import clock
from api.auth.caller import Caller, visible
from api.auth.queries import names_of_actors
from api.db.uow import ReadSession, WriteSession
from api.devices.errors_shipping import (
    ReceiptNotFound,
    ReturnNotFound,
    ReversalRefused,
    TransferNotFound,
)
from api.devices.models_shipping import DeviceReturn, Receipt, Transfer
from api.errors import NotFound
from api.schools.queries import is_among

Fact = TypeVar("Fact", Receipt, Transfer, DeviceReturn)


@dataclass(frozen=True, slots=True)
class _Kind:
    word: str
    missing: type[NotFound]


_KINDS: dict[type, _Kind] = {
    Receipt: _Kind("receipt", ReceiptNotFound),
    Transfer: _Kind("transfer", TransferNotFound),
    DeviceReturn: _Kind("return", ReturnNotFound),
}


def is_live(table: type[Fact]) -> ColumnElement[bool]:
    """Those that count: no reversals, and none that was reversed."""
    of: Any = table
    reversal: Any = aliased(table)
    taken_back = select(reversal.id).where(reversal.reverses_id == of.id)
    return and_(of.reverses_id.is_(None), ~taken_back.exists())


async def find_fact(session: ReadSession, caller: Caller, table: type[Fact], fact_id: UUID) -> Fact:
    """Raises: ReceiptNotFound, TransferNotFound or ReturnNotFound, also for one the caller may
    not see.
    """
    of, kind = table, _KINDS[table]
    statement = select(table).where(
        col(of.id) == fact_id, visible(caller, col(of.network_id), col(of.school_id))
    )
    found: Fact | None = (await session.scalars(statement)).one_or_none()
    if found is None:
        raise kind.missing(f"There is no {kind.word} {fact_id}, or you may not see it.")
    return found


async def reversals_of(
    session: ReadSession, table: type[Fact], fact_ids: Iterable[UUID]
) -> dict[UUID, UUID]:
    """What took each of them back, by the id of what was taken back."""
    reverses = col(table.reverses_id)
    rows = await session.execute(
        select(reverses, col(table.id)).where(is_among(reverses, fact_ids, Uuid()))
    )
    return {taken_back: by for taken_back, by in rows if taken_back is not None}


def reversal_of(session: WriteSession, fact: Fact, note: str | None) -> Fact:
    """What takes it back, to be added by the caller: the same, said now by who says so."""
    told = {"id", "recorded_at", "actor", "note", "override_reason", "reverses_id"}
    table: Any = type(fact)
    reversal: Fact = table(
        **fact.model_dump(exclude=told),
        recorded_at=clock.now(),
        actor=session.actor,
        note=note,
        reverses_id=fact.id,
    )
    return reversal


async def refuse_again(session: WriteSession, fact: Fact) -> None:
    """Raises: ReversalRefused for a reversal, or for what was taken back already; the order is
    held, so nobody does so meanwhile.
    """
    table = type(fact)
    word = _KINDS[table].word
    if fact.reverses_id is not None:
        raise ReversalRefused("This is a reversal itself; record anew what is so.")
    statement = select(table).where(col(table.reverses_id) == fact.id)
    reversal: Fact | None = (await session.scalars(statement)).one_or_none()
    if reversal is not None:
        who = (await names_of_actors(session, [reversal.actor]))[reversal.actor]
        raise ReversalRefused(
            f"{who} reversed this {word} on {reversal.recorded_at:%Y-%m-%d %H:%M} UTC already.",
            **{f"{word}_id": str(reversal.id)},
        )
