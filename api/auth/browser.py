"""Cookies, and the proof that a request comes from our own pages.

CSRF is refused by origin, not by a second token: every current browser sends `Origin` on an
unsafe request and no page can forge it, so there is nothing to store, to render or to leak. The
cookie's `SameSite=Strict` alone would not do, since a site is more than an origin (another port
of the same host is the same site).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import Request, Response

from api.settings import Settings

_SESSION = "firstbell_session"
_OIDC = "firstbell_oidc"


def _named(name: str, settings: Settings) -> str:
    # The prefix makes browsers refuse the cookie from a subdomain or over plain HTTP; without
    # TLS they would refuse it altogether.
    return f"__Host-{name}" if settings.secure_cookies else name


def session_cookie(settings: Settings) -> str:
    """The name of the sign-in cookie."""
    return _named(_SESSION, settings)


def oidc_cookie(settings: Settings) -> str:
    """The name of the cookie that binds a journey to the identity provider to its browser."""
    return _named(_OIDC, settings)


def own_origin(request: Request, settings: Settings) -> str:
    """Scheme, host and port under which browsers know us."""
    if settings.public_url:
        parts = urlsplit(settings.public_url)
        return f"{parts.scheme}://{parts.netloc}".lower()
    return f"{request.url.scheme}://{request.headers.get('host', '')}".lower()


def own_address(request: Request, settings: Settings) -> str:
    """What links to us begin with, without a slash at the end."""
    return (settings.public_url or own_origin(request, settings)).rstrip("/")


def foreign_origin(request: Request, settings: Settings) -> bool | None:
    """Whether a browser says that another origin's page sent this; `None`: it says nothing."""
    fetch_site = request.headers.get("sec-fetch-site")
    if fetch_site is not None:
        return fetch_site != "same-origin"
    origin = request.headers.get("origin")
    if origin is None:
        return None
    return origin.lower() != own_origin(request, settings)


def set_session(response: Response, secret: str, settings: Settings) -> None:
    response.set_cookie(
        session_cookie(settings),
        secret,
        max_age=settings.session_max_days * 86400,
        path="/",
        secure=settings.secure_cookies,
        httponly=True,
        samesite="strict",
    )


def forget_session(response: Response, settings: Settings) -> None:
    response.delete_cookie(
        session_cookie(settings),
        path="/",
        secure=settings.secure_cookies,
        httponly=True,
        samesite="strict",
    )


def set_oidc(response: Response, secret: str, seconds: int, settings: Settings) -> None:
    """Lax: the way back from the identity provider is a navigation from another site."""
    response.set_cookie(
        oidc_cookie(settings),
        secret,
        max_age=seconds,
        path="/",
        secure=settings.secure_cookies,
        httponly=True,
        samesite="lax",
    )


def forget_oidc(response: Response, settings: Settings) -> None:
    response.delete_cookie(
        oidc_cookie(settings),
        path="/",
        secure=settings.secure_cookies,
        httponly=True,
        samesite="lax",
    )
