"""What a route asks for: the caller, a right, a session. Closed by default.

For example:

    @router.post("/things")
    async def make(
        caller: Annotated[Caller, Depends(allow(Right.tasks_write))], session: Writing
    ) -> ThingOut: ...

A session is only given to a caller who is known, so a route that forgets `allow` is still closed
to strangers. `app.state` holds `database` and `settings`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from functools import cache
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.security.base import SecurityBase

from api.auth.browser import foreign_origin, session_cookie
from api.auth.caller import Caller
from api.auth.errors import ForeignOrigin
from api.auth.identify import Beside, Identified, by_cookie, by_token
from api.auth.rules import Right
from api.db.pool import Database
from api.db.uow import ReadSession, WriteSession, reading, writing
from api.errors import Unauthorized
from api.http import idempotency
from api.http.scope import request_id
from api.settings import Settings

_RIGHT = "right"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def settings_of(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def database_of(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def identify(request: Request) -> Caller:
    """Who calls: by `Authorization: Bearer fb_...`, else by the sign-in cookie.

    Raises as `identify_with` does.
    """
    return (await identify_with(request, None)).caller


async def identify_with(request: Request, beside: Beside | None) -> Identified:
    """Who calls, with the row of `beside`.

    Raises: Unauthorized; ForeignOrigin when a page of another origin uses the cookie to write.
    """
    given = request.headers.get("authorization")
    if given is not None:
        scheme, _, token = given.partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthorized("Use `Authorization: Bearer` with an API token.")
        return await by_token(database_of(request), token.strip(), beside)
    settings = settings_of(request)
    secret = request.cookies.get(session_cookie(settings))
    if not secret:
        raise Unauthorized("Sign in, or send `Authorization: Bearer` with an API token.")
    idle = timedelta(hours=settings.session_idle_hours)
    found = await by_cookie(database_of(request), secret, idle, beside)
    if request.method not in SAFE_METHODS and foreign_origin(request, settings) is not False:
        raise ForeignOrigin(
            "This change came from another site's page; only our own pages may use the sign-in."
            " A script uses an API token."
        )
    return found


class _TokenScheme(SecurityBase):
    """The documented security scheme, of which each subclass is a dependency."""

    def __init__(self) -> None:
        self.model = HTTPBearerModel(
            description="An API token `fb_...`; pages use the sign-in cookie instead."
        )
        self.scheme_name = "token"


class CallerScheme(_TokenScheme):
    """`identify` as a documented security scheme: one dependency instead of two per request."""

    # FastAPI cannot resolve an instance's string annotations: hence no `annotations` import here.
    async def __call__(self, request: Request) -> Caller:
        return await identify(request)


current_caller = CallerScheme()
CurrentCaller = Annotated[Caller, Depends(current_caller)]


@cache
def allow(right: Right) -> Callable[..., Awaitable[Caller]]:
    """A dependency: the caller, who has this right. One object per right, so FastAPI caches it.

    Its `right` attribute lets a test read from a route what it asks for.
    """

    async def allowed(caller: CurrentCaller) -> Caller:
        caller.require(right)
        return caller

    setattr(allowed, _RIGHT, right)
    return allowed


class AllowWith(_TokenScheme):
    """`allow(right)` for a read so hot that its own select travels with the caller's.

    `beside` makes that select from the request; its row is only handed to who has the right.
    """

    def __init__(self, right: Right, beside: Callable[[Request], Beside]) -> None:
        super().__init__()
        self.right = right
        self.beside = beside

    async def __call__(self, request: Request) -> Sequence[Any]:
        caller, row = await identify_with(request, self.beside(request))
        caller.require(self.right)
        return row


async def _read_session(request: Request, _caller: CurrentCaller) -> AsyncIterator[ReadSession]:
    async with reading(database_of(request)) as session:
        yield session


async def _write_session(request: Request, caller: CurrentCaller) -> AsyncIterator[WriteSession]:
    database, named = database_of(request), request_id(request.scope)
    keep = timedelta(hours=settings_of(request).idempotency_hours)
    async with writing(database, caller.actor, named) as session:
        await idempotency.claim(session, request, caller.actor, keep)
        yield session


# scope="function" ends them before the response is sent: with FastAPI's default a commit that
# fails would still have answered 201.
Reading = Annotated[ReadSession, Depends(_read_session, scope="function")]
Writing = Annotated[WriteSession, Depends(_write_session, scope="function")]


async def refuse_foreign_page(request: Request) -> None:
    """For signing in and out: no other site's page may do it to its visitor. Scripts may.

    Raises: ForeignOrigin.
    """
    if foreign_origin(request, settings_of(request)):
        raise ForeignOrigin("Sign in and out from our own pages.")
