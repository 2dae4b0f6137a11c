"""Signing in through an OpenID Connect provider: code flow with PKCE.

The journey is bound to its browser by a short-lived cookie, and to us by `state`, `nonce` and the
PKCE verifier, kept in the database because another host may see the way back. Only a verified
email of somebody who is a user already signs in: the provider says who it is, never what they may.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete
from sqlmodel import col

from api import clock
from api.auth.errors import SignInElsewhereRefused
from api.auth.models import OidcState
from api.auth.oidc_provider import Client, authorization_url, verified_email
from api.auth.queries import user_by_email
from api.auth.rules import digest, same
from api.auth.sign_in import SIGN_IN, open_session
from api.db.pool import Database
from api.db.uow import WriteSession, transact
from api.errors import NotFound
from api.settings import Settings

JOURNEY = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Journey:
    """Where to send the browser, and the secret its cookie carries meanwhile."""

    url: str
    browser: str


def is_configured(settings: Settings) -> bool:
    return all((settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret))


def _client(settings: Settings, redirect_uri: str) -> Client:
    """Raises: NotFound when sign-in elsewhere is not set up."""
    issuer, client_id = settings.oidc_issuer, settings.oidc_client_id
    secret = settings.oidc_client_secret
    if not issuer or not client_id or not secret:
        raise NotFound("Sign-in through an identity provider is not set up here.")
    return Client(issuer, client_id, secret.get_secret_value(), redirect_uri)


async def begin(database: Database, settings: Settings, redirect_uri: str) -> Journey:
    """Where to send a browser that wants to sign in elsewhere.

    Raises: NotFound when not set up; Unavailable.
    """
    state, nonce, verifier, browser = (secrets.token_urlsafe(32) for _ in range(4))
    url = await authorization_url(
        _client(settings, redirect_uri), state=state, nonce=nonce, verifier=verifier
    )

    async def leave(session: WriteSession) -> None:
        session.add(
            OidcState(
                id=digest(state),
                browser_hash=digest(browser),
                nonce=nonce,
                code_verifier=verifier,
                expires_at=clock.now() + JOURNEY,
            )
        )

    await transact(database, SIGN_IN, leave)
    return Journey(url, browser)


async def _end_journey(database: Database, state: str, browser: str) -> OidcState:
    """The journey of this state and browser; whoever comes back, it is over.

    Raises: SignInElsewhereRefused.
    """

    async def arrive(session: WriteSession) -> OidcState | None:
        statement = delete(OidcState).where(col(OidcState.id) == digest(state)).returning(OidcState)
        found: OidcState | None = (await session.execute(statement)).scalar_one_or_none()
        return found

    journey = await transact(database, SIGN_IN, arrive)
    if (
        journey is None
        or journey.expires_at <= clock.now()
        or not same(journey.browser_hash, digest(browser))
    ):
        raise SignInElsewhereRefused("This sign-in was not begun here, or too long ago.")
    return journey


async def finish(
    database: Database,
    settings: Settings,
    *,
    redirect_uri: str,
    state: str,
    code: str | None,
    browser: str,
    replaces: str | None = None,
) -> str:
    """The cookie secret of the sign-in that the provider's answer opens.

    Raises: NotFound when not set up; SignInElsewhereRefused; Unavailable.
    """
    client = _client(settings, redirect_uri)
    journey = await _end_journey(database, state, browser)
    if not code:
        raise SignInElsewhereRefused("The identity provider did not sign you in.")
    email = await verified_email(
        client, code=code, nonce=journey.nonce, verifier=journey.code_verifier
    )

    async def enter(session: WriteSession) -> str:
        user = await user_by_email(session, email, lock=True)
        if user is None or not user.active:
            raise SignInElsewhereRefused("You have no account here; ask an admin to invite you.")
        lasts = timedelta(days=settings.session_max_days)
        return await open_session(session, user, lasts, replaces)

    return await transact(database, SIGN_IN, enter)
