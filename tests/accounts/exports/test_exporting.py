"""Who is exported, that it is recorded, and how it is sent."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from psycopg import AsyncConnection
from psycopg.errors import DivisionByZero
from sqlalchemy import text

from api.accounts.exports.errors import ExportsBusy
from api.accounts.exports.form import ExportFormat
from api.accounts.exports.sending import Senders, Stalled
from api.accounts.exports.service import Asked, export_accounts
from api.auth.rules import Role
from api.cli.people import OPERATOR
from api.db.pool import Database
from api.db.uow import writing
from api.sealing import Sealer
from tests.accounts.conftest import As, Body, Rosters, csv_of, rows, student
from tests.accounts.exports.conftest import Exports, lines_of
from tests.jobs.waiting import until

_TOLD = """
SELECT a.sourced_id FROM disclosures d JOIN disclosure_students s ON s.disclosure_id = d.id
CROSS JOIN LATERAL unnest(s.students) AS told (id) JOIN accounts a ON a.id = told.id
WHERE d.purpose = 'export' ORDER BY 1
"""


def given(body: bytes) -> list[str]:
    return sorted(one["First"] for one in lines_of(body))


async def test_what_leaves_is_recorded_with_whom_it_goes_to(exports: Exports) -> None:
    answer = await exports.answer("google", school="A", basis="contract 7")
    assert answer.headers["firstbell-students"] == "2"
    [one] = (await exports.caller.get("/disclosures?limit=1"))["items"]
    assert {name: one[name] for name in ("purpose", "recipient", "students", "school")} == {
        "purpose": "export",
        "recipient": "Google",
        "students": 2,
        "school": "A",
    }
    assert one["fields"] == ["given_name", "family_name", "email", "sourced_id", "status"]
    told = [row[0] for row in await rows(exports.rosters.database, _TOLD)]
    assert told == sorted(one["Employee ID"] for one in lines_of(answer.content))
    await exports.csv("gam", recipient="Jo at the district")
    [one] = (await exports.caller.get("/disclosures?limit=1"))["items"]
    assert (one["recipient"], one["students"]) == ("Jo at the district", 6)


async def test_what_is_sent_is_what_was_recorded_whatever_happens_meanwhile(
    exports: Exports, network: Body
) -> None:
    database = exports.rosters.database
    before = given(await exports.csv("gam"))
    async with writing(database, "job:test", one_snapshot=True) as session:
        begun = await export_accounts(
            session, Senders(database, 1), OPERATOR, Asked(ExportFormat.gam), Sealer("x")
        )
    async with database.raw() as connection:
        await connection.execute(b"UPDATE accounts SET given_name = 'Changed'")
        await connection.execute(b"DELETE FROM accounts WHERE sourced_id = 's00001'")
    body = b"".join([piece async for piece in begun.pieces])
    assert given(body) == before
    assert len(before) == begun.students == 6


async def test_accounts_that_the_format_cannot_hold_are_named_or_left_out(
    exports: Exports,
) -> None:
    some = [student(10, username="u10"), student(11, username="u11")]
    some[1]["family_name"] = "x" * 61
    await exports.rosters.run(csv_of(some))
    problem = await exports.refused("google", 409)
    assert (problem["code"], problem["unfit"]) == (
        "export-unfit",
        {"no-address": 2, "name-too-long": 1},
    )
    assert problem["examples"] == [
        {"sourced_id": key, "code": "no-address", "detail": problem["examples"][0]["detail"]}
        for key in ("s00010", "s00011")
    ]
    answer = await exports.answer("google", on_unfit="skip", domain="kids.example.org")
    assert answer.headers["firstbell-left-out"] == "1"
    found = {one["Employee ID"]: one for one in lines_of(answer.content)}
    assert len(found) == 7
    assert found["s00010"]["Email Address [Required]"] == "u10@kids.example.org"
    assert "s00011" not in found
    told = [row[0] for row in await rows(exports.rosters.database, _TOLD)]
    assert told == sorted(found)


async def test_google_is_told_the_unit_and_who_is_suspended(exports: Exports) -> None:
    places = "/Students/{school}/{grade}"
    units = [
        one["Org Unit Path [Required]"]
        for one in lines_of(await exports.csv("google", org_unit=places))
    ]
    assert units == [
        *("/Students/A/PK", "/Students/B/KG", "/Students/C/01"),
        *("/Students/A/05", "/Students/B/12", "/Students/C/none"),
    ]
    await exports.rosters.database_does("UPDATE accounts SET status = 'suspended' WHERE grade = 5")
    [one] = lines_of(await exports.csv("google", status="suspended"))
    assert (one["Employee ID"], one["New Status [UPLOAD ONLY]"]) == ("s00003", "Suspended")
    users = (await exports.files("oneroster", status="suspended"))["users.csv"]
    assert [one["enabledUser"] for one in lines_of(users)] == ["false"]
    assert len(lines_of(await exports.csv("gam"))) == 5


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"format": "sds", "domain": "a.org"}, "/domain"),
        ({"format": "gam", "org_unit": "/"}, "/org_unit"),
        ({"format": "apple", "passwords": "true"}, "/passwords"),
        ({"format": "clever", "status": "suspended"}, "/status"),
        ({"format": "gam", "source": "other"}, "/source"),
        ({"format": "google", "org_unit": "/{nobody}"}, "/org_unit"),
        ({"format": "excel"}, "/format"),
    ],
)
async def test_what_a_format_cannot_do_is_refused_by_name(
    exports: Exports, query: dict[str, str], pointer: str
) -> None:
    answer = await exports.caller.client.get("/v1/accounts/export", params=query)
    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]


async def test_a_caller_is_given_their_own_students_and_only_with_names(
    exports: Exports, calling: As, schools: dict[str, Body]
) -> None:
    limits: dict[str, Any] = {
        "network_id": UUID(schools["A"]["network_id"]),
        "school_ids": [UUID(schools["A"]["id"])],
    }
    async with calling(Role.school_lead, sees_names=True, **limits) as lead:
        theirs = Exports(lead, exports.rosters)
        files = await theirs.files("clever")
        assert [one["School_id"] for one in lines_of(files["schools.csv"])] == ["org-A"]
        assert len(lines_of(files["students.csv"])) == 2
        await theirs.refused("clever", 404, school="B")
        await theirs.refused("clever", 403, passwords="true")
    async with calling(Role.ops, **limits) as ops:
        problem = await Exports(ops, exports.rosters).refused("clever", 403)
        assert problem["code"] == "names-hidden"


async def test_students_of_two_sources_are_not_taken_for_one_another(exports: Exports) -> None:
    await exports.rosters.run(csv_of([student(1, username="other")]), source="second")
    problem = await exports.refused("sds", 409)
    assert (problem["code"], problem["examples"]) == ("sourced-ids-shared", ["s00001"])
    users = (await exports.files("sds", source="second"))["users.csv"]
    assert [one["username"] for one in lines_of(users)] == ["other"]
    assert len(lines_of(await exports.csv("gam", domain="a.org"))) == 7


async def test_thousands_come_whole_and_in_order_and_in_files_of_249(rosters: Rosters) -> None:
    many = Exports(rosters.caller, rosters)
    await rosters.run(csv_of(student(n, "ABC"[n // 5_000]) for n in range(9_001)))
    whole = lines_of(await many.csv("google", domain="a.org"))
    assert sorted(one["Employee ID"] for one in whole) == [f"s{n:05}" for n in range(9_001)]
    # Whose accounts were made in one run stand in the order of their names, each time.
    assert lines_of(await many.csv("google", domain="a.org")) == whole
    files = await many.files("microsoft", domain="a.org")
    assert [len(lines_of(data)) for data in files.values()] == [249] * 36 + [37]
    roles = lines_of((await many.files("oneroster"))["roles.csv"])
    assert len({one["userSourcedId"] for one in roles}) == 9_001


async def _snapshot(database: Database, senders: Senders, make: Any) -> AsyncGenerator[bytes, None]:
    async with writing(database, "job:test", one_snapshot=True) as session:
        token = await session.scalar(text("SELECT pg_export_snapshot()"))
        return await senders.begin(str(token), make)


async def _forever(connection: AsyncConnection[Any]) -> AsyncIterator[bytes]:
    while True:
        found = await connection.execute(b"SELECT 1")
        await found.fetchone()
        yield b"piece"


async def test_whoever_does_not_take_it_holds_nobody_up(database: Database) -> None:
    senders = Senders(database, 1, stalled_seconds=0.2)
    pieces = await _snapshot(database, senders, _forever)
    with pytest.raises(ExportsBusy), senders.place():
        pass
    assert await anext(pieces) == b"piece"
    await until(lambda: not senders.sending)
    with pytest.raises(Stalled):
        await anext(pieces)
    with senders.place(), pytest.raises(ExportsBusy), senders.place():
        pass


async def test_an_export_that_fails_breaks_off_and_one_that_is_left_ends(
    database: Database,
) -> None:
    async def failing(connection: AsyncConnection[Any]) -> AsyncIterator[bytes]:
        yield b"first"
        await connection.execute(b"SELECT 1 / 0")

    senders = Senders(database, 5)
    pieces = await _snapshot(database, senders, failing)
    with pytest.raises(DivisionByZero):
        _ = [piece async for piece in pieces]
    left = await _snapshot(database, senders, _forever)
    assert await anext(left) == b"piece"
    await left.aclose()
    await until(lambda: not senders.sending)
    # Its snapshot, too: nothing that was deleted since is kept for it.
    open_for_it = await rows(
        database,
        "SELECT pid FROM pg_stat_activity WHERE backend_xmin IS NOT NULL"
        " AND pid <> pg_backend_pid() AND datname = current_database()"
        # Autovacuum may be looking at the database, too.
        " AND backend_type = 'client backend'",
    )
    assert open_for_it == []
