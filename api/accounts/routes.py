"""The room's routers; `uploads` takes rosters of any size, `files` those of people."""

from __future__ import annotations

from fastapi import APIRouter

from api.accounts import account_routes, import_routes
from api.accounts.cards import routes as card_routes
from api.accounts.exports import routes as export_routes
from api.accounts.privacy import routes as privacy_routes
from api.accounts.targets import routes as target_routes

router = APIRouter()
router.include_router(import_routes.router)
# Before the accounts, whose ids its path would be taken for.
router.include_router(export_routes.router)
router.include_router(account_routes.router)
router.include_router(card_routes.router)
router.include_router(target_routes.router)
router.include_router(privacy_routes.router)
uploads = import_routes.uploads
files = target_routes.uploads

__all__ = ["files", "router", "uploads"]
