"""What is refused about shipments, receipts, transfers and returns, one class a reason."""

from __future__ import annotations

from typing import ClassVar

from api.errors import Conflict, NotFound


class ShipmentNotFound(NotFound):
    code: ClassVar[str] = "shipment-not-found"
    title: ClassVar[str] = "There is no such shipment, or you may not see it"


class ReceiptNotFound(NotFound):
    code: ClassVar[str] = "receipt-not-found"
    title: ClassVar[str] = "There is no such receipt, or you may not see it"


class TransferNotFound(NotFound):
    code: ClassVar[str] = "transfer-not-found"
    title: ClassVar[str] = "There is no such transfer, or you may not see it"


class ReturnNotFound(NotFound):
    code: ClassVar[str] = "return-not-found"
    title: ClassVar[str] = "There is no such return, or you may not see it"


class ShipmentElsewhere(Conflict):
    """The order has this tracking number for another place; `shipment_id` names it."""

    code: ClassVar[str] = "shipment-elsewhere"
    title: ClassVar[str] = "The order has this shipment to another place"


class CountedAlready(Conflict):
    """Somebody counted the same; `receipt_id`, `received_by`, `received_on`, `recorded_at`."""

    code: ClassVar[str] = "counted-already"
    title: ClassVar[str] = "This has been received already"


class OverReceived(Conflict):
    """More than is expected; `sku`, `allocated`, `received` (there already), `over` (too many)."""

    code: ClassVar[str] = "over-received"
    title: ClassVar[str] = "More came than is expected here"


class SerialScanned(Conflict):
    """Devices with these serial numbers are there already; `serial_numbers`, and of the first
    `receipt_id`, `order_number`, `place`.
    """

    code: ClassVar[str] = "serial-scanned"
    title: ClassVar[str] = "The serial number was scanned before"


class NotAtHand(Conflict):
    """Fewer pieces are at the place than are to leave it; `sku`, `at_hand`."""

    code: ClassVar[str] = "not-at-hand"
    title: ClassVar[str] = "So many are not there"


class BeyondAllocation(Conflict):
    """Planned for other schools; `sku`, `school`, `allocated`, `unallocated`."""

    code: ClassVar[str] = "beyond-allocation"
    title: ClassVar[str] = "These pieces are planned for others"


class ReversalRefused(Conflict):
    """It is a reversal, was reversed, or pieces have moved on since; see `detail`."""

    code: ClassVar[str] = "reversal-refused"
    title: ClassVar[str] = "This cannot be reversed"
