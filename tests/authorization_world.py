"""Two networks with everything in them, and a caller of each kind that looks at them."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI

from api import wiring
from api.app import furnish
from api.auth.passwords import hash_password
from api.auth.rules import Role
from api.auth.service import create_user
from api.auth.tokens import create_token
from api.db.pool import Database
from api.db.uow import writing
from api.settings import Settings
from tests.authorization_accounts import make_accounts
from tests.authorization_calendars import make_calendars
from tests.authorization_infrastructure import make_checks
from tests.authorization_orders import make_orders, make_vendors
from tests.authorization_pd import make_pd
from tests.authorization_privacy import make_erasures
from tests.authorization_probe import make_probe_report
from tests.authorization_rules import SCOPES, Case
from tests.authorization_shipping import make_shipments
from tests.authorization_table import PLAYBOOK
from tests.authorization_targets import make_targets
from tests.authorization_webhooks import make_events

Body = dict[str, Any]
PASSWORD = "correct horse battery"
# Each place is a school; a1 and a2 are of one network.
NETWORKS = {"a1": "A", "a2": "A", "b1": "B"}
# A task of its own for each operation that changes one, so that no call undoes another's ground.
TASKS = (
    *("edit", "gate", "bulk", "by_key", "bulk_skip", "start", "finish", "done", "skip", "cancel"),
    *("evidence", "before", "waits", "waive", "approvable", "revocable"),
)
_PLAN = """\
name: plan
version: 1
title: Plan
model: flexible
summary: A task for each operation.
devices_per_student: 1
spare_percent: 5
default_lead_days: 30
tasks:
"""
_TASK = (
    "  - {{key: change.{key}, title: {key}, gate: {gate}, owner_role: tech, duration: [1, 2, 3],"
    " description: Do it., depends_on: [{before}]}}\n"
)


def _before(key: str) -> str:
    return "change.before" if key == "waits" else ""


def _planned_task(key: str) -> str:
    gate = "true" if key in ("edit", "gate") else "false"
    return _TASK.format(key=key, before=_before(key), gate=gate)


@dataclass(frozen=True, slots=True)
class World:
    """`names[place]` fills a case's path and body; `ids` are of networks and schools."""

    names: dict[str, dict[str, str]]
    ids: dict[str, UUID]

    def to_text(self) -> str:
        ids = {name: str(one) for name, one in self.ids.items()}
        return json.dumps({"names": self.names, "ids": ids})

    @classmethod
    def from_text(cls, text: str) -> World:
        read = json.loads(text)
        return cls(read["names"], {name: UUID(one) for name, one in read["ids"].items()})

    async def token(self, database: Database, caller: str) -> str | None:
        """A token of this kind of caller; None for a stranger."""
        network, school = self.ids["A"], self.ids["a1"]
        kinds: dict[str, tuple[Role, Body]] = {
            "viewer": (Role.viewer, {"network_id": network}),
            "viewer_with_names": (Role.viewer, {"network_id": network, "sees_names": True}),
            "school_lead": (Role.school_lead, {"network_id": network, "school_ids": [school]}),
            "ops": (Role.ops, {"network_id": network}),
            "ops_of_school": (Role.ops, {"network_id": network, "school_ids": [school]}),
            "admin": (Role.admin, {"network_id": network}),
            "admin_everywhere": (Role.admin, {}),
            "admin_elsewhere": (Role.admin, {"network_id": self.ids["B"]}),
            "admin_scoped": (Role.admin, {"network_id": network, "scopes": SCOPES}),
        }
        if caller == "anonymous":
            return None
        role, limits = kinds[caller]
        async with writing(database, "job:test") as session:
            return await create_token(session, name=caller, role=role, **limits)


class Maker:
    """An admin's client; every call has to succeed."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def get(self, path: str) -> Any:
        answer = await self.client.get(f"/v1{path}")
        assert answer.is_success, answer.text
        return answer.json()

    async def post(self, path: str, body: Body | None = None) -> Any:
        answer = await self.client.post(f"/v1{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    async def delete(self, path: str) -> None:
        answer = await self.client.delete(f"/v1{path}")
        assert answer.is_success, answer.text


@asynccontextmanager
async def client_of(app: FastAPI, token: str | None) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    # An address that /metrics does not trust.
    transport = httpx.ASGITransport(app, client=("192.0.2.1", 40000))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://firstbell.test", headers=headers, timeout=60
    ) as client:
        yield client


async def populate(app: FastAPI, settings: Settings, url: str) -> World:
    """Make both networks in an empty database, whose users have the password `PASSWORD`."""
    async with Database(url, settings, wiring.build_bus()) as database:
        furnish(app, settings, database)
        async with app.router.lifespan_context(app):
            return await _build(app, database, await hash_password(PASSWORD))


async def _build(app: FastAPI, database: Database, password_hash: str) -> World:
    """Over HTTP; `password_hash` is of `PASSWORD`."""
    async with writing(database, "job:test") as session:
        token = await create_token(session, name="maker", role=Role.admin, sees_names=True)
    world = World({}, {})
    async with client_of(app, token) as client:
        maker = Maker(client)
        await maker.post("/playbooks", {"source": _PLAN + "".join(map(_planned_task, TASKS))})
        await make_vendors(maker.post)
        for code in sorted(set(NETWORKS.values())):
            made = await maker.post(
                "/networks",
                {"code": code, "name": code, "timezone": "America/Chicago", "country": "US"},
            )
            # Their requests for waivers wait for somebody's approval.
            answer = await client.patch(
                f"/v1/networks/{code}", json={"four_eyes": True}, headers={"if-match": "*"}
            )
            assert answer.is_success, answer.text
            world.ids[code] = UUID(made["id"])
        for place, network in NETWORKS.items():
            world.names[place] = await _place(maker, database, password_hash, place, network, world)
    return world


async def _place(
    maker: Maker,
    database: Database,
    password_hash: str,
    place: str,
    network: str,
    world: World,
) -> dict[str, str]:
    school = f"SCHOOL-{place.upper()}"
    made = await maker.post(
        "/schools",
        {"code": school, "name": school, "network": network, "first_bell": "2027-08-23"},
    )
    world.ids[place] = UUID(made["id"])
    names = {"place": place, "network": network, "school": school, "password": PASSWORD}
    names |= await _tasks(maker, school, f"/networks/{network}/tasks", place)
    names |= await _belongings(maker, names)
    names |= await make_orders(maker.post, place, school)
    names |= await make_shipments(maker.post, names)
    names |= await make_checks(maker.post, names)
    names |= await make_probe_report(database, world.ids[place])
    names |= await make_events(database, names, world.ids[network])
    names |= await make_calendars(maker.post, names)
    names |= await make_pd(maker.post, maker.delete, names)
    names |= await make_accounts(database, names, world.ids[network], world.ids[place])
    names |= await make_targets(database, place, world.ids[network])
    names |= await make_erasures(database, names, world.ids[network], world.ids[place])
    names |= await _people(maker, database, password_hash, names, world.ids[network])
    return names


async def _tasks(maker: Maker, school: str, of_network: str, place: str) -> dict[str, str]:
    """The ids of a task for each operation, the school's and the network's; waivers likewise."""
    await maker.post(f"/schools/{school}/rollouts", {"playbook": "plan"})
    listed = await maker.get(f"/schools/{school}/tasks?limit=1000")
    ids = {task["key"].removeprefix("change."): task["id"] for task in listed["items"]}
    for key in TASKS:
        before = [f"{place}.{_before(key)}"] if _before(key) else []
        body = {"key": f"{place}.change.{key}", "title": key, "depends_on": before}
        ids[f"network_{key}"] = (await maker.post(of_network, body))["id"]
    for whose in ("", "network_"):
        await maker.post(f"/tasks/{ids[whose + 'done']}/complete")
        for key in ("approvable", "revocable"):
            waivers = f"/tasks/{ids[whose + key]}/waivers"
            ids[whose + key] = (await maker.post(waivers, {"reason": "Because."}))["id"]
    return ids


async def _belongings(maker: Maker, names: dict[str, str]) -> dict[str, str]:
    place, network = names["place"], names["network"]
    site = await maker.post(f"/networks/{network}/sites", {"name": f"Site {place}"})
    person = {
        "school": names["school"],
        "sourced_id": f"staff-{place}",
        "given_name": "Ada",
        "family_name": "Lovelace",
        "role": "teacher",
    }
    staff = await maker.post("/staff", person)
    source = PLAYBOOK.format(place=place).replace("version: 2", "version: 1")
    playbook = await maker.post("/playbooks", {"source": source, "network": network})
    return {"site": site["id"], "staff": staff["id"], "playbook": playbook["id"]}


async def _people(
    maker: Maker,
    database: Database,
    password_hash: str,
    names: dict[str, str],
    network_id: UUID,
) -> dict[str, str]:
    place, network = names["place"], names["network"]
    invited = await maker.post(
        "/users",
        {"email": f"invited@{place}.org", "name": "I", "role": "viewer", "network": network},
    )
    key = {"name": f"key of {place}", "role": "viewer", "network": network}
    token = await maker.post("/tokens", key)
    async with writing(database, "job:test") as session:
        user = await create_user(
            session,
            email=f"person@{place}.org",
            name="Person",
            role=Role.viewer,
            network_id=network_id,
            password_hash=password_hash,
        )
    return {"link": invited["link"]["token"], "token": token["id"], "user": str(user.id)}


def filled(template: Any, names: dict[str, str]) -> Any:
    if isinstance(template, str):
        return template.format_map(names)
    if isinstance(template, dict):
        return {key: filled(value, names) for key, value in template.items()}
    if isinstance(template, list):
        return [filled(value, names) for value in template]
    return template


async def call(
    client: httpx.AsyncClient, key: str, case: Case, names: dict[str, str], **more: str
) -> httpx.Response:
    """Make a case's call; `more` are headers."""
    method, template = key.split(" ")
    path = filled(case.path, names)
    pattern = "[^/]+".join(re.escape(part) for part in re.split(r"\{\w+\}", template))
    assert re.fullmatch(pattern, path.partition("?")[0]), f"{path} is not {key}: mend the row"
    body = filled(case.body, names)
    if case.csv:
        headers = {"content-type": "text/csv", **more}
        return await client.request(method, path, content=body, headers=headers)
    # Any version will do: what is asked here is whether the caller may.
    headers = {"if-match": "*", **more} if method in ("PATCH", "POST") else more
    return await client.request(method, path, json=body, headers=headers)
