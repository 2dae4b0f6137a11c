"""The room's routers: `intake`, which is asked most, and `router` for people."""

from __future__ import annotations

from fastapi import APIRouter

from api.webhooks import inbox_routes, intake_routes, vendor_routes

intake = intake_routes.router
SHORT_WAY = intake_routes.SHORT_WAY
router = APIRouter()
router.include_router(vendor_routes.router)
router.include_router(inbox_routes.router)

__all__ = ["SHORT_WAY", "intake", "router"]
