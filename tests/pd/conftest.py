"""Two schools with staff, and what the tests of PD ask of them."""

from __future__ import annotations

import pytest

from tests.pd.classroom import COURSE, Classroom
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
    "network",
    "person",
    "rows",
    "shipped",
]


@pytest.fixture
async def schools(admin: Caller, network: Body) -> dict[str, Body]:
    """Schools A and B of network N."""
    return {code: await admin.school(code, enrollment=100) for code in ("A", "B")}


@pytest.fixture
async def classroom(admin: Caller, schools: dict[str, Body]) -> Classroom:
    """The course `basics` of network N, to be held."""
    await admin.post("/pd/courses", COURSE | {"network": "N"}, 201)
    return Classroom(admin)


async def add_staff(
    admin: Caller, sourced_id: str, school: str = "A", role: str = "teacher", **given: str
) -> str:
    """The id of somebody new; their names are the sourced id unless given."""
    body = {
        "school": school,
        "sourced_id": sourced_id,
        "given_name": sourced_id.title(),
        "family_name": f"of {school}",
        "role": role,
        **given,
    }
    made = await admin.post("/staff", body, 201)
    return str(made["id"])
