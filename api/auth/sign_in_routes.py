"""`/v1/sign-in`: open to everybody, since nobody is known yet."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from api.auth.browser import (
    forget_oidc,
    forget_session,
    oidc_cookie,
    own_address,
    session_cookie,
    set_oidc,
    set_session,
)
from api.auth.dependencies import database_of, refuse_foreign_page, settings_of
from api.auth.identify import by_cookie
from api.auth.oidc import JOURNEY, begin, finish, is_configured
from api.auth.schemas import LinkIn, MeOut, SignInIn, WaysInOut
from api.auth.sign_in import sign_in, sign_out, use_link
from api.auth.views import show_caller
from api.db.uow import reading
from api.errors import FirstBellError
from api.http.route import TransactionalRoute

open_router = APIRouter(
    prefix="/v1/sign-in",
    tags=["auth"],
    route_class=TransactionalRoute,
    dependencies=[Depends(refuse_foreign_page)],
)
# An identity provider adds parameters of its own to the way back, so unknown ones pass here; and
# the way back is a navigation from another site.
elsewhere_router = APIRouter(prefix="/v1/sign-in/oidc", tags=["auth"])


def _lasts(request: Request) -> timedelta:
    return timedelta(days=settings_of(request).session_max_days)


def _held(request: Request) -> str | None:
    return request.cookies.get(session_cookie(settings_of(request)))


async def _welcome(request: Request, response: Response, secret: str) -> MeOut:
    settings, database = settings_of(request), database_of(request)
    set_session(response, secret, settings)
    idle = timedelta(hours=settings.session_idle_hours)
    found = await by_cookie(database, secret, idle)
    async with reading(database) as session:
        return await show_caller(session, found.caller)


@open_router.get("")
async def ways_in(request: Request) -> WaysInOut:
    """Which ways of signing in the page should offer."""
    return WaysInOut(password=True, oidc=is_configured(settings_of(request)))


@open_router.post("")
async def enter(request: Request, response: Response, given: SignInIn) -> MeOut:
    """Sign in with email and password; the answer sets the cookie."""
    secret = await sign_in(
        database_of(request),
        email=given.email,
        password=given.password,
        address=request.client.host if request.client else "",
        lasts=_lasts(request),
        replaces=_held(request),
    )
    return await _welcome(request, response, secret)


@open_router.post("/link")
async def enter_by_link(request: Request, response: Response, given: LinkIn) -> MeOut:
    """Use a one-time link: an invitation or a reset takes the new password with it."""
    secret = await use_link(
        database_of(request),
        token=given.token,
        password=given.password,
        lasts=_lasts(request),
        replaces=_held(request),
    )
    return await _welcome(request, response, secret)


@open_router.delete("", status_code=204)
async def leave(request: Request, response: Response) -> None:
    """Sign out. Without a sign-in it does nothing."""
    secret = _held(request)
    if secret:
        await sign_out(database_of(request), secret)
    forget_session(response, settings_of(request))


def _way_back(request: Request) -> str:
    return f"{own_address(request, settings_of(request))}/v1/sign-in/oidc/callback"


def _redirect(url: str) -> RedirectResponse:
    return RedirectResponse(url, status_code=303, headers={"Cache-Control": "no-store"})


@elsewhere_router.get("", response_class=RedirectResponse, status_code=303)
async def go_elsewhere(request: Request) -> RedirectResponse:
    """Go to the identity provider. 404 when none is configured."""
    settings = settings_of(request)
    journey = await begin(database_of(request), settings, _way_back(request))
    response = _redirect(journey.url)
    set_oidc(response, journey.browser, int(JOURNEY.total_seconds()), settings)
    return response


@elsewhere_router.get("/callback", response_class=RedirectResponse, status_code=303)
async def come_back(
    request: Request,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str | None, Query(max_length=4096)] = None,
) -> RedirectResponse:
    """The way back from the identity provider: to the board, or to the sign-in page and why."""
    settings = settings_of(request)
    try:
        secret = await finish(
            database_of(request),
            settings,
            redirect_uri=_way_back(request),
            state=state,
            code=code,
            browser=request.cookies.get(oidc_cookie(settings), ""),
            replaces=_held(request),
        )
    except FirstBellError as error:
        if error.status == 404 or "text/html" not in request.headers.get("accept", ""):
            raise
        # A person is looking at this, not a program.
        response = _redirect(f"/sign-in#problem={error.code}")
    else:
        response = _redirect("/")
        set_session(response, secret, settings)
    forget_oidc(response, settings)
    return response
