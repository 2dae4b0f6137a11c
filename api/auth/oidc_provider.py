"""Talking to an OpenID Connect provider: where to go, and what its answer is worth.

Authlib makes the authorization request and checks the ID token's claims; requests go through
httpx here, without redirects and with a time limit.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from authlib.common.errors import AuthlibBaseError  # type: ignore[import-untyped]  # ships no types
from authlib.oauth2.rfc6749.parameters import (  # type: ignore[import-untyped]  # ships no types
    prepare_grant_uri,
)
from authlib.oauth2.rfc7636 import (  # type: ignore[import-untyped]  # ships no types
    create_s256_code_challenge,
)
from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]  # ships no types
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from pydantic import BaseModel, ValidationError

from api import clock
from api.auth.errors import SignInElsewhereRefused
from api.errors import Unavailable

_TIMEOUT = httpx.Timeout(10.0)
_LEEWAY_SECONDS = 60
# Signed by the provider's own key: "none" and the client secret's HMAC prove too little.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
_REFUSED = "The identity provider's answer does not sign you in; start again from our page."
_SILENT = "The identity provider does not answer as it should; try again shortly."

_log = logging.getLogger(__name__)


class _Metadata(BaseModel):
    """What we use of a provider's metadata (OpenID Connect Discovery 1.0, 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    id_token_signing_alg_values_supported: list[str] = ["RS256"]
    token_endpoint_auth_methods_supported: list[str] = ["client_secret_basic"]


@dataclass(frozen=True, slots=True)
class Client:
    """How we are known to the provider, and where it sends browsers back to."""

    issuer: str
    client_id: str
    client_secret: str
    redirect_uri: str


@asynccontextmanager
async def _asking() -> AsyncIterator[httpx.AsyncClient]:
    """Raises: Unavailable for a provider that cannot be reached or talks nonsense."""
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT) as http:
            yield http
    except (httpx.HTTPError, httpx.InvalidURL, ValidationError) as error:
        # Pydantic's text would repeat what was sent, so only the kind goes to the log.
        _log.warning("the identity provider failed: %s", type(error).__name__)
        raise Unavailable(_SILENT) from error


async def _metadata(http: httpx.AsyncClient, client: Client) -> _Metadata:
    """Read anew each time: sign-ins are rare, and so moved endpoints and keys are seen at once."""
    address = f"{client.issuer.rstrip('/')}/.well-known/openid-configuration"
    answer = await http.get(address)
    answer.raise_for_status()
    found = _Metadata.model_validate_json(answer.content)
    # The two must be the same (OpenID Connect Discovery 1.0, 4.3).
    if found.issuer.rstrip("/") != client.issuer.rstrip("/"):
        _log.warning("the identity provider names itself %s", found.issuer)
        raise Unavailable(_SILENT)
    return found


async def authorization_url(client: Client, *, state: str, nonce: str, verifier: str) -> str:
    """Where a browser asks the provider to vouch for its person. Raises: Unavailable."""
    async with _asking() as http:
        found = await _metadata(http, client)
    url: str = prepare_grant_uri(
        found.authorization_endpoint,
        client.client_id,
        "code",
        redirect_uri=client.redirect_uri,
        scope="openid email",
        state=state,
        nonce=nonce,
        code_challenge=create_s256_code_challenge(verifier),
        code_challenge_method="S256",
    )
    return url


async def _exchange(
    http: httpx.AsyncClient, found: _Metadata, client: Client, code: str, verifier: str
) -> dict[str, Any]:
    """The tokens for a code. Raises: SignInElsewhereRefused when the provider refuses it."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": client.redirect_uri,
        "code_verifier": verifier,
    }
    if "client_secret_basic" in found.token_endpoint_auth_methods_supported:
        proof = httpx.BasicAuth(client.client_id, client.client_secret)
        answer = await http.post(found.token_endpoint, data=form, auth=proof)
    else:
        form |= {"client_id": client.client_id, "client_secret": client.client_secret}
        answer = await http.post(found.token_endpoint, data=form)
    if answer.is_client_error:
        raise SignInElsewhereRefused(_REFUSED)
    answer.raise_for_status()
    tokens = answer.json()
    if not isinstance(tokens, dict) or not isinstance(tokens.get("id_token"), str):
        raise SignInElsewhereRefused(_REFUSED)
    return tokens


def _verified(
    tokens: dict[str, Any], keys: Any, found: _Metadata, client: Client, nonce: str
) -> dict[str, Any]:
    """The ID token's claims, once signature, issuer, audience, time and nonce are right."""
    allowed = [name for name in found.id_token_signing_alg_values_supported if name in _ALGORITHMS]
    # An empty list would mean "whatever is usual" below.
    if not allowed:
        raise SignInElsewhereRefused(_REFUSED)
    registry = JWSRegistry(algorithms=allowed, strict_check_header=False)
    decoded = jwt.decode(tokens["id_token"], KeySet.import_key_set(keys), registry=registry)
    claims = CodeIDToken(
        decoded.claims,
        decoded.header,
        # Authlib checks issuer and audience only when told which.
        {
            "iss": {"essential": True, "values": [found.issuer]},
            "aud": {"essential": True, "values": [client.client_id]},
        },
        {
            "nonce": nonce,
            "client_id": client.client_id,
            "access_token": tokens.get("access_token"),
        },
    )
    claims.validate(now=int(clock.now().timestamp()), leeway=_LEEWAY_SECONDS)
    return dict(claims)


async def _told_apart(
    http: httpx.AsyncClient, found: _Metadata, tokens: dict[str, Any], claims: dict[str, Any]
) -> dict[str, Any]:
    """Claims with the email, which some providers give only here (OpenID Connect Core 1.0, 5.4)."""
    if "email" in claims or found.userinfo_endpoint is None:
        return claims
    bearer = {"Authorization": f"Bearer {tokens.get('access_token')}"}
    answer = await http.get(found.userinfo_endpoint, headers=bearer)
    answer.raise_for_status()
    more = answer.json()
    # Another person's answer must not be put into this token's mouth (5.3.2).
    if not isinstance(more, dict) or more.get("sub") != claims["sub"]:
        raise SignInElsewhereRefused(_REFUSED)
    return more


async def verified_email(client: Client, *, code: str, nonce: str, verifier: str) -> str:
    """The email the provider vouches for.

    Raises: SignInElsewhereRefused for whatever is not proven; Unavailable.
    """
    async with _asking() as http:
        found = await _metadata(http, client)
        try:
            tokens = await _exchange(http, found, client, code, verifier)
            keys = (await http.get(found.jwks_uri)).raise_for_status().json()
            claims = _verified(tokens, keys, found, client, nonce)
            claims = await _told_apart(http, found, tokens, claims)
        except (AuthlibBaseError, JoseError, ValueError, KeyError, TypeError) as error:
            _log.warning("an ID token was refused: %s", type(error).__name__)
            raise SignInElsewhereRefused(_REFUSED) from error
    email = claims.get("email")
    if not isinstance(email, str) or claims.get("email_verified") is not True:
        raise SignInElsewhereRefused("The identity provider has not verified your email address.")
    return email
