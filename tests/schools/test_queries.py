"""What other rooms ask this one for."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import holidays
import pytest

from api.auth.caller import Caller
from api.auth.rules import Role, rights_of
from api.db.pool import Database
from api.db.uow import reading
from api.schools.errors import NetworkNotFound, SchoolArchived, SchoolNotFound, SchoolsUnknown
from api.schools.queries import find_network, find_school, find_schools, school_calendar
from api.schools.service import require_open
from tests.schools.conftest import Client, changed, made


def caller(network_id: str | None = None, *school_ids: str) -> Caller:
    return Caller(
        actor="job:test",
        name="test",
        role=Role.ops,
        rights=rights_of(Role.ops, sees_names=False),
        network_id=UUID(network_id) if network_id else None,
        school_ids=frozenset(map(UUID, school_ids)) or None,
        sees_names=False,
    )


@pytest.fixture
async def schools(
    client: Client, cps: dict[str, Any], kipp: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """`A` and `B` of one network, `C` of another."""
    made_schools = {}
    for code, network in (("A", "CPS"), ("B", "CPS"), ("C", "KIPP")):
        given = {"name": code, "code": code, "network": network}
        made_schools[code] = await made(client, "/v1/schools", given)
    return made_schools


async def test_many_schools_are_found_in_the_order_asked_for_each_once(
    database: Database, schools: dict[str, dict[str, Any]]
) -> None:
    async with reading(database) as session:
        asked = ["c", schools["A"]["id"], "B", "A", schools["C"]["id"].upper()]
        found = await find_schools(session, caller(), asked)
        assert [school.code for school in found] == ["C", "A", "B"]
        assert await find_schools(session, caller(), []) == []


async def test_every_unknown_and_foreign_school_of_a_list_is_named(
    database: Database, schools: dict[str, dict[str, Any]], cps: dict[str, Any]
) -> None:
    async with reading(database) as session:
        asked = ["A", "C", "NOBODY", "\x00", str(UUID(int=0)), schools["C"]["id"]]
        with pytest.raises(SchoolsUnknown) as refused:
            await find_schools(session, caller(cps["id"]), asked, "/lines/0/schools")
        assert refused.value.extra["unknown"] == asked[1:]
        pointers = {error["pointer"] for error in refused.value.extra["errors"]}
        assert pointers == {"/lines/0/schools"}


async def test_many_more_schools_than_a_statement_has_parameters(
    database: Database, schools: dict[str, dict[str, Any]]
) -> None:
    async with reading(database) as session:
        with pytest.raises(SchoolsUnknown) as refused:
            await find_schools(session, caller(), [f"X-{n}" for n in range(70_000)])
        assert len(refused.value.extra["errors"]) <= 100


async def test_scope_decides_what_is_there(
    database: Database, schools: dict[str, dict[str, Any]], cps: dict[str, Any]
) -> None:
    async with reading(database) as session:
        assert (await find_school(session, caller(cps["id"]), "A")).code == "A"
        for limited, hidden in (
            (caller(cps["id"]), "C"),
            (caller(cps["id"], schools["A"]["id"]), "B"),
        ):
            with pytest.raises(SchoolNotFound):
                await find_school(session, limited, hidden)
        assert (await find_network(session, caller(cps["id"]), "cps")).code == "CPS"
        with pytest.raises(NetworkNotFound):
            await find_network(session, caller(cps["id"]), "KIPP")


async def test_an_archived_school_is_found_but_not_open(
    client: Client, database: Database, schools: dict[str, dict[str, Any]]
) -> None:
    await changed(client, "/v1/schools/A", {"archived": True})
    async with reading(database) as session:
        with pytest.raises(SchoolArchived):
            require_open(await find_school(session, caller(), "A"))
        require_open(await find_school(session, caller(), "B"))


async def test_a_schools_calendar_is_its_networks_and_its_own(
    client: Client, database: Database, schools: dict[str, dict[str, Any]]
) -> None:
    await changed(client, "/v1/networks/CPS", {"weekend": [6], "blackout_days": ["2027-04-01"]})
    await changed(client, "/v1/schools/A", {"blackout_days": ["2027-04-02"]})
    judge = set(holidays.country_holidays("US", subdiv="IL", years=range(2025, 2035)))
    today = date(2027, 7, 1)
    async with reading(database) as session:
        for code, own in (("A", {date(2027, 4, 2)}), ("B", set[date]())):
            facts = await school_calendar(
                session, await find_school(session, caller(), code), today
            )
            assert facts.weekend == {6}
            assert facts.days_off == judge | own | {date(2027, 4, 1)}
