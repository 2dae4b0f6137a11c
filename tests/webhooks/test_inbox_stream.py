"""Open pages hear that the inbox changed, also where no school did; only who may see that."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from uuid import UUID

import pytest
from fastapi import FastAPI

from api.auth.rules import Role
from api.db.pool import Database
from api.settings import Settings
from tests.jobs.waiting import until
from tests.readiness.conftest import token_of
from tests.readiness.test_events import Page, page, serving
from tests.webhooks.conftest import Client, Sender, post_event
from tests.webhooks.scene import Scene, make_schools, order_of, place, rows, shipment_event


@pytest.fixture
async def scene(
    client: Client, stranger: Client, acme: Sender, database: Database, settings: Settings
) -> Scene:
    await make_schools(client)
    return Scene(client, partial(post_event, stranger, acme), database, settings)


def names_heard(opened: Page) -> set[str]:
    """Of what is there to be read, without "you may have missed something"."""
    names = set()
    while not opened.events.empty():
        name, data = opened.events.get_nowait()
        if data.get("schools", "") is not None:
            names.add(name)
    return names


async def test_what_was_settled_is_told_to_who_may_see_it(
    scene: Scene, app: FastAPI, database: Database
) -> None:
    [(network, school)] = await rows(
        database, "SELECT network_id, id FROM schools WHERE code = 'A'"
    )
    other = (
        await scene.client.post(
            "/v1/networks",
            json={"code": "M", "name": "M", "timezone": "America/Chicago", "country": "US"},
        )
    ).json()["id"]
    tokens = {
        "everything": await token_of(database),
        "network": await token_of(database, Role.viewer, network_id=network),
        "other network": await token_of(database, Role.viewer, network_id=UUID(other)),
        "school": await token_of(
            database, Role.school_lead, network_id=network, school_ids=[school]
        ),
        "no orders": await token_of(database, scopes=["readiness:read"]),
    }
    await place(scene.client, order_of("acme", "PO-1", {"A": 5}))
    async with AsyncExitStack() as stack:
        _, base = await stack.enter_async_context(serving(app))
        pages = {
            who: (await stack.enter_async_context(page(base, token)))[0]
            for who, token in tokens.items()
        }

        async def told(number: str) -> dict[str, set[str]]:
            """Who hears what of one event, until who sees everything has heard of the inbox."""
            await asyncio.sleep(0.2)
            for opened in pages.values():
                names_heard(opened)
            await scene.told(shipment_event(number, f"1Z {number}", "in_transit", scene.begin))
            heard: dict[str, set[str]] = {who: set() for who in pages}

            def all_told() -> bool:
                for who, opened in pages.items():
                    heard[who] |= names_heard(opened)
                return "inbox changed" in heard["everything"]

            await until(all_told)
            await asyncio.sleep(0.2)
            all_told()
            return heard

        of_network = await told("PO-1")
        assert {who for who, names in of_network.items() if "inbox changed" in names} == {
            "everything",
            "network",
        }
        assert of_network["school"] == {"school changed"}
        of_nobody = await told("PO-UNKNOWN")
        assert {who: names for who, names in of_nobody.items() if names} == {
            "everything": {"inbox changed"}
        }
