"""The room's routers: `router`, and `uploads` for whoever sets the size of files."""

from __future__ import annotations

from fastapi import APIRouter

from api.devices import lead_time_routes, order_routes, shipping_routes

router = APIRouter()
router.include_router(order_routes.router)
router.include_router(shipping_routes.router)
router.include_router(lead_time_routes.router)
uploads = order_routes.uploads

__all__ = ["router", "uploads"]
