"""Reading what a school's evidence is made of: a few selects, however many schools."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Date, Select, Uuid, and_, case, cast, func, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from api.db.uow import ReadSession
from api.devices.models import Allocation, LeadTime, Order, OrderLine, Vendor
from api.devices.models_shipping import Receipt, Shipment, ShipmentLine
from api.devices.need import Ratio
from api.devices.progress_rules import Line, Parcel, Supply
from api.devices.rules import OrderState, ShipmentStatus
from api.schools.models import Network, School
from api.schools.queries import is_among
from api.schools.rules import Receiving
from api.tasks.library import read_source
from api.tasks.models import PlaybookVersion, Rollout
from api.tasks.playbooks import Playbook, shipped_playbooks
from api.tasks.rules import RolloutState

# What neither comes nor came.
_GONE = (
    ShipmentStatus.LOST,
    ShipmentStatus.RETURNING,
    ShipmentStatus.RETURNED,
    ShipmentStatus.CANCELLED,
)


class Place(NamedTuple):
    """A school that is not archived, with its current rollout where it has one."""

    school_id: UUID
    network_id: UUID
    timezone: str
    enrollment: int | None
    teacher_count: int | None
    receiving: str
    rollout_id: UUID | None
    model: str | None
    playbook_id: UUID | None


async def read_places(session: ReadSession, school_ids: Iterable[UUID]) -> list[Place]:
    rows = await session.execute(
        select(
            col(School.id),
            col(School.network_id),
            col(School.timezone),
            col(School.enrollment),
            col(School.teacher_count),
            col(Network.receiving),
            col(Rollout.id),
            col(Rollout.model),
            col(Rollout.playbook_id),
        )
        .join(Network, col(Network.id) == col(School.network_id))
        .outerjoin(
            Rollout,
            and_(
                col(Rollout.school_id) == col(School.id), col(Rollout.state) != RolloutState.CLOSED
            ),
        )
        .where(is_among(col(School.id), school_ids, Uuid()), col(School.archived_at).is_(None))
    )
    return [Place(*row) for row in rows]


async def read_ratios(session: ReadSession, places: Iterable[Place]) -> dict[UUID, Ratio]:
    """What is needed per person, by school: as the rollout's playbook says where it is of the
    rollout's model, else as the newest one that ships for that model; none without a model.
    """
    with_model = [place for place in places if place.model is not None]
    if not with_model:
        return {}
    rows = await session.execute(
        select(col(PlaybookVersion.id), col(PlaybookVersion.source)).where(
            col(PlaybookVersion.id).in_({p.playbook_id for p in with_model if p.playbook_id})
        )
    )
    applied = {playbook_id: await read_source(source) for playbook_id, source in rows}
    shipped = {one.model: one for one in await asyncio.to_thread(shipped_playbooks)}
    ratios = {}
    for place in with_model:
        playbook = applied.get(place.playbook_id) if place.playbook_id else None
        if playbook is None or playbook.model != place.model:
            playbook = shipped.get(place.model or "")
        if playbook is not None:
            ratios[place.school_id] = _ratio(playbook)
    return ratios


def _ratio(playbook: Playbook) -> Ratio:
    return Ratio(
        playbook.devices_per_student,
        playbook.devices_per_teacher,
        playbook.spare_percent,
        playbook.default_lead_days,
    )


@dataclass(slots=True)
class Held:
    """An order at one school: the key of its task, its state, and the facts for the rules."""

    key: str
    number: str
    state: OrderState
    on_hold: bool
    on_delivery: bool
    reason: str | None
    lines: list[Line] = field(default_factory=list)
    parcels: list[Parcel] = field(default_factory=list)

    @property
    def supply(self) -> Supply:
        return Supply(
            self.number,
            self.lines,
            self.parcels,
            self.on_delivery,
            self.on_hold,
            self.reason,
            closed=self.state is OrderState.CLOSED,
        )

    @property
    def counts(self) -> bool:
        """Whether its devices are had or on their way; a draft is only a wish."""
        return self.state not in (OrderState.DRAFT, OrderState.CANCELLED)


_AT_HAND = (
    col(Allocation.accepted)
    + col(Allocation.moved_in)
    - col(Allocation.moved_out)
    - col(Allocation.returned)
)


def _lines_at(school_ids: Collection[UUID]) -> Select[*tuple[Any, ...]]:
    return (
        select(
            col(Allocation.school_id),
            col(Order.id),
            col(Vendor.slug),
            col(Order.number),
            col(Order.state),
            col(Order.held_from),
            col(Order.receiving),
            col(Order.reason),
            col(OrderLine.id),
            col(OrderLine.counts_as),
            col(Allocation.quantity),
            _AT_HAND,
            col(OrderLine.promised_on),
            col(LeadTime.lead_days),
            col(LeadTime.spread_days),
        )
        .join(OrderLine, col(OrderLine.id) == col(Allocation.line_id))
        .join(Order, col(Order.id) == col(Allocation.order_id))
        .join(Vendor, col(Vendor.id) == col(Order.vendor_id))
        .outerjoin(
            LeadTime,
            and_(
                col(LeadTime.vendor_id) == col(Order.vendor_id),
                col(LeadTime.sku) == col(OrderLine.sku),
            ),
        )
        .where(is_among(col(Allocation.school_id), school_ids, Uuid()))
    )


async def read_held(
    session: ReadSession, places: Mapping[UUID, Place]
) -> dict[UUID, dict[UUID, Held]]:
    """Every order with an allocation at these schools, drafts too: school -> order -> facts."""
    rows = await session.execute(_lines_at(places))
    held: dict[UUID, dict[UUID, Held]] = defaultdict(dict)
    for school_id, order_id, slug, number, state, held_from, receiving, reason, *line in rows:
        assert school_id is not None
        one = held[school_id].get(order_id)
        if one is None:
            how = receiving or places[school_id].receiving
            held[school_id][order_id] = one = Held(
                key=task_key(slug, number),
                number=number,
                state=OrderState(held_from or state),
                on_hold=held_from is not None,
                on_delivery=how == Receiving.on_delivery,
                reason=reason,
            )
        one.lines.append(Line(*line))
    await _add_parcels(session, places, held)
    return held


def task_key(vendor_slug: str, number: str) -> str:
    """The key of the task that waits for an order."""
    return f"order:{vendor_slug}:{number}"


async def _add_parcels(
    session: ReadSession, places: Mapping[UUID, Place], held: Mapping[UUID, Mapping[UUID, Held]]
) -> None:
    """Give each order its shipments that are on their way, or delivered and not counted.

    Those that say the same of a line are one parcel with all their pieces: a school may get
    dozens of boxes, and the rules only add them up.
    """
    orders = {order_id for mine in held.values() for order_id, one in mine.items() if one.counts}
    if not orders:
        return
    counted: dict[tuple[UUID, UUID], date] = {}
    for order_id, school_id, day in await session.execute(_last_counts(orders, places)):
        counted[order_id, school_id] = day
    rows = await session.execute(_parcels_of(orders, places))
    for school_id, order_id, delivered_on, expected_on, line_id, pieces in rows:
        if delivered_on and counted.get((order_id, school_id), date.min) >= delivered_on:
            continue
        # An order may have been sent to a school that nothing of it is planned for.
        one = held.get(school_id, {}).get(order_id)
        if one is not None:
            content = {} if line_id is None else {line_id: pieces}
            one.parcels.append(Parcel(content, expected_on, delivered_on))


def _parcels_of(
    order_ids: Collection[UUID], school_ids: Collection[UUID]
) -> Select[*tuple[Any, ...]]:
    """Without those that somebody counted by name."""
    day = cast(func.timezone(col(School.timezone), col(Shipment.delivered_at)), Date)
    delivered_on = case((col(Shipment.status) == ShipmentStatus.DELIVERED, day))
    expected_on = case((delivered_on.is_(None), col(Shipment.expected_on)))
    told = (
        col(Shipment.school_id),
        col(Shipment.order_id),
        delivered_on,
        expected_on,
        col(ShipmentLine.line_id),
    )
    by_name = _not_reversed(select(col(Receipt.id))).where(
        col(Receipt.shipment_id) == col(Shipment.id)
    )
    return (
        select(*told, func.sum(col(ShipmentLine.quantity)))
        .join(School, col(School.id) == col(Shipment.school_id))
        .outerjoin(ShipmentLine, col(ShipmentLine.shipment_id) == col(Shipment.id))
        .where(
            is_among(col(Shipment.school_id), school_ids, Uuid()),
            is_among(col(Shipment.order_id), order_ids, Uuid()),
            col(Shipment.status).not_in(_GONE),
            or_(delivered_on.is_(None), ~by_name.exists()),
        )
        .group_by(*told)
    )


def _last_counts(
    order_ids: Collection[UUID], school_ids: Collection[UUID]
) -> Select[*tuple[Any, ...]]:
    """The last day on which somebody counted whatever lay there, by order and school."""
    place = (col(Receipt.order_id), col(Receipt.school_id))
    return (
        _not_reversed(select(*place, func.max(col(Receipt.received_on))))
        .where(
            is_among(col(Receipt.order_id), order_ids, Uuid()),
            is_among(col(Receipt.school_id), school_ids, Uuid()),
            col(Receipt.shipment_id).is_(None),
        )
        .group_by(*place)
    )


def _not_reversed(receipts: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    reversal = aliased(Receipt)
    taken_back = select(col(reversal.id)).where(col(reversal.reverses_id) == col(Receipt.id))
    return receipts.where(col(Receipt.reverses_id).is_(None), ~taken_back.exists())
