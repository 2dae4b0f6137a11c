"""The short way in: addresses that programs ask for all day, past the framework's router.

Finding the route, its dependencies and the limit of its body cost the framework as much as all
that such a request does. The route documents the short way, and does the same wherever that is
not installed, the path begins otherwise (behind a `root_path`) or the request is not a plain one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import psycopg
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import FirstBellError
from api.http import problems


@dataclass(frozen=True, slots=True)
class ShortWay:
    """What is between `before` and `after` in a path is given to `enter`, which answers.

    The access line and the figures name requests by the template of `route`. `with_query`: a
    request with a query may come this way, too.
    """

    method: str
    before: str
    after: str
    route: BaseRoute
    enter: Callable[[str, Scope, Receive, Send], Awaitable[None]]
    with_query: bool = False

    def named(self, scope: Scope) -> str:
        """Empty for what has to go through the router."""
        path: str = scope["path"]
        if (
            scope["method"] != self.method
            or not path.startswith(self.before)
            or not path.endswith(self.after)
            or (scope["query_string"] and not self.with_query)
        ):
            return ""
        name = path[len(self.before) : len(path) - len(self.after)]
        return "" if "/" in name or "\x00" in name else name


class Door:
    """ASGI: inside of what gives a request its id and its headers, outside of the router."""

    def __init__(self, app: ASGIApp, ways: Sequence[ShortWay]) -> None:
        self.app = app
        self.ways = ways

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for way in self.ways:
                name = way.named(scope)
                if name:
                    await _enter(way, name, scope, receive, send)
                    return
        await self.app(scope, receive, send)


async def _enter(way: ShortWay, name: str, scope: Scope, receive: Receive, send: Send) -> None:
    scope["route"] = way.route
    try:
        await way.enter(name, scope, receive, send)
    except (FirstBellError, psycopg.Error) as error:
        await problems.of_any(scope, error)(scope, receive, send)
