"""Invitations, resets and sign-in links: once, in time, and nothing of them in the database."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from api import clock
from api.auth.models import OneTimeLink
from api.auth.rules import LINK_HOURS, LinkPurpose, Role
from api.auth.service import sign_in_link
from api.db.pool import Database
from api.db.uow import reading, writing
from api.errors import NotFound
from tests.auth.conftest import (
    ORIGIN,
    PASSWORD,
    Client,
    ClientMaker,
    UserMaker,
    World,
    sign_in,
)

pytestmark = pytest.mark.anyio

NEW = "a new and longer one"


async def invite(admin: Client, email: str = "new@school.org") -> tuple[str, str]:
    """The new user's id and the link's secret."""
    body = {"email": email, "name": "New", "role": "viewer"}
    answer = await admin.post("/v1/users", json=body)
    assert answer.status_code == 201
    return answer.json()["user"]["id"], answer.json()["link"]["token"]


async def test_an_invitation_sets_the_password_and_signs_in(
    admin: Client, client: Client, connect: ClientMaker
) -> None:
    _, token = await invite(admin)
    # Without a password the page learns whose link it is and asks for one.
    asked = await client.post("/v1/sign-in/link", json={"token": token})
    assert asked.status_code == 422
    assert asked.json()["code"] == "password-needed"
    assert asked.json()["email"] == "new@school.org"
    assert (await sign_in(client, "new@school.org", NEW)).status_code == 401
    used = await client.post("/v1/sign-in/link", json={"token": token, "password": NEW})
    assert used.status_code == 200
    assert (await client.get("/v1/me")).json()["role"] == "viewer"
    async with connect() as other:
        assert (await sign_in(other, "new@school.org", NEW)).status_code == 200


async def test_a_link_works_once_also_when_two_use_it_at_once(
    admin: Client, connect: ClientMaker
) -> None:
    _, token = await invite(admin)
    body = {"token": token, "password": NEW}
    async with connect() as one, connect() as two:
        answers = await asyncio.gather(
            one.post("/v1/sign-in/link", json=body), two.post("/v1/sign-in/link", json=body)
        )
    assert sorted(answer.status_code for answer in answers) == [200, 401]
    async with connect() as late:
        again = await late.post("/v1/sign-in/link", json=body)
    assert again.json()["code"] == "link-spent"


@pytest.mark.parametrize("purpose", list(LinkPurpose))
async def test_a_link_expires(
    database: Database, client: Client, make_user: UserMaker, admin: Client, purpose: LinkPurpose
) -> None:
    user = await make_user("ada@school.org", sees_names=True)
    body = {"token": "", "password": NEW}
    if purpose is LinkPurpose.sign_in:
        async with writing(database, "job:test") as session:
            body = {"token": await sign_in_link(session, "ada@school.org")}
    elif purpose is LinkPurpose.reset:
        reset = await admin.post(f"/v1/users/{user.id}/reset")
        assert reset.json()["purpose"] == "reset"
        body["token"] = reset.json()["token"]
    else:
        _, body["token"] = await invite(admin)
    made = clock.now()
    lasts = timedelta(hours=LINK_HOURS[purpose])
    with clock.moved_to(made + lasts):
        assert (await client.post("/v1/sign-in/link", json=body)).status_code == 401
    with clock.moved_to(made + lasts - timedelta(minutes=1)):
        assert (await client.post("/v1/sign-in/link", json=body)).status_code == 200


async def test_a_reset_ends_other_sign_ins_and_the_old_password(
    admin: Client, client: Client, connect: ClientMaker, make_user: UserMaker
) -> None:
    user = await make_user("ada@school.org")
    async with connect() as thief:
        await sign_in(thief, "ada@school.org")
        link = (await admin.post(f"/v1/users/{user.id}/reset")).json()
        assert link["url"] == f"{ORIGIN}/sign-in#token={link['token']}"
        body = {"token": link["token"], "password": NEW}
        assert (await client.post("/v1/sign-in/link", json=body)).status_code == 200
        assert (await thief.get("/v1/me")).status_code == 401
        assert (await sign_in(thief, "ada@school.org", PASSWORD)).status_code == 401
    assert (await client.get("/v1/me")).status_code == 200


async def test_a_newer_reset_replaces_the_older(
    admin: Client, client: Client, make_user: UserMaker
) -> None:
    user = await make_user("ada@school.org")
    older, newer = [
        (await admin.post(f"/v1/users/{user.id}/reset")).json()["token"] for _ in range(2)
    ]
    stale = {"token": older, "password": NEW}
    assert (await client.post("/v1/sign-in/link", json=stale)).status_code == 401
    fresh = {"token": newer, "password": NEW}
    assert (await client.post("/v1/sign-in/link", json=fresh)).status_code == 200


@pytest.mark.parametrize("password", ["short", "ada@school.org", "a" * 20, "x" * 257])
async def test_a_weak_password_is_refused_and_the_link_stays_good(
    admin: Client, client: Client, make_user: UserMaker, password: str
) -> None:
    user = await make_user("ada@school.org")
    token = (await admin.post(f"/v1/users/{user.id}/reset")).json()["token"]
    weak = await client.post("/v1/sign-in/link", json={"token": token, "password": password})
    assert weak.status_code == 422
    assert weak.json()["code"] == "password-refused"
    assert weak.json()["errors"][0]["pointer"] == "/password"
    good = await client.post("/v1/sign-in/link", json={"token": token, "password": NEW})
    assert good.status_code == 200


async def test_a_sign_in_link_needs_no_password_and_takes_none(
    database: Database, client: Client, make_user: UserMaker
) -> None:
    await make_user("ada@school.org")
    async with writing(database, "job:test") as session:
        token = await sign_in_link(session, "ADA@school.org")
    refused = await client.post("/v1/sign-in/link", json={"token": token, "password": NEW})
    assert refused.status_code == 422
    assert (await client.post("/v1/sign-in/link", json={"token": token})).status_code == 200
    assert (await sign_in(client, "ada@school.org", PASSWORD)).status_code == 200
    async with writing(database, "job:test") as session:
        with pytest.raises(NotFound):
            await sign_in_link(session, "nobody@school.org")


async def test_deactivating_voids_links(
    admin: Client, client: Client, make_user: UserMaker
) -> None:
    user = await make_user("ada@school.org", role=Role.viewer)
    token = (await admin.post(f"/v1/users/{user.id}/reset")).json()["token"]
    etag = (await admin.get(f"/v1/users/{user.id}")).headers["etag"]
    gone = await admin.patch(
        f"/v1/users/{user.id}", json={"active": False}, headers={"if-match": etag}
    )
    assert gone.status_code == 200
    body = {"token": token, "password": NEW}
    assert (await client.post("/v1/sign-in/link", json=body)).status_code == 401
    assert (await admin.post(f"/v1/users/{user.id}/reset")).status_code == 404


async def test_no_secret_of_a_link_is_stored_not_even_for_a_replay(
    admin: Client, database: Database
) -> None:
    body = {"email": "new@school.org", "name": "New", "role": "viewer"}
    key = {"idempotency-key": "invite-1"}
    first = (await admin.post("/v1/users", json=body, headers=key)).json()
    again = await admin.post("/v1/users", json=body, headers=key)
    assert again.status_code == 201
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["user"] == first["user"]
    assert again.json()["link"]["token"] is None
    assert again.json()["link"]["url"] is None
    async with reading(database) as session:
        stored = (await session.execute(select(OneTimeLink))).scalars().all()
        kept = (await session.execute(text("SELECT body FROM idempotency_keys"))).scalar_one()
    assert len(stored) == 1
    assert first["link"]["token"].encode() not in kept
    assert first["link"]["token"].encode() not in stored[0].id


async def test_the_world_is_seen_through_the_invitation(
    admin: Client, client: Client, world: World
) -> None:
    body = {"email": "lead@a.org", "name": "Lead", "role": "school_lead", "schools": ["A1"]}
    invited = (await admin.post("/v1/users", json=body)).json()
    assert invited["user"]["network"] == "NET-A"
    entered = await client.post(
        "/v1/sign-in/link", json={"token": invited["link"]["token"], "password": NEW}
    )
    me = entered.json()
    assert me["network"]["id"] == str(world.network_a)
    assert [school["id"] for school in me["schools"]] == [str(world.school_a1)]
    assert "tasks:write" not in me["rights"]
