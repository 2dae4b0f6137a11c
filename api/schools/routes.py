"""The room's routers: `router`, and `uploads` for whoever sets the size of files."""

from __future__ import annotations

from fastapi import APIRouter

from api.schools import network_routes, school_routes, staff_routes

router = APIRouter()
router.include_router(network_routes.router)
router.include_router(school_routes.router)
router.include_router(staff_routes.router)
uploads = school_routes.uploads

__all__ = ["router", "uploads"]
