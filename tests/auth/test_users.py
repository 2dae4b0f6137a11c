"""Users: inviting, changing, deactivating, and what nobody may do to them."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from api.auth.rules import Role
from tests.auth.conftest import (
    ORIGIN,
    Client,
    ClientMaker,
    TokenMaker,
    UserMaker,
    World,
    sign_in,
)

pytestmark = pytest.mark.anyio


async def patch(client: Client, user_id: object, **body: Any) -> httpx.Response:
    etag = (await client.get(f"/v1/users/{user_id}")).headers.get("etag", '"none"')
    headers = {"if-match": etag, "origin": ORIGIN}
    return await client.patch(f"/v1/users/{user_id}", json=body, headers=headers)


async def test_an_email_belongs_to_one_user_whatever_its_case(admin: Client) -> None:
    body = {"email": "Ada@School.org", "name": "Ada", "role": "viewer"}
    assert (await admin.post("/v1/users", json=body)).status_code == 201
    again = await admin.post("/v1/users", json={**body, "email": "ada@school.ORG"})
    assert (again.status_code, again.json()["code"]) == (409, "email-taken")
    other = (await admin.post("/v1/users", json={**body, "email": "bob@school.org"})).json()
    taken = await patch(admin, other["user"]["id"], email="ADA@school.org")
    assert (taken.status_code, taken.json()["code"]) == (409, "email-taken")


async def test_two_invitations_of_one_email_at_once_make_one_user(admin: Client) -> None:
    body = {"email": "ada@school.org", "name": "Ada", "role": "viewer"}
    answers = await asyncio.gather(*(admin.post("/v1/users", json=body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_two_users_cannot_take_one_email_at_once(admin: Client, make_user: UserMaker) -> None:
    users = [await make_user(f"{name}@school.org", role=Role.viewer) for name in ("ada", "bob")]
    answers = await asyncio.gather(
        *(patch(admin, user.id, email="New@school.org") for user in users)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"email-taken"}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"email": "no-at-sign"}, "/email"),
        ({"email": "two@at@signs"}, "/email"),
        ({"email": "a@" + "b" * 300}, "/email"),
        ({"name": " "}, "/name"),
        ({"role": "school_lead", "network": "NET-A"}, "/schools"),
        ({"role": "admin", "schools": ["A1"]}, "/schools"),
        ({"schools": ["A1", "B1"]}, "/schools/1"),
        ({"network": "NOWHERE"}, "/network"),
        ({"password": "let me choose it"}, "/password"),
    ],
)
async def test_an_invitation_that_cannot_be_is_refused_at_its_place(
    admin: Client, world: World, body: dict[str, Any], pointer: str
) -> None:
    whole = {"email": "new@school.org", "name": "New", "role": "viewer", **body}
    answer = await admin.post("/v1/users", json=whole)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert (await admin.get("/v1/users")).json()["items"] == []


async def test_a_change_needs_the_version_it_is_a_change_of(
    admin: Client, make_user: UserMaker
) -> None:
    user = await make_user("ada@school.org", role=Role.viewer)
    path = f"/v1/users/{user.id}"
    etag = (await admin.get(path)).headers["etag"]
    assert (await admin.patch(path, json={"name": "A"})).status_code == 428
    first = await admin.patch(path, json={"name": "A"}, headers={"if-match": etag})
    assert first.status_code == 200
    assert first.headers["etag"] != etag
    late = await admin.patch(path, json={"name": "B"}, headers={"if-match": etag})
    assert late.status_code == 412
    assert (await admin.get(path)).json()["name"] == "A"


async def test_a_merge_patch_changes_only_what_it_names(
    admin: Client, make_user: UserMaker, world: World
) -> None:
    user = await make_user(
        "lead@a.org",
        role=Role.school_lead,
        network_id=world.network_a,
        school_ids=[world.school_a1],
    )
    moved = (await patch(admin, user.id, schools=["A2"])).json()
    assert (moved["role"], moved["schools"]) == ("school_lead", ["A2"])
    assert (await patch(admin, user.id, name="Lea")).json()["schools"] == ["A2"]
    # A lead without schools is none; an ops with all schools of the network is.
    assert (await patch(admin, user.id, schools=None)).status_code == 422
    widened = (await patch(admin, user.id, schools=None, role="ops")).json()
    assert (widened["schools"], widened["network"]) == (None, "NET-A")
    assert (await patch(admin, user.id, role=None)).status_code == 422


async def test_deactivating_ends_sign_ins_and_activating_does_not_bring_them_back(
    admin: Client, client: Client, make_user: UserMaker
) -> None:
    user = await make_user("ada@school.org", role=Role.viewer)
    await sign_in(client, "ada@school.org")
    assert (await patch(admin, user.id, active=False)).json()["active"] is False
    assert (await client.get("/v1/me")).status_code == 401
    assert (await patch(admin, user.id, active=True)).status_code == 200
    assert (await client.get("/v1/me")).status_code == 401
    assert (await sign_in(client, "ada@school.org")).status_code == 200


async def test_a_change_of_role_holds_from_the_next_request(
    admin: Client, client: Client, make_user: UserMaker
) -> None:
    user = await make_user("ada@school.org", role=Role.ops)
    await sign_in(client, "ada@school.org")
    from_page = {"origin": ORIGIN}
    assert (await client.post("/v1/probe", headers=from_page)).status_code == 201
    await patch(admin, user.id, role="viewer")
    assert (await client.post("/v1/probe", headers=from_page)).status_code == 403


@pytest.mark.parametrize(
    "change", [{"active": False}, {"role": "ops"}, {"network": "NET-A"}], ids=str
)
async def test_the_last_admin_stays(
    admin: Client, make_user: UserMaker, world: World, change: dict[str, Any]
) -> None:
    last = await make_user("ada@school.org", sees_names=True)
    await make_user("local@a.org", network_id=world.network_a)
    refused = await patch(admin, last.id, **change)
    assert (refused.status_code, refused.json()["code"]) == (409, "last-admin")
    await make_user("second@school.org")
    assert (await patch(admin, last.id, **change)).status_code == 200


async def test_two_admins_cannot_remove_each_other_at_once(
    connect: ClientMaker, make_user: UserMaker, admin: Client
) -> None:
    ada, bob = await make_user("ada@school.org"), await make_user("bob@school.org")
    async with connect() as one, connect() as two:
        await sign_in(one, "ada@school.org")
        await sign_in(two, "bob@school.org")
        answers = await asyncio.gather(
            patch(one, bob.id, active=False), patch(two, ada.id, active=False)
        )
    assert [answer.status_code for answer in answers].count(200) == 1
    active = [u["active"] for u in (await admin.get("/v1/users")).json()["items"]]
    assert sorted(active) == [False, True]


async def test_an_admin_of_one_network_rules_only_there(
    make_token: TokenMaker, connect: ClientMaker, make_user: UserMaker, world: World
) -> None:
    boss = await make_user("boss@school.org")
    stranger = await make_user("b@b.org", role=Role.viewer, network_id=world.network_b)
    own = await make_user("a@a.org", role=Role.viewer, network_id=world.network_a)
    token = await make_token(network_id=world.network_a)
    async with connect(token=token) as local:
        seen = [user["id"] for user in (await local.get("/v1/users")).json()["items"]]
        assert seen == [str(own.id)]
        for hidden in (boss, stranger):
            assert (await local.get(f"/v1/users/{hidden.id}")).status_code == 404
            assert (await patch(local, hidden.id, active=False)).status_code == 404
            assert (await local.post(f"/v1/users/{hidden.id}/reset")).status_code == 404
        assert (await patch(local, own.id, network="NET-B")).status_code == 422
        for body in ({"network": None}, {"sees_names": True}):
            refused = await patch(local, own.id, **body)
            assert (refused.status_code, refused.json()["code"]) == (403, "more-than-you-have")
        everywhere = {"email": "c@c.org", "name": "C", "role": "viewer"}
        assert (await local.post("/v1/users", json=everywhere)).status_code == 403
        # A school that is hidden is spoken of like one that does not exist.
        for school in ("B1", "NOWHERE"):
            answer = await local.post("/v1/users", json={**everywhere, "schools": [school]})
            assert (answer.status_code, answer.json()["errors"][0]["code"]) == (
                422,
                "school-unknown",
            )
        local_one = {**everywhere, "network": "NET-A"}
        assert (await local.post("/v1/users", json=local_one)).status_code == 201


async def test_who_may_only_manage_users_cannot_become_more(
    make_token: TokenMaker, connect: ClientMaker, make_user: UserMaker
) -> None:
    boss = await make_user("boss@school.org")
    await make_user("second@school.org")
    viewer = await make_user("viewer@school.org", role=Role.viewer)
    async with connect(token=await make_token(scopes=["users:manage"])) as clerk:
        invited = {"email": "me@evil.example", "name": "Me", "role": "admin"}
        attempts = [
            await clerk.post("/v1/users", json=invited),
            await clerk.post("/v1/users", json={**invited, "role": "viewer"}),
            await patch(clerk, viewer.id, role="admin"),
            # An address of one's own, then a reset or a sign-in elsewhere, would do as well.
            await patch(clerk, boss.id, email="me@evil.example"),
            await clerk.post(f"/v1/users/{boss.id}/reset"),
        ]
        assert {(a.status_code, a.json()["code"]) for a in attempts} == {
            (403, "more-than-you-have")
        }
        assert (await patch(clerk, viewer.id, name="Renamed")).status_code == 200
        assert (await patch(clerk, boss.id, active=False)).status_code == 200
        back = await patch(clerk, boss.id, active=True)
        assert (back.status_code, back.json()["code"]) == (403, "more-than-you-have")


@pytest.mark.parametrize("role", [Role.ops, Role.viewer])
async def test_only_admins_manage_users(
    connect: ClientMaker, make_user: UserMaker, role: Role
) -> None:
    user = await make_user("ada@school.org", role=role)
    async with connect(origin=ORIGIN) as client:
        await sign_in(client, "ada@school.org")
        invited = {"email": "new@school.org", "name": "New", "role": "admin"}
        attempts = [
            await client.get("/v1/users"),
            await client.post("/v1/users", json=invited),
            await patch(client, user.id, role="admin"),
            await client.post(f"/v1/users/{user.id}/reset"),
        ]
    assert [answer.status_code for answer in attempts] == [403] * 4
    assert all(answer.json()["right"] == "users:manage" for answer in attempts)


async def test_users_are_listed_page_by_page(admin: Client, make_token: TokenMaker) -> None:
    for name in ("cy", "ada", "bob"):
        body = {"email": f"{name}@school.org", "name": name, "role": "viewer"}
        assert (await admin.post("/v1/users", json=body)).status_code == 201
    first = await admin.get("/v1/users?limit=2&sort=name")
    assert [user["name"] for user in first.json()["items"]] == ["ada", "bob"]
    second = await admin.get(first.links["next"]["url"])
    assert [user["name"] for user in second.json()["items"]] == ["cy"]
    assert "next" not in second.links
    assert (await admin.get("/v1/users?sort=password_hash")).status_code == 422
