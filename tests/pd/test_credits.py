"""The credit report: hours of those who were there, in pages and as a file for spreadsheets."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from api.auth.rules import Role
from api.db.pool import Database
from tests.pd.conftest import As, Body, Caller, add_staff
from tests.pd.timetable import STARTS, Timetable

_NAMES = {"given_name": "=cmd|' /C calc'!A0", "family_name": "Okafor, A.", "email": "a@n.org"}


@pytest.fixture
async def people(admin: Caller, database: Database, schools: dict[str, Body]) -> dict[str, str]:
    """Ada of A was at two sessions, Ben of B at one; others did not come, or only waited."""
    timetable = Timetable(database, schools["A"]["network_id"])
    ids = {
        "ada": await add_staff(admin, "ada", **_NAMES),
        "ben": await add_staff(admin, "ben", school="B"),
        "cy": await add_staff(admin, "cy", school="B"),
    }
    basics, mdm = await timetable.course(), await timetable.course("mdm", "Managing devices")
    # Late in the evening there; the day after in UTC.
    late = STARTS.replace(hour=2) + timedelta(days=1)
    evening = await timetable.session(
        basics,
        starts_at=late,
        timezone="America/Chicago",
        starts_local=late.replace(tzinfo=None) - timedelta(hours=6),
    )
    second = await timetable.session(mdm, starts_at=STARTS + timedelta(days=9))
    await timetable.place(evening, ids["ada"], "attended", hours=Decimal("1.5"))
    await timetable.place(evening, ids["cy"], "no_show")
    await timetable.place(second, ids["ada"], "attended", hours=Decimal(2))
    await timetable.place(second, ids["ben"], "attended", hours=Decimal(2))
    await timetable.place(second, ids["cy"], "registered")
    return ids


async def reported(caller: Caller, query: str = "") -> list[tuple[str, str, float]]:
    listed = await caller.get(f"/pd/credits?{query}")
    return [(row["sourced_id"], row["course"], row["hours"]) for row in listed["items"]]


async def test_hours_are_of_those_who_were_there_and_can_be_narrowed(
    admin: Caller, people: dict[str, str]
) -> None:
    every = await reported(admin)
    assert every[0] == ("ada", "basics", 1.5)
    assert sorted(every[1:]) == [("ada", "mdm", 2), ("ben", "mdm", 2)]
    assert await reported(admin, "school=B") == [("ben", "mdm", 2)]
    assert await reported(admin, "course=basics&network=N") == every[:1]
    assert sorted(await reported(admin, f"staff={people['ada']}")) == [every[0], ("ada", "mdm", 2)]
    held = STARTS.date()
    assert await reported(admin, f"from={held}&to={held}") == every[:1]
    assert await reported(admin, f"to={held - timedelta(days=1)}") == []
    first = await admin.answer("GET", "/pd/credits?limit=1")
    assert len(first.json()["items"]) == 1
    following = await admin.client.get(first.links["next"]["url"])
    assert len(following.json()["items"]) == 1


async def test_the_file_opens_in_a_spreadsheet_without_becoming_a_formula(
    admin: Caller, people: dict[str, str]
) -> None:
    answer = await admin.answer("GET", "/pd/credits?format=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert [(row["sourced_id"], row["course"], row["hours"]) for row in rows] == [
        ("ada", "basics", "1.5"),
        ("ada", "mdm", "2.0"),
        ("ben", "mdm", "2.0"),
    ]
    assert rows[0]["given_name"] == "'" + _NAMES["given_name"]
    assert rows[0]["family_name"] == _NAMES["family_name"]
    assert rows[0]["held_on"] == str(STARTS.date())


async def test_a_caller_sees_credits_of_their_schools_and_names_only_with_the_right(
    calling: As, people: dict[str, str], schools: dict[str, Body]
) -> None:
    network, school = UUID(schools["B"]["network_id"]), UUID(schools["B"]["id"])
    async with calling(Role.school_lead, network_id=network, school_ids=[school]) as lead:
        assert await reported(lead) == [("ben", "mdm", 2)]
        assert "ada" not in (await lead.answer("GET", "/pd/credits?format=csv")).text
        await lead.get("/pd/credits?school=A", 404)
    async with calling(Role.viewer, network_id=network) as viewer:
        listed = await viewer.get("/pd/credits")
        assert [row["family_name"] for row in listed["items"]] == [None] * 3
        text = (await viewer.answer("GET", "/pd/credits?format=csv")).text
        assert "Okafor" not in text
        assert "a@n.org" not in text
