"""The room's routers: `router`, and `rush`, which many ask at once and so comes early."""

from __future__ import annotations

from fastapi import APIRouter

from api.pd import course_routes, registration_routes, session_routes

router = APIRouter()
router.include_router(session_routes.router)
router.include_router(course_routes.router)
rush = registration_routes.router

__all__ = ["router", "rush"]
