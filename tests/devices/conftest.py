"""A network of schools, a seller, and short words for orders."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from api.auth.rules import Role
from tests.tasks.conftest import (
    As,
    Body,
    Caller,
    Person,
    admin,
    calling,
    database,
    network,
    person,
    rows,
    shipped,
)

__all__ = [
    "As",
    "Body",
    "Caller",
    "Person",
    "admin",
    "calling",
    "database",
    "line",
    "network",
    "ordered",
    "person",
    "placed",
    "rows",
    "shipped",
    "vendor",
]

SCHOOLS = ("A", "B", "C", "D")


async def vendor(admin: Caller, slug: str = "acme", **given: Any) -> Body:
    made: Body = await admin.post("/vendors", {"slug": slug, "name": slug.title(), **given}, 201)
    return made


def line(sku: str = "CB", quantity: int | None = None, **more: Any) -> Body:
    """A line; arguments in capitals are schools with their pieces: `line(A=100, B=50)`.

    Without a quantity as many are ordered as are allocated.
    """
    shares = {name: more.pop(name) for name in list(more) if name.isupper()}
    allocations = [{"school": school, "quantity": pieces} for school, pieces in shares.items()]
    total = sum(shares.values()) if quantity is None else quantity
    return {"sku": sku, "quantity": total, "allocations": allocations, **more}


async def ordered(admin: Caller, *lines: Body, number: str = "PO-1", **given: Any) -> Body:
    """A draft of acme's."""
    body = {"vendor": "acme", "number": number, "lines": list(lines), **given}
    made: Body = await admin.post("/orders", body, 201)
    return made


async def placed(admin: Caller, *lines: Body, number: str = "PO-1", **given: Any) -> Body:
    draft = await ordered(admin, *lines, number=number, **given)
    made: Body = await admin.post(f"/orders/{draft['id']}/place")
    return made


@pytest.fixture
async def schools(admin: Caller, network: Body) -> dict[str, Body]:
    """Four schools of network N by code."""
    return {code: await admin.school(code, enrollment=100) for code in SCHOOLS}


@pytest.fixture
async def acme(admin: Caller, schools: dict[str, Body]) -> Body:
    """The seller, once the schools are there."""
    return await vendor(admin)


@pytest.fixture
async def prepared(admin: Caller, acme: Body, shipped: None) -> None:
    """All schools go one-to-one on 23 August 2027, with the plan that ships for it."""
    for code in SCHOOLS:
        body = {"playbook": "one_to_one", "first_bell": "2027-08-23"}
        await admin.post(f"/schools/{code}/rollouts", body, 201)


@pytest.fixture
async def other(calling: As) -> AsyncIterator[Caller]:
    """A second admin: not who drew orders up."""
    async with calling(Role.admin) as opened:
        yield opened


@pytest.fixture
async def lead(calling: As, schools: dict[str, Body]) -> AsyncIterator[Caller]:
    """The lead of school A."""
    limits = {
        "network_id": UUID(schools["A"]["network_id"]),
        "school_ids": [UUID(schools["A"]["id"])],
    }
    async with calling(Role.school_lead, **limits) as opened:
        yield opened
