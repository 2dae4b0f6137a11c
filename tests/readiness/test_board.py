"""The board: filters, sorts, pages, totals, CSV, and that it is right while others write."""

from __future__ import annotations

import asyncio
import csv
import io
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from api import clock
from api.auth.rules import Role
from api.db.paging import encode_cursor
from api.db.pool import Database
from tests.readiness.conftest import As, Asker, Body, rows

JULY = datetime(2027, 7, 1, 15, tzinfo=UTC)
SORTS = ("name", "code", "first_bell", "verdict", "percent", "ready_on", "float_days")


@pytest.fixture
async def schools(admin: Asker) -> dict[str, Body]:
    """Ten schools in two networks, with every verdict before first bell, nulls and ties."""
    await admin.network("N")
    await admin.network("M")
    made = {}
    with clock.moved_to(JULY):
        for number in range(10):
            code = f"S{number}"
            given: dict[str, Any] = {"name": f"School {number // 2}"}
            if number % 4:
                given["first_bell"] = f"2027-0{7 + number % 3}-12"
            if number % 3:
                given["wave"] = f"W{number % 3}"
            network = "M" if number > 6 else "N"
            made[code] = await admin.school(code, network, **given)
            if number % 5:
                first = await admin.task("t0", code, duration_days=number)
                await admin.task("t1", code, workstream="pd")
                if number % 2:
                    await admin.complete(first)
    return made


async def walked(admin: Asker, query: str) -> list[Body]:
    """All pages of two rows, one after the other."""
    found: list[Body] = []
    path = f"/readiness?limit=2&{query}"
    for _ in range(20):
        answer = await admin.ask("GET", path)
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        following = answer.links.get("next")
        if following is None:
            return found
        address = urlsplit(following["url"])
        assert parse_qs(address.query)["limit"] == ["2"]
        path = f"{address.path}?{address.query}".removeprefix("/v1")
    raise AssertionError("the pages do not end")


def value(row: Body, sort: str) -> Any:
    return row["school"][sort] if sort in ("name", "code") else row[sort]


@pytest.mark.parametrize("sort", SORTS)
async def test_each_sort_walks_the_whole_list_once_in_order(
    admin: Asker, schools: dict[str, Body], sort: str
) -> None:
    with clock.moved_to(JULY):
        for direction in ("", "-"):
            found = await walked(admin, f"sort={direction}{sort}")
            assert sorted(row["school"]["code"] for row in found) == sorted(schools)
            whole = (await admin.board(f"?limit=50000&sort={direction}{sort}"))["items"]
            assert found == whole
            values = [value(row, sort) for row in found]
            present = [one for one in values if one is not None]
            assert values == present + [None] * (len(values) - len(present))
            assert present == sorted(present, reverse=bool(direction))


async def test_the_board_row_is_part_of_the_document(
    admin: Asker, schools: dict[str, Body]
) -> None:
    with clock.moved_to(JULY):
        for row in (await admin.board())["items"]:
            body = await admin.readiness(row["school"]["code"])
            shared = ("school", "verdict", "ready", "percent")
            assert {key: row[key] for key in shared} == {key: body[key] for key in shared}
            assert body["forecast"] == {key: row[key] for key in ("ready_on", "float_days")}
            streams = [
                {key: stream[key] for key in ("workstream", "verdict", "gates", "percent")}
                for stream in body["workstreams"]
            ]
            assert row["workstreams"] == streams


async def test_filters_are_conjunctive_and_totals_ignore_the_verdict(
    admin: Asker, schools: dict[str, Body]
) -> None:
    with clock.moved_to(JULY):
        everything = (await admin.board())["items"]

        def meant(**wanted: Any) -> list[str]:
            return [
                row["school"]["code"]
                for row in everything
                if all(row[name] in allowed for name, allowed in wanted.items())
            ]

        async def shown(query: str) -> list[str]:
            return [row["school"]["code"] for row in (await admin.board(query))["items"]]

        assert await shown("?network=n") == meant(network=["N"])
        assert await shown("?wave=W1") == meant(wave=["W1"])
        two = ["unplanned", "unscheduled"]
        assert await shown("?verdict=unplanned&verdict=unscheduled") == meant(verdict=two)
        both = await admin.board("?network=N&verdict=unplanned")
        assert [row["school"]["code"] for row in both["items"]] == meant(
            network=["N"], verdict=["unplanned"]
        )
        in_n = meant(network=["N"])
        assert sum(both["totals"].values()) == len(in_n)
        assert both["totals"]["unplanned"] == len(both["items"])
        assert set((await admin.board())["totals"]) == {row["verdict"] for row in everything}
    assert await admin.board("?wave=none") == {"items": [], "totals": {}}
    await admin.network("EMPTY")
    assert await admin.board("?network=EMPTY") == {"items": [], "totals": {}}


async def test_everybody_sees_the_schools_that_are_theirs(
    admin: Asker, asking: As, schools: dict[str, Body]
) -> None:
    here, there = schools["S1"], schools["S8"]
    async with asking(
        Role.school_lead, network_id=UUID(here["network_id"]), school_ids=[UUID(here["id"])]
    ) as lead:
        board = await lead.board()
        assert [row["school"]["code"] for row in board["items"]] == ["S1"]
        assert sum(board["totals"].values()) == 1
        await lead.get("/readiness?network=M", 404)
    async with asking(Role.viewer, network_id=UUID(there["network_id"])) as viewer:
        codes = [row["school"]["code"] for row in (await viewer.board())["items"]]
        assert codes == ["S7", "S8", "S9"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("sort=colour", "sort-unknown"),
        ("limit=0", "out-of-range"),
        ("limit=50001", "out-of-range"),
        ("verdict=fine", None),
        ("colour=red", "unknown-parameter"),
        ("cursor=AAAA", "cursor-invalid"),
        (f"sort=percent&cursor={encode_cursor('name', 'x', 'y')}", "cursor-invalid"),
    ],
)
async def test_questions_that_make_no_sense_are_refused(
    admin: Asker, school: Body, query: str, code: str | None
) -> None:
    problem = await admin.get(f"/readiness?{query}", 422)
    assert code is None or code in {error["code"] for error in problem["errors"]}


@pytest.mark.parametrize(
    ("sort", "forged"),
    [("percent", True), ("percent", 2**63), ("name", "\x00"), ("ready_on", "9999-99-99")],
)
async def test_a_forged_cursor_is_never_our_fault(
    admin: Asker, school: Body, sort: str, forged: Any
) -> None:
    cursor = encode_cursor(sort, forged, school["id"])
    answer = await admin.ask("GET", f"/readiness?sort={sort}&cursor={cursor}")
    assert answer.status_code < 500, answer.text


async def test_the_spreadsheet_has_the_same_rows_and_no_formulas(admin: Asker) -> None:
    await admin.network()
    evil = ['=HYPERLINK("http://evil.example")', "+1", "-1", "@SUM(A1)", " =1", 'Plain, "quoted"']
    for number, name in enumerate(evil):
        await admin.school(f"S{number}", name=name, first_bell="2027-08-23")
        await admin.task("t", f"S{number}")
    with clock.moved_to(JULY):
        answer = await admin.ask("GET", "/readiness?format=csv&sort=code")
        board = await admin.board("?sort=code")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "readiness.csv" in answer.headers["content-disposition"]
    table = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    for line, row in zip(table, board["items"], strict=True):
        flat = row | row["school"]
        for name in ("code", "first_bell", "verdict", "percent", "ready_on", "float_days"):
            assert line[name] == ("" if flat[name] is None else str(flat[name]))
        assert line["name"].removeprefix("'") == flat["name"]
    assert all(line["name"][0] not in "=+-@" for line in table)


async def test_only_stale_rows_are_computed_again(
    admin: Asker, database: Database, schools: dict[str, Body]
) -> None:
    async def when() -> dict[str, Any]:
        found = await rows(
            database,
            "SELECT s.code, a.computed_at FROM readiness_answers a"
            " JOIN schools s ON s.id = a.school_id",
        )
        return {row[0]: row[1] for row in found}

    await admin.board()
    before = await when()
    kept = await admin.ask("GET", "/schools/S2/readiness")
    await admin.task("new", "S1")
    await admin.board()
    after = await when()
    assert {code for code in after if after[code] != before[code]} == {"S1", "S2"}
    again = await admin.ask("GET", "/schools/S2/readiness")
    assert again.headers["etag"] == kept.headers["etag"]


async def test_it_is_right_while_others_write(admin: Asker, schools: dict[str, Body]) -> None:
    """Each writer's next board shows its own write; every board's totals are its rows'."""

    async def write(code: str) -> None:
        for number in range(6):
            task = await admin.task(f"w{number}", code)
            board = await admin.board("?limit=50000")
            assert sum(board["totals"].values()) == len(board["items"])
            [row] = [one for one in board["items"] if one["school"]["code"] == code]
            gates = sum(stream["gates"]["total"] for stream in row["workstreams"])
            assert gates >= number + 1
            if number % 2:
                await admin.complete(task)
            if code == "S1":
                await admin.school(f"NEW{number}")

    await asyncio.gather(*(write(code) for code in ("S1", "S2", "S3", "S8")))
