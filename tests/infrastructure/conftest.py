"""Four schools of a network that follow the one-to-one playbook, and the shipped checks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from api.auth.rules import Role
from api.db.pool import Database
from api.db.uow import writing
from api.infrastructure import defining
from tests.tasks.conftest import (
    As,
    Body,
    Caller,
    admin,
    calling,
    database,
    network,
    rows,
    shipped,
)

__all__ = [
    "As",
    "Body",
    "Caller",
    "admin",
    "calling",
    "database",
    "measure",
    "network",
    "rows",
    "shipped",
    "stands",
]

SCHOOLS = ("A", "B", "C")
INTERNET = "internet_bandwidth"


async def measure(
    caller: Caller, value: float | str, school: str = "A", check: str = INTERNET, **given: Any
) -> Body:
    """Record a result."""
    body = {"value": value, **given}
    made: Body = await caller.post(f"/schools/{school}/checks/{check}/results", body, 201)
    return made


async def stands(caller: Caller, school: str = "A", check: str = INTERNET) -> Body:
    """Where a school stands with a check."""
    found: Body = await caller.get(f"/schools/{school}/checks/{check}")
    return found


@pytest.fixture
async def checks(database: Database, shipped: None) -> None:
    """The checks that ship are in the catalogue, as at a start."""
    async with writing(database, defining.SHIPPER) as session:
        await defining.ship(session)


@pytest.fixture
async def schools(admin: Caller, network: Body, checks: None) -> dict[str, Body]:
    """Schools A, B and C of network N by code: 375 students and 25 teachers each."""
    return {code: await admin.school(code, enrollment=375, teacher_count=25) for code in SCHOOLS}


@pytest.fixture
async def prepared(admin: Caller, schools: dict[str, Body]) -> dict[str, Body]:
    """All schools go one-to-one on 23 August 2027, with the plan that ships for it."""
    for code in SCHOOLS:
        body = {"playbook": "one_to_one", "first_bell": "2027-08-23"}
        await admin.post(f"/schools/{code}/rollouts", body, 201)
    return schools


@pytest.fixture
async def lead(calling: As, schools: dict[str, Body]) -> AsyncIterator[Caller]:
    """The lead of school A."""
    limits = {
        "network_id": UUID(schools["A"]["network_id"]),
        "school_ids": [UUID(schools["A"]["id"])],
    }
    async with calling(Role.school_lead, **limits) as opened:
        yield opened
