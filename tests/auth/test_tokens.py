"""API tokens: scopes, restrictions, expiry, revocation, and never more than their maker."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlmodel import col

from api import clock
from api.auth.models import ApiToken
from api.auth.rules import ROLE_RIGHTS, Right, Role
from api.db.pool import Database
from api.db.uow import reading
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


async def make(client: Client, **body: Any) -> dict[str, Any]:
    answer = await client.post("/v1/tokens", json={"name": "t", "role": "viewer", **body})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def refusal(client: Client, **body: Any) -> tuple[int, str]:
    answer = await client.post("/v1/tokens", json={"name": "t", "role": "viewer", **body})
    return answer.status_code, answer.json()["code"]


async def test_a_token_is_shown_once_and_stored_as_a_hash(
    admin: Client, connect: ClientMaker, database: Database
) -> None:
    made = await make(admin, role="ops")
    _, public_id, secret = made["token"].split("_", 2)
    assert public_id == made["public_id"]
    async with connect(token=made["token"]) as script:
        me = (await script.get("/v1/me")).json()
        # A token needs no origin: no browser sends it by itself.
        assert (await script.post("/v1/probe")).json()["actor"] == f"token:{made['id']}"
    assert me["actor"] == f"token:{made['id']}"
    listed = (await admin.get("/v1/tokens")).json()["items"]
    assert made["id"] in {token["id"] for token in listed}
    assert all("token" not in token for token in listed)
    async with reading(database) as session:
        rows = (await session.execute(text("SELECT api_tokens::text FROM api_tokens"))).scalars()
        assert all(secret not in row and secret.encode().hex() not in row for row in rows)


async def test_a_replayed_creation_does_not_show_the_secret(
    admin: Client, database: Database
) -> None:
    body, key = {"name": "t", "role": "viewer"}, {"idempotency-key": "one"}
    first = (await admin.post("/v1/tokens", json=body, headers=key)).json()
    again = (await admin.post("/v1/tokens", json=body, headers=key)).json()
    assert first["token"].startswith("fb_")
    assert again == {**first, "token": None}


@pytest.mark.parametrize("role", list(Role))
async def test_a_role_has_its_rights_and_no_other(
    make_token: TokenMaker, connect: ClientMaker, world: World, role: Role
) -> None:
    place = {"network_id": world.network_a, "school_ids": [world.school_a1]}
    token = await make_token(role, sees_names=True, **(place if role is Role.school_lead else {}))
    async with connect(token=token) as script:
        me = (await script.get("/v1/me")).json()
        probed = await script.post("/v1/probe")
    assert set(me["rights"]) == {right.value for right in ROLE_RIGHTS[role]}
    assert probed.status_code == (201 if Right.tasks_write in ROLE_RIGHTS[role] else 403)
    if probed.status_code == 403:
        assert probed.json()["right"] == "tasks:write"
        assert "tasks:write" in probed.json()["detail"]


async def test_scopes_narrow_a_role(admin: Client, connect: ClientMaker) -> None:
    made = await make(admin, role="ops", scopes=["schools:read", "tasks:read", "tasks:read"])
    assert made["scopes"] == ["schools:read", "tasks:read"]
    async with connect(token=made["token"]) as script:
        assert (await script.get("/v1/me")).json()["rights"] == made["scopes"]
        assert (await script.post("/v1/probe")).status_code == 403


async def test_a_viewer_without_names_gets_no_list_of_names(
    admin: Client, connect: ClientMaker
) -> None:
    for sees_names in (False, True):
        made = await make(admin, sees_names=sees_names)
        async with connect(token=made["token"]) as script:
            rights = (await script.get("/v1/me")).json()["rights"]
        assert ("staff:read" in rights) is sees_names


@pytest.mark.parametrize("scopes", [["no:such"], [], ["users:manage"], ["tasks:write"]])
async def test_a_scope_the_role_has_not_is_refused(admin: Client, scopes: list[str]) -> None:
    status, _ = await refusal(admin, role="viewer", scopes=scopes)
    assert status == 422


async def test_restrictions_are_stored_by_id_and_shown_by_code(
    admin: Client, world: World, database: Database
) -> None:
    made = await make(admin, schools=["A1", str(world.school_a2)])
    assert (made["network"], made["schools"]) == ("NET-A", ["A1", "A2"])
    async with reading(database) as session:
        query = select(ApiToken).where(col(ApiToken.public_id) == made["public_id"])
        row = (await session.execute(query)).scalar_one()
    assert row.network_id == world.network_a
    assert set(row.school_ids or []) == {world.school_a1, world.school_a2}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"network": "NOWHERE"}, "/network"),
        ({"schools": ["A1", "NOWHERE"]}, "/schools/1"),
        ({"schools": ["A1", "B1"]}, "/schools/1"),
        ({"network": "NET-B", "schools": ["A1"]}, "/schools/0"),
        ({"schools": []}, "/schools"),
        ({"role": "school_lead"}, "/schools"),
        ({"role": "admin", "schools": ["A1"]}, "/schools"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"expires_at": "2099-01-01T00:00:00"}, "/expires_at"),
        ({"role": "emperor"}, "/role"),
        ({"surprise": 1}, "/surprise"),
    ],
)
async def test_a_token_that_cannot_be_is_refused_at_its_place(
    admin: Client, world: World, body: dict[str, Any], pointer: str
) -> None:
    answer = await admin.post("/v1/tokens", json={"name": "t", "role": "viewer", **body})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert (await admin.get("/v1/tokens")).json()["items"][1:] == []


async def test_a_token_expires(admin: Client, connect: ClientMaker) -> None:
    start = clock.now()
    ends = start + timedelta(days=2)
    made = await make(admin, expires_at=ends.isoformat())
    async with connect(token=made["token"]) as script:
        with clock.moved_to(ends - timedelta(minutes=1)):
            assert (await script.get("/v1/me")).status_code == 200
        with clock.moved_to(ends):
            assert (await script.get("/v1/me")).status_code == 401


async def test_one_answer_for_every_token_that_is_none(admin: Client, connect: ClientMaker) -> None:
    made = await make(admin)
    revoked = await make(admin)
    await admin.delete(f"/v1/tokens/{revoked['id']}")
    wrong = made["token"][:-1] + ("A" if made["token"][-1] != "A" else "B")
    answers = []
    for token in (wrong, "fb_0000000000000000_" + "a" * 43, "fb_x", revoked["token"], "ü"):
        headers = {b"authorization": f"Bearer {token}".encode()}
        async with connect() as script:
            answer = await script.get("/v1/me", headers=headers)
        answers.append((answer.status_code, answer.json()))
    assert answers[0][0] == 401
    assert all(answer == answers[0] for answer in answers)


async def test_last_use_is_kept_to_the_minute(admin: Client, connect: ClientMaker) -> None:
    made = await make(admin)
    assert made["last_used_at"] is None
    start = clock.now()

    async def last_use_after(seconds: int) -> str:
        with clock.moved_to(start + timedelta(seconds=seconds)):
            async with connect(token=made["token"]) as script:
                assert (await script.get("/v1/me")).status_code == 200
        listed = (await admin.get("/v1/tokens")).json()["items"]
        return str(next(t["last_used_at"] for t in listed if t["id"] == made["id"]))

    first = await last_use_after(0)
    assert await last_use_after(50) == first
    assert await last_use_after(90) > first


async def test_revoking_ends_a_token_and_what_was_made_with_it(
    admin: Client, connect: ClientMaker
) -> None:
    parent = await make(admin, role="admin")
    async with connect(token=parent["token"]) as script:
        child = await make(script)
    async with connect(token=child["token"]) as script:
        assert (await script.get("/v1/me")).status_code == 200
        assert (await admin.delete(f"/v1/tokens/{parent['id']}")).status_code == 204
        assert (await script.get("/v1/me")).status_code == 401
    assert (await admin.delete(f"/v1/tokens/{parent['id']}")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"role": "admin"},
        {"role": "ops"},
        {"role": "viewer"},
        {"role": "viewer", "scopes": ["schools:read"]},
        {"role": "admin", "network": "NET-A", "scopes": ["tokens:manage"], "sees_names": True},
        {"role": "admin", "scopes": ["tokens:manage"]},
    ],
)
async def test_a_token_makes_nothing_worth_more_than_itself(
    make_token: TokenMaker, connect: ClientMaker, world: World, body: dict[str, Any]
) -> None:
    weak = await make_token(
        Role.admin, scopes=["tokens:manage", "tasks:read"], network_id=world.network_a
    )
    async with connect(token=weak) as script:
        assert await refusal(script, **body) == (403, "more-than-you-have")
        equal = {"role": "admin", "network": "NET-A", "scopes": ["tokens:manage"]}
        assert (await script.post("/v1/tokens", json={"name": "t", **equal})).status_code == 201
        assert (await refusal(script, network="NET-B"))[0] == 422


@pytest.mark.parametrize("role", [Role.ops, Role.viewer])
async def test_only_admins_manage_tokens(
    make_token: TokenMaker, connect: ClientMaker, role: Role
) -> None:
    async with connect(token=await make_token(role)) as script:
        assert (await script.get("/v1/tokens")).status_code == 403
        assert await refusal(script) == (403, "forbidden")


async def test_an_admin_of_one_network_sees_and_revokes_only_its_tokens(
    admin: Client, make_token: TokenMaker, connect: ClientMaker, world: World
) -> None:
    other = await make(admin, network="NET-B")
    own = await make(admin, network="NET-A")
    everywhere = await make(admin)
    async with connect(token=await make_token(network_id=world.network_a)) as local:
        seen = {token["id"] for token in (await local.get("/v1/tokens")).json()["items"]}
        assert own["id"] in seen
        assert not seen & {other["id"], everywhere["id"]}
        assert (await local.delete(f"/v1/tokens/{other['id']}")).status_code == 404
        assert (await local.delete(f"/v1/tokens/{everywhere['id']}")).status_code == 404
        assert (await local.delete(f"/v1/tokens/{own['id']}")).status_code == 204


async def test_who_loses_a_right_loses_the_tokens_that_carry_it(
    admin: Client, client: Client, connect: ClientMaker, make_user: UserMaker, world: World
) -> None:
    user = await make_user("ada@school.org")
    await sign_in(client, "ada@school.org")
    strong = await make(client, role="admin")
    weak = await make(client, role="viewer", network="NET-A", scopes=["schools:read"])
    assert strong["created_by"] == f"user:{user.id}"

    async def works(made: dict[str, Any]) -> bool:
        async with connect(token=made["token"]) as script:
            return (await script.get("/v1/me")).status_code == 200

    async def change(**body: Any) -> None:
        etag = (await admin.get(f"/v1/users/{user.id}")).headers["etag"]
        answer = await admin.patch(
            f"/v1/users/{user.id}", json=body, headers={"if-match": etag, "origin": ORIGIN}
        )
        assert answer.status_code == 200, answer.text

    await make_user("other-admin@school.org")
    await change(role="viewer", network="NET-A")
    assert (await works(strong), await works(weak)) == (False, True)
    await change(active=False)
    assert not await works(weak)
