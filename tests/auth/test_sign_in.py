"""Passwords, cookies, throttling, expiry: signing in and staying signed in."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta

import httpx
import pytest
from sqlalchemy import select, update
from sqlmodel import col

from api import clock
from api.auth.models import SignInSession, ThrottleRow, User
from api.auth.rules import PER_ACCOUNT, PER_ADDRESS, digest
from api.auth.service import purge_expired
from api.db.pool import Database
from api.db.uow import reading, writing
from api.settings import Settings
from tests.auth.conftest import (
    ORIGIN,
    PASSWORD,
    Client,
    ClientMaker,
    UserMaker,
    build_app,
    sign_in,
)

pytestmark = pytest.mark.anyio


async def last_seen(database: Database) -> datetime:
    async with reading(database) as session:
        return (await session.execute(select(col(SignInSession.last_seen_at)))).scalar_one()


async def test_the_right_password_signs_in(
    client: Client, make_user: UserMaker, database: Database
) -> None:
    user = await make_user("Ada@school.org", sees_names=True)
    answer = await sign_in(client, " ada@SCHOOL.org")
    assert answer.status_code == 200
    assert answer.json()["actor"] == f"user:{user.id}"
    assert (await client.get("/v1/me")).json() == answer.json()
    secret = client.cookies["firstbell_session"]
    async with reading(database) as session:
        stored = (await session.execute(select(SignInSession))).scalar_one()
    # What a thief of the table gets opens nothing.
    assert stored.id == digest(secret)
    assert secret.encode() not in stored.id


async def test_the_cookie_is_out_of_scripts_and_other_sites_reach(
    client: Client, make_user: UserMaker
) -> None:
    await make_user("ada@school.org")
    header = (await sign_in(client, "ada@school.org")).headers["set-cookie"]
    name, *flags = [part.strip().lower() for part in header.split(";")]
    assert name.startswith("firstbell_session=")
    assert {"httponly", "samesite=strict", "path=/"} <= set(flags)
    assert "secure" not in flags


async def test_over_tls_the_cookie_is_bound_to_the_host(
    database: Database, settings: Settings, make_user: UserMaker
) -> None:
    await make_user("ada@school.org")
    secure = settings.model_copy(update={"secure_cookies": True})
    async with Client(
        transport=httpx.ASGITransport(build_app(database, secure)),
        base_url="https://ops.example.org",
    ) as client:
        header = (await sign_in(client, "ada@school.org")).headers["set-cookie"].lower()
        assert header.startswith("__host-firstbell_session=")
        assert "; secure" in header
        assert "domain=" not in header
        assert (await client.get("/v1/me")).status_code == 200


async def test_wrong_unknown_and_deactivated_get_one_and_the_same_answer(
    connect: ClientMaker, make_user: UserMaker, database: Database
) -> None:
    await make_user("ada@school.org")
    gone = await make_user("gone@school.org")
    async with writing(database, "job:test") as session:
        (await session.get_one(User, gone.id)).active = False
    answers = []
    async with connect() as client:
        for email, password in (
            ("ada@school.org", "not her password"),
            ("nobody@school.org", "not her password"),
            ("gone@school.org", PASSWORD),
        ):
            answer = await sign_in(client, email, password)
            assert "set-cookie" not in answer.headers
            answers.append((answer.status_code, answer.json()))
    assert answers[0][0] == 401
    assert answers[0][1]["code"] == "wrong-credentials"
    assert answers[1] == answers[0]
    assert answers[2] == answers[0]


async def test_an_unknown_email_takes_as_long_as_a_known_one(
    connect: ClientMaker, make_user: UserMaker
) -> None:
    await make_user("ada@school.org")

    async def fastest(email: str) -> float:
        took = []
        for attempt in range(3):
            async with connect(address=f"192.0.2.{attempt}") as client:
                started = time.perf_counter()
                await sign_in(client, email, "not the password")
                took.append(time.perf_counter() - started)
        return min(took)

    known, unknown = await fastest("ada@school.org"), await fastest("nobody@school.org")
    # Without the dummy hash the unknown one would be some twenty times faster.
    assert unknown > known / 3


@pytest.mark.parametrize("email", ["ada@school.org", "nobody@school.org"])
async def test_guessing_at_an_account_is_slowed_and_waits_double(
    connect: ClientMaker, make_user: UserMaker, email: str
) -> None:
    await make_user("ada@school.org")
    start = clock.now()
    with clock.moved_to(start):
        for attempt in range(PER_ACCOUNT.free + 1):
            # From a new address each time: it is the account that is protected.
            async with connect(address=f"192.0.2.{attempt}") as client:
                assert (await sign_in(client, email, "wrong wrong")).status_code == 401
        async with connect(address="192.0.2.99") as client:
            refused = await sign_in(client, email, PASSWORD)
    assert refused.status_code == 429
    assert refused.json()["code"] == "sign-in-throttled"
    assert int(refused.headers["retry-after"]) >= 1

    async def wait_after_failure_at(moment: datetime) -> int:
        with clock.moved_to(moment):
            async with connect(address="192.0.2.98") as client:
                assert (await sign_in(client, email, "wrong wrong")).status_code == 401
                return int((await sign_in(client, email, PASSWORD)).headers["retry-after"])

    waits = [await wait_after_failure_at(start + timedelta(minutes=n)) for n in (5, 10, 15)]
    assert waits == sorted(waits)
    assert waits[2] >= 2 * waits[0]


async def test_after_the_wait_the_right_password_enters_and_clears_the_count(
    connect: ClientMaker, make_user: UserMaker, database: Database
) -> None:
    await make_user("ada@school.org")
    async with connect() as client:
        for _ in range(PER_ACCOUNT.free + 1):
            await sign_in(client, "ada@school.org", "wrong wrong")
        with clock.moved_to(clock.now() + timedelta(minutes=10)):
            assert (await sign_in(client, "ada@school.org")).status_code == 200
            assert (await sign_in(client, "ada@school.org", "wrong wrong")).status_code == 401
            assert (await sign_in(client, "ada@school.org")).status_code == 200
    async with reading(database) as session:
        keys = (await session.execute(select(col(ThrottleRow.key)))).scalars().all()
    assert [key for key in keys if key.startswith("account:")] == []


async def test_attempts_in_parallel_are_counted_too(
    connect: ClientMaker, make_user: UserMaker
) -> None:
    await make_user("ada@school.org")
    async with connect() as client:
        answers = await asyncio.gather(
            *(sign_in(client, "ada@school.org", f"wrong {n:05}") for n in range(12))
        )
    looked_at = [answer for answer in answers if answer.status_code == 401]
    assert len(looked_at) <= PER_ACCOUNT.free + 1
    assert {answer.status_code for answer in answers} == {401, 429}


async def test_an_address_that_tries_many_accounts_is_slowed(
    connect: ClientMaker, database: Database, settings: Settings
) -> None:
    async with connect(address="2001:db8:1:2::7") as client:
        assert (await sign_in(client, "guess0@school.org", "wrong")).status_code == 401
        async with writing(database, "job:test") as session:
            # As if it had tried all but the last of its free ones.
            address = col(ThrottleRow.key).like("address:%")
            await session.execute(
                update(ThrottleRow).where(address).values(attempts=PER_ADDRESS.free - 1)
            )
        for n in (1, 2):
            assert (await sign_in(client, f"guess{n}@school.org", "wrong")).status_code == 401
        assert (await sign_in(client, "guess3@school.org", "wrong")).status_code == 429
    # A neighbour in the same /64 is the same customer; another host of the service agrees.
    elsewhere = httpx.ASGITransport(
        build_app(database, settings), client=("2001:db8:1:2::8", 40000)
    )
    async with Client(transport=elsewhere, base_url=ORIGIN) as client:
        assert (await sign_in(client, "guess99@school.org", "wrong")).status_code == 429
    async with connect(address="2001:db8:1:3::7") as client:
        assert (await sign_in(client, "guess99@school.org", "wrong")).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": ORIGIN}, 201),
        ({"sec-fetch-site": "same-origin"}, 201),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:8001"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ORIGIN, "sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({}, 403),
    ],
)
async def test_only_our_own_pages_write_with_the_cookie(
    connect: ClientMaker, make_user: UserMaker, headers: dict[str, str], status: int
) -> None:
    await make_user("ada@school.org")
    async with connect() as client:
        await sign_in(client, "ada@school.org")
        answer = await client.post("/v1/probe", headers=headers)
        assert answer.status_code == status
        assert (await client.get("/v1/me", headers=headers)).status_code == 200
    if status == 403:
        assert answer.json()["code"] == "foreign-origin"


async def test_no_other_site_signs_its_visitor_in_or_out(
    connect: ClientMaker, make_user: UserMaker
) -> None:
    await make_user("ada@school.org")
    async with connect(origin="https://evil.example") as client:
        assert (await sign_in(client, "ada@school.org")).status_code == 403
        assert (await client.delete("/v1/sign-in")).status_code == 403


async def test_signing_out_ends_the_session_on_the_server(
    client: Client, make_user: UserMaker
) -> None:
    await make_user("ada@school.org")
    await sign_in(client, "ada@school.org")
    secret = client.cookies["firstbell_session"]
    assert (await client.delete("/v1/sign-in")).status_code == 204
    assert "firstbell_session" not in client.cookies
    stolen = {"cookie": f"firstbell_session={secret}"}
    assert (await client.get("/v1/me", headers=stolen)).status_code == 401
    assert (await client.delete("/v1/sign-in")).status_code == 204


async def test_a_new_sign_in_replaces_the_old_one(
    client: Client, make_user: UserMaker, database: Database
) -> None:
    await make_user("ada@school.org")
    await sign_in(client, "ada@school.org")
    first = client.cookies["firstbell_session"]
    await sign_in(client, "ada@school.org")
    assert client.cookies["firstbell_session"] != first
    async with reading(database) as session:
        assert len((await session.execute(select(SignInSession))).all()) == 1


async def test_a_session_left_alone_ends(
    client: Client, make_user: UserMaker, settings: Settings
) -> None:
    await make_user("ada@school.org")
    start = clock.now()
    idle = timedelta(hours=settings.session_idle_hours)
    await sign_in(client, "ada@school.org")
    with clock.moved_to(start + idle - timedelta(minutes=5)):
        assert (await client.get("/v1/me")).status_code == 200
    # That visit counted as use.
    with clock.moved_to(start + idle + timedelta(minutes=5)):
        assert (await client.get("/v1/me")).status_code == 200
    with clock.moved_to(start + 2 * idle + timedelta(minutes=10)):
        assert (await client.get("/v1/me")).status_code == 401


async def test_a_session_in_constant_use_ends_too(
    client: Client, make_user: UserMaker, database: Database, settings: Settings
) -> None:
    await make_user("ada@school.org")
    await sign_in(client, "ada@school.org")
    start = clock.now()
    last = start + timedelta(days=settings.session_max_days)
    step = timedelta(hours=settings.session_idle_hours) - timedelta(minutes=1)
    moment = start
    while moment + step < last:
        moment += step
        with clock.moved_to(moment):
            assert (await client.get("/v1/me")).status_code == 200
    with clock.moved_to(last):
        assert (await client.get("/v1/me")).status_code == 401
        async with writing(database, "job:test") as session:
            await purge_expired(session, clock.now())
            assert (await session.execute(select(SignInSession))).all() == []


async def test_use_is_written_down_at_most_once_a_minute(
    client: Client, make_user: UserMaker, database: Database
) -> None:
    await make_user("ada@school.org")
    start = clock.now()
    await sign_in(client, "ada@school.org")
    entered = await last_seen(database)
    with clock.moved_to(start + timedelta(seconds=50)):
        await client.get("/v1/me")
    assert await last_seen(database) == entered
    with clock.moved_to(start + timedelta(seconds=90)):
        await client.get("/v1/me")
    assert await last_seen(database) >= start + timedelta(seconds=90)


async def test_a_stranger_is_told_to_sign_in(client: Client) -> None:
    for headers in (
        {},
        {"cookie": "firstbell_session=made-up"},
        {"authorization": "Basic YTpi"},
        {"authorization": "Bearer nonsense"},
    ):
        answer = await client.get("/v1/me", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_the_page_learns_which_ways_in_there_are(client: Client) -> None:
    answer = await client.get("/v1/sign-in")
    assert answer.json() == {"password": True, "oidc": False}
    assert (await client.get("/v1/sign-in/oidc")).status_code == 404
    assert (await client.get("/v1/sign-in/oidc/callback?state=a&code=b")).status_code == 404


async def test_a_route_that_forgets_to_ask_is_closed_to_strangers(
    client: Client, make_user: UserMaker
) -> None:
    assert (await client.get("/v1/probe")).status_code == 401
    await make_user("ada@school.org")
    await sign_in(client, "ada@school.org")
    assert (await client.get("/v1/probe")).json() == {"open": True}
