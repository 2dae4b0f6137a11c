"""The room's routers."""

from __future__ import annotations

from fastapi import APIRouter

from api.infrastructure import check_routes, result_routes

router = APIRouter()
router.include_router(check_routes.router)
router.include_router(result_routes.router)

__all__ = ["router"]
