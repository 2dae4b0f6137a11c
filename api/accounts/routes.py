"""The room's routers: `router`, and `uploads` for whoever sets the size of rosters."""

from __future__ import annotations

from fastapi import APIRouter

from api.accounts import account_routes, import_routes
from api.accounts.privacy import routes as privacy_routes

router = APIRouter()
router.include_router(import_routes.router)
router.include_router(account_routes.router)
router.include_router(privacy_routes.router)
uploads = import_routes.uploads

__all__ = ["router", "uploads"]
