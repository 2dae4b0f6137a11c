"""Counting what came: one receipt or a thousand, each checked and then written as a whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from sqlalchemy import Uuid, select
from sqlmodel import col

from api import clock
from api.auth.queries import names_of_actors
from api.db.columns import new_id
from api.db.uow import WriteSession
from api.devices import progress
from api.devices.at_hand import Scanned, claim, scanned_among
from api.devices.errors import invalid
from api.devices.errors_shipping import CountedAlready, OverReceived, SerialScanned
from api.devices.ledger import Ledger, hold_ledger, require_receivable
from api.devices.models import Order, OrderLine
from api.devices.models_shipping import Receipt, ReceiptLine, ShipmentLine
from api.devices.places import Place
from api.devices.receipt_rules import excess, is_tolerated
from api.devices.receipts import Before, before_of, counted_before
from api.devices.schemas_shipping import ReceiptLineIn
from api.errors import FirstBellError
from api.schools.queries import is_among


@dataclass(frozen=True, slots=True)
class Wish:
    """A receipt as it is asked for. `lines` null: everything that the shipment announced."""

    order_id: UUID
    place: Place
    shipment_id: UUID | None = None
    lines: tuple[ReceiptLineIn, ...] | None = None
    received_on: date | None = None
    note: str | None = None
    override_reason: str | None = None


@dataclass(slots=True)
class _Known:
    """What is there before: announced lines by shipment, live receipts by order and place,
    serial numbers at hand. `claims` are those the new receipts hold.
    """

    announced: dict[UUID | None, list[ReceiptLineIn]]
    before: defaultdict[tuple[UUID, UUID], list[Before]]
    scanned: dict[str, Scanned]
    names: dict[str, str]
    claims: list[tuple[Receipt, list[str]]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Decided:
    line: OrderLine
    given: ReceiptLineIn
    over: int


async def receive_one(session: WriteSession, wish: Wish) -> Receipt:
    """Count at one place.

    Raises: OrderRefused, CountedAlready, OverReceived, SerialScanned; Invalid for a day to come,
    an unknown sku, or a shipment of which nobody said what is in it.
    """
    (answer,) = await receive(session, [wish])
    if isinstance(answer, FirstBellError):
        raise answer
    return answer


async def receive(session: WriteSession, wishes: Sequence[Wish]) -> list[Receipt | FirstBellError]:
    """Count at many places, in the order given; each receipt is written as a whole or refused.

    Whoever counts at the same places waits, so two who open one box are told apart.
    """
    if not wishes:
        return []
    ledger = await hold_ledger(session, ((wish.order_id, wish.place) for wish in wishes))
    known = await _look_back(session, ledger, wishes)
    answers: list[Receipt | FirstBellError] = []
    for wish in wishes:
        try:
            answers.append(_count(session, ledger, known, wish))
        except FirstBellError as refused:
            answers.append(refused)
    await session.flush()
    await _claim(session, known.claims)
    counted = [answer for answer in answers if isinstance(answer, Receipt)]
    await progress.project(session, {one.school_id for one in counted if one.school_id})
    return answers


async def _claim(session: WriteSession, claims: Sequence[tuple[Receipt, Sequence[str]]]) -> None:
    """First what nobody held; what is scanned again for a reason goes to the last who says so."""
    for again in (False, True):
        held: defaultdict[UUID, dict[str, UUID]] = defaultdict(dict)
        for receipt, serials in claims:
            if again is (receipt.override_reason is not None):
                held[receipt.network_id] |= dict.fromkeys(serials, receipt.id)
        for network_id in sorted(held):
            await claim(session, network_id, held[network_id], again=again)


async def _look_back(session: WriteSession, ledger: Ledger, wishes: Sequence[Wish]) -> _Known:
    shipments = {wish.shipment_id for wish in wishes if wish.shipment_id}
    before = await counted_before(
        session,
        shipments,
        ledger.orders,
        {wish.place.id for wish in wishes},
        {_day(wish) for wish in wishes},
    )
    serials = {
        serial for wish in wishes for line in wish.lines or () for serial in line.serial_numbers
    }
    networks = {order.network_id for order in ledger.orders.values()}
    scanned = await scanned_among(session, networks, serials)
    actors = {one.actor for one in before} | {one.actor for one in scanned.values()}
    names = await names_of_actors(session, {*actors, session.actor})
    at_places: defaultdict[tuple[UUID, UUID], list[Before]] = defaultdict(list)
    for one in before:
        at_places[one.order_id, one.place_id].append(one)
    return _Known(await _announced(session, ledger, shipments), at_places, scanned, names)


def _day(wish: Wish) -> date:
    return wish.received_on or clock.today(wish.place.timezone)


async def _announced(
    session: WriteSession, ledger: Ledger, shipment_ids: set[UUID]
) -> dict[UUID | None, list[ReceiptLineIn]]:
    statement = select(ShipmentLine).where(
        is_among(col(ShipmentLine.shipment_id), shipment_ids, Uuid())
    )
    announced: dict[UUID | None, list[ReceiptLineIn]] = {}
    for row in await session.scalars(statement):
        line = ReceiptLineIn(sku=ledger.lines[row.line_id].sku, accepted=row.quantity)
        announced.setdefault(row.shipment_id, []).append(line)
    return announced


def _count(session: WriteSession, ledger: Ledger, known: _Known, wish: Wish) -> Receipt:
    """Check all of a receipt, then write all of it: nothing of a refused one is left behind."""
    order = ledger.orders[wish.order_id]
    require_receivable(order)
    received_on = wish.place.day(wish.received_on, "received_on")
    lines = wish.lines or known.announced.get(wish.shipment_id)
    if not lines:
        detail = "Nobody has said what is in this shipment; say in lines what came."
        raise invalid("/lines", "lines-required", detail)
    decided = [_decide(ledger, order, wish, at, line) for at, line in enumerate(lines)]
    if wish.override_reason is None:
        _refuse_twice(known, wish, decided, session.actor)
        _refuse_scanned(known, decided)
    return _write(session, ledger, known, wish, received_on, decided)


def _decide(ledger: Ledger, order: Order, wish: Wish, at: int, given: ReceiptLineIn) -> _Decided:
    line = ledger.line(order.id, given.sku, f"/lines/{at}/sku")
    place, total = ledger.total_at(line, wish.place), ledger.totals[line.id]
    over = excess(place, total, given.accepted)
    tolerated = is_tolerated(place, total, over, order.over_tolerance_percent)
    if over and wish.override_reason is None and not tolerated:
        planned = total.expected if place.planned is None else place.planned
        what = "ordered" if place.planned is None else f"allocated to {wish.place.code}"
        raise OverReceived(
            f"{line.sku}: {planned} {what}, {place.at_hand} there already; {given.accepted} more"
            f" are {over} too many. Send override_reason to keep them, or reject them.",
            sku=line.sku,
            allocated=planned,
            received=place.at_hand,
            over=over,
        )
    return _Decided(line, given, over)


def _refuse_twice(known: _Known, wish: Wish, decided: list[_Decided], actor: str) -> None:
    """Raises: CountedAlready when a live receipt names this shipment, or when somebody else
    counted exactly the same there that day.
    """
    counted = _counted(decided)
    for one in known.before[wish.order_id, wish.place.id]:
        same_box = wish.shipment_id is not None and one.shipment_id == wish.shipment_id
        one_unnamed = wish.shipment_id is None or one.shipment_id is None
        same_day = one.received_on == _day(wish)
        if same_box or (same_day and one_unnamed and one.counted == counted and one.actor != actor):
            who = known.names[one.actor]
            raise CountedAlready(
                f"{who} received this on {one.received_on}, recorded"
                f" {one.recorded_at:%Y-%m-%d %H:%M} UTC. Send override_reason to count more.",
                receipt_id=str(one.id),
                received_by=who,
                received_on=one.received_on.isoformat(),
                recorded_at=one.recorded_at.isoformat(),
            )


def _counted(decided: list[_Decided]) -> frozenset[tuple[UUID, int, int]]:
    return frozenset((one.line.id, one.given.accepted, one.given.rejected) for one in decided)


def _refuse_scanned(known: _Known, decided: list[_Decided]) -> None:
    again = [serial for serial in _serials(decided) if serial in known.scanned]
    if again:
        first = known.scanned[again[0]]
        shown = ", ".join(again[:20]) + (", …" if len(again) > 20 else "")
        raise SerialScanned(
            f"Scanned before: {shown}; the first at {first.place} for {first.order_number} by"
            f" {known.names[first.actor]} on {first.recorded_at:%Y-%m-%d}. Send override_reason if"
            " that was a mistake.",
            serial_numbers=again,
            receipt_id=str(first.receipt_id),
            order_number=first.order_number,
            place=first.place,
        )


def _write(
    session: WriteSession,
    ledger: Ledger,
    known: _Known,
    wish: Wish,
    received_on: date,
    decided: list[_Decided],
) -> Receipt:
    order, serials = ledger.orders[wish.order_id], _serials(decided)
    receipt = Receipt(
        id=new_id(),
        network_id=order.network_id,
        order_id=wish.order_id,
        shipment_id=wish.shipment_id,
        school_id=wish.place.school_id,
        site_id=wish.place.site_id,
        received_on=received_on,
        recorded_at=clock.now(),
        actor=session.actor,
        note=wish.note,
        override_reason=wish.override_reason,
    )
    session.add(receipt)
    for one in decided:
        _book(session, ledger, wish.place, one)
        session.add(_line(receipt, one))
    # What the receipts after this one in the same call have to know.
    told = (receipt.id, session.actor, receipt.recorded_at, order.number, wish.place.code)
    known.scanned |= dict.fromkeys(serials, Scanned(*told))
    known.claims.append((receipt, serials))
    known.before[receipt.order_id, wish.place.id].append(before_of(receipt, _counted(decided)))
    return receipt


def _book(session: WriteSession, ledger: Ledger, place: Place, one: _Decided) -> None:
    row, total = ledger.row_at(session, one.line, place), ledger.totals[one.line.id]
    row.accepted += one.given.accepted
    row.rejected += one.given.rejected
    row.over += one.over
    total.present += one.given.accepted
    total.over += one.over


def _line(receipt: Receipt, one: _Decided) -> ReceiptLine:
    return ReceiptLine(
        receipt_id=receipt.id,
        line_id=one.line.id,
        accepted=one.given.accepted,
        rejected=one.given.rejected,
        over=one.over,
        reason=one.given.reason,
        serial_numbers=one.given.serial_numbers,
    )


def _serials(decided: list[_Decided]) -> list[str]:
    return [serial for one in decided for serial in one.given.serial_numbers]
