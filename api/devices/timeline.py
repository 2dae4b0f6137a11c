"""What happened to an order, told in one list: decisions, promises, and where its pieces went."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.orm import Mapped, aliased
from sqlmodel import col

from api.auth.caller import Caller
from api.db.history import History
from api.db.uow import ReadSession
from api.devices.models import Amendment, LinePromise, Order, OrderLine
from api.devices.models_shipping import (
    DeviceReturn,
    Receipt,
    ReceiptLine,
    Scan,
    Shipment,
    Transfer,
)
from api.devices.rules import PromiseSource
from api.devices.schemas import TimelineOut
from api.schools.models import School, Site

MOST = 500
_STATE = col(History.after)["state"].astext


async def timeline_of(session: ReadSession, caller: Caller, order: Order) -> list[TimelineOut]:
    """The newest first, at most 500. Of where pieces went a caller limited to schools sees what
    concerns them.
    """
    events = [
        *await _states(session, order),
        *await _promises(session, order),
        *await _amendments(session, order),
        *await _scans(session, caller, order),
        *await _receipts(session, caller, order),
        *await _transfers(session, caller, order),
        *await _returns(session, caller, order),
    ]
    return sorted(events, key=_moment, reverse=True)[:MOST]


def _moment(event: TimelineOut) -> tuple[Any, ...]:
    # Of what one request wrote, promises of a new order come after the order.
    return event.at, event.kind != "state"


async def _states(session: ReadSession, order: Order) -> Iterator[TimelineOut]:
    statement = (
        select(col(History.at), _STATE, col(History.after)["reason"].astext, col(History.actor))
        .where(
            col(History.row_id) == str(order.id),
            col(History.table_name) == "orders",
            _STATE.is_not(None),
        )
        .order_by(col(History.id).desc())
        .limit(MOST)
    )
    return (
        TimelineOut(at=at, kind="state", summary=_state(state, reason), actor=actor)
        for at, state, reason, actor in await session.execute(statement)
    )


def _state(state: str, reason: str | None) -> str:
    return state.replace("_", " ") + (f": {reason}" if reason else "")


async def _promises(session: ReadSession, order: Order) -> Iterator[TimelineOut]:
    statement = (
        select(LinePromise, col(OrderLine.sku))
        .join(OrderLine, col(OrderLine.id) == col(LinePromise.line_id))
        .where(col(OrderLine.order_id) == order.id)
        .order_by(col(LinePromise.stated_at).desc(), col(LinePromise.id).desc())
        .limit(MOST)
    )
    return (
        TimelineOut(
            at=promise.stated_at,
            kind="promise",
            summary=_promised(sku, promise),
            actor=promise.actor,
            id=promise.id,
        )
        for promise, sku in await session.execute(statement)
    )


def _promised(sku: str, promise: LinePromise) -> str:
    """A call's and an event's are told apart by their actor; an estimate nobody promised."""
    estimate = promise.source == PromiseSource.ESTIMATE
    if promise.promised_on is None:
        return f"{sku} no longer {'estimated' if estimate else 'promised'}"
    return f"{sku} {'estimated' if estimate else 'promised'} for {promise.promised_on}"


async def _amendments(session: ReadSession, order: Order) -> Iterator[TimelineOut]:
    old: Any = aliased(OrderLine)
    statement = (
        select(Amendment, col(OrderLine.sku), old.sku)
        .join(OrderLine, col(OrderLine.id) == col(Amendment.line_id))
        .outerjoin(old, old.id == col(Amendment.substitutes_id))
        .where(col(Amendment.order_id) == order.id)
        .order_by(col(Amendment.recorded_at).desc(), col(Amendment.id).desc())
        .limit(MOST)
    )
    return (
        TimelineOut(
            at=one.recorded_at,
            kind="amendment",
            summary=_amended(one, sku, substituted),
            actor=one.actor,
            id=one.id,
        )
        for one, sku, substituted in await session.execute(statement)
    )


def _amended(one: Amendment, sku: str, substituted: str | None) -> str:
    what = f"{one.quantity} of {sku} added" + (f" in place of {substituted}" if substituted else "")
    return what + (f": {one.reason}" if one.reason else "")


def _seen(caller: Caller, school_id: Mapped[Any]) -> ColumnElement[bool]:
    return true() if caller.school_ids is None else school_id.in_(caller.school_ids)


async def _scans(session: ReadSession, caller: Caller, order: Order) -> Iterator[TimelineOut]:
    """A shipment is first told of, then scanned; what moves its status is told here."""
    statement = (
        select(
            col(Scan.occurred_at),
            func.coalesce(col(Scan.status), ""),
            col(Scan.source),
            col(Shipment.id),
            col(Shipment.carrier),
            col(Shipment.tracking_number),
            func.coalesce(col(School.code), col(Site.code)),
        )
        .join(Shipment, col(Shipment.id) == col(Scan.shipment_id))
        .outerjoin(School, col(School.id) == col(Shipment.school_id))
        .outerjoin(Site, col(Site.id) == col(Shipment.site_id))
        .where(
            col(Shipment.order_id) == order.id,
            col(Scan.status).is_not(None),
            _seen(caller, col(Shipment.school_id)),
        )
        .order_by(col(Scan.occurred_at).desc(), col(Scan.id).desc())
        .limit(MOST)
    )
    return (
        TimelineOut(
            at=at,
            kind="shipment",
            summary=f"{carrier} {number} to {place}: {status.replace('_', ' ')}",
            actor=source,
            id=shipment_id,
        )
        for at, status, source, shipment_id, carrier, number, place in await session.execute(
            statement
        )
    )


async def _receipts(session: ReadSession, caller: Caller, order: Order) -> Iterator[TimelineOut]:
    pieces = (
        select(
            col(ReceiptLine.receipt_id),
            func.sum(col(ReceiptLine.accepted)).label("accepted"),
            func.sum(col(ReceiptLine.rejected)).label("rejected"),
        )
        .group_by(col(ReceiptLine.receipt_id))
        .subquery()
    )
    statement = (
        select(
            Receipt,
            pieces.c.accepted,
            pieces.c.rejected,
            func.coalesce(col(School.code), col(Site.code)),
        )
        .join(pieces, pieces.c.receipt_id == col(Receipt.id))
        .outerjoin(School, col(School.id) == col(Receipt.school_id))
        .outerjoin(Site, col(Site.id) == col(Receipt.site_id))
        .where(col(Receipt.order_id) == order.id, _seen(caller, col(Receipt.school_id)))
        .order_by(col(Receipt.recorded_at).desc(), col(Receipt.id).desc())
        .limit(MOST)
    )
    return (
        TimelineOut(
            at=receipt.recorded_at,
            kind="receipt",
            summary=_counted(receipt, int(accepted), int(rejected), place),
            actor=receipt.actor,
            id=receipt.id,
        )
        for receipt, accepted, rejected, place in await session.execute(statement)
    )


def _counted(receipt: Receipt, accepted: int, rejected: int, place: str) -> str:
    refused = f", {rejected} rejected" if rejected else ""
    said = f"{accepted} accepted{refused} at {place} on {receipt.received_on}"
    return said + _taken_back(receipt)


def _taken_back(fact: Receipt | Transfer | DeviceReturn) -> str:
    return "" if fact.reverses_id is None else " taken back"


async def _transfers(session: ReadSession, caller: Caller, order: Order) -> Iterator[TimelineOut]:
    statement = (
        select(Transfer, col(OrderLine.sku), col(Site.code), col(School.code))
        .join(OrderLine, col(OrderLine.id) == col(Transfer.line_id))
        .join(Site, col(Site.id) == col(Transfer.site_id))
        .join(School, col(School.id) == col(Transfer.school_id))
        .where(col(Transfer.order_id) == order.id, _seen(caller, col(Transfer.school_id)))
        .order_by(col(Transfer.recorded_at).desc(), col(Transfer.id).desc())
        .limit(MOST)
    )
    return (
        TimelineOut(
            at=moved.recorded_at,
            kind="transfer",
            summary=f"{moved.quantity} of {sku} from {site} to {school} on {moved.moved_on}"
            + _taken_back(moved),
            actor=moved.actor,
            id=moved.id,
        )
        for moved, sku, site, school in await session.execute(statement)
    )


async def _returns(session: ReadSession, caller: Caller, order: Order) -> Iterator[TimelineOut]:
    statement = (
        select(DeviceReturn, col(OrderLine.sku), func.coalesce(col(School.code), col(Site.code)))
        .join(OrderLine, col(OrderLine.id) == col(DeviceReturn.line_id))
        .outerjoin(School, col(School.id) == col(DeviceReturn.school_id))
        .outerjoin(Site, col(Site.id) == col(DeviceReturn.site_id))
        .where(col(DeviceReturn.order_id) == order.id, _seen(caller, col(DeviceReturn.school_id)))
        .order_by(col(DeviceReturn.recorded_at).desc(), col(DeviceReturn.id).desc())
        .limit(MOST)
    )
    return (
        TimelineOut(
            at=sent.recorded_at,
            kind="return",
            summary=f"{sent.quantity} of {sku} sent back from {place} on {sent.returned_on}"
            + (_taken_back(sent) or f": {sent.reason}"),
            actor=sent.actor,
            id=sent.id,
        )
        for sent, sku, place in await session.execute(statement)
    )
