"""Open pages hear that the inbox changed, also where no school did; only who may see that."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from api.auth.rules import Role
from api.db.pool import Database
from api.settings import Settings
from tests.readiness.conftest import token_of
from tests.readiness.test_events import Page, page, serving
from tests.shelf import furnished
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


async def callers(scene: Scene, database: Database) -> dict[str, str]:
    """Tokens of who may see what; each sees D of network N, or Z of network M."""
    other = (await make(scene.client, "/networks", {**NETWORK, "code": "M"}))["id"]
    await make(scene.client, "/schools", {"code": "Z", "name": "Z", "network": "M"})
    [(network, schools)] = await rows(
        database,
        "SELECT network_id, array_agg(id) FROM schools WHERE code IN ('A', 'D') GROUP BY 1",
    )
    viewer, lead = Role.viewer, Role.school_lead
    return {
        "everything": await token_of(database),
        "network": await token_of(database, viewer, network_id=network),
        "other network": await token_of(database, viewer, network_id=UUID(other)),
        "school": await token_of(database, lead, network_id=network, school_ids=schools),
        "no orders": await token_of(database, scopes=["readiness:read"]),
    }


async def heard(scene: Scene, pages: dict[str, Page]) -> dict[str, set[str]]:
    """What each page heard since the last time, up to a change that it surely hears."""
    marks: dict[str, str] = {}
    for code in ("Z", "D"):
        task = {"key": f"mark.{uuid4().hex}", "title": "A mark", "workstream": "change"}
        marks[code] = (await make(scene.client, f"/schools/{code}/tasks", task))["school_id"]
    own = {who: marks["Z" if who == "other network" else "D"] for who in pages}
    found = {who: await before(one, own[who], set(marks.values())) for who, one in pages.items()}
    return {who: names for who, names in found.items() if names}


async def before(opened: Page, mark: str, marks: set[str]) -> set[str]:
    names: set[str] = set()
    while True:
        name, data = await opened.next()
        schools = set(data.get("schools") or ())
        if mark in schools:
            return names
        if not schools or schools - marks:
            names.add(name)


async def test_what_was_settled_is_told_to_who_may_see_it(
    scene: Scene, built_apart: FastAPI, settings: Settings, database: Database
) -> None:
    tokens = await callers(scene, database)
    await place(scene.client, order_of("acme", "PO-1", {"A": 5}))
    app = furnished(built_apart, settings, database)
    async with AsyncExitStack() as stack:
        _, base = await stack.enter_async_context(serving(app))
        pages = {
            who: (await stack.enter_async_context(page(base, token)))[0]
            for who, token in tokens.items()
        }
        await heard(scene, pages)
        await scene.told(shipment_event("PO-1", "1Z1", "in_transit", scene.begin))
        both = {"inbox changed", "school changed"}
        assert await heard(scene, pages) == {
            "everything": both,
            "network": both,
            "school": {"school changed"},
            "no orders": {"school changed"},
        }
        await scene.told(shipment_event("PO-UNKNOWN", "1Z2", "in_transit", scene.begin))
        assert await heard(scene, pages) == {"everything": {"inbox changed"}}
