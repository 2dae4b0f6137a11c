"""What the devices room refuses about orders and vendors, one class a reason."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from api.errors import Conflict, Invalid, NotFound, field_error


class VendorNotFound(NotFound):
    code: ClassVar[str] = "vendor-not-found"
    title: ClassVar[str] = "There is no such vendor"


class OrderNotFound(NotFound):
    code: ClassVar[str] = "order-not-found"
    title: ClassVar[str] = "There is no such order, or you may not see it"


class LineNotFound(NotFound):
    code: ClassVar[str] = "line-not-found"
    title: ClassVar[str] = "The order has no such line"


class NumberTaken(Conflict):
    """Numbers are a seller's own: another seller may use the same."""

    code: ClassVar[str] = "number-taken"
    title: ClassVar[str] = "The seller has an order of this number"


class OrderRefused(Conflict):
    """The order's state does not allow it; `state` is the present one."""

    code: ClassVar[str] = "order-state"
    title: ClassVar[str] = "The order is not in a state for that"


class ApprovalRequired(Conflict):
    """It costs as much as the network lets nobody spend alone; `total_cents`, `threshold_cents`."""

    code: ClassVar[str] = "approval-required"
    title: ClassVar[str] = "Another person has to approve the order"


class AlreadyReceived(Conflict):
    """Pieces have come, so it can only be closed."""

    code: ClassVar[str] = "already-received"
    title: ClassVar[str] = "Pieces of the order have come already"


class PiecesOutstanding(Conflict):
    """Closing now leaves pieces that never came; `lines` says how many of which sku."""

    code: ClassVar[str] = "pieces-outstanding"
    title: ClassVar[str] = "Not everything has come"


class PiecesAtSite(Conflict):
    """Schools wait for pieces that lie at a site; `lines` says how many of which sku."""

    code: ClassVar[str] = "pieces-at-site"
    title: ClassVar[str] = "Pieces for schools are still at a site"


class LineTaken(Conflict):
    """`sku`: which."""

    code: ClassVar[str] = "line-taken"
    title: ClassVar[str] = "The order has a line of this sku"


class BeyondOutstanding(Conflict):
    """What has come, or is in a shipment, cannot be substituted; `sku`, `substitutable`."""

    code: ClassVar[str] = "beyond-outstanding"
    title: ClassVar[str] = "Not so many of the line are outstanding"


class OverAllocated(Conflict):
    """More pieces are given to schools than are ordered; `sku`, `ordered`, `allocated`."""

    code: ClassVar[str] = "over-allocated"
    title: ClassVar[str] = "More is allocated than ordered"


class NotAllocated(Conflict):
    """A school cannot give away more than it is planned to get; `sku`, `school`."""

    code: ClassVar[str] = "not-allocated"
    title: ClassVar[str] = "The school has not so many allocated"


class BelowReceived(Conflict):
    """A school cannot be planned fewer than are there; `sku`, `school`, `received`."""

    code: ClassVar[str] = "below-received"
    title: ClassVar[str] = "More than that is there already"


class MixedNetworks(Invalid):
    """An order belongs to one network, so it feeds schools of that network only."""

    code: ClassVar[str] = "mixed-networks"
    title: ClassVar[str] = "The schools are of different networks"


def vendor_not_found(slug: str) -> VendorNotFound:
    return VendorNotFound(f"There is no vendor {slug[:40]!r}: POST it to /v1/vendors first.")


def order_not_found(order_id: object) -> OrderNotFound:
    return OrderNotFound(f"There is no order {order_id}, or you may not see it.")


def invalid(pointer: str, code: str, detail: str) -> Invalid:
    """Input with one wrong field."""
    return Invalid(detail, errors=[field_error(pointer, code, detail)])


def mixed_networks(named: Iterable[str]) -> MixedNetworks:
    """`named`: a school's code for each of the networks."""
    detail = (
        f"{', '.join(named)} are of different networks; an order belongs to one, so make an order"
        " for each."
    )
    return MixedNetworks(detail, errors=[field_error("/lines", "mixed-networks", detail)])
