"""The operations of shipments, receipts, transfers and returns, and what they are called on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.authorization_orders import Post
from tests.authorization_rules import Case, Reach

_PIECE = {"sku": "CB", "accepted": 1}
_ONE = {"sku": "CB", "quantity": 1}


def _read(path: str, **more: Any) -> tuple[Case, ...]:
    return (Case("orders:read", Reach.SCHOOL, path, **more),)


def _receive(path: str, body: Any = None, status: int = 201, **more: Any) -> tuple[Case, ...]:
    return (Case("orders:receive", Reach.SCHOOL, path, body, status=status, **more),)


SHIPPING: dict[str, tuple[Case, ...]] = {
    "GET /v1/shipments": _read("/v1/shipments?limit=1000", shows='"1Z-{place}"')
    + _read("/v1/shipments?school={school}"),
    "GET /v1/shipments/{shipment_id}": _read("/v1/shipments/{shipment}"),
    "GET /v1/orders/{order_id}/receipts": _read("/v1/orders/{order}/receipts"),
    "GET /v1/orders/{order_id}/serials": _read("/v1/orders/{order}/serials"),
    "POST /v1/orders/{order_id}/shipments": (
        Case(
            "orders:write",
            Reach.SCHOOL,
            "/v1/orders/{order}/shipments",
            {"carrier": "UPS", "tracking_number": "NEW-{place}", "school": "{school}"},
            status=201,
        ),
    ),
    # First, so that there is room for what the others count.
    "POST /v1/receipts/{receipt_id}/reverse": _receive("/v1/receipts/{receipt}/reverse"),
    "POST /v1/returns/{return_id}/reverse": _receive("/v1/returns/{return}/reverse"),
    "POST /v1/shipments/{shipment_id}/receipts": _receive("/v1/shipments/{shipment}/receipts", {}),
    "POST /v1/orders/{order_id}/receipts": _receive(
        "/v1/orders/{order}/receipts", {"school": "{school}", "lines": [_PIECE]}
    ),
    # Each row is answered by itself, so what is hidden is a refused row of a good answer.
    "POST /v1/receipts/bulk": _receive(
        "/v1/receipts/bulk",
        {"receipts": [{"order": "{order}", "school": "{school}", "lines": [_PIECE]}]},
        status=200,
        hidden=200,
        hidden_sibling=200,
    ),
    "POST /v1/returns": _receive(
        "/v1/returns",
        {"order": "{order}", "school": "{school}", "reason": "Because.", "lines": [_ONE]},
    ),
    "POST /v1/transfers/{transfer_id}/reverse": (
        Case(
            "orders:write",
            Reach.WHOLE,
            "/v1/transfers/{transfer}/reverse",
            status=201,
            barred=frozenset({"ops_of_school"}),
        ),
    ),
    "POST /v1/transfers": (
        Case(
            "orders:write",
            Reach.WHOLE,
            "/v1/transfers",
            {
                "order": "{order}",
                "site": "{site}",
                "transfers": [_ONE | {"school": "{school}"}],
            },
            status=201,
            barred=frozenset({"ops_of_school"}),
        ),
    ),
}


async def make_shipments(post: Post, names: Mapping[str, str]) -> dict[str, str]:
    """Pieces of `order` at its school and at the site, and a shipment nobody has counted."""
    order, pieces = f"/orders/{names['order']}", [{"sku": "CB", "accepted": 2}]
    receipt = await post(f"{order}/receipts", {"school": names["school"], "lines": pieces})
    await post(f"{order}/receipts", {"school": names["school"], "lines": pieces})
    await post(f"{order}/receipts", {"site": names["site"], "lines": pieces})
    number = f"1Z-{names['place']}"
    body = {"carrier": "UPS", "tracking_number": number, "school": names["school"], "lines": [_ONE]}
    shipment = await post(f"{order}/shipments", body)
    back = {"order": names["order"], "school": names["school"], "reason": "Because."}
    returned = await post("/returns", back | {"lines": [_ONE]})
    moves = [_ONE | {"school": names["school"]}]
    moved = await post(
        "/transfers", {"order": names["order"], "site": names["site"], "transfers": moves}
    )
    return {
        "receipt": receipt["id"],
        "shipment": shipment["id"],
        "return": returned["items"][0]["id"],
        "transfer": moved["items"][0]["id"],
    }
