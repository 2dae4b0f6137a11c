"""Learning lead times from what was placed, promised and counted; per vendor and sku.

What was learned stands in for a missing promise (`lead_days`) and says how far a broken one slips
(`spread_days`), so tasks that wait for the vendor move when it changes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.orm import aliased
from sqlmodel import col

from api import clock
from api.db.paging import Page, PageRequest, page_of
from api.db.uow import ReadSession, WriteSession
from api.devices.lead_rules import Delivery, Learned, learn_from
from api.devices.models import Allocation, LeadTime, LinePromise, Order, OrderLine, Vendor
from api.devices.models_shipping import Receipt, ReceiptLine
from api.devices.progress import project
from api.devices.rules import OrderState, PromiseSource
from api.schools.calendars import calendar_facts
from api.schools.models import Network
from api.schools.queries import network_days_of
from api.tasks.days import Calendar

# Older deliveries tell of other years; the calendars reach as far back.
REMEMBERED_DAYS = 2 * 365
_SORTS = {name: getattr(LeadTime, name) for name in ("sku", "samples", "lead_days", "spread_days")}


async def list_lead_times(
    session: ReadSession, vendor: Vendor, page: PageRequest
) -> Page[LeadTime]:
    statement = select(LeadTime).where(col(LeadTime.vendor_id) == vendor.id)
    return await page_of(session, statement, page, _SORTS, _SORTS["sku"])


async def learn_lead_times(session: WriteSession, vendor_id: UUID) -> int:
    """Learn a vendor's lead times anew and move what waits for it; how many skus changed.

    Nothing is locked or written while nothing has changed.
    """
    new = {sku: learn_from(some) for sku, some in (await _deliveries(session, vendor_id)).items()}
    rows = await session.scalars(select(LeadTime).where(col(LeadTime.vendor_id) == vendor_id))
    known = {one.sku: Learned(one.samples, one.lead_days, one.spread_days) for one in rows}
    changed = {sku for sku in new.keys() | known.keys() if new.get(sku) != known.get(sku)}
    if not changed:
        return 0
    schools = await _waiting_for(session, vendor_id, changed)
    await session.touch_schools(schools)
    await _write(session, vendor_id, changed, new)
    await project(session, schools, begin=False)
    return len(changed)


async def _deliveries(session: ReadSession, vendor_id: UUID) -> dict[str, list[Delivery]]:
    """Every count of the vendor's pieces that was not taken back, by sku."""
    since = clock.now().date() - timedelta(days=REMEMBERED_DAYS)
    reversal = aliased(Receipt)
    rows = await session.execute(
        select(
            col(OrderLine.id),
            col(OrderLine.sku),
            col(Order.network_id),
            col(Network.timezone),
            col(Order.placed_at),
            col(Receipt.received_on),
        )
        .join(Order, col(Order.id) == col(OrderLine.order_id))
        .join(Network, col(Network.id) == col(Order.network_id))
        .join(ReceiptLine, col(ReceiptLine.line_id) == col(OrderLine.id))
        .join(Receipt, col(Receipt.id) == col(ReceiptLine.receipt_id))
        .outerjoin(reversal, col(reversal.reverses_id) == col(Receipt.id))
        .where(
            col(Order.vendor_id) == vendor_id,
            col(Order.placed_at).is_not(None),
            col(Receipt.received_on) >= since,
            col(Receipt.reverses_id).is_(None),
            col(reversal.id).is_(None),
            col(ReceiptLine.accepted) > 0,
        )
    )
    found = rows.all()
    promised = await _first_promises(session, vendor_id)
    calendars = await _calendars(session, {(row[2], row[3]) for row in found})
    deliveries: dict[str, list[Delivery]] = defaultdict(list)
    for line_id, sku, network_id, timezone, placed_at, received_on in found:
        assert placed_at is not None
        calendar = calendars[network_id]
        lead = calendar.between(clock.local_day(timezone, placed_at), received_on)
        day = promised.get(line_id)
        slip = None if day is None else calendar.between(day, received_on)
        deliveries[sku].append(Delivery(lead, slip))
    return deliveries


async def _first_promises(session: ReadSession, vendor_id: UUID) -> dict[UUID, date]:
    """What the seller promised first, by line: later promises already know of the slip."""
    rows = await session.execute(
        select(col(LinePromise.line_id), col(LinePromise.promised_on))
        .join(OrderLine, col(OrderLine.id) == col(LinePromise.line_id))
        .join(Order, col(Order.id) == col(OrderLine.order_id))
        .where(
            col(Order.vendor_id) == vendor_id,
            col(LinePromise.promised_on).is_not(None),
            col(LinePromise.source) != PromiseSource.ESTIMATE,
        )
        .ext(distinct_on(col(LinePromise.line_id)))
        .order_by(col(LinePromise.line_id), col(LinePromise.stated_at), col(LinePromise.id))
    )
    return {line_id: day for line_id, day in rows if day is not None}


async def _calendars(
    session: ReadSession, networks: Iterable[tuple[UUID, str]]
) -> dict[UUID, Calendar]:
    timezones = dict(networks)
    days = await network_days_of(session, timezones)
    calendars = {}
    for network_id, timezone in timezones.items():
        facts = calendar_facts(days[network_id], (), clock.today(timezone))
        calendars[network_id] = Calendar(facts.weekend, facts.days_off)
    return calendars


async def _waiting_for(session: ReadSession, vendor_id: UUID, skus: Collection[str]) -> set[UUID]:
    """Schools with these skus on an order that is still awaited."""
    rows = await session.scalars(
        select(col(Allocation.school_id))
        .join(OrderLine, col(OrderLine.id) == col(Allocation.line_id))
        .join(Order, col(Order.id) == col(Allocation.order_id))
        .where(
            col(Order.vendor_id) == vendor_id,
            col(Order.state).in_([OrderState.PLACED, OrderState.ON_HOLD]),
            col(OrderLine.sku).in_(skus),
            col(Allocation.school_id).is_not(None),
        )
        .distinct()
    )
    return {school_id for school_id in rows if school_id is not None}


async def _write(
    session: WriteSession, vendor_id: UUID, changed: Collection[str], new: Mapping[str, Learned]
) -> None:
    gone = changed - new.keys()
    if gone:
        await session.execute(
            delete(LeadTime)
            .where(col(LeadTime.vendor_id) == vendor_id, col(LeadTime.sku).in_(gone))
            .execution_options(synchronize_session=False)
        )
    now = clock.now()
    rows = [
        {"vendor_id": vendor_id, "sku": sku, "learned_at": now, **new[sku]._asdict()}
        # In one order, so that two who learn at once wait for each other.
        for sku in sorted(changed & new.keys())
    ]
    if rows:
        statement = insert(LeadTime).values(rows)
        values = {name: statement.excluded[name] for name in (*Learned._fields, "learned_at")}
        await session.execute(
            statement.on_conflict_do_update(index_elements=["vendor_id", "sku"], set_=values)
        )
