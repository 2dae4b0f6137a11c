"""The short way in: posts to `/v1/webhooks/{slug}` past the framework's router.

Finding the route, its dependencies and the limit of its body cost the framework as much as all
that intake does. The route of `intake_routes` documents this one, and does the same wherever this
is not installed or the path begins otherwise (behind a `root_path`).
"""

from __future__ import annotations

import psycopg
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import FirstBellError
from api.http import problems
from api.webhooks.intake import Intake
from api.webhooks.intake_routes import PREFIX, router, take_in

# The access line and the figures name requests by their route's template.
_ROUTE = router.routes[0]
_BEFORE_SLUG = f"{PREFIX}/"


class Door:
    """ASGI: inside of what gives a request its id and its headers, outside of the router."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        slug = _slug(scope)
        if not slug:
            await self.app(scope, receive, send)
            return
        scope["route"] = _ROUTE
        try:
            intake: Intake = scope["app"].state.intake
            answer = await take_in(intake, slug, scope, receive)
        except (FirstBellError, psycopg.Error) as error:
            await problems.of_any(scope, error)(scope, receive, send)
            return
        await send(
            {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
        )
        await send({"type": "http.response.body", "body": answer.body})


def _slug(scope: Scope) -> str:
    """Empty for what is not a post to intake."""
    if scope["type"] != "http" or scope["method"] != "POST":
        return ""
    path: str = scope["path"]
    slug = path[len(_BEFORE_SLUG) :] if path.startswith(_BEFORE_SLUG) else ""
    return "" if "/" in slug else slug
