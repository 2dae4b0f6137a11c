"""Sign-in through a real OpenID Connect provider, in a process of its own on loopback."""

from __future__ import annotations

import base64
import hashlib
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import httpx
import pytest
from sqlalchemy import select

from api import clock
from api.auth.models import OidcState, SignInSession, User
from api.auth.rules import Role
from api.db.pool import Database
from api.db.uow import reading, writing
from api.settings import Settings
from tests.auth.conftest import ORIGIN, Client, UserMaker, build_app

pytestmark = pytest.mark.anyio

CALLBACK = f"{ORIGIN}/v1/sign-in/oidc/callback"


def wait_until_it_answers(address: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        try:
            httpx.get(address).raise_for_status()
        except httpx.TransportError:
            assert process.poll() is None, "the provider did not start"
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the provider did not answer for a minute")


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """The issuer's address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        issuer = f"http://127.0.0.1:{port}"
        try:
            wait_until_it_answers(f"{issuer}/.well-known/openid-configuration", process)
            yield issuer
        finally:
            process.terminate()


def configured(settings: Settings, issuer: str) -> Settings:
    return Settings(
        **{
            **settings.model_dump(),
            "oidc_issuer": issuer,
            "oidc_client_id": "firstbell",
            "oidc_client_secret": "a secret of ours",
        }
    )


@pytest.fixture
async def browser(database: Database, settings: Settings, provider: str) -> AsyncIterator[Client]:
    app = build_app(database, configured(settings, provider))
    async with Client(transport=httpx.ASGITransport(app), base_url=ORIGIN) as client:
        yield client


async def know(issuer: str, sub: str, **claims: Any) -> None:
    """Tell the provider about a person, whose email is `sub` unless `claims` say otherwise."""
    async with httpx.AsyncClient() as http:
        answer = await http.put(f"{issuer}/users/{sub}", json={"email": sub, **claims})
        answer.raise_for_status()


def altered(url: str, **changes: str) -> str:
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | changes
    return urlunsplit(parts._replace(query=urlencode(query)))


async def begin(browser: Client) -> str:
    """Where the browser is sent."""
    answer = await browser.get("/v1/sign-in/oidc")
    assert answer.status_code == 303
    return answer.headers["location"]


async def consent(url: str, email: str, **form: str) -> str:
    """The person signs in at the provider; where it sends the browser back to."""
    async with httpx.AsyncClient() as http:
        answer = await http.post(url, data={"sub": email, **form})
    assert answer.status_code == 302, answer.text
    back = answer.headers["location"]
    assert back.startswith(CALLBACK)
    return str(back)


async def assert_refused(browser: Client, database: Database, answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (401, "oidc-refused")
    assert "firstbell_session" not in browser.cookies
    async with reading(database) as session:
        assert (await session.execute(select(SignInSession))).all() == []


async def test_a_known_person_comes_back_signed_in(
    browser: Client, provider: str, make_user: UserMaker
) -> None:
    user = await make_user("ada@school.org", role=Role.viewer)
    await know(provider, "Ada@School.org", email_verified=True)
    assert (await browser.get("/v1/sign-in")).json()["oidc"] is True
    back = await consent(await begin(browser), "Ada@School.org")
    answer = await browser.get(back)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "samesite=strict" in answer.headers["set-cookie"].lower()
    assert "firstbell_oidc" not in browser.cookies
    assert (await browser.get("/v1/me")).json()["actor"] == f"user:{user.id}"


async def test_the_request_carries_a_challenge_that_only_we_can_meet(
    browser: Client, database: Database
) -> None:
    asked = parse_qs(urlsplit(await begin(browser)).query)
    async with reading(database) as session:
        kept = (await session.execute(select(OidcState))).scalar_one()
    hashed = hashlib.sha256(kept.code_verifier.encode()).digest()
    assert asked["code_challenge"] == [base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["nonce"] == [kept.nonce]
    assert asked["redirect_uri"] == [CALLBACK]
    assert asked["state"][0].encode() not in kept.id


async def test_an_answer_made_for_another_nonce_is_refused(
    browser: Client, provider: str, make_user: UserMaker, database: Database
) -> None:
    await make_user("ada@school.org")
    await know(provider, "ada@school.org", email_verified=True)
    back = await consent(altered(await begin(browser), nonce="another"), "ada@school.org")
    await assert_refused(browser, database, await browser.get(back))


async def test_an_answer_for_another_state_is_refused(
    browser: Client, provider: str, make_user: UserMaker, database: Database
) -> None:
    await make_user("ada@school.org")
    await know(provider, "ada@school.org", email_verified=True)
    back = await consent(await begin(browser), "ada@school.org")
    for state in ("another", ""):
        await assert_refused(browser, database, await browser.get(altered(back, state=state)))


async def test_an_answer_is_of_use_to_the_browser_that_asked_and_once(
    browser: Client,
    provider: str,
    make_user: UserMaker,
    database: Database,
    settings: Settings,
) -> None:
    await make_user("ada@school.org")
    await know(provider, "ada@school.org", email_verified=True)
    back = await consent(await begin(browser), "ada@school.org")
    app = build_app(database, configured(settings, provider))
    async with AsyncExitStack() as stack:
        # An attacker who makes a victim follow the attacker's own way back.
        victim = await stack.enter_async_context(
            Client(transport=httpx.ASGITransport(app), base_url=ORIGIN)
        )
        await begin(victim)
        await assert_refused(victim, database, await victim.get(back))
    # Whoever came first ended the journey.
    await assert_refused(browser, database, await browser.get(back))


async def test_a_journey_that_took_too_long_is_over(
    browser: Client, provider: str, make_user: UserMaker, database: Database
) -> None:
    await make_user("ada@school.org")
    await know(provider, "ada@school.org", email_verified=True)
    back = await consent(await begin(browser), "ada@school.org")
    with clock.moved_to(clock.now() + timedelta(minutes=10)):
        await assert_refused(browser, database, await browser.get(back))


@pytest.mark.parametrize(
    ("email", "claims"),
    [
        ("ada@school.org", {"email_verified": False}),
        ("ada@school.org", {"email_verified": "true"}),
        ("ada@school.org", {}),
        ("gone@school.org", {"email_verified": True}),
        ("stranger@evil.example", {"email_verified": True}),
        ("stranger@evil.example", {"email_verified": True, "email": ["ada@school.org"]}),
        ("ada@school.org", {"email_verified": True, "email": None}),
    ],
)
async def test_only_a_verified_email_of_an_active_user_signs_in(
    browser: Client,
    provider: str,
    make_user: UserMaker,
    database: Database,
    email: str,
    claims: dict[str, Any],
) -> None:
    await make_user("ada@school.org")
    gone = await make_user("gone@school.org")
    async with writing(database, "job:test") as session:
        (await session.get_one(User, gone.id)).active = False
    await know(provider, email, **claims)
    back = await consent(await begin(browser), email)
    await assert_refused(browser, database, await browser.get(back))


async def test_a_person_who_is_refused_sees_our_page_and_not_json(browser: Client) -> None:
    back = await consent(await begin(browser), "ada@school.org", action="deny")
    page = {"accept": "text/html,application/xhtml+xml"}
    answer = await browser.get(back, headers=page)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in#problem=oidc-refused"


async def test_a_code_given_to_another_client_is_refused(
    browser: Client, provider: str, make_user: UserMaker, database: Database
) -> None:
    await make_user("ada@school.org")
    await know(provider, "ada@school.org", email_verified=True)
    url = altered(await begin(browser), client_id="somebody-else")
    back = await consent(url, "ada@school.org")
    await assert_refused(browser, database, await browser.get(back))


async def test_a_provider_that_is_away_is_said_to_be_unavailable(
    database: Database, settings: Settings, provider: str
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{closed.getsockname()[1]}"
        for issuer in (away, f"{provider}/not/there"):
            app = build_app(database, configured(settings, issuer))
            async with Client(transport=httpx.ASGITransport(app), base_url=ORIGIN) as client:
                answer = await client.get("/v1/sign-in/oidc")
            assert answer.status_code == 503
