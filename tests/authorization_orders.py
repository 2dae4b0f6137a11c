"""The operations of orders and who may call them, and the orders that they are called on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tests.authorization_rules import Case, Reach

Post = Callable[[str, Any], Awaitable[Any]]

# An order is its network's: whoever is limited to schools of it changes none.
_BARRED = frozenset({"ops_of_school"})
# An order of its own for each operation that changes one.
_OWN = ("edit", "approve", "place", "hold", "cancel", "close", "move", "amend")
_PLACED = ("hold", "cancel", "close", "move", "amend")
_NEW = {
    "vendor": "acme",
    "number": "NEW-{place}",
    "lines": [{"sku": "CB", "quantity": 1, "allocations": [{"school": "{school}", "quantity": 1}]}],
}
_CSV = "vendor,number,sku,school,quantity\nacme,FILE-{place},CB,{school},1\n"


def _write(path: str, body: Any = None, hidden: int = 404, **more: Any) -> tuple[Case, ...]:
    return (Case("orders:write", Reach.WHOLE, path, body, hidden=hidden, barred=_BARRED, **more),)


ORDERS: dict[str, tuple[Case, ...]] = {
    "GET /v1/orders": (
        Case("orders:read", Reach.SCHOOL, "/v1/orders?limit=1000", shows='"PO-{place}"'),
        Case("orders:read", Reach.SCHOOL, "/v1/orders?school={school}"),
    ),
    "POST /v1/orders": _write("/v1/orders", _NEW, hidden=422, status=201),
    "POST /v1/orders/import": _write(
        "/v1/orders/import?on_error=abort", _CSV, hidden=422, csv=True
    ),
    "GET /v1/orders/{order_id}": (Case("orders:read", Reach.SCHOOL, "/v1/orders/{order}"),),
    "PATCH /v1/orders/{order_id}": _write("/v1/orders/{order_edit}", {"lines": _NEW["lines"]}),
    "POST /v1/orders/{order_id}/lines": _write(
        "/v1/orders/{order_amend}/lines",
        {"lines": [{"sku": "NEW", "quantity": 1, "substitutes": "CB"}], "reason": "Because."},
        status=201,
    ),
    "POST /v1/orders/{order_id}/approve": _write("/v1/orders/{order_approve}/approve"),
    "POST /v1/orders/{order_id}/place": _write("/v1/orders/{order_place}/place"),
    "POST /v1/orders/{order_id}/hold": _write(
        "/v1/orders/{order_hold}/hold", {"reason": "Because."}
    )
    + _write("/v1/orders/{order_hold}/hold", {"release": True}),
    "POST /v1/orders/{order_id}/cancel": _write(
        "/v1/orders/{order_cancel}/cancel", {"reason": "Because."}
    ),
    "POST /v1/orders/{order_id}/close": _write(
        "/v1/orders/{order_close}/close", {"reason": "Because."}
    ),
    "POST /v1/orders/{order_id}/promises": _write(
        "/v1/orders/{order}/promises", {"lines": [{"sku": "CB", "promised_on": "2027-08-02"}]}
    ),
    "PUT /v1/orders/{order_id}/lines/{sku}/allocations": _write(
        "/v1/orders/{order}/lines/CB/allocations",
        {"allocations": [{"school": "{school}", "quantity": 6}]},
    ),
    "POST /v1/orders/{order_id}/reallocate": _write(
        "/v1/orders/{order_move}/reallocate",
        {"moves": [{"sku": "CB", "to_school": "{school}", "quantity": 1}]},
    ),
}


async def make_vendors(post: Post) -> None:
    """A seller, and who tracks for it; known to all networks."""
    await post("/vendors", {"slug": "acme", "name": "Acme"})
    await post(
        "/vendors", {"slug": "tracker", "name": "Tracker", "kind": "tracker", "tracks": ["acme"]}
    )


async def make_orders(post: Post, place: str, school: str) -> dict[str, str]:
    """The ids of an order for each operation; `order` is placed, with pieces left to allocate."""
    line = {
        "sku": "CB",
        "quantity": 10,
        "promised_on": "2027-08-01",
        "allocations": [{"school": school, "quantity": 5}],
    }
    ids = {}
    for name in ("", *(f"_{own}" for own in _OWN)):
        body = {"vendor": "acme", "number": f"PO-{place}{name}", "lines": [line]}
        ids[f"order{name}"] = (await post("/orders", body))["id"]
        if name.removeprefix("_") in ("", *_PLACED):
            await post(f"/orders/{ids[f'order{name}']}/place", None)
    return ids
