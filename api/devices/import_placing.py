"""Placing what a file of orders makes: when it is whole, and needs nobody else's approval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from api.db.uow import ReadSession, WriteSession
from api.devices.holding import hold_orders
from api.devices.import_order_plan import OrderPlan, Plan
from api.devices.models import Order
from api.devices.order_rules import approval_need, cost_of
from api.devices.orders import place_all
from api.devices.schemas import LeftDraftOut, OrderNameOut
from api.schools.queries import networks_by_id


@dataclass(frozen=True, slots=True)
class Placing:
    """The file's drafts: those to be placed, and why the others are not."""

    orders: Sequence[OrderPlan] = ()
    left: Sequence[LeftDraftOut] = field(default_factory=tuple)

    @property
    def names(self) -> list[OrderNameOut]:
        return [OrderNameOut(vendor=one.vendor, number=one.number) for one in self.orders]


async def plan_placing(session: ReadSession, planned: Plan, rejected: int) -> Placing:
    """Decide for each draft that the file names. `rejected` rows may be of any of
    them, and what was placed lacks them for good, so then none is.
    """
    drafts = [order for order in planned.orders if order.is_draft]
    networks = await networks_by_id(session, {order.network_id for order in drafts})
    placed, left = [], []
    for order in drafts:
        threshold = networks[order.network_id].approval_threshold_cents
        why = approval_need(cost_of(order.priced()), threshold)
        if rejected:
            why = (
                "Rows of the file were rejected, so it may lack some: mend them and send it again."
            )
        if why is None:
            placed.append(order)
        else:
            left.append(LeftDraftOut(vendor=order.vendor, number=order.number, why=why))
    return Placing(placed, left)


async def place_orders(session: WriteSession, orders: Sequence[Order]) -> None:
    """Place orders that this transaction wrote, with their schools held already.

    Raises: ApprovalRequired; OrderRefused.
    """
    if orders:
        held = await hold_orders(session, [order.id for order in orders])
        await place_all(session, [held[order.id] for order in orders])
