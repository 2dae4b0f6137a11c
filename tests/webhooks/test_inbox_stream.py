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
from tests.webhooks.scene import (
    NETWORK,
    Scene,
    make,
    make_schools,
    order_of,
    place,
    rows,
    shipment_event,
)


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


async def callers(scene: Scene, database: Database) -> dict[str, str]:
    """Tokens of who may see what."""
    [(network, school)] = await rows(
        database, "SELECT network_id, id FROM schools WHERE code = 'A'"
    )
    other = (await make(scene.client, "/networks", {**NETWORK, "code": "M"}))["id"]
    viewer, lead = Role.viewer, Role.school_lead
    return {
        "everything": await token_of(database),
        "network": await token_of(database, viewer, network_id=network),
        "other network": await token_of(database, viewer, network_id=UUID(other)),
        "school": await token_of(database, lead, network_id=network, school_ids=[school]),
        "no orders": await token_of(database, scopes=["readiness:read"]),
    }


async def hears(scene: Scene, pages: dict[str, Page], number: str) -> dict[str, set[str]]:
    """What each hears of one event, until who sees everything has heard of the inbox."""
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
    return {who: names for who, names in heard.items() if names}


async def test_what_was_settled_is_told_to_who_may_see_it(
    scene: Scene, app: FastAPI, database: Database
) -> None:
    tokens = await callers(scene, database)
    await place(scene.client, order_of("acme", "PO-1", {"A": 5}))
    async with AsyncExitStack() as stack:
        _, base = await stack.enter_async_context(serving(app))
        pages = {
            who: (await stack.enter_async_context(page(base, token)))[0]
            for who, token in tokens.items()
        }
        both = {"inbox changed", "school changed"}
        assert await hears(scene, pages, "PO-1") == {
            "everything": both,
            "network": both,
            "school": {"school changed"},
            "no orders": {"school changed"},
        }
        assert await hears(scene, pages, "PO-UNKNOWN") == {"everything": {"inbox changed"}}
