"""Who was told about which child: recorded for sets of any size, and found by the child."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import select
from sqlmodel import col

from api.accounts.disclosures import Purpose, disclose_set
from api.accounts.models import Account
from api.db.uow import transact
from tests.accounts.conftest import Body, Caller, Rosters, csv_of, rows, student

_ROWS = """
SELECT cardinality(s.students), s.students[1] = s.first, s.students[cardinality(s.students)] = last
FROM disclosure_students s JOIN disclosures d ON d.id = s.disclosure_id
WHERE d.purpose = 'export' ORDER BY s.first
"""


@pytest.fixture
async def many(rosters: Rosters) -> Rosters:
    """2,100 students of school A and 5 of B."""
    some = [student(n) for n in range(2_100)] + [student(n, "B") for n in range(2_100, 2_105)]
    await rosters.run(csv_of(some))
    return rosters


async def export(
    rosters: Rosters, schools: dict[str, Body], school: str, *, walks: bool = False
) -> int:
    place = schools[school]
    return await transact(
        rosters.database,
        "user:ada",
        lambda session: disclose_set(
            session,
            session.actor,
            Purpose.exported,
            select(col(Account.id)).where(col(Account.school_id) == UUID(place["id"])),
            fields=["given_name", "grade"],
            recipient="Google Workspace",
            basis="contract 7",
            network_id=UUID(place["network_id"]),
            school_id=UUID(place["id"]),
            walks=walks,
        ),
    )


@pytest.mark.parametrize("walks", [False, True])
async def test_a_set_of_any_size_is_one_disclosure_that_names_each_child(
    many: Rosters, schools: dict[str, Body], admin: Caller, walks: bool
) -> None:
    assert await export(many, schools, "A", walks=walks) == 2_100
    assert await rows(many.database, _ROWS) == [(n, True, True) for n in (1_000, 1_000, 100)]
    named = await rows(
        many.database,
        "SELECT count(*) FROM disclosure_students s, unnest(s.students) id"
        " JOIN accounts a USING (id) JOIN schools c ON c.id = a.school_id WHERE c.code = 'A'",
    )
    assert named == [(2_100,)]
    assert await export(many, schools, "C", walks=walks) == 0, "nobody is told of nobody"
    [told] = (await admin.get("/disclosures"))["items"]
    assert (told["purpose"], told["students"], told["actor"]) == ("export", 2_100, "user:ada")
    assert (told["recipient"], told["basis"]) == ("Google Workspace", "contract 7")
    assert (told["school"], told["fields"]) == ("A", ["given_name", "grade"])


async def test_full_rows_are_followed_by_no_empty_one(
    rosters: Rosters, schools: dict[str, Body]
) -> None:
    await rosters.run(csv_of([student(n) for n in range(2_000)]))
    for walks in (False, True):
        assert await export(rosters, schools, "A", walks=walks) == 2_000
    assert await rows(rosters.database, _ROWS) == [(1_000, True, True)] * 4


async def test_who_was_told_about_a_child_is_found_by_the_child(
    many: Rosters, schools: dict[str, Body], admin: Caller
) -> None:
    await export(many, schools, "A")
    everybody = await many.accounts()
    ours, theirs = everybody["s00007"]["id"], everybody["s02101"]["id"]
    await admin.get("/accounts?school=B")
    await admin.get(f"/accounts/{ours}")

    async def told(account_id: str) -> list[str]:
        found = await admin.get(f"/disclosures?account={account_id}")
        return [one["purpose"] for one in found["items"]]

    assert await told(ours) == ["read", "export"]
    assert await told(theirs) == ["list"]
    assert await told(schools["A"]["id"]) == []


async def test_a_preview_tells_of_whom_it_shows(
    rosters: Rosters, schools: dict[str, Body], admin: Caller
) -> None:
    await rosters.run(csv_of([student(1)]))
    run = await rosters.run(
        csv_of([student(1, grade="9"), student(2)]), "previewed", mode="dry_run"
    )
    assert len(run["samples"]["created"]) == 1
    known = (await rosters.accounts())["s00001"]["id"]
    [told] = (await admin.get(f"/disclosures?account={known}"))["items"]
    assert (told["purpose"], told["students"]) == ("import", 2)
