"""Vendors over HTTP: made, changed, their secrets rotated, their health."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import update
from sqlmodel import col

from api import clock
from api.auth.rules import Role
from api.auth.tokens import create_token
from api.db.pool import Database
from api.db.uow import writing
from api.webhooks.models import WebhookEvent
from api.webhooks.secrets import purge_retired
from tests.webhooks.conftest import (
    Client,
    Sender,
    add_vendor,
    client_of,
    events_of,
    post_event,
)
from tests.webhooks.vectors import BY_NAME

JWKS = BY_NAME["shipengine"].jwks or {}
EVENT = {"type": "test.one", "data": {}}
LONG = "a secret that is long enough"


async def posted(client: Client, path: str, body: dict[str, Any], status: int = 201) -> Any:
    answer = await client.post(path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_a_vendor_is_made_with_a_secret_that_is_shown_once(client: Client) -> None:
    made = await posted(client, "/v1/vendors", {"slug": "acme", "name": "Acme"})
    assert made["secret"].startswith("whsec_")
    vendor = made["vendor"]
    assert (vendor["kind"], vendor["scheme"], vendor["tracks"]) == ("seller", "standard", [])
    assert vendor["url"] == "http://127.0.0.1/v1/webhooks/acme"
    assert len(vendor["secrets"]) == 1
    answer = await client.get("/v1/vendors/acme")
    assert answer.json() == vendor
    assert made["secret"] not in answer.text
    listed = await client.get("/v1/vendors")
    assert listed.json() == {"items": [vendor]}


async def test_a_replayed_post_shows_no_secret(client: Client) -> None:
    for path, body, at in (
        ("/v1/vendors", {"slug": "acme", "name": "Acme"}, "secret"),
        ("/v1/vendors/acme/secrets", {}, "secret"),
    ):
        headers = {"idempotency-key": f"once-{path}"}
        first = await client.post(path, json=body, headers=headers)
        again = await client.post(path, json=body, headers=headers)
        assert (first.status_code, again.status_code) == (201, 201)
        assert first.json()[at] is not None
        assert again.json() == first.json() | {at: None}


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"slug": "Über"}, "/slug"),
    ({"slug": "a:b"}, "/slug"),
    ({"slug": "ACME"}, "/slug"),
    ({"slug": ""}, "/slug"),
    ({"slug": "a" * 41}, "/slug"),
    ({"name": ""}, "/name"),
    ({"scheme": "karrio"}, "/scheme"),
    ({"kind": "carrier"}, "/kind"),
    ({"color": "red"}, "/color"),
    ({"secret": "short"}, "/secret"),
    ({"secret": "whsec_ but not base64 at all"}, "/secret"),
    ({"scheme": "easypost"}, "/secret"),
    ({"scheme": "shippo"}, "/secret"),
    ({"scheme": "aftership"}, "/secret"),
    ({"scheme": "17track"}, "/secret"),
    ({"scheme": "shipengine"}, "/public_keys"),
    ({"scheme": "shipengine", "public_keys": {"keys": []}}, "/public_keys/keys"),
    ({"public_keys": JWKS}, "/public_keys"),
    ({"tracks": ["globex"]}, "/tracks"),
    ({"kind": "tracker", "tracks": ["nobody"]}, "/tracks"),
    ({"kind": "tracker", "tracks": ["tracker"]}, "/tracks"),
]


async def test_a_wrong_vendor_is_named(client: Client) -> None:
    await add_vendor(client, "globex")
    await add_vendor(client, "tracker", kind="tracker")
    for given, pointer in WRONG:
        answer = await client.post("/v1/vendors", json={"slug": "acme", "name": "Acme"} | given)
        assert answer.status_code == 422, (given, answer.text)
        assert pointer in [error["pointer"] for error in answer.json()["errors"]], answer.text
    assert (await client.get("/v1/vendors/acme")).status_code == 404


async def test_a_key_set_takes_what_is_published_and_never_a_private_key(client: Client) -> None:
    key = JWKS["keys"][0]
    made = {"slug": "se", "name": "S", "scheme": "shipengine", "kind": "tracker"}
    for wrong in (key | {"d": "AQAB"}, key | {"n": key["n"][:40]}, key | {"kty": "EC"}):
        body = made | {"public_keys": {"keys": [wrong]}}
        await posted(client, "/v1/vendors", body, 422)
    refused = await posted(client, "/v1/vendors", made | {"secret": LONG, "public_keys": JWKS}, 409)
    assert refused["code"] == "signs-with-own-key"
    pasted = {"keys": [key | {"x5c": ["AA=="], "alg": "RS256"}]}
    answer = await posted(client, "/v1/vendors", made | {"public_keys": pasted})
    assert answer["secret"] is None
    kept = {name: key[name] for name in ("kty", "kid", "n", "e")}
    assert answer["vendor"]["public_keys"] == {"keys": [kept]}
    for path in ("secrets", "test-event"):
        answer = await posted(client, f"/v1/vendors/se/{path}", {}, 409)
        assert answer["code"] == "signs-with-own-key"


async def test_a_slug_is_one_vendors(client: Client, acme: Sender) -> None:
    answer = await posted(client, "/v1/vendors", {"slug": "acme", "name": "Other"}, 409)
    assert answer["code"] == "slug-taken"


async def test_a_tracker_speaks_for_the_sellers_it_tracks(client: Client, acme: Sender) -> None:
    await add_vendor(client, "globex")
    await add_vendor(
        client, "easypost", scheme="easypost", kind="tracker", secret=LONG, tracks=["acme"]
    )
    path = "/v1/vendors/easypost"
    read = await client.get(path)
    assert read.json()["tracks"] == ["acme"]
    etag = read.headers["etag"]
    changed = await client.patch(
        path, json={"tracks": ["globex", "acme"], "name": "EP"}, headers={"if-match": etag}
    )
    assert (changed.json()["tracks"], changed.json()["name"]) == (["acme", "globex"], "EP")
    again = await client.patch(path, json={"tracks": []}, headers={"if-match": etag})
    assert again.status_code == 412
    assert (await client.patch(path, json={"tracks": []})).status_code == 428
    etag = changed.headers["etag"]
    emptied = await client.patch(path, json={"tracks": []}, headers={"if-match": etag})
    assert emptied.json()["tracks"] == []
    for wrong in ({"tracks": None}, {"slug": "x"}, {"scheme": "standard"}, {"public_keys": JWKS}):
        etag = emptied.headers["etag"]
        answer = await client.patch(path, json=wrong, headers={"if-match": etag})
        assert answer.status_code == 422, wrong


async def test_keys_that_are_replaced_are_good_at_once(client: Client, stranger: Client) -> None:
    vector = BY_NAME["shipengine"]
    other = {"keys": [JWKS["keys"][0] | {"kid": "another"}]}
    given = {"scheme": "shipengine", "kind": "tracker", "public_keys": other}
    await add_vendor(client, "shipengine", **given)

    async def send() -> int:
        with clock.moved_to(datetime.fromtimestamp(vector.at, UTC)):
            answer = await stranger.post(
                "/v1/webhooks/shipengine", content=vector.body, headers=vector.headers
            )
        return answer.status_code

    assert await send() == 401
    answer = await client.patch(
        "/v1/vendors/shipengine", json={"public_keys": JWKS}, headers={"if-match": "*"}
    )
    assert answer.status_code == 200, answer.text
    assert await send() == 202


async def test_two_secrets_are_good_while_one_replaces_the_other(
    client: Client, stranger: Client, acme: Sender
) -> None:
    async def is_good(secret: str) -> bool:
        return (await post_event(stranger, Sender("acme", secret), EVENT)).status_code == 202

    first = acme.secret
    assert await is_good(first)
    rotated = await posted(client, "/v1/vendors/acme/secrets", {"overlap_hours": 2})
    second = rotated["secret"]
    assert await is_good(second), "a new secret works at once"
    assert await is_good(first)
    with clock.moved_to(clock.now() + timedelta(hours=2, seconds=1)):
        assert not await is_good(first)
        assert await is_good(second)
    third = (await posted(client, "/v1/vendors/acme/secrets", {}))["secret"]
    assert [await is_good(one) for one in (first, second, third)] == [False, True, True]
    fourth = await posted(client, "/v1/vendors/acme/secrets", {"overlap_hours": 0})
    assert fourth["old_retires_at"] is None
    good = [await is_good(one) for one in (first, second, third, fourth["secret"])]
    assert good == [False, False, False, True]
    shown = (await client.get("/v1/vendors/acme")).json()["secrets"]
    assert [one["retires_at"] for one in shown] == [None]


async def test_a_given_secret_is_taken_where_the_vendor_makes_it(
    client: Client, stranger: Client, acme: Sender
) -> None:
    secret = BY_NAME["standard key a"].secret
    answer = await posted(client, "/v1/vendors/acme/secrets", {"secret": secret})
    assert answer["secret"] == secret
    assert (await post_event(stranger, Sender("acme", secret), EVENT)).status_code == 202
    for wrong in ({"secret": LONG}, {"overlap_hours": -1}, {"overlap_hours": 9999}, {"x": 1}):
        await posted(client, "/v1/vendors/acme/secrets", wrong, 422)
    await add_vendor(client, "shippo", scheme="shippo", secret=LONG)
    answer = await posted(client, "/v1/vendors/shippo/secrets", {}, 422)
    assert answer["errors"][0]["pointer"] == "/secret"


async def test_retired_secrets_are_deleted(
    client: Client, acme: Sender, database: Database
) -> None:
    await posted(client, "/v1/vendors/acme/secrets", {"overlap_hours": 1})
    async with writing(database, "job:test") as session:
        assert await purge_retired(session, clock.now()) == 0
        assert await purge_retired(session, clock.now() + timedelta(hours=2)) == 1


async def test_secrets_are_sealed_at_rest(client: Client, acme: Sender, database: Database) -> None:
    async with database.raw() as connection:
        found = await (await connection.execute("SELECT sealed FROM vendor_secrets")).fetchall()
        history = await (await connection.execute("SELECT after::text FROM history")).fetchall()
    assert len(found) == 1
    assert acme.secret.encode() not in found[0][0]
    assert acme.secret not in str(history)


async def test_health_counts_a_days_outcomes_and_its_median_delay(
    client: Client, stranger: Client, acme: Sender, database: Database
) -> None:
    await add_vendor(client, "globex")
    health = (await client.get("/v1/vendors/acme")).json()["health"]
    assert health == {
        "last_event_at": None,
        "outcomes": {},
        "failures": 0,
        "repeats": 0,
        "median_delay_seconds": None,
    }
    for number in range(7):
        await post_event(stranger, acme, EVENT, f"msg_{number}")
    await post_event(stranger, acme, EVENT, "msg_0")
    events = await events_of(database)
    settled = [("applied", 1), ("applied", 2), ("applied", 30), ("failed", None), ("applied", 99)]
    settled.append(("applied", 3600))
    async with writing(database, "job:test") as session:
        for event, (outcome, seconds) in zip(events, settled, strict=False):
            at = event.received_at
            values: dict[str, Any] = {"outcome": outcome}
            if seconds == 3600:
                # Somebody replayed it an hour later.
                values["attempts"] = 2
            if seconds == 99:
                at = values["received_at"] = at - timedelta(hours=25)
            if seconds:
                values["settled_at"] = at + timedelta(seconds=seconds)
            await session.execute(
                update(WebhookEvent).where(col(WebhookEvent.id) == event.id).values(values)
            )
    health = (await client.get("/v1/vendors/acme")).json()["health"]
    assert health == {
        "last_event_at": events[-1].received_at.isoformat().replace("+00:00", "Z"),
        "outcomes": {"applied": 4, "failed": 1, "stored": 1},
        "failures": 1,
        "repeats": 1,
        "median_delay_seconds": 2.0,
    }
    listed = (await client.get("/v1/vendors")).json()["items"]
    assert [one["health"]["failures"] for one in listed] == [1, 0]


async def test_who_is_limited_to_a_network_sees_vendors_and_manages_none(
    client: Client, acme: Sender, app: Any, database: Database
) -> None:
    network = await posted(
        client,
        "/v1/networks",
        {"code": "N", "name": "N", "timezone": "America/Chicago", "country": "US"},
    )
    async with writing(database, "job:test") as session:
        token = await create_token(session, name="ops", role=Role.ops, network_id=network["id"])
    async with client_of(app, token) as limited:
        shown = (await limited.get("/v1/vendors/acme")).json()
        assert shown["slug"] == "acme"
        assert (shown["health"], shown["secrets"], shown["public_keys"]) == (None, None, None)
        for path, body in (
            ("/v1/vendors", {"slug": "x", "name": "X"}),
            ("/v1/vendors/acme/secrets", {}),
            ("/v1/vendors/acme/test-event", {}),
        ):
            await posted(limited, path, body, 403)
        answer = await limited.patch(
            "/v1/vendors/acme", json={"name": "X"}, headers={"if-match": "*"}
        )
        assert answer.status_code == 403
