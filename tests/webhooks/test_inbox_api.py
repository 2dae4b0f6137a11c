"""The inbox for people: what they see, match by hand and apply again; and what is forgotten."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from api import clock
from api.auth.rules import Role
from api.auth.tokens import create_token
from api.db.pool import Database
from api.db.uow import writing
from api.webhooks.bodies import forget_bodies
from api.webhooks.secrets import sealer_for
from tests.webhooks.bodies import NUMBER, easypost
from tests.webhooks.conftest import Client, Sender, add_vendor, client_of
from tests.webhooks.scene import (
    Scene,
    make,
    order_of,
    place,
    promise_event,
    rows,
    shipment_event,
)

EYE_SECRET = "a secret of easypost's"


@pytest.fixture
async def eye(client: Client, acme: Sender) -> Sender:
    """A tracker that may speak of acme's orders."""
    kind = {"kind": "tracker", "tracks": ["acme"]}
    return await add_vendor(client, "eye", scheme="easypost", secret=EYE_SECRET, **kind)


async def watch(stranger: Client, status: str, number: int = 1, **tracker: Any) -> None:
    """What EasyPost posts about a shipment."""
    document = {**easypost(status, **tracker), "id": f"evt_{number}"}
    body = json.dumps(document).encode()
    mac = hmac.new(EYE_SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"x-hmac-signature": f"hmac-sha256-hex={mac}"}
    answer = await stranger.post("/v1/webhooks/eye", content=body, headers=headers)
    assert answer.status_code == 202, answer.text


async def listed(client: httpx.AsyncClient, query: str = "") -> list[dict[str, Any]]:
    answer = await client.get(f"/v1/webhook-events{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def detail(client: httpx.AsyncClient, event_id: str) -> dict[str, Any]:
    answer = await client.get(f"/v1/webhook-events/{event_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_an_event_is_shown_without_what_is_personal(
    scene: Scene, client: Client, stranger: Client, eye: Sender
) -> None:
    await watch(stranger, "delivered", signed_by="Ada Lovelace")
    await scene.apply()
    (event,) = await listed(client)
    assert event["vendor"] == "eye"
    assert event["outcome"] == "unmatched"
    assert event["tracking_number"] == NUMBER.lower()
    assert event["replayable"] is True
    shown = await detail(client, event["id"])
    assert shown["body"]["result"]["status"] == "delivered"
    assert "Ada" not in json.dumps(shown)


async def test_events_are_listed_newest_first_and_filtered(
    scene: Scene, client: Client, stranger: Client, eye: Sender
) -> None:
    await place(client, order_of("acme", "PO-1", {"A": 3}))
    await scene.told(
        shipment_event("PO-1", "T1", "in_transit", scene.begin),
        shipment_event("PO-9", "T2", "in_transit", scene.begin),
    )
    await watch(stranger, "in_transit")
    await scene.apply()
    every = [event["tracking_number"] for event in await listed(client)]
    assert every == [NUMBER.lower(), "t2", "t1"]

    async def numbers(query: str) -> list[str]:
        return [event["tracking_number"] for event in await listed(client, query)]

    assert await numbers("?vendor=acme") == ["t2", "t1"]
    assert await numbers("?outcome=applied") == ["t1"]
    assert await numbers("?q=po-9") == ["t2"]
    assert await numbers("?q=T1") == ["t1"]
    # In groups, as carriers print it.
    assert await numbers(f"?q={NUMBER[:2]} {NUMBER[2:6]} {NUMBER[6:]}") == [NUMBER.lower()]
    later = (clock.now() + timedelta(hours=1)).isoformat().replace("+", "%2B")
    assert await numbers(f"?since={later}") == []
    first = await client.get("/v1/webhook-events?limit=2")
    assert [event["tracking_number"] for event in first.json()["items"]] == every[:2]
    rest = await client.get(first.links["next"]["url"])
    assert [event["tracking_number"] for event in rest.json()["items"]] == every[2:]
    assert (await client.get("/v1/webhook-events?vendor=nobody")).status_code == 404


@pytest.fixture
async def other_network(app: FastAPI, client: Client, database: Database) -> AsyncIterator[Client]:
    made = await make(
        client,
        "/networks",
        {"code": "M", "name": "M", "timezone": "America/Chicago", "country": "US"},
    )
    async with writing(database, "job:test") as session:
        token = await create_token(session, name="ops", role=Role.ops, network_id=UUID(made["id"]))
    async with client_of(app, token) as opened:
        yield opened


async def lead_of(app: FastAPI, scene: Scene, code: str) -> Client:
    school = (await scene.client.get(f"/v1/schools/{code}")).json()
    async with writing(scene.database, "job:test") as session:
        token = await create_token(
            session,
            name=code,
            role=Role.school_lead,
            network_id=UUID(school["network_id"]),
            school_ids=[UUID(school["id"])],
        )
    return client_of(app, token)


async def test_events_show_to_those_whose_schools_they_move(
    scene: Scene, client: Client, app: FastAPI, other_network: Client
) -> None:
    await place(client, order_of("acme", "PO-1", {"A": 3, "B": 3}))
    await scene.told(
        shipment_event("PO-1", "T1", "in_transit", scene.begin, school="A"),
        promise_event("PO-1", "2027-06-01", scene.begin),
        shipment_event("PO-9", "T2", "in_transit", scene.begin),
    )
    assert len(await listed(client)) == 3
    assert await listed(other_network) == []
    async with await lead_of(app, scene, "A") as lead:
        assert len(await listed(lead)) == 2
    async with await lead_of(app, scene, "B") as lead:
        seen = await listed(lead)
        assert [event["kind"] for event in seen] == ["order.promised"]
        refused = await lead.post(f"/v1/webhook-events/{seen[0]['id']}/replay")
        assert refused.status_code == 403
    for event in await listed(client):
        path = f"/v1/webhook-events/{event['id']}"
        assert (await other_network.get(path)).status_code == 404
        assert (await other_network.post(f"{path}/replay")).status_code == 404


async def test_an_unmatched_event_comes_with_suggestions_and_is_matched(
    scene: Scene, client: Client
) -> None:
    order = await place(client, order_of("acme", "PO-118", {"A": 3}))
    await scene.told(shipment_event("PO118", "T1", "in_transit", scene.begin))
    (event,) = await listed(client)
    (suggestion,) = (await detail(client, event["id"]))["suggestions"]
    assert suggestion["order_number"] == "PO-118"
    assert suggestion["why"].endswith(".")
    answer = await client.post(
        f"/v1/webhook-events/{event['id']}/match", json={"order": suggestion["order_id"]}
    )
    assert answer.status_code == 202, answer.text
    assert answer.json()["outcome"] == "stored"
    assert await scene.apply() == 1
    settled = await detail(client, event["id"])
    assert settled["outcome"] == "applied"
    assert settled["order_id"] == order["id"]
    assert settled["suggestions"] == []
    again = await client.post(
        f"/v1/webhook-events/{event['id']}/match", json={"order": order["id"]}
    )
    assert (again.status_code, again.json()["code"]) == (409, "event-settled")


async def test_the_order_that_is_named_is_suggested_before_what_looks_alike(
    scene: Scene, client: Client
) -> None:
    order = await place(client, order_of("acme", "PO-118", {"A": 3, "B": 3}))
    for number in range(5):
        box = {"carrier": "UPS", "tracking_number": f"1Z999{number}", "school": "A"}
        await make(client, f"/orders/{order['id']}/shipments", box)
    await scene.told(shipment_event("PO-118", "1Z9999", "in_transit", scene.begin))
    (event,) = await listed(client)
    found = (await detail(client, event["id"]))["suggestions"]
    assert len(found) == 5
    assert [one["shipment_id"] is None for one in found] == [True] + [False] * 4


async def test_a_trackers_event_is_matched_to_a_shipment_that_another_carrier_has(
    scene: Scene, client: Client, stranger: Client, eye: Sender
) -> None:
    order = await place(client, order_of("acme", "PO-1", {"A": 3}))
    box = {"carrier": "FedEx", "tracking_number": NUMBER, "school": "A"}
    await make(client, f"/orders/{order['id']}/shipments", box)
    await watch(stranger, "in_transit", updated_at=scene.begin.isoformat())
    await scene.apply()
    (event,) = await listed(client)
    (suggestion,) = (await detail(client, event["id"]))["suggestions"]
    assert suggestion["why"] == "The same tracking number, by FedEx."
    answer = await client.post(
        f"/v1/webhook-events/{event['id']}/match", json={"shipment": suggestion["shipment_id"]}
    )
    assert answer.status_code == 202, answer.text
    await scene.apply()
    assert [row[2:5] for row in (await scene.tables())["shipments"]] == [
        ("fedex", "A", "in_transit")
    ]


async def test_a_tracker_speaks_of_its_sellers_shipments_alone(
    scene: Scene, client: Client, stranger: Client, eye: Sender
) -> None:
    await add_vendor(client, "rival")
    for slug in ("acme", "rival"):
        order = await place(client, order_of(slug, "PO-1", {"A": 3}))
        box = {"carrier": "ups", "tracking_number": NUMBER, "school": "A"}
        await make(client, f"/orders/{order['id']}/shipments", box)
    await watch(stranger, "in_transit", updated_at=scene.begin.isoformat())
    await scene.apply()
    found = await rows(
        scene.database,
        "SELECT v.slug, s.status FROM shipments s JOIN orders o ON o.id = s.order_id"
        " JOIN vendors v ON v.id = o.vendor_id ORDER BY v.slug",
    )
    assert found == [("acme", "in_transit"), ("rival", "unknown")]


async def test_a_trackers_event_waits_for_its_shipment(
    scene: Scene, client: Client, stranger: Client, eye: Sender
) -> None:
    order = await place(client, order_of("acme", "PO-1", {"A": 3, "B": 3}))
    await watch(stranger, "out_for_delivery", updated_at=scene.begin.isoformat())
    assert await scene.apply() == 1
    box = {"carrier": "ups", "tracking_number": NUMBER, "school": "B"}
    await make(client, f"/orders/{order['id']}/shipments", box)
    assert await scene.apply() == 1
    assert await scene.outcomes() == [("applied", None)]


async def test_an_event_is_never_matched_to_another_sellers_order(
    scene: Scene, client: Client, other_network: Client
) -> None:
    await add_vendor(client, "rival")
    theirs = await place(client, order_of("rival", "PO-1", {"A": 3}))
    await scene.told(shipment_event("PO-1", "T1", "in_transit", scene.begin))
    (event,) = await listed(client)
    assert (await detail(client, event["id"]))["suggestions"] == []
    path = f"/v1/webhook-events/{event['id']}/match"
    answer = await client.post(path, json={"order": theirs["id"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "not-its-order")
    for body, status in (
        ({}, 400),
        ({"order": theirs["id"], "shipment": theirs["id"]}, 400),
        ({"shipment": theirs["id"]}, 404),
        ({"order": event["id"]}, 404),
    ):
        assert (await client.post(path, json=body)).status_code == status
    # Unmatched, it is nobody's network's.
    assert (await other_network.post(path, json={"order": theirs["id"]})).status_code == 404


async def test_a_replay_counts_nothing_twice(scene: Scene, client: Client) -> None:
    await place(client, order_of("acme", "PO-1", {"A": 3}))
    lines = [{"sku": "CB", "quantity": 3}]
    await scene.told(
        shipment_event("PO-1", "T1", "delivered", scene.begin, lines=lines),
        promise_event("PO-1", "2027-06-01", scene.begin),
        shipment_event("PO-9", "T9", "delivered", scene.begin),
    )
    before = await scene.tables(), await scene.outcomes()
    for event in await listed(client):
        answer = await client.post(f"/v1/webhook-events/{event['id']}/replay")
        assert answer.status_code == 202
    assert await scene.apply() == 3
    assert (await scene.tables(), await scene.outcomes()) == before
    assert {event["attempts"] for event in await listed(client)} == {2}


async def test_all_events_since_a_moment_are_replayed(scene: Scene, client: Client) -> None:
    await place(client, order_of("acme", "PO-1", {"A": 3}))
    await scene.told(
        shipment_event("PO-1", "T1", "delivered", scene.begin),
        shipment_event("PO-9", "T9", "delivered", scene.begin),
    )
    before = await scene.tables()

    async def replay(since: timedelta, **more: str) -> int:
        moment = (clock.now() + since).isoformat()
        body = {"vendor": "acme", "since": moment, **more}
        replayed: int = (await make(client, "/webhook-events/replay", body))["replayed"]
        return replayed

    assert await replay(timedelta(hours=1)) == 0
    assert await replay(-timedelta(hours=1), outcome="unmatched") == 1
    assert await replay(-timedelta(hours=1)) == 1
    assert await scene.apply() == 2
    assert await replay(-timedelta(hours=1)) == 2
    await scene.apply()
    assert await scene.tables() == before


async def test_bodies_are_forgotten_in_time(scene: Scene, client: Client) -> None:
    await place(client, order_of("acme", "PO-1", {"A": 3}))
    await scene.told(
        shipment_event("PO-1", "T1", "delivered", scene.begin),
        shipment_event("PO-9", "T9", "delivered", scene.begin),
    )

    async def kept(days: int) -> list[bool]:
        with clock.moved_to(clock.now() + timedelta(days=days)):
            await forget_bodies(scene.database, sealer_for(scene.settings))
        found = await rows(
            scene.database, "SELECT sealed IS NOT NULL FROM webhook_events ORDER BY id"
        )
        return [row[0] for row in found]

    assert await kept(13) == [True, True]
    assert await kept(15) == [False, True]
    applied = next(one for one in await listed(client) if one["outcome"] == "applied")
    assert applied["replayable"] is False
    seen = (await client.get(f"/v1/webhook-events/{applied['id']}")).json()["body"]
    assert seen["data"]["tracking_number"] == "T1", "what may be seen of it stays"
    answer = await client.post(f"/v1/webhook-events/{applied['id']}/replay")
    assert (answer.status_code, answer.json()["code"]) == (409, "body-forgotten")
    assert await kept(91) == [False, False]
